package rollups

import (
	"cmp"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// Portion is what a batch has for one table.
type Portion struct {
	layout.Shard

	Rows []*layout.Row // sorted by id, so that no two transactions wait crosswise
}

// Portions gives the rows of groups, by table in the order of the configuration and
// by day. What several groups have for one id is added up, so that each row is
// written once.
func (b *Batch) Portions(groups []int, c layout.Calendar) []Portion {
	sums := map[layout.Shard]*rowSums{}
	of := func(to layout.Table, g *rollup.Group) *rowSums {
		at := layout.Shard{Table: to}
		if c.Sharded {
			at.Day = c.Day(g.Bucket)
		}
		if sums[at] == nil {
			sums[at] = &rowSums{byID: make(map[string]*layout.Row, len(g.Rollups))}
		}
		return sums[at]
	}
	for _, i := range groups {
		g := &b.Groups[i]
		if to, ok := b.Tables.Families[g.Family]; ok {
			of(to, g).addGroup(g)
		}
		if b.Tables.latency != nil {
			of(*b.Tables.latency, g).addLatencies(g)
		}
	}
	portions := make([]Portion, 0, len(sums))
	for at, s := range sums {
		if len(s.byID) > 0 {
			portions = append(portions, Portion{Shard: at, Rows: s.sorted()})
		}
	}
	slices.SortFunc(portions, func(x, y Portion) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Day, y.Day))
	})
	return portions
}

// rowSums adds up what a table gets.
type rowSums struct {
	byID map[string]*layout.Row
	free []layout.Row
	id   []byte // scratch
}

// addGroup adds the rollups of a group.
func (s *rowSums) addGroup(g *rollup.Group) {
	row := layout.RowOf(g)
	for i := range g.Rollups {
		row.Of(&g.Rollups[i])
		row.Counter = &g.Rollups[i].Counter
		s.id = row.AppendID(s.id[:0])
		s.put(&row)
	}
}

// addLatencies adds the bins of the rollups of a group.
func (s *rowSums) addLatencies(g *rollup.Group) {
	row := layout.RowOf(g)
	for i := range g.Rollups {
		r := &g.Rollups[i]
		if r.Counter.Latencies == nil {
			continue
		}
		row.Of(r)
		for bin, hits := range r.Counter.Latencies.Bins() {
			row.Bin, row.Counter = bin, &rollup.Counter{Hits: hits}
			s.id = row.AppendLatencyID(s.id[:0])
			s.put(&row)
		}
	}
}

// put adds a row with the id that was written last.
func (s *rowSums) put(row *layout.Row) {
	if have := s.byID[string(s.id)]; have != nil {
		have.Add(row)
		return
	}
	if len(s.free) == 0 {
		const more = 128
		s.free = make([]layout.Row, more)
	}
	own := &s.free[0]
	s.free = s.free[1:]
	*own = *row
	own.ID = string(s.id)
	s.byID[own.ID] = own
}

func (s *rowSums) sorted() []*layout.Row {
	rows := make([]*layout.Row, 0, len(s.byID))
	for _, row := range s.byID {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(x, y *layout.Row) int { return strings.Compare(x.ID, y.ID) })
	return rows
}
