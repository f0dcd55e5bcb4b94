//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// runsTogether is a pump.conf with the pumps of several runs of the real one, each as it was
// but for its name and for what change changes: the store is another one, a new one each.
func runsTogether(tb testing.TB, runs []string, change func(run string, meta object)) string {
	tb.Helper()
	pumps := object{}
	for _, run := range runs {
		text, err := os.ReadFile(pumpConfigurations(tb, "runs", run+".json"))
		require.NoError(tb, err)
		var file struct{ Pumps map[string]object }
		require.NoError(tb, json.Unmarshal(text, &file))
		require.Len(tb, file.Pumps, 1, run)
		for _, pump := range file.Pumps {
			meta := pump["meta"].(map[string]any)
			change(run, meta)
			pump["meta"] = meta
			pumps[run] = pump
		}
	}
	text, err := json.Marshal(object{
		"purge_delay": 1, "dont_purge_uptime_data": true, "analytics_storage_config": object{}, "pumps": pumps,
		"x_otelcol_tyk": object{"poll_interval": "20ms"},
	})
	require.NoError(tb, err)
	file := filepath.Join(tb.TempDir(), "pump.conf")
	require.NoError(tb, os.WriteFile(file, text, 0o600))
	return file
}

// reference reads what another package keeps of the real pump's output.
func reference(tb testing.TB, parts ...string) []byte {
	tb.Helper()
	packed, err := os.ReadFile(repository(tb, parts...))
	require.NoError(tb, err)
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(tb, err)
	content, err := io.ReadAll(reader)
	require.NoError(tb, err)
	return content
}

// sqlRuns are runs into PostgreSQL, and one into SQLite, by what all pumps of one process share.
var sqlRuns = []struct {
	zone     string
	encoding encoding
	runs     []string
}{
	{"UTC", msgpack, []string{
		"sql-postgres", "sql-postgres-one-batch-size-50", "sql-postgres-filter-allow", "sql-postgres-filter-codes", "sql-postgres-filter-skip",
		"sql-postgres-ignore-fields", "sql-postgres-max-record-size", "sql-postgres-omit-detailed", "sql-mcp-postgres", liteRun,
	}},
	{"UTC", msgpack, []string{
		"sql-postgres-sharded", "sql-postgres-simple-protocol", "sql-graph-postgres-sharded", "sql-mcp-postgres-sharded",
		"sql_aggregate-postgres", "sql_aggregate-postgres-by-hour", "sql_aggregate-postgres-one", "sql_aggregate-postgres-batch-size-20",
		"sql_aggregate-postgres-per-minute", "sql_aggregate-postgres-track-all-paths", "sql_aggregate-postgres-ignore",
		"sql_aggregate-postgres-filter-skip", "sql_aggregate-postgres-sharded", "sql_aggregate-postgres-with-network-records",
		"sql-graph-aggregate-postgres", "sql-graph-aggregate-postgres-sharded", "sql-mcp-aggregate-postgres", "sql-mcp-aggregate-postgres-sharded",
	}},
	{"UTC", protobuf, []string{
		"sql-postgres-protobuf", "sql-postgres-sharded-protobuf", "sql-graph-postgres-protobuf", "sql-mcp-postgres-protobuf", "sql_aggregate-postgres-protobuf",
	}},
	{"America/New_York", msgpack, []string{"sql-postgres-sharded-tz-newyork", "sql_aggregate-postgres-sharded-tz-newyork"}},
	{"Asia/Kolkata", msgpack, []string{"sql_aggregate-postgres-tz-kolkata", "sql-graph-postgres"}},
}

const (
	// bareRun omits indexes.
	bareRun = "sql_aggregate-postgres-batch-size-20"
	// liteRun is refused by Tyk Pump since 1.12, and stores what it did before.
	liteRun = "sql-sqlite"
)

// quotedTable is the name of Tyk Pump's README, which a database takes in quotes only.
const quotedTable = "graph-records"

