//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// row is one row of tyk_analytics: columns and their values as JSON, as
// PostgreSQL's row_to_json writes them for a session in UTC.
type row map[string]string

// parseRows reads rows, one JSON object a line.
func parseRows(tb testing.TB, lines []byte) []row {
	tb.Helper()
	var rows []row
	for line := range bytes.Lines(lines) {
		rows = append(rows, parseRow(tb, line))
	}
	return rows
}

func parseRow(tb testing.TB, line []byte) row {
	tb.Helper()
	values := map[string]json.RawMessage{}
	require.NoError(tb, json.Unmarshal(line, &values))
	r := make(row, len(values))
	for column, value := range values {
		r[column] = string(value)
		if value[0] == '"' { // strings can be written in more than one way
			r[column] = jsonText(tb, r.text(tb, column))
		}
	}
	return r
}

// text is the value of a text column.
func (r row) text(tb testing.TB, column string) string {
	tb.Helper()
	var s string
	require.NoError(tb, json.Unmarshal([]byte(r[column]), &s), column)
	return s
}

// integer is the value of an integer column.
func (r row) integer(tb testing.TB, column string) int64 {
	tb.Helper()
	n, err := strconv.ParseInt(r[column], 10, 64)
	require.NoError(tb, err, column)
	return n
}

// key is the same for equal rows only.
func (r row) key(without ...string) string {
	var b strings.Builder
	for _, column := range slices.Sorted(maps.Keys(r)) {
		if !slices.Contains(without, column) {
			b.WriteString(column + "=" + r[column] + "\x00")
		}
	}
	return b.String()
}

// postgresRows reads a table of PostgreSQL.
func postgresRows(tb testing.TB, dsn, table string) []row {
	tb.Helper()
	conn := connect(tb, dsn)
	found, err := conn.Query(tb.Context(), "select row_to_json(t)::text from "+pgx.Identifier{table}.Sanitize()+" t")
	require.NoError(tb, err)
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(tb, err)
	rows := make([]row, len(lines))
	for i, line := range lines {
		rows[i] = parseRow(tb, []byte(line))
	}
	return rows
}

// connect opens a connection to PostgreSQL for the rest of the test.
func connect(tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(tb.Context()) })
	return conn
}

// openSQLite opens a database file that another process writes to.
func openSQLite(tb testing.TB, file string) *sql.DB {
	tb.Helper()
	require.FileExists(tb, file)
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(file)+"?mode=ro&_pragma=busy_timeout(10000)")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// sqliteRows reads a table of SQLite, which has neither booleans nor times: these
// are given the form that PostgreSQL gives them.
func sqliteRows(tb testing.TB, file, table string) []row {
	tb.Helper()
	db := openSQLite(tb, file)
	names := columnNames(tb, db, table)
	// The plus takes away the declared type, by which the driver would convert.
	query := `select +"` + strings.Join(names, `", +"`) + `" from "` + table + `"`
	found, err := db.QueryContext(tb.Context(), query)
	require.NoError(tb, err)
	defer found.Close()
	var rows []row
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range names {
		into[i] = &values[i]
	}
	for found.Next() {
		require.NoError(tb, found.Scan(into...))
		r := make(row, len(names))
		for i, name := range names {
			r[name] = sqliteValue(tb, name, values[i])
		}
		rows = append(rows, r)
	}
	require.NoError(tb, found.Err())
	return rows
}

func columnNames(tb testing.TB, db *sql.DB, table string) []string {
	tb.Helper()
	found, err := db.QueryContext(tb.Context(), "select name from pragma_table_info(?)", table)
	require.NoError(tb, err)
	defer found.Close()
	var names []string
	for found.Next() {
		var name string
		require.NoError(tb, found.Scan(&name))
		names = append(names, name)
	}
	require.NoError(tb, found.Err())
	require.NotEmpty(tb, names, "columns of %s", table)
	return names
}

