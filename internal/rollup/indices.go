package rollup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Range holds the indices from First to Last, both included.
type Range struct{ First, Last int64 }

// Indices is a set of records' places in a segment, from 0.
type Indices struct {
	ranges []Range // rising, neither overlapping nor adjacent
}

// Add adds an index and tells whether it was missing. Rising indices are added fast.
func (s *Indices) Add(index int64) bool {
	n := len(s.ranges)
	if n > 0 {
		switch last := &s.ranges[n-1]; {
		case index == last.Last+1:
			last.Last++
			return true
		case index <= last.Last:
			return s.insert(index)
		}
	}
	s.ranges = append(s.ranges, Range{index, index})
	return true
}

// insert adds an index that is not behind all others.
func (s *Indices) insert(index int64) bool {
	at := s.search(index)
	if s.ranges[at].First <= index {
		return false
	}
	after := s.ranges[at].First == index+1
	before := at > 0 && s.ranges[at-1].Last == index-1
	switch {
	case after && before:
		s.ranges[at-1].Last = s.ranges[at].Last
		s.ranges = slices.Delete(s.ranges, at, at+1)
	case after:
		s.ranges[at].First = index
	case before:
		s.ranges[at-1].Last = index
	default:
		s.ranges = slices.Insert(s.ranges, at, Range{index, index})
	}
	return true
}

// search finds the first range that does not end before index.
func (s Indices) search(index int64) int {
	at, _ := slices.BinarySearchFunc(s.ranges, index, func(r Range, index int64) int {
		if r.Last < index {
			return -1
		}
		return 1
	})
	return at
}

// Contains tells whether an index is in the set.
func (s Indices) Contains(index int64) bool {
	at := s.search(index)
	return at < len(s.ranges) && s.ranges[at].First <= index
}

// Len is the number of indices.
func (s Indices) Len() int64 {
	var n int64
	for _, r := range s.ranges {
		n += r.Last - r.First + 1
	}
	return n
}

// Ranges gives the set as rising ranges, which the caller must not change.
func (s Indices) Ranges() []Range { return s.ranges }

// All gives the indices in rising order.
func (s Indices) All() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for _, r := range s.ranges {
			for index := r.First; index <= r.Last; index++ {
				if !yield(index) {
					return
				}
			}
		}
	}
}

var errIndices = errors.New("the set of records is damaged")

// What a damaged set may claim is bounded: the greatest index, and how many there are, since
// stores look at each of them. A chunk has fewer by far.
const (
	maxIndex   = analytics.MaxIndex
	maxIndices = 1 << 24
)

// encode writes the set: for each range the gap before it and its length less one.
func (s Indices) encode() []byte {
	buf := make([]byte, 0, 3*len(s.ranges)+8)
	next := int64(0)
	for _, r := range s.ranges {
		buf = binary.AppendUvarint(buf, uint64(r.First-next))   //nolint:gosec // not negative
		buf = binary.AppendUvarint(buf, uint64(r.Last-r.First)) //nolint:gosec // not negative
		next = r.Last + 1
	}
	return buf
}

// decodeIndices reads what encode wrote.
func decodeIndices(buf []byte) (Indices, error) {
	const shortest = 2 // bytes of a range
	s := Indices{ranges: slices.Grow([]Range(nil), len(buf)/shortest)}
	next, count := uint64(0), uint64(0)
	for len(buf) > 0 {
		gap, n := binary.Uvarint(buf)
		if n <= 0 || gap > maxIndex || len(s.ranges) > 0 && gap == 0 {
			return Indices{}, errIndices
		}
		length, m := binary.Uvarint(buf[n:])
		if m <= 0 || length > maxIndex || next+gap+length > maxIndex {
			return Indices{}, errIndices
		}
		if count += length + 1; count > maxIndices {
			return Indices{}, fmt.Errorf("%w: it claims %d records", errIndices, count)
		}
		first := next + gap
		s.ranges = append(s.ranges, Range{int64(first), int64(first + length)}) //nolint:gosec // bounded
		next = first + length + 1
		buf = buf[n+m:]
	}
	return s, nil
}