// TestRunsIntoPostgreSQLStoreWhatTykPumpStored runs them side by side, each into a database of
// its own, from one list of records.
func TestRunsIntoPostgreSQLStoreWhatTykPumpStored(t *testing.T) {
	t.Parallel()
	postgres := peers.StartPostgres(t)
	for _, together := range sqlRuns {
		redis, stores := peers.StartRedis(t), map[string]string{}
		file := runsTogether(t, together.runs, func(run string, meta object) {
			stores[run] = filepath.Join(t.TempDir(), "analytics.db")
			if run != liteRun {
				stores[run] = postgres.FreshDatabase(t)
			}
			meta["connection_string"] = stores[run]
			if run == "sql-graph-postgres" {
				meta["table_name"] = quotedTable
			}
		})
		c := newPump(t, file, redis, nil)
		c.env = append(c.env, "TZ="+together.zone)
		golden{encoding: together.encoding}.push(t, redis.Client())
		c.start()
		waitDrained(t, redis.Client(), 2*drainTimeout)
		c.stop()
		assert.Empty(t, deadLetters(t, redis.Client()))
		for _, run := range together.runs {
			t.Run(run, func(t *testing.T) {
				if strings.Contains(run, "aggregate") {
					requireSameSums(t, run, stores[run])
				} else {
					requireRawRun(t, run, stores[run])
				}
			})
		}
	}
}

// newYorkDays is how many rows each table of the run in New York has.
var newYorkDays = map[string]int{"20251231": 57, "20260308": 60, "20260328": 149, "20260329": 85, "20260330": 180}

// requireRawRun compares the rows of records.
func requireRawRun(t *testing.T, run, dsn string) {
	t.Helper()
	switch run {
	case liteRun:
		requireSameRows(t, goldens[0].wantRows(t), sqliteRows(t, dsn, table))
	case "sql-mcp-postgres":
		requireSameRows(t, parseRows(t, testdata(t, "pump/sql-mcp-postgres.jsonl.gz")), postgresRows(t, dsn, "tyk_analytics_mcp"))
	case "sql-postgres-sharded":
		requireSameRows(t, goldens[0].wantRows(t), postgresDays(t, dsn, table))
	case "sql-postgres-sharded-protobuf":
		requireSameRows(t, goldens[1].wantRows(t), postgresDays(t, dsn, table))
	case "sql-postgres-sharded-tz-newyork":
		var rows []row
		for day, n := range newYorkDays {
			of := postgresRows(t, dsn, table+"_"+day)
			assert.Len(t, of, n, day)
			rows = append(rows, of...)
		}
		requireSameRows(t, goldens[0].wantRows(t), rows)
	case "sql-postgres-simple-protocol":
		requireSameRows(t, goldens[0].wantRows(t), postgresRows(t, dsn, table))
	case "sql-graph-postgres":
		requireSameRows(t, parseRows(t, testdata(t, "pump/sql-graph-postgres.jsonl.gz")), postgresRows(t, dsn, quotedTable))
	case "sql-graph-postgres-sharded":
		requireSameRows(t, parseRows(t, testdata(t, "pump/sql-graph-postgres.jsonl.gz")), postgresDays(t, dsn, "my_graph"))
	case "sql-mcp-postgres-sharded":
		requireSameRows(t, parseRows(t, testdata(t, "pump/sql-mcp-postgres.jsonl.gz")), postgresDays(t, dsn, "tyk_analytics_mcp"))
	case "sql-graph-postgres-protobuf", "sql-mcp-postgres-protobuf":
		kind := strings.Split(run, "-")[1]
		want := parseRows(t, reference(t, "exporter", "tyksqlexporter", "testdata", "golden", "rows-"+kind+"-protobuf.jsonl.gz"))
		got := postgresRows(t, dsn, "tyk_analytics_"+kind)
		for _, rows := range [][]row{want, got} {
			for _, r := range rows { // see differences
				delete(r, "analytics_latency_gateway")
				delete(r, "analytics_geo_city_names")
			}
		}
		requireSameRows(t, want, got)
	default:
		requireSameRows(t, goldenOf(t, run).wantRows(t), postgresRows(t, dsn, table))
	}
}

// rollupTables are the tables of the three kinds of rollups.
var rollupTables = map[string]string{
	"sql_aggregate": "tyk_aggregated", "sql-graph-aggregate": "tyk_graph_aggregated", "sql-mcp-aggregate": "tyk_mcp_aggregated",
}