// The columns of which SQLite's form differs from PostgreSQL's; other tables than that
// of requests have them with a prefix.
var (
	booleanColumns = []string{"trackpath", "graphql_stats_has_errors", "graphql_stats_is_graph_ql", "mcp_stats_is_mcp", "has_errors"}
	timeColumns    = []string{"timestamp", "expireAt"}
)

func isOneOf(list []string, column string) bool {
	return slices.Contains(list, strings.TrimPrefix(column, "analytics_"))
}

// sqliteValue is a value in JSON. Its Go type is that of its storage in SQLite, so
// that a number which was stored as text is not taken for a number.
func sqliteValue(tb testing.TB, column string, value any) string {
	tb.Helper()
	switch v := value.(type) {
	case nil:
		return "null"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int64:
		if isOneOf(booleanColumns, column) {
			require.Contains(tb, []int64{0, 1}, v, column)
			return strconv.FormatBool(v == 1)
		}
		return strconv.FormatInt(v, 10)
	case string:
		if !isOneOf(timeColumns, column) {
			return jsonText(tb, v)
		}
		at, err := time.Parse("2006-01-02 15:04:05.000000-07:00", v)
		require.NoError(tb, err, column)
		return postgresTime(at)
	}
	require.Failf(tb, "unexpected type", "%s: %T", column, value)
	return ""
}

// postgresTime is how row_to_json writes an instant.
func postgresTime(at time.Time) string {
	return `"` + at.UTC().Format("2006-01-02T15:04:05.999999") + `+00:00"`
}

// jsonText writes a string in JSON, always in the same way.
func jsonText(tb testing.TB, s string) string {
	tb.Helper()
	text, err := json.Marshal(s)
	require.NoError(tb, err)
	return string(text)
}

// requireSameRows compares every column of every row, in whatever order they are.
// A failure names the columns in which the rows that are most alike differ.
func requireSameRows(tb testing.TB, want, got []row) {
	tb.Helper()
	missing, surplus := subtract(want, got), subtract(got, want)
	if len(missing) == 0 && len(surplus) == 0 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows, want %d; %d are missing and %d should not be there\n", len(got), len(want), len(missing), len(surplus))
	const compared, shown = 50, 5
	columns := map[string]int{}
	for i, r := range missing[:min(len(missing), compared)] {
		if i < shown {
			fmt.Fprintf(&b, "\nmissing: %s %s %s %s\n", r["timestamp"], r["apiid"], r["method"], short(r["path"]))
		}
		if len(surplus) == 0 {
			continue
		}
		nearest := slices.MinFunc(surplus, func(x, y row) int { return cmp.Compare(len(differing(r, x)), len(differing(r, y))) })
		for _, column := range differing(r, nearest) {
			columns[column]++
			if i < shown {
				fmt.Fprintf(&b, "  %s:\n    want %s\n    got  %s\n", column, short(r[column]), short(nearest[column]))
			}
		}
	}
	fmt.Fprintf(&b, "\ncolumns that differ in the first %d, and how often: %v", compared, columns)
	require.FailNow(tb, "the rows are not those that are wanted", b.String())
}

// subtract gives the rows of a that have no equal in b.
func subtract(a, b []row) []row {
	count := map[string]int{}
	for _, r := range b {
		count[r.key()]++
	}
	var left []row
	for _, r := range a {
		if key := r.key(); count[key] > 0 {
			count[key]--
		} else {
			left = append(left, r)
		}
	}
	return left
}

// differing names the columns in which two rows differ.
func differing(a, b row) []string {
	var columns []string
	for _, column := range slices.Sorted(maps.Keys(a)) {
		if value, ok := b[column]; !ok || value != a[column] {
			columns = append(columns, column)
		}
	}
	for _, column := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[column]; !ok {
			columns = append(columns, column)
		}
	}
	return columns
}

func short(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s... (%d bytes)", s[:most], len(s))
}
