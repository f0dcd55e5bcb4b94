package tyksqlexporter

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// goldenTables are the tables of the golden data and the prefixes of their files.
var goldenTables = map[string]string{"tyk_analytics": "rows-", "tyk_analytics_graph": "rows-graph-", "tyk_analytics_mcp": "rows-mcp-"}

// takes tells whether a test takes the golden records of an organisation. With the race
// detector each row costs SQLite milliseconds, so that those of one have to do.
func (d target) takes(organisation string) bool {
	return d.config.Driver != driverSQLite || organisation == "globex"
}

// withAllTables turns the other tables on.
func withAllTables(d target) target {
	d.config.Tables.Graph.Enabled, d.config.Tables.MCP.Enabled = true, true
	return d
}

// goldenTests hold for each database.
var goldenTests = map[string]func(*testing.T, newTarget){
	"rows are those of Tyk Pump": goldenRows("msgpack"),
	"tables of days are those of Tyk Pump": goldenRowsOfDays("msgpack", "UTC", map[string]string{
		"tyk_analytics": "sql-postgres-sharded", "tyk_analytics_graph": "sql-graph-postgres-sharded", "tyk_analytics_mcp": "sql-mcp-postgres-sharded",
	}),
}

// goldenRecordTests are of other records and zones, which make no difference to a database.
// The days of those of protobuf are those of the zones that records have.
var goldenRecordTests = map[string]func(*testing.T, newTarget){
	"tables of days of another zone are those of Tyk Pump": goldenRowsOfDays("msgpack", "America/New_York", map[string]string{
		"tyk_analytics": "sql-postgres-sharded-tz-newyork",
	}),
	"rows of protobuf are those of Tyk Pump":           goldenRows("protobuf"),
	"tables of days of protobuf are those of Tyk Pump": goldenRowsOfDays("protobuf", "", map[string]string{"tyk_analytics": "sql-postgres-sharded-protobuf"}),
}

func goldenRows(wire string) func(*testing.T, newTarget) {
	return func(t *testing.T, fresh newTarget) {
		d := withAllTables(fresh(t))
		require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.GoldenRecordsOf(t, wire)...)))
		for _, table := range d.config.enabledTables() {
			assertRows(t, d, layout.Shard{Table: table}, wantedRows(t, goldenTables[table.Name], wire))
		}
	}
}

// assertRows compares a table's rows with what PostgreSQL's row_to_json says of Tyk
// Pump's.
func assertRows(t *testing.T, d target, of layout.Shard, want []string) {
	t.Helper()
	want = slices.Clone(want)
	var got []string
	if d.config.Driver == driverPostgres {
		got = d.texts(t, "select row_to_json(t)::text from "+of.Relation()+" t")
	} else {
		got = rowsAsJSON(t, d, of)
		for i := range want {
			want[i] = canonicalJSON(t, d, of.Table, want[i])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Len(t, got, len(want))
	for i := range want {
		if want[i] != got[i] {
			require.JSONEq(t, want[i], got[i])
		}
	}
}

// hexText is a JSON column as Tyk Pump writes it over the simple protocol.
var hexText = regexp.MustCompile(`"\\\\x([0-9a-f]*)"`)

// Tyk Pump writes hexadecimal text into JSON columns there; here it is JSON.
func testPostgresSimpleProtocolRows(t *testing.T, server *peers.Postgres) {
	d := simpleProtocolTarget(server)(t)
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.GoldenRecordsOf(t, "msgpack")...)))
	var want []string
	for _, row := range goldenLines(t, "rows-simple-protocol.jsonl.gz") {
		want = append(want, hexText.ReplaceAllStringFunc(row, func(found string) string {
			plain, err := hex.DecodeString(hexText.FindStringSubmatch(found)[1])
			require.NoError(t, err)
			return d.texts(t, "select to_json(convert_from('\\x"+hex.EncodeToString(plain)+"', 'UTF8'))::text")[0]
		}))
	}
	got := d.texts(t, "select row_to_json(t)::text from tyk_analytics t")
	slices.Sort(want)
	slices.Sort(got)
	require.Len(t, got, 531)
	require.Equal(t, want, got)
}

// placeAndNames are a row's city and its names.
var placeAndNames = regexp.MustCompile(`geo_city_geoname_id":(\d+),"(?:analytics_)?geo_city_names":"(.*?[^\\])",`)

// wantedRows are the rows of Tyk Pump, but for the two differences of protobuf that
// docs/differences.md lists: the names of the city are kept, and the gateway's
// share of the latency, which protobuf does not carry, is derived and not 0.
func wantedRows(t *testing.T, file, wire string) []string {
	t.Helper()
	rows := goldenLines(t, file+wire+".jsonl.gz")
	if wire != "protobuf" {
		return rows
	}
	names := map[string]string{}
	for _, row := range goldenLines(t, file+"msgpack.jsonl.gz") {
		place := placeAndNames.FindStringSubmatch(row)
		names[place[1]] = place[2]
	}
	latency := regexp.MustCompile(`latency_total":(-?\d+),"(?:analytics_)?latency_upstream":(-?\d+),"(?:analytics_)?latency_gateway":0,`)
	for i, row := range rows {
		found := latency.FindStringSubmatch(row)
		require.NotNil(t, found, row)
		total, err := strconv.ParseInt(found[1], 10, 64)
		require.NoError(t, err)
		upstream, err := strconv.ParseInt(found[2], 10, 64)
		require.NoError(t, err)
		row = strings.Replace(row, `latency_gateway":0,`, fmt.Sprintf(`latency_gateway":%d,`, total-upstream), 1)
		require.Contains(t, row, `geo_city_names":"{}",`)
		rows[i] = strings.Replace(row, `geo_city_names":"{}",`, `geo_city_names":"`+names[placeAndNames.FindStringSubmatch(row)[1]]+`",`, 1)
	}
	return rows
}