// requireSameSums compares the counters of rollups, added up over the hours, in which Tyk Pump
// books a purge otherwise (docs/differences.md); row by row where its purges never mixed hours.
func requireSameSums(t *testing.T, run, dsn string) {
	t.Helper()
	kind, _, _ := strings.Cut(run, "-postgres")
	var got []row
	if strings.Contains(run, "sharded") {
		got = postgresDays(t, dsn, rollupTables[kind])
	} else {
		got = postgresRows(t, dsn, rollupTables[kind])
	}
	want := run
	switch run {
	case "sql_aggregate-postgres-batch-size-20":
		want = "sql_aggregate-postgres"
	case "sql_aggregate-postgres-with-network-records":
		want = "sql_aggregate-postgres-one" // the real pump lost some, dividing by zero
	}
	var indexes int
	require.NoError(t, connect(t, dsn).QueryRow(t.Context(), "select count(*) from pg_indexes where tablename = 'tyk_aggregated'").Scan(&indexes))
	if run == bareRun {
		assert.Equal(t, 1, indexes, "that of the primary key")
	} else if kind == "sql_aggregate" && !strings.Contains(run, "sharded") {
		assert.Equal(t, 2, indexes)
	}
	exact := run == "sql_aggregate-postgres-by-hour"
	lines := reference(t, "internal", "rollup", "testdata", "golden", "sql", want+".jsonl.gz")
	assert.Equal(t, counterSums(t, parseRows(t, lines), exact), counterSums(t, got, exact))
}

// counterSums adds up counters by organisation, API, dimension, value and column. Tags that name
// a trace are left out: here they are no rollups by default.
func counterSums(tb testing.TB, rows []row, exact bool) map[string]int64 {
	tb.Helper()
	sums := map[string]int64{}
	for _, r := range rows {
		if r["dimension"] == `"tags"` && strings.HasPrefix(r["dimension_value"], `"trace-id-`) {
			continue
		}
		of := strings.Join([]string{r["org_id"], r["api_id"], r["dimension"], r["dimension_value"]}, " ")
		if exact {
			of += " " + r["timestamp"]
		}
		for column, text := range r {
			if !slices.Contains(summed, column) && !strings.HasPrefix(column, "code_") {
				continue
			}
			n, err := strconv.ParseInt(text, 10, 64)
			require.NoError(tb, err, column)
			if n != 0 {
				sums[of+" "+column] += n
			}
		}
	}
	require.NotEmpty(tb, sums)
	return sums
}

// summed are the columns that add up.
var summed = []string{
	"counter_hits", "counter_success", "counter_error", "counter_total_request_time", "counter_total_latency", "counter_total_upstream_latency",
}

// longID is more than ids have that MySQL's keys hold; differences.md tells what becomes of others.
const longID = 150

// TestRunsIntoMySQLStoreWhatTykPumpStored sends two runs to MariaDB, which stored the same in Tyk Pump.
func TestRunsIntoMySQLStoreWhatTykPumpStored(t *testing.T) {
	t.Parallel()
	redis, server := peers.StartRedis(t), peers.StartMariaDB(t)
	stores := map[string]*sql.DB{}
	file := runsTogether(t, []string{"sql-postgres", "sql-graph-postgres", "sql_aggregate-postgres-by-hour"}, func(run string, meta object) {
		dsn := server.FreshDatabase(t)
		meta["type"], meta["connection_string"] = "mysql", dsn
		if run == "sql-graph-postgres" {
			meta["table_name"] = quotedTable
		}
		db, err := sql.Open("mysql", dsn)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		stores[run] = db
	})
	c := newPump(t, file, redis, nil)
	goldens[0].push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	c.stop()
	assert.Empty(t, deadLetters(t, redis.Client()))

	want := map[string]int{}
	for _, r := range goldens[0].wantRows(t) {
		want[strings.Join([]string{r.text(t, "method"), r.text(t, "path"), r.text(t, "rawrequest"), r.text(t, "rawresponse"), r.text(t, "orgid"), r.text(t, "apiid"), r["responsecode"], r["requesttime"]}, "|")]++
	}
	got := map[string]int{}
	eachText(t, stores["sql-postgres"], "select concat_ws('|', method, path, rawrequest, rawresponse, orgid, apiid, responsecode, requesttime) from "+table, func(text string) { got[text]++ })
	assert.Equal(t, want, got)

	eachText(t, stores["sql-graph-postgres"], "select count(*) from `"+quotedTable+"`", func(text string) { assert.Equal(t, "50", text) })

	counters := map[string]bool{}
	for _, r := range parseRows(t, reference(t, "internal", "rollup", "testdata", "golden", "sql", "sql_aggregate-postgres-by-hour.jsonl.gz")) {
		if id := r.text(t, "id"); len(id) < longID && !strings.HasPrefix(r["dimension_value"], `"trace-id-`) {
			counters[fmt.Sprintf("%s|%d|%d|%d|%d", id, r.number(t, "counter_hits"), r.number(t, "counter_success"), r.number(t, "counter_error"), r.number(t, "counter_total_request_time"))] = true
		}
	}
	found := map[string]bool{}
	eachText(t, stores["sql_aggregate-postgres-by-hour"], fmt.Sprintf("select concat_ws('|', id, counter_hits, counter_success, counter_error, counter_total_request_time) from tyk_aggregated where length(id) < %d", longID),
		func(text string) { found[text] = true })
	assert.Equal(t, counters, found)
}

