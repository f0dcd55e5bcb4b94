package mysql

import (
	"cmp"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

var merge = rollups.Merge{
	There:    datasource.QuoteMySQL,
	Comes:    func(column string) string { return "values(" + datasource.QuoteMySQL(column) + ")" },
	Greatest: "greatest", Least: "least",
	Mean: func(sum, hits string) string {
		return "case when " + hits + " = 0 then 0 else (0e0 + " + sum + ") / (" + hits + ") end"
	},
}

// addClause is what becomes of a row of rollups that is there already. MySQL assigns
// from left to right, and reads what it has assigned: what is computed from other
// columns comes before them, and hits last.
func addClause(columns []layout.RollupColumn) string {
	order := map[layout.Merging]int{layout.MeanOfSums: 0, layout.LeastByRank: 1, layout.Latest: 2, layout.Greatest: 3, layout.AddUp: 4}
	sorted := slices.DeleteFunc(slices.Clone(columns), func(c layout.RollupColumn) bool { return !c.Changes() })
	slices.SortStableFunc(sorted, func(x, y layout.RollupColumn) int { return cmp.Compare(order[x.Merging], order[y.Merging]) })
	changes := make([]string, len(sorted))
	for i := range sorted {
		changes[i] = datasource.QuoteMySQL(sorted[i].Name) + " = " + merge.Change(&sorted[i])
	}
	return "\non duplicate key update " + strings.Join(changes, ", ")
}