func testPostgresTablesAreThoseOfTykPump(t *testing.T, server *peers.Postgres) {
	d := withAllTables(postgresTarget(server)(t))
	withRollups(d)
	d.config.Tables.Uptime.Enabled = true
	d.start(t)
	want := goldenJSON[map[string]tableDDL](t, "columns.json")
	require.Len(t, want, 7)
	for table := range want {
		var got tableDDL
		for _, line := range d.texts(t, `select json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
				'not_null', a.attnotnull, 'default', pg_get_expr(x.adbin, x.adrelid))::text
			from pg_attribute a left join pg_attrdef x on x.adrelid = a.attrelid and x.adnum = a.attnum
			where a.attrelid = '`+table+`'::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`) {
			var c columnDDL
			require.NoError(t, json.Unmarshal([]byte(line), &c))
			got.Columns = append(got.Columns, c)
		}
		for _, line := range d.texts(t, `select json_build_object('name', indexname, 'definition', indexdef)::text
			from pg_indexes where tablename = '`+table+"'") {
			var index indexDDL
			require.NoError(t, json.Unmarshal([]byte(line), &index))
			got.Indexes = append(got.Indexes, index)
		}
		assert.Equal(t, want[table].Columns, got.Columns)
		assert.ElementsMatch(t, want[table].Indexes, got.Indexes)
	}
}

// rowsAsJSON writes each row as row_to_json would.
func rowsAsJSON(t *testing.T, d target, of layout.Shard) []string {
	t.Helper()
	columns := of.Layout.Columns
	rows, err := d.db.QueryContext(t.Context(), "select * from "+of.Relation())
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	names, err := rows.Columns()
	require.NoError(t, err)
	require.Len(t, names, len(columns))
	var found []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, rows.Scan(values...))
		object := map[string]any{}
		for i, c := range columns {
			require.Equal(t, c.Name, names[i])
			object[c.Name] = jsonValue(t, c.Class, *values[i].(*any))
		}
		text, err := json.Marshal(object)
		require.NoError(t, err)
		found = append(found, canonicalJSON(t, d, of.Table, string(text)))
	}
	require.NoError(t, rows.Err())
	return found
}

// jsonValue is a value that SQLite's or MySQL's driver read, as row_to_json has it.
func jsonValue(t *testing.T, c layout.Class, value any) any {
	t.Helper()
	text, isText := value.([]byte)
	switch c {
	case layout.ClassBool:
		return value.(int64) == 1
	case layout.ClassTime:
		at, isTime := value.(time.Time)
		if !isTime {
			var err error
			at, err = time.Parse("2006-01-02 15:04:05.999999", string(text))
			require.NoError(t, err)
		}
		return at.UTC().Format(time.RFC3339Nano)
	case layout.ClassText, layout.ClassInteger, layout.ClassUnsigned, layout.ClassFloat, layout.ClassJSON:
	}
	if isText {
		return string(text)
	}
	return value
}

// precisionOf is how exactly the database keeps times: Tyk Pump's columns do.
func precisionOf(d target) time.Duration {
	return ofDriver(d, time.Microsecond, time.Millisecond, time.Microsecond)
}

// canonicalJSON sorts the keys, writes the zone UTC in one way, and cuts times to
// what the database has of them.
func canonicalJSON(t *testing.T, d target, of layout.Table, text string) string {
	t.Helper()
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&object))
	for _, c := range of.Layout.Columns {
		if c.Class == layout.ClassTime {
			at, err := time.Parse(time.RFC3339Nano, object[c.Name].(string))
			require.NoError(t, err)
			object[c.Name] = at.UTC().Truncate(precisionOf(d)).Format(time.RFC3339Nano)
		}
	}
	sorted, err := json.Marshal(object)
	require.NoError(t, err)
	return string(sorted)
}

func TestSQLiteTableHasTheColumnsOfTheContract(t *testing.T) {
	t.Parallel()
	d := sqliteTarget(t)
	d.start(t)
	types := map[layout.Class]string{
		layout.ClassText: "text", layout.ClassInteger: "integer", layout.ClassUnsigned: "integer", layout.ClassFloat: "real", layout.ClassBool: "numeric", layout.ClassTime: "datetime", layout.ClassJSON: "text",
	}
	var want []string
	for _, c := range layout.RequestColumns {
		want = append(want, c.Name+" "+types[c.Class])
	}
	assert.Equal(t, want, d.texts(t, "select name || ' ' || lower(type) from pragma_table_info('tyk_analytics')"))
	assert.Empty(t, d.texts(t, "select name from pragma_index_list('tyk_analytics')"))
}

func TestSQLiteTimesSortAndAreReadByDateFunctions(t *testing.T) {
	t.Parallel()
	d := sqliteTarget(t)
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 2)))
	assert.Equal(t, []string{"2026-08-20 10:11:12.123456+00:00", "2026-08-20 10:11:12.124456+00:00", "2026-08-20 10:11:12.125456+00:00"},
		d.texts(t, `select timestamp || '' from tyk_analytics order by timestamp`))
	assert.Equal(t, []string{"2026-08-20 10:00"}, d.texts(t, `select distinct strftime('%Y-%m-%d %H:00', timestamp) from tyk_analytics`))
}
