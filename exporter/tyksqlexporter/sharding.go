package tyksqlexporter

import (
	"cmp"
	"slices"
	"time"
)

// calendar says whose days and hours count, and whether each day has tables of its own.
type calendar struct {
	zone    *time.Location
	sharded bool
}

// shard is a table, or its table of one day.
type shard struct {
	table
	day string // as in 20060102; empty where days share a table
}

// relation is the name of the table in the database (contract: records and raw
// stores, section 4.3).
func (s shard) relation() string {
	if s.day == "" {
		return s.name
	}
	return s.name + "_" + s.day
}

// dayList are entries that belong into the table of one day.
type dayList struct {
	day  string
	list []int32
}

// day is an instant's. One outside of the years that four digits name is in the
// nearest day inside.
func (c calendar) day(at time.Time) string {
	switch {
	case at.Before(earliestCheck):
		at = earliestCheck
	case at.After(latestCheck):
		at = latestCheck
	}
	local := at.In(c.zone)
	switch year := local.Year(); {
	case year < earliestCheck.Year():
		local = earliestCheck
	case year > latestCheck.Year():
		local = latestCheck
	}
	return local.Format("20060102")
}

// current are the shards that must be there now: of today, and of tomorrow before
// it begins.
func (c calendar) current(tables []table, now time.Time) []shard {
	var shards []shard
	for _, t := range tables {
		if !c.sharded {
			shards = append(shards, shard{table: t})
			continue
		}
		for _, at := range []time.Time{now, now.AddDate(0, 0, 1)} {
			shards = append(shards, shard{table: t, day: c.day(at)})
		}
	}
	return shards
}

// split divides entries by day, the earliest first, and keeps their order.
func (b *batch) split(c calendar, list []int32) []dayList {
	if !c.sharded || len(list) == 0 {
		return []dayList{{list: list}}
	}
	type date struct {
		year, day int
	}
	var days []dayList
	places := map[date]int{}
	var last date
	place := -1
	for _, i := range list {
		at := b.timeOf(i)
		local := at.In(c.zone)
		if of := (date{local.Year(), local.YearDay()}); place < 0 || of != last {
			found, known := places[of]
			if !known {
				found = len(days)
				days = append(days, dayList{day: c.day(at)})
				places[of] = found
			}
			place, last = found, of
		}
		days[place].list = append(days[place].list, i)
	}
	slices.SortStableFunc(days, func(x, y dayList) int { return cmp.Compare(x.day, y.day) })
	return mergeDays(days)
}

// mergeDays joins neighbours of one day, which only days out of range are.
func mergeDays(days []dayList) []dayList {
	merged := days[:0]
	for _, d := range days {
		if n := len(merged); n > 0 && merged[n-1].day == d.day {
			merged[n-1].list = append(merged[n-1].list, d.list...)
			continue
		}
		merged = append(merged, d)
	}
	return merged
}

// timeOf is when a record was made.
func (b *batch) timeOf(i int32) time.Time {
	log := b.entries[i].log
	if at := log.Timestamp(); at != 0 {
		return at.AsTime()
	}
	b.record.FromLog(log)
	return b.record.TimeStamp
}
