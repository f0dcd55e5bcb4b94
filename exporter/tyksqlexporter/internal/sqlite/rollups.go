package sqlite

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

var merge = rollups.Merge{
	There:    datasource.QuoteSQLite,
	Comes:    func(column string) string { return "excluded." + datasource.QuoteSQLite(column) },
	Greatest: "max", Least: "min",
	Mean: func(sum, hits string) string {
		return "case when " + hits + " = 0 then 0 else (" + sum + ") / cast(" + hits + " as real) end"
	},
}

// addClause is what becomes of a row of rollups that is there already.
func addClause(columns []layout.RollupColumn) string {
	var changes []string
	for i := range columns {
		if c := &columns[i]; c.Changes() {
			changes = append(changes, datasource.QuoteSQLite(c.Name)+" = "+merge.Change(c))
		}
	}
	return "\non conflict (id) do update set " + strings.Join(changes, ", ")
}