// number is the value of an integer column, 0 where the row does not have it.
func (r row) number(tb testing.TB, column string) int64 {
	tb.Helper()
	if _, ok := r[column]; !ok {
		return 0
	}
	return r.integer(tb, column)
}

func eachText(tb testing.TB, db *sql.DB, query string, visit func(string)) {
	tb.Helper()
	rows, err := db.QueryContext(tb.Context(), query)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, rows.Close()) }()
	for rows.Next() {
		var text string
		require.NoError(tb, rows.Scan(&text))
		visit(text)
	}
	require.NoError(tb, rows.Err())
}

// uptimeRuns are those of uptime checks, by the variable that says where to.
var uptimeRuns = map[string]string{
	"uptime-sql-postgres": "CONNECTIONSTRING", "uptime-sql-postgres-sharded": "CONNECTIONSTRING", "uptime-mongo": "MONGOURL",
}

// TestUptimeRunsStoreWhatTykPumpStored has one table, a table for each day, and Mongo. In one of them
// the list is another one.
func TestUptimeRunsStoreWhatTykPumpStored(t *testing.T) {
	t.Parallel()
	postgres, mongo := peers.StartPostgres(t), peers.StartMongo(t)
	want := uptimeSums(t, parseRows(t, testdata(t, "pump/uptime-sql-postgres.jsonl.gz")))
	for run, variable := range uptimeRuns {
		t.Run(run, func(t *testing.T) {
			redis, list, env := peers.StartRedis(t), uptimeList, []string(nil)
			store := mongo.URI("uptime")
			if variable != "MONGOURL" {
				store = postgres.FreshDatabase(t)
			}
			if run != "uptime-sql-postgres" { // this variable moves the list of uptime checks, too
				list, env = "mine-tyk-uptime-analytics", []string{"TYK_PMP_TEMPORAL_STORAGE_KEYPREFIX=mine-"}
			}
			c := newPump(t, pumpConfigurations(t, "runs", run+".json"), redis, []string{"tykredis/uptime"}, append(env, "TYK_PMP_UPTIMEPUMPCONFIG_"+variable+"="+store)...)
			push(t, redis.Client(), list, entries(t, "pump/uptime-msgpack.bin.gz"))
			c.start()
			eventually(t, drainTimeout, func() string {
				left, err := redis.Client().Exists(t.Context(), list, "otelcol-tyk:{"+list+"}:segments").Result()
				require.NoError(t, err)
				if left > 0 {
					return "checks wait in Redis"
				}
				return ""
			})
			c.stop()
			switch run {
			case "uptime-sql-postgres":
				assert.Equal(t, want, uptimeSums(t, postgresRows(t, store, uptimeTable)))
			case "uptime-sql-postgres-sharded":
				assert.Equal(t, want, uptimeSums(t, postgresDays(t, store, uptimeTable)))
			default:
				requireSameCollection(t, mongoReference(t, "uptime.jsonl.gz"), store, uptimeTable)
			}
		})
	}
}
