package push

import (
	"cmp"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// Pieces divides a batch's entries so that none has more than some number of days,
// and keeps their order. It gives nil where the batch as a whole has no more.
func (b *Batch) Pieces(c layout.Calendar, most int) [][]int32 {
	if !c.Sharded {
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

// Pick makes a batch of some entries. The caller releases it, before this one.
func (b *Batch) Pick(list []int32, tables []layout.Table) *Batch {
	piece := batches.Get().(*Batch) //nolint:forcetypeassert // the pool holds nothing else
	piece.Entries = slices.Grow(piece.Entries, len(list))
	for _, i := range list {
		piece.Entries = append(piece.Entries, b.Entries[i])
	}
	for _, s := range b.Segments {
		piece.AskFor(s.Name, s.First, s.Last)
	}
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
	if len(list) == 0 {
		return nil
	}
	if !c.Sharded {
		return []DayList{{List: list}}
	}
	var days []DayList
	places := map[string]int{}
	place, year, yearDay := -1, 0, 0 // of the entry before
	for _, i := range list {
		at := b.timeOf(i)
		local := at.In(c.Zone)
		if place < 0 || local.YearDay() != yearDay || local.Year() != year {
			year, yearDay = local.Year(), local.YearDay()
			day := c.Day(at)
			found, known := places[day]
			if !known {
				found = len(days)
				places[day], days = found, append(days, DayList{Day: day})
			}
			place = found
		}
		days[place].List = append(days[place].List, i)
	}
	slices.SortFunc(days, func(x, y DayList) int { return cmp.Compare(x.Day, y.Day) })
	return days
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
