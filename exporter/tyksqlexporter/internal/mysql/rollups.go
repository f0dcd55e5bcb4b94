package mysql

import (
	"cmp"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

var merge = rollups.Merge{
	Quote:    datasource.QuoteMySQL,
	There:    datasource.QuoteMySQL,
	Comes:    func(column string) string { return "values(" + datasource.QuoteMySQL(column) + ")" },
	Greatest: "greatest", Least: "least",
	Mean: func(sum, hits string) string {
		return "case when " + hits + " = 0 then 0 else (0e0 + " + sum + ") / (" + hits + ") end"
	},
}

// add is what becomes of a row of rollups that is there already. MySQL assigns
// from left to right, and reads what it has assigned: what is computed from other
// columns comes before them, and hits last.
func add(columns []layout.RollupColumn) string {
	order := []layout.Merging{layout.MeanOfSums, layout.LeastByRank, layout.Latest, layout.Greatest, layout.AddUp}
	sorted := slices.Clone(columns)
	slices.SortStableFunc(sorted, func(x, y layout.RollupColumn) int {
		return cmp.Compare(slices.Index(order, x.Merging), slices.Index(order, y.Merging))
	})
	return "\non duplicate key update " + merge.Changes(sorted)
}
