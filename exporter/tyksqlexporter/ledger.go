package tyksqlexporter

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// ledgerTable remembers which records are stored, in the same schema as the
// table of the records.
const ledgerTable = "otelcol_tyk_ledger"

// maxSpan bounds how many indices one ledger row covers. It bounds the bitmap
// (8 KiB), and lets a look-up start at a known distance before the first index.
const maxSpan = 1 << 16

// lockStripes is how many locks the segments of one table share, so that a push
// of very many segments stays within what PostgreSQL can lock at once.
const lockStripes = 64

// span is one ledger row: the records of one segment that one transaction dealt
// with. Pipelines that filter differently may apply disjoint subsets of the same
// chunk to the same table, so a span names exactly its members.
type span struct {
	segment     string
	first, last int64
	// members has bit i (of byte i/8, from the lowest) set where first+i is a
	// member; nil where all of first..last are.
	members []byte
}

// contains tells whether index is a member.
func (s span) contains(index int64) bool {
	if index < s.first || index > s.last {
		return false
	}
	if s.members == nil {
		return true
	}
	bit := index - s.first
	return bit/8 < int64(len(s.members)) && s.members[bit/8]&(1<<(bit%8)) != 0
}

// intersects tells whether both have a member in common.
func (s span) intersects(t span) bool {
	if s.segment != t.segment {
		return false
	}
	for index := max(s.first, t.first); index <= min(s.last, t.last); index++ {
		if s.contains(index) && t.contains(index) {
			return true
		}
	}
	return false
}

// size is the number of members.
func (s span) size() int64 {
	if s.members == nil {
		return s.last - s.first + 1
	}
	var n int64
	for _, b := range s.members {
		n += int64(bits.OnesCount8(b))
	}
	return n
}

// appendSpans adds the fewest spans that hold exactly the indices, which rise.
func appendSpans(spans []span, segment string, indices []int64) []span {
	for len(indices) > 0 {
		first := indices[0]
		n, _ := slices.BinarySearch(indices, first+maxSpan)
		s := span{segment: segment, first: first, last: indices[n-1]}
		if s.last-s.first+1 != int64(n) {
			s.members = make([]byte, (s.last-s.first)/8+1)
			for _, index := range indices[:n] {
				bit := index - first
				s.members[bit/8] |= 1 << (bit % 8)
			}
		}
		spans = append(spans, s)
		indices = indices[n:]
	}
	return spans
}

// rising gives the indices in rising order, each once, in the memory of list. Those of
// several groups come as rising runs that interleave, which sets sort faster.
func rising(list []int64) []int64 {
	if len(list) == 0 {
		return list
	}
	const word = 64
	first, last := slices.Min(list), slices.Max(list)
	if (last-first)/word >= int64(len(list)) {
		slices.Sort(list)
		return slices.Compact(list)
	}
	set := make([]uint64, (last-first)/word+1)
	for _, index := range list {
		set[(index-first)/word] |= 1 << ((index - first) % word)
	}
	list = list[:0]
	for at, left := range set {
		for ; left != 0; left &= left - 1 {
			list = append(list, first+int64(at*word+bits.TrailingZeros64(left)))
		}
	}
	return list
}

// sortSpans orders rows as the primary key does, so that transactions which
// insert the same ones meet at the first and none waits crosswise.
func sortSpans(spans []span) {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.first, b.first))
	})
}

// overlap tells whether any of a and any of b have a member in common.
func overlap(a, b []span) bool {
	return slices.ContainsFunc(a, func(s span) bool {
		return slices.ContainsFunc(b, s.intersects)
	})
}

// lockKey is the advisory lock of a segment of a table.
func lockKey(table, segment string) int64 {
	stripe := xxhash.Sum64String(segment) % lockStripes
	return int64(xxhash.Sum64String("otelcol-tyk ledger "+table) + stripe) //nolint:gosec // any 64 bits will do
}
