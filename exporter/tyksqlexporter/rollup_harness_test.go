package tyksqlexporter

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// rollupGolden is where the rows of Tyk Pump are, and the records it made them of.
var rollupGolden = filepath.Join("..", "..", "internal", "rollup", "testdata", "golden")

func withRollups(d target) target {
	d.config.Tables.Aggregated.Enabled, d.config.Tables.GraphAggregated.Enabled, d.config.Tables.MCPAggregated.Enabled = true, true, true
	return d
}

// onlyRollups leaves the table of records out.
func onlyRollups(d target) target {
	d.config.Tables.Requests.Enabled = false
	return withRollups(d)
}

// purges gives which records were one purge of Tyk Pump.
func purges(t testing.TB, batching string) [][]int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(rollupGolden, "batches.json"))
	require.NoError(t, err)
	var all map[string][][]int
	require.NoError(t, json.Unmarshal(content, &all))
	require.NotEmpty(t, all[batching])
	return all[batching]
}

// tableRow is one row of a table; numbers are floats.
type tableRow map[string]any

func (r tableRow) number(name string) float64 {
	number, _ := r[name].(float64)
	return number
}

func (r tableRow) text(name string) string {
	text, _ := r[name].(string)
	return text
}

// key names the row but for its bucket.
func (r tableRow) key() string {
	return fmt.Sprintf("%s|%s|%s|%s|%s", r.text("org_id"), r.text("api_id"), r.text("dimension"), r.text("dimension_value"), r.text("day"))
}

func goldenRollupRows(t testing.TB, configuration string) []tableRow {
	t.Helper()
	var rows []tableRow
	for line := range strings.Lines(string(sinktest.Unzip(t, rollupGolden, "sql", configuration+".jsonl.gz"))) {
		var row tableRow
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		rows = append(rows, row)
	}
	return rows
}

// rollupRows reads a table of rollups.
func rollupRows(t testing.TB, d target, of *layout.Layout, relation string) []tableRow {
	t.Helper()
	postgres := d.config.Driver == driverPostgres
	columns, exprs := make([]string, 0, len(of.Columns)), make([]string, 0, len(of.Columns))
	for _, c := range of.Columns {
		name := c.Name
		if name == "timestamp" {
			name = `"timestamp"`
		}
		if c.Class == layout.ClassTime {
			if name = "substr(cast(" + name + " as char(40)), 1, 19)"; postgres {
				name = "to_char(" + c.Name + " at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
			}
		}
		columns, exprs = append(columns, "'"+c.Name+"', "+name), append(exprs, name)
	}
	if d.config.Driver == driverSQLite {
		return sqliteRows(t, d, of, "select "+strings.Join(exprs, ", ")+" from "+relation+" order by id")
	}
	build, text := "json_object(", "char"
	if postgres {
		build, text = "json_build_object(", "text"
	}
	var rows []tableRow
	for _, line := range d.texts(t, "select cast("+build+strings.Join(columns, ", ")+") as "+text+") from "+relation+" order by id") {
		var row tableRow
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		rows = append(rows, row)
	}
	return rows
}

// sqliteRows reads a table without SQLite's JSON, which the race detector makes very slow.
func sqliteRows(t testing.TB, d target, of *layout.Layout, query string) []tableRow {
	t.Helper()
	found, err := d.db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, found.Close()) }()
	values, places := make([]any, len(of.Columns)), make([]any, len(of.Columns))
	for i := range values {
		places[i] = &values[i]
	}
	var rows []tableRow
	for found.Next() {
		require.NoError(t, found.Scan(places...))
		row := tableRow{}
		for i, c := range of.Columns {
			row[c.Name] = values[i]
			if n, ok := values[i].(int64); ok {
				row[c.Name] = float64(n)
			}
		}
		rows = append(rows, row)
	}
	require.NoError(t, found.Err())
	return rows
}

// rolledUp makes rollups of a chunk and delivers them, in other cuts as long as the
// store asks for them, as the processor does.
func rolledUp(t testing.TB, e consumer.Logs, a *rollup.Aggregator, chunk plog.Logs) error {
	t.Helper()
	var cut rollup.Cut
	for {
		groups, _ := a.Aggregate(chunk, cut)
		logs := plog.NewLogs()
		rollup.AppendLogs(logs, "", groups)
		err := e.ConsumeLogs(t.Context(), logs)
		overlap, ok := asOverlap(err)
		if !ok {
			return err
		}
		cut, err = cut.With(overlap.Overlaps)
		require.NoError(t, err)
	}
}
