package tykmongoexporter

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// rememberedBytes bounds what a document remembers of the groups that it counts; beyond
// it, the older ones are forgotten down to keptMemory. An hour of ten lists that have
// something every second takes 0.9 MB; chunks of 2500 records of which every other one
// belongs to somebody else take 350 bytes each, so that at least the last 4500 are remembered.
const (
	rememberedBytes = 2 << 20
	keptMemory      = rememberedBytes * 3 / 4
)

// memory is which records of which segments a document counts.
type memory struct {
	groups [][]byte            // as the document has them, the oldest first
	sets   map[uint64][][]byte // the same without their marks, by mark
	bytes  int                 // that the document has for it, roughly
	fresh  int                 // how many groups, the last, the document does not have yet
	forgot bool                // the document has groups that are not here any more
}

// Each group is a binary value: its mark, the form of its set and the set.
const (
	markBytes     = 8
	elementBytes  = 12 // about what BSON adds to it
	formRanges    = 0  // for each range the gap before it and its length less one
	formBitmap    = 1  // the first index, then a bit for each from there on
	bitsOfOneByte = 8
)

// mark names a group's origin. The settings that counted are no part of it: a document
// counts each record once, whoever counted. So a chunk that is delivered again
// under settings that changed meanwhile is recognised.
func mark(f rollup.Family, segment string) uint64 {
	sum := sha256.Sum256([]byte(f.String() + "\x00" + segment))
	return binary.BigEndian.Uint64(sum[:])
}

// add remembers a group, and forgets the oldest ones beyond the bound.
func (m *memory) add(g *rollup.Group) {
	if g.Segment == "" {
		return // nobody can deliver it again
	}
	group := binary.BigEndian.AppendUint64(nil, mark(g.Family, g.Segment))
	m.put(append(group, encodeSet(g.Records.Ranges())...))
	m.fresh++
	if m.bytes <= rememberedBytes {
		return
	}
	for m.bytes > keptMemory && len(m.groups) > m.fresh {
		m.forget()
		m.forgot = true
	}
}

func (m *memory) put(group []byte) {
	of := binary.BigEndian.Uint64(group)
	m.groups = append(m.groups, group)
	m.sets[of] = append(m.sets[of], group[markBytes:])
	m.bytes += elementBytes + len(group)
}

func (m *memory) forget() {
	oldest := m.groups[0]
	m.groups = m.groups[1:]
	m.bytes -= elementBytes + len(oldest)
	of := binary.BigEndian.Uint64(oldest)
	if m.sets[of] = m.sets[of][1:]; len(m.sets[of]) == 0 {
		delete(m.sets, of)
	}
}

// overlap tells how much of a group the document counts already.
func (m *memory) overlap(g *rollup.Group) (rollup.Coverage, rollup.Indices) {
	var known []rollup.Range
	for _, set := range m.sets[mark(g.Family, g.Segment)] {
		known = appendRanges(known, set)
	}
	slices.SortFunc(known, func(x, y rollup.Range) int { return cmp.Compare(x.First, y.First) })
	return g.Overlap(func(index int64) bool {
		at, _ := slices.BinarySearchFunc(known, index, func(r rollup.Range, index int64) int { return cmp.Compare(r.Last, index) })
		return at < len(known) && known[at].First <= index
	})
}

// encodeSet writes a set of indices in the shorter of the two forms.
func encodeSet(ranges []rollup.Range) []byte {
	listed := []byte{formRanges}
	next := int64(0)
	for _, r := range ranges {
		listed = binary.AppendUvarint(listed, uint64(r.First-next))   //nolint:gosec // not negative
		listed = binary.AppendUvarint(listed, uint64(r.Last-r.First)) //nolint:gosec // not negative
		next = r.Last + 1
	}
	if len(ranges) == 0 {
		return listed
	}
	first := ranges[0].First
	span := ranges[len(ranges)-1].Last - first + 1
	if span/bitsOfOneByte >= int64(len(listed)) {
		return slices.Clip(listed)
	}
	drawn := binary.AppendUvarint([]byte{formBitmap}, uint64(first)) //nolint:gosec // not negative
	at := len(drawn)
	drawn = append(drawn, make([]byte, (span+bitsOfOneByte-1)/bitsOfOneByte)...)
	for _, r := range ranges {
		for bit := r.First - first; bit <= r.Last-first; bit++ {
			drawn[at+int(bit/bitsOfOneByte)] |= 1 << (bit % bitsOfOneByte)
		}
	}
	if len(drawn) >= len(listed) {
		return slices.Clip(listed)
	}
	return drawn
}

// appendRanges reads what encodeSet wrote, as far as it is not damaged.
func appendRanges(dst []rollup.Range, set []byte) []rollup.Range {
	if len(set) == 0 {
		return dst
	}
	if set[0] == formBitmap {
		return appendDrawn(dst, set[1:])
	}
	next := uint64(0)
	for rest := set[1:]; len(rest) > 0; {
		gap, n := binary.Uvarint(rest)
		if n <= 0 {
			break
		}
		length, more := binary.Uvarint(rest[n:])
		if more <= 0 {
			break
		}
		first := next + gap
		dst = append(dst, rollup.Range{First: int64(first), Last: int64(first + length)}) //nolint:gosec // of a segment's records
		next, rest = first+length+1, rest[n+more:]
	}
	return dst
}

func appendDrawn(dst []rollup.Range, set []byte) []rollup.Range {
	start, n := binary.Uvarint(set)
	if n <= 0 {
		return dst
	}
	from := len(dst)
	for at, octet := range set[n:] {
		for bit := range bitsOfOneByte {
			if octet&(1<<bit) == 0 {
				continue
			}
			index := int64(start) + int64(at*bitsOfOneByte+bit) //nolint:gosec // of a segment's records
			if last := len(dst) - 1; last >= from && dst[last].Last == index-1 {
				dst[last].Last = index
				continue
			}
			dst = append(dst, rollup.Range{First: index, Last: index})
		}
	}
	return dst
}

// readMemory reads what a document remembers.
func readMemory(from bson.Raw) memory {
	m := memory{sets: map[uint64][][]byte{}}
	list, ok := from.Lookup(ownField, "applied").ArrayOK()
	if !ok {
		return m
	}
	values, err := list.Values()
	if err != nil {
		return m
	}
	for _, value := range values {
		_, buffer, ok := value.BinaryOK()
		if !ok || len(buffer) < markBytes {
			buffer = make([]byte, markBytes) // of no group, but it has a place
		}
		m.put(slices.Clone(buffer))
	}
	return m
}

// appendGroups appends groups as elements of an array.
func appendGroups(dst []byte, groups [][]byte) []byte {
	for i, group := range groups {
		dst = bsoncore.AppendBinaryElement(dst, decimal(i), bson.TypeBinaryGeneric, group)
	}
	return dst
}

// take gives what is to be written, after which the document has all of it: everything
// where it has to forget too, otherwise only what it does not have yet.
func (m *memory) take() (groups [][]byte, everything bool) {
	groups, everything = m.groups[len(m.groups)-m.fresh:], m.forgot
	if everything {
		groups = m.groups
	}
	m.fresh, m.forgot = 0, false
	return groups, everything
}
