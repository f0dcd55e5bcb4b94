package push

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

// Segment is one segment of which records are written.
type Segment struct {
	Name        string
	First, Last int64 // of the records
	sorted      bool  // the indices came in rising order, each once
}

// Question is what the ledger is asked for.
type Question struct {
	Sinks    []string
	Segments []Segment
	places   map[string]int32 // of the segments, by name
	rows     [][]Span         // the answer, by sink
}

// Asked is the question itself.
func (q *Question) Asked() *Question { return q }

// AskFor takes in the indices from first to last of a segment, and gives its place.
func (q *Question) AskFor(segment string, first, last int64) int32 {
	place, known := q.places[segment]
	if !known {
		place = int32(len(q.Segments)) //nolint:gosec // as many as records at most
		q.Segments = append(q.Segments, Segment{Name: segment, First: first, Last: last, sorted: true})
		if q.places == nil {
			q.places = map[string]int32{}
		}
		q.places[segment] = place
		return place
	}
	q.widen(place, first, last)
	return place
}

// widen takes more indices into a segment's range.
func (q *Question) widen(place int32, first, last int64) {
	s := &q.Segments[place]
	s.sorted = s.sorted && first > s.Last
	s.First, s.Last = min(s.First, first), max(s.Last, last)
}

// Answer takes the ledger's rows, by sink.
func (q *Question) Answer(rows [][]Span) { q.rows = rows }

// Known gives the rows that have told that a record was stored before.
func (q *Question) Known() []LedgerEntry {
	var entries []LedgerEntry
	for i := range q.rows {
		var told []Span
		for _, row := range q.rows[i] {
			if row.told {
				told = append(told, row)
			}
		}
		if len(told) > 0 {
			SortSpans(told)
			entries = append(entries, LedgerEntry{Sink: q.Sinks[i], Spans: told})
		}
	}
	return entries
}

// reset makes the memory reusable.
func (q *Question) reset() {
	clear(q.Segments)
	clear(q.places)
	q.Sinks, q.Segments, q.rows = q.Sinks[:0], q.Segments[:0], nil
}

// LockKeys names the segments of sinks for locks: the same keys in the same order in
// every process, few however many segments there are.
func LockKeys(sinks []string, segments []Segment) []int64 {
	keys := make([]int64, 0, len(sinks)*min(len(segments), lockStripes))
	for _, sink := range sinks {
		for i := range segments {
			keys = append(keys, LockKey(sink, segments[i].Name))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// LedgerTable remembers which records are stored, in the same schema as the
// table of the records.
const LedgerTable = tyktables.Ledger

// MaxSpan bounds how many indices one ledger row covers. It bounds the bitmap
// (8 KiB), and lets a look-up start at a known distance before the first index.
const MaxSpan = 1 << 16

// lockStripes is how many locks the segments of one table share, so that a push
// of very many segments stays within what PostgreSQL can lock at once.
const lockStripes = 64

// Span is one ledger row: the records of one segment that one transaction dealt
// with. Pipelines that filter differently may apply disjoint subsets of the same
// chunk to the same table, so a span names exactly its members.
type Span struct {
	Segment     string
	First, Last int64
	// Members has bit i (of byte i/8, from the lowest) set where first+i is a
	// member; nil where all of first..last are.
	Members []byte
	told    bool // that a record was stored before
}

// Contains tells whether index is a member.
func (s Span) Contains(index int64) bool {
	if index < s.First || index > s.Last {
		return false
	}
	if s.Members == nil {
		return true
	}
	bit := index - s.First
	return bit/8 < int64(len(s.Members)) && s.Members[bit/8]&(1<<(bit%8)) != 0
}

// Tells tells whether index is a member, and remembers that it told so.
func (s *Span) Tells(index int64) bool {
	member := s.Contains(index)
	s.told = s.told || member
	return member
}

// intersects tells whether both have a member in common.
func (s Span) intersects(t Span) bool {
	if s.Segment != t.Segment {
		return false
	}
	for index := max(s.First, t.First); index <= min(s.Last, t.Last); index++ {
		if s.Contains(index) && t.Contains(index) {
			return true
		}
	}
	return false
}

// AppendSpans adds the fewest spans that hold exactly the indices, which rise.
func AppendSpans(spans []Span, segment string, indices []int64) []Span {
	for len(indices) > 0 {
		first := indices[0]
		n, _ := slices.BinarySearch(indices, first+MaxSpan)
		s := Span{Segment: segment, First: first, Last: indices[n-1]}
		if s.Last-s.First+1 != int64(n) {
			s.Members = make([]byte, (s.Last-s.First)/8+1)
			for _, index := range indices[:n] {
				bit := index - first
				s.Members[bit/8] |= 1 << (bit % 8)
			}
		}
		spans = append(spans, s)
		indices = indices[n:]
	}
	return spans
}

// Rising gives the indices in rising order, each once, in the memory of list. Those of
// several groups come as rising runs that interleave, which sets sort faster.
func Rising(list []int64) []int64 {
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

// SortSpans orders rows as the primary key does, so that transactions which
// insert the same ones meet at the first and none waits crosswise.
func SortSpans(spans []Span) {
	slices.SortFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.First, b.First))
	})
}

// Overlap tells whether any of a and any of b have a member in common.
func Overlap(a, b []Span) bool {
	return slices.ContainsFunc(a, func(s Span) bool {
		return slices.ContainsFunc(b, s.intersects)
	})
}

// LockKey is the advisory lock of a segment of a table.
func LockKey(table, segment string) int64 {
	stripe := xxhash.Sum64String(segment) % lockStripes
	return int64(xxhash.Sum64String("otelcol-tyk ledger "+table) + stripe) //nolint:gosec // any 64 bits will do
}

// LedgerEntry is what a transaction stored of a sink.
type LedgerEntry struct {
	Sink  string
	Spans []Span
}

// SinksOf are the sinks of entries.
func SinksOf(entries []LedgerEntry) []string {
	sinks := make([]string, len(entries))
	for i, entry := range entries {
		sinks[i] = entry.Sink
	}
	return sinks
}
