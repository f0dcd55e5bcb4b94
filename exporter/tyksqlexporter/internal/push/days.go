package push

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// Pieces divides a batch's entries so that none has more than some number of days,
// and keeps their order. It gives nil where the batch as a whole has no more.
func (b *Batch) Pieces(c layout.Calendar, most int) [][]int32 {
	if !c.Sharded || !b.mayHaveMore(most) {
		return nil
	}
	all := make([]int32, len(b.Entries))
	for i := range all {
		all[i] = int32(i) //nolint:gosec // as many as records
	}
	days := b.Split(c, all)
	if len(days) <= most {
		return nil
	}
	var pieces [][]int32
	for some := range slices.Chunk(days, most) {
		var piece []int32
		for _, day := range some {
			piece = append(piece, day.List...)
		}
		slices.Sort(piece)
		pieces = append(pieces, piece)
	}
	return pieces
}

// mayHaveMore tells cheaply whether a batch may have records of more than some number
// of days.
func (b *Batch) mayHaveMore(days int) bool {
	const shortest = 22 * time.Hour // with clocks set forward
	var first, last pcommon.Timestamp
	for i := range b.Entries {
		at := b.Entries[i].Log.Timestamp()
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

// Pick makes a batch of some entries. The caller releases it, before this one.
func (b *Batch) Pick(list []int32, tables []layout.Table) *Batch {
	piece := batches.Get().(*Batch) //nolint:forcetypeassert // the pool holds nothing else
	piece.Entries = slices.Grow(piece.Entries, len(list))
	for _, i := range list {
		piece.Entries = append(piece.Entries, b.Entries[i])
	}
	piece.Segments = append(piece.Segments, b.Segments...)
	maps.Copy(piece.bySource, b.bySource)
	piece.divide(tables)
	piece.Rewind()
	return piece
}

// Adopt takes over what became of a piece's entries.
func (b *Batch) Adopt(piece *Batch, list []int32) {
	for i := range b.Parts {
		for at, entry := range list {
			b.Parts[i].States[entry] = piece.Parts[i].States[at]
		}
	}
	for _, r := range piece.Refusals {
		r.Entry = list[r.Entry]
		b.Refusals = append(b.Refusals, r)
	}
}

// DayList are entries that belong into the table of one day.
type DayList struct {
	Day  string
	List []int32
}

// Split divides entries by day, the earliest first, and keeps their order.
func (b *Batch) Split(c layout.Calendar, list []int32) []DayList {
	if !c.Sharded || len(list) == 0 {
		return []DayList{{List: list}}
	}
	type date struct {
		year, day int
	}
	var days []DayList
	places := map[date]int{}
	var last date
	place := -1
	for _, i := range list {
		at := b.timeOf(i)
		local := at.In(c.Zone)
		if of := (date{local.Year(), local.YearDay()}); place < 0 || of != last {
			found, known := places[of]
			if !known {
				found = len(days)
				days = append(days, DayList{Day: c.Day(at)})
				places[of] = found
			}
			place, last = found, of
		}
		days[place].List = append(days[place].List, i)
	}
	slices.SortStableFunc(days, func(x, y DayList) int { return cmp.Compare(x.Day, y.Day) })
	return mergeDays(days)
}

// mergeDays joins neighbours of one day, which only days out of range are.
func mergeDays(days []DayList) []DayList {
	merged := days[:0]
	for _, d := range days {
		if n := len(merged); n > 0 && merged[n-1].Day == d.Day {
			merged[n-1].List = append(merged[n-1].List, d.List...)
			continue
		}
		merged = append(merged, d)
	}
	return merged
}

// timeOf is when a record was made.
func (b *Batch) timeOf(i int32) time.Time {
	log := b.Entries[i].Log
	if at := log.Timestamp(); at != 0 {
		return at.AsTime()
	}
	b.record.FromLog(log)
	return b.record.TimeStamp
}
