package sqlite

import (
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

var merge = rollups.Merge{
	Quote:    datasource.QuoteSQLite,
	There:    datasource.QuoteSQLite,
	Comes:    func(column string) string { return "excluded." + datasource.QuoteSQLite(column) },
	Greatest: "max", Least: "min",
	Mean: func(sum, hits string) string {
		return "case when " + hits + " = 0 then 0 else (" + sum + ") / cast(" + hits + " as real) end"
	},
}

// add is what becomes of a row of rollups that is there already.
func add(columns []layout.RollupColumn) string {
	return "\non conflict (id) do update set " + merge.Changes(columns)
}
