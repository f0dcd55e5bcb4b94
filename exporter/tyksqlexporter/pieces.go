package tyksqlexporter

import (
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// pieces divides a batch's entries so that none has more than some number of days,
// and keeps their order. It gives nil where the batch as a whole has no more.
func (b *batch) pieces(c calendar, most int) [][]int32 {
	if !c.sharded || !b.mayHaveMore(most) {
		return nil
	}
	all := make([]int32, len(b.entries))
	for i := range all {
		all[i] = int32(i) //nolint:gosec // as many as records
	}
	days := b.split(c, all)
	if len(days) <= most {
		return nil
	}
	var pieces [][]int32
	for some := range slices.Chunk(days, most) {
		var piece []int32
		for _, day := range some {
			piece = append(piece, day.list...)
		}
		slices.Sort(piece)
		pieces = append(pieces, piece)
	}
	return pieces
}

// mayHaveMore tells cheaply whether a batch may have records of more than some number
// of days.
func (b *batch) mayHaveMore(days int) bool {
	const shortest = 22 * time.Hour // with clocks set forward
	var first, last pcommon.Timestamp
	for i := range b.entries {
		at := b.entries[i].log.Timestamp()
		if at == 0 { // as of times that it cannot hold
			return true
		}
		if i == 0 {
			first, last = at, at
		}
		first, last = min(first, at), max(last, at)
	}
	return last-first > pcommon.Timestamp(time.Duration(days-1)*shortest) //nolint:gosec // positive
}

// pick makes a batch of some entries. The caller releases it, before this one.
func (b *batch) pick(list []int32, tables []table) *batch {
	piece := batches.Get().(*batch) //nolint:forcetypeassert // the pool holds nothing else
	piece.entries = slices.Grow(piece.entries, len(list))
	for _, i := range list {
		piece.entries = append(piece.entries, b.entries[i])
	}
	piece.segments = append(piece.segments, b.segments...)
	maps.Copy(piece.bySource, b.bySource)
	piece.divide(tables)
	piece.rewind()
	return piece
}

// adopt takes over what became of a piece's entries.
func (b *batch) adopt(piece *batch, list []int32) {
	for i := range b.parts {
		for at, entry := range list {
			b.parts[i].states[entry] = piece.parts[i].states[at]
		}
	}
	for _, r := range piece.refusals {
		r.Entry = list[r.Entry]
		b.refusals = append(b.refusals, r)
	}
}
