package rehearsaltest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Repository gives a path below the module's root.
func Repository(tb testing.TB, parts ...string) string {
	tb.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(tb, ok)
	return filepath.Join(append([]string{filepath.Dir(file), "..", "..", ".."}, parts...)...)
}

// Lines reads a packed file with a row in JSON on each line.
func Lines(tb testing.TB, file string) []string {
	tb.Helper()
	packed, err := os.ReadFile(file)
	require.NoError(tb, err)
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(tb, err)
	text, err := io.ReadAll(reader)
	require.NoError(tb, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// LoadPostgres makes a table as Tyk Pump makes it, and fills it. like is the table's usual name. Rows that are
// kept without their zeros and constants get them back, and means those of their sums.
func LoadPostgres(tb testing.TB, dsn, table, like string, lines []string) {
	tb.Helper()
	var definitions map[string]struct {
		Columns []struct{ Name, Type string }
	}
	text, err := os.ReadFile(Repository(tb, "exporter", "tyksqlexporter", "testdata", "golden", "columns.json"))
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(text, &definitions))
	require.Contains(tb, definitions, like)
	conn, err := pgx.Connect(tb.Context(), dsn)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close(tb.Context())) }()
	name := pgx.Identifier{table}.Sanitize()
	var columns, values []string
	for _, c := range definitions[like].Columns {
		column := pgx.Identifier{c.Name}.Sanitize()
		columns = append(columns, column+" "+c.Type)
		value := "r." + column
		if otherwise := constant(like, c.Name, c.Type); otherwise != "" && strings.Contains(like, "aggregated") {
			value = "coalesce(" + value + ", " + otherwise + ")"
		}
		values = append(values, value)
	}
	_, err = conn.Exec(tb.Context(), "create table "+name+" ("+strings.Join(columns, ", ")+")")
	require.NoError(tb, err)
	_, err = conn.Exec(tb.Context(), "insert into "+name+" select "+strings.Join(values, ", ")+" from json_populate_recordset(null::"+name+", $1::json) r", "["+strings.Join(lines, ",")+"]")
	require.NoError(tb, err)
}

// constant is what a column of rollups has where a row is kept without it.
func constant(like, column, kind string) string {
	switch column {
	case "counter_error_map":
		return "'{}'"
	case "id": // Tyk Pump's own form
		owner := "r.api_id"
		if like == "tyk_aggregated" {
			owner = "r.org_id"
		}
		return "encode(convert_to(r.timestamp::text || " + owner + " || r.dimension || r.dimension_value, 'UTF8'), 'hex')"
	case "counter_error_list":
		return "'[]'"
	case "counter_request_time", "counter_latency", "counter_upstream_latency":
		return "r." + strings.Replace(column, "counter_", "counter_total_", 1) + "::float8 / nullif(r.counter_hits, 0)::float8, 0"
	}
	if kind == "bigint" || kind == "numeric" {
		return "0"
	}
	return ""
}
