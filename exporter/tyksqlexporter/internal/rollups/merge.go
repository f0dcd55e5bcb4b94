package rollups

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// Merge is how a database spells what becomes of a row that is there already.
type Merge struct {
	// Quote writes a name.
	Quote func(column string) string
	// There and Comes name a column of the row that is there, and of the one that comes.
	There, Comes func(column string) string
	// Greatest and Least are functions of two values.
	Greatest, Least string
	// Mean divides.
	Mean func(sum, hits string) string
}

// Changes are what becomes of the columns of a row that is there.
func (m Merge) Changes(columns []layout.RollupColumn) string {
	var changes []string
	for i := range columns {
		if c := &columns[i]; c.Merging != layout.KeepFirst {
			changes = append(changes, m.Quote(c.Name)+" = "+m.change(c))
		}
	}
	return strings.Join(changes, ", ")
}

// change is the value that a column of a row that is there gets.
func (m Merge) change(c *layout.RollupColumn) string {
	there, comes := m.There(c.Name), m.Comes(c.Name)
	switch c.Merging {
	case layout.AddUp:
		return m.sum(c.Name)
	case layout.Greatest:
		return m.Greatest + "(coalesce(" + there + ", " + comes + "), " + comes + ")"
	case layout.LeastByRank:
		mine, others := rank(m.There), rank(m.Comes)
		return "case when (" + mine + ") > (" + others + ") then " + there + " when (" + mine + ") < (" + others + ") then " + comes +
			" else " + m.Least + "(" + there + ", " + comes + ") end"
	case layout.MeanOfSums:
		return m.Mean(m.sum(c.Sum), m.sum("counter_hits"))
	case layout.Latest:
		return "case when " + m.There("counter_last_time") + " > " + m.Comes("counter_last_time") + " then " + there + " else " + comes + " end"
	}
	return there
}

func (m Merge) sum(column string) string {
	return "coalesce(" + m.There(column) + ", 0) + " + m.Comes(column)
}

// rank is rollup.Counter.MinRank of a row whose columns get names.
func rank(of func(column string) string) string {
	return "case when " + of("counter_hits") + " = 0 then 0 when case " + of("dimension") + " when '' then " + of("counter_success") + " > 0 else " +
		of("counter_hits") + " > " + of("counter_error") + " end then 2 else 1 end"
}
