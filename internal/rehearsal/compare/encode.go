package compare

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// appendRow packs a row: for each value its length plus one, 0 for null, and its bytes.
func appendRow(to []byte, row []rows.Value) []byte {
	for _, v := range row {
		if v == nil {
			to = append(to, 0)
			continue
		}
		to = binary.AppendUvarint(to, uint64(len(v))+1)
		to = append(to, v...)
	}
	return to
}

// unpack is the reverse, without a copy of the values.
func unpack(packed []byte, into []rows.Value) []rows.Value {
	for len(packed) > 0 {
		size, n := binary.Uvarint(packed)
		packed = packed[n:]
		if size == 0 {
			into = append(into, nil)
			continue
		}
		into = append(into, packed[:size-1:size-1])
		packed = packed[size-1:]
	}
	return into
}

// hashOf is of some values of a row.
func hashOf(scratch *[]byte, row []rows.Value, columns []int) uint64 {
	*scratch = (*scratch)[:0]
	for _, i := range columns {
		*scratch = appendRow(*scratch, row[i:i+1])
	}
	return xxhash.Sum64(*scratch)
}

// sum is of a multiset of rows: equal sets have equal sums, whatever their order.
type sum struct {
	rows int64
	hash uint64
}

func (s *sum) add(hash uint64) {
	s.rows++
	s.hash += hash
}
