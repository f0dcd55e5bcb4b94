package tyksqlexporter

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// daysAtOnce is of how many days one transaction writes tables. Those of a day take
// up to a dozen locks, of which a PostgreSQL with its defaults has some 6400 for all
// transactions together.
const daysAtOnce = 50

// write stores a batch: in one transaction, or in several where it has records of
// more days than one transaction can write. What those before a failure have stored
// is in the ledger.
func (e *sqlExporter) write(ctx context.Context, b *batch) error {
	pieces := e.calendar.pieces(b, daysAtOnce)
	if pieces == nil {
		return e.store.write(ctx, b)
	}
	b.refusals = b.refusals[:0] // each piece has its own
	for _, list := range pieces {
		if err := e.writePiece(ctx, b, list); err != nil {
			return err
		}
	}
	return nil
}

func (e *sqlExporter) writePiece(ctx context.Context, b *batch, list []int32) error {
	piece := b.pick(list, ofRecords(e.tables))
	defer piece.release()
	if err := e.store.write(ctx, piece); err != nil {
		return err
	}
	b.adopt(piece, list)
	return nil
}

// pieces divides a batch's entries so that none has more than some number of days,
// and keeps their order. It gives nil where the batch as a whole has no more.
func (c calendar) pieces(b *batch, most int) [][]int32 {
	if !c.sharded || !b.mayHaveMore(most) {
		return nil
	}
	all := make([]int32, len(b.entries))
	for i := range all {
		all[i] = int32(i) //nolint:gosec // as many as records
	}
	days := c.split(b, all)
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
