package layout

import (
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

// OldShards are those of the relations that hold a day of one of the tables and are
// older than a number of days: of which nothing is that new any more.
func (c Calendar) OldShards(tables []Table, relations []string, now time.Time, days int) []Shard {
	oldest := c.Day(now.AddDate(0, 0, -days))
	var old []Shard
	for _, t := range tables {
		for _, relation := range relations {
			day, found := strings.CutPrefix(relation, t.Name+"_")
			if _, err := time.Parse(tyktables.DayForm, day); err == nil && found && day < oldest {
				old = append(old, Shard{Table: t, Day: day})
			}
		}
	}
	slices.SortFunc(old, func(x, y Shard) int { return strings.Compare(x.Day, y.Day) })
	return old
}

// Calendar says whose days and hours count, and whether each day has tables of its own.
type Calendar struct {
	Zone    *time.Location
	Sharded bool
}

// Shard is a table, or its table of one day.
type Shard struct {
	Table
	Day string // as in 20060102; empty where days share a table
}

// Relation is the name of the table in the database (contract: records and raw
// stores, section 4.3).
func (s Shard) Relation() string {
	if s.Day == "" {
		return s.Name
	}
	return s.Name + "_" + s.Day
}

// Day is an instant's. One outside of the years that four digits name is in the
// nearest day inside.
func (c Calendar) Day(at time.Time) string {
	return WithinYears(Within(at, EarliestCheck, LatestCheck).In(c.Zone)).Format(tyktables.DayForm)
}

// Current are the shards that must be there now: of today, and of tomorrow before
// it begins.
func (c Calendar) Current(tables []Table, now time.Time) []Shard {
	var shards []Shard
	for _, t := range tables {
		if !c.Sharded {
			shards = append(shards, Shard{Table: t})
			continue
		}
		for _, at := range []time.Time{now, now.AddDate(0, 0, 1)} {
			shards = append(shards, Shard{Table: t, Day: c.Day(at)})
		}
	}
	return shards
}
