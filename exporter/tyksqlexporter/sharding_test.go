package tyksqlexporter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// shardingTests hold for each database.
var shardingTests = map[string]func(*testing.T, newTarget){
	"each record is in the table of its day":          testEachDay,
	"days come in one chunk and are stored once":      testDaysOnce,
	"writers that need the same new days do not fail": testDaysAtOnce,
	"a refused record among days is named":            testRefusedAmongDays,
	"a table of a day that exists is used as it is":   testDayThatExists,
	"a dropped table of a day is made again":          testDroppedDay,
	"today's and tomorrow's tables are there first":   testTomorrow,
	"uptime checks are counted by day":                testUptimeByDay,
	"hours of uptime checks are those of the zone":    testUptimeZone,
	"indexes for tables of many days":                 testIndexes,
	"more days than one transaction writes":           testVeryManyDays,
}

func sharded(d target) target {
	d.config.TableSharding = true
	return d
}

// relations are the tables of a name whose rows a test wants, without those of
// today and tomorrow.
func relations(t *testing.T, d target, name string) []string {
	t.Helper()
	query := ofDriver(d,
		"select tablename::text from pg_tables where tablename like '"+name+"_2%' order by 1",
		"select table_name from information_schema.tables where table_schema = database() and table_name like '"+name+"_2%' order by 1",
		"select name from sqlite_master where type = 'table' and name like '"+name+"_2%' order by name")
	var others []string
	for _, relation := range d.texts(t, query) {
		if d.number(t, "select count(*) from "+relation) > 0 {
			others = append(others, relation)
		}
	}
	return others
}

// onDays makes a push of n records for each of some days from the first on.
func onDays(segment string, days, n int) plog.Logs {
	var records []analytics.Record
	for i := range days * n {
		r := sinktest.Sample(i)
		r.TimeStamp = sinktest.Time.AddDate(0, 0, i%days)
		records = append(records, r)
	}
	return sinktest.Push(segment, 0, records...)
}

func testEachDay(t *testing.T, fresh newTarget) {
	for zone, want := range map[string]string{"UTC": "20260820", "Pacific/Kiritimati": "20260821", "America/Adak": "20260819"} {
		d := sharded(fresh(t))
		d.config.Timezone = zone
		r := sinktest.Sample(0)
		r.TimeStamp = map[string]time.Time{"20260820": sinktest.Time, "20260821": sinktest.Time, "20260819": sinktest.Time.Add(-2 * time.Hour)}[want]
		require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, r)))
		assert.Equal(t, []string{"tyk_analytics_" + want}, relations(t, d, "tyk_analytics"), zone)
	}
}

func testDaysOnce(t *testing.T, fresh newTarget) {
	d := sharded(fresh(t))
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), onDays("seg", 12, 10)))
	}
	names := relations(t, d, "tyk_analytics")
	require.Len(t, names, 12)
	for _, name := range names {
		assert.EqualValues(t, 10, d.number(t, "select count(*) from "+name))
	}
	assert.Equal(t, []string{"tyk_analytics"}, d.texts(t, "select distinct sink from otelcol_tyk_ledger"), "the days share a memory")
}

func testVeryManyDays(t *testing.T, fresh newTarget) {
	d := sharded(withAllTables(fresh(t)))
	d.config.OmitIndexCreation = true // which take most of the time
	const days, ofEach = manyDays + 7, 3
	const foreign, refusedEarly, refusedLate = 41, days + 3, days + manyDays
	e := d.start(t)
	chunk := onDays("seg", days, ofEach)
	chunk.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(foreign).SetEventName("other")
	require.NoError(t, e.ConsumeLogs(t.Context(), onDays("first", manyDays+1, 1)))
	early, late := sinktest.Time.AddDate(0, 0, 3).Format("20060102"), sinktest.Time.AddDate(0, 0, manyDays).Format("20060102")
	refuseColumn(t, d, "tyk_analytics_"+early, "path", "/items/"+strconv.Itoa(refusedEarly))
	refuseColumn(t, d, "tyk_analytics_"+late, "path", "/items/"+strconv.Itoa(refusedLate))
	for range 2 {
		reasons := refusedOf(t, e.ConsumeLogs(t.Context(), chunk))
		assert.Len(t, reasons, 3)
		assert.Contains(t, reasons[foreign], "foreign: ")
		assert.Contains(t, reasons[refusedEarly], "constraint: ")
		assert.Contains(t, reasons[refusedLate], "constraint: ")
	}
	assert.Len(t, relations(t, d, "tyk_analytics"), days)
	stored := map[string]int{}
	for i := range days {
		day := sinktest.Time.AddDate(0, 0, i).Format("20060102")
		for _, path := range d.texts(t, "select path from tyk_analytics_"+day) {
			stored[path+" on "+day]++
		}
	}
	want := map[string]int{}
	for i := range days * ofEach {
		on := fmt.Sprintf("/items/%d on %s", i, sinktest.Time.AddDate(0, 0, i%days).Format("20060102"))
		if i != foreign && i != refusedEarly && i != refusedLate {
			want[on]++
		}
		if i <= manyDays {
			want[on]++ // by the first push
		}
	}
	assert.Equal(t, want, stored)
}

func testDaysAtOnce(t *testing.T, fresh newTarget) {
	d := sharded(withAllTables(fresh(t)))
	d.config.Retry.Enabled = true
	var wg sync.WaitGroup
	for i := range 4 {
		e := d.start(t)
		wg.Go(func() {
			assert.NoError(t, e.ConsumeLogs(t.Context(), onDays("seg"+strconv.Itoa(i), 7, 5)))
		})
	}
	wg.Wait()
	names := relations(t, d, "tyk_analytics")
	require.Len(t, names, 7)
	for _, name := range names {
		assert.EqualValues(t, 20, d.number(t, "select count(*) from "+name))
	}
}

func testRefusedAmongDays(t *testing.T, fresh newTarget) {
	d := sharded(fresh(t))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), onDays("first", 3, 1)))
	refuseColumn(t, d, "tyk_analytics_20260821", "path", "/items/7", "/items/4")
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), onDays("seg", 3, 10)))
	assert.Len(t, reasons, 2)
	assert.Contains(t, reasons, int64(7))
	assert.Contains(t, reasons, int64(4))
	assert.EqualValues(t, 11, d.number(t, "select count(*) from tyk_analytics_20260820"))
	assert.EqualValues(t, 9, d.number(t, "select count(*) from tyk_analytics_20260821"))
	assert.EqualValues(t, 11, d.number(t, "select count(*) from tyk_analytics_20260822"))
}

func testDayThatExists(t *testing.T, fresh newTarget) {
	d := sharded(fresh(t))
	d.exec(t, "create table tyk_analytics_20260820 (id integer, path text)")
	d.exec(t, "insert into tyk_analytics_20260820 (id, path) values (1, '/old')")
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.EqualValues(t, 11, d.number(t, "select count(*) from tyk_analytics_20260820"))
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk_analytics_20260820 where apiid = 'items-api'"), "columns were added")
	assert.Empty(t, indexNames(t, d, "tyk_analytics_20260820"), "indexes were not")
}

func testDroppedDay(t *testing.T, fresh newTarget) {
	d := sharded(fresh(t))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.exec(t, "drop table tyk_analytics_20260820")
	require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)), "the next attempt")
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk_analytics_20260820"))
}

func testTomorrow(t *testing.T, fresh newTarget) {
	d := sharded(withUptime(withAllTables(fresh(t))))
	before := time.Now()
	s := openStore(t, d.config)
	for _, name := range []string{"tyk_analytics", "tyk_analytics_graph", "tyk_analytics_mcp", "tyk_uptime_analytics"} {
		for _, at := range []time.Time{before, before.AddDate(0, 0, 1)} {
			assert.Zero(t, d.number(t, "select count(*) from "+name+"_"+at.UTC().Format("20060102")))
		}
	}
	if d.config.Driver != driverSQLite {
		later := before.AddDate(0, 0, 40)
		require.NoError(t, s.Ahead(t.Context(), later))
		require.NoError(t, s.Ahead(t.Context(), later), "again")
		assert.Len(t, indexNames(t, d, "tyk_analytics_"+later.AddDate(0, 0, 1).UTC().Format("20060102")), 6)
	}
}

// indexNames lists a table's indexes.
func indexNames(t *testing.T, d target, relation string) []string {
	t.Helper()
	return d.texts(t, ofDriver(d,
		"select indexname::text from pg_indexes where tablename = '"+relation+"' order by 1",
		"select distinct index_name from information_schema.statistics where table_schema = database() and table_name = '"+relation+"' order by 1",
		"select name from pragma_index_list('"+relation+"') order by name"))
}

func testUptimeByDay(t *testing.T, fresh newTarget) {
	d := sharded(withUptime(fresh(t)))
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("seg", 0, goldenChecks(t)...)))
	}
	want := map[string]int64{}
	for _, check := range goldenChecks(t) {
		if check.OrgID != "" {
			want["tyk_uptime_analytics_"+check.TimeStamp.UTC().Format("20060102")]++
		}
	}
	names := relations(t, d, "tyk_uptime_analytics")
	require.Equal(t, []string{"tyk_uptime_analytics_20260328", "tyk_uptime_analytics_20260329"}, names, "those of Tyk Pump")
	for _, name := range names {
		assert.Equal(t, want[name], d.number(t, "select sum(counter_hits) from "+name+" where dimension = ''"))
		assert.Contains(t, indexNames(t, d, name), name+"_dimension")
	}
}

func testUptimeZone(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	d.config.Timezone = "Asia/Kolkata"
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), checksOf("seg", 0, aCheck(0))))
	want := time.Date(2026, 8, 20, 9, 30, 0, 0, time.UTC).Unix() // 15:00 there
	assert.Equal(t, want, d.number(t, "select distinct timestamp from tyk_uptime_analytics"))
}

func testIndexes(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	d.config.Indexes = true
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), mixture("seg")))
	for _, name := range []string{"tyk_analytics", "tyk_analytics_graph", "tyk_analytics_mcp"} {
		assert.Equal(t, []string{name + "_idx_apiid_ts", name + "_idx_apikey_ts", name + "_idx_orgid_ts"}, indexNames(t, d, name))
	}

	// To make them on a table that is there would block its writers.
	existing := fresh(t)
	existing.start(t)
	existing.config.Indexes = true
	require.NoError(t, existing.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.Empty(t, indexNames(t, existing, "tyk_analytics"))
}

// The rows that Tyk Pump put into the table of each day; see testdata/golden.
func goldenDays(t *testing.T) map[string]map[string][]int {
	t.Helper()
	return goldenJSON[map[string]map[string][]int](t, "days.json")
}

// goldenRowsOfDays compares the tables of days with those of configurations of Tyk Pump,
// by table. Without a zone, Tyk Pump took that of each record.
func goldenRowsOfDays(wire, zone string, configurations map[string]string) func(*testing.T, newTarget) {
	return func(t *testing.T, fresh newTarget) {
		d := sharded(withAllTables(fresh(t)))
		if zone != "" {
			d.config.Timezone = zone
		}
		require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.GoldenRecordsOf(t, wire)...)))
		for _, table := range d.config.enabledTables() {
			if configurations[table.Name] == "" {
				continue
			}
			rows := wantedRows(t, goldenTables[table.Name], wire)
			want := map[string][]string{}
			for day, lines := range goldenDays(t)[configurations[table.Name]] {
				for _, line := range lines {
					if zone == "" { // here all have one
						day = dayOfRow(t, rows[line])
					}
					want[table.Name+"_"+day] = append(want[table.Name+"_"+day], rows[line])
				}
			}
			names := relations(t, d, table.Name)
			require.Len(t, names, len(want))
			for _, name := range names {
				assertRows(t, d, layout.Shard{Table: table, Day: strings.TrimPrefix(name, table.Name+"_")}, want[name])
			}
			if table.Name == "tyk_analytics" && d.config.Driver == driverPostgres {
				assertDayIndexes(t, d, names[0])
			}
		}
	}
}

// dayOfRow is the day of a row's timestamp in UTC.
func dayOfRow(t *testing.T, row string) string {
	t.Helper()
	var record struct {
		Timestamp time.Time `json:"timestamp"`
	}
	require.NoError(t, json.Unmarshal([]byte(row), &record))
	return record.Timestamp.UTC().Format("20060102")
}

// assertDayIndexes compares a table's indexes with those that Tyk Pump makes.
func assertDayIndexes(t *testing.T, d target, relation string) {
	t.Helper()
	var want []string
	for _, column := range strings.Fields("apiid apikey oauthid orgid responsecode timestamp") {
		quoted := column
		if column == "timestamp" {
			quoted = `"timestamp"`
		}
		want = append(want, fmt.Sprintf("CREATE INDEX %s_idx_%s ON public.%s USING btree (%s)", relation, column, relation, quoted))
	}
	assert.Equal(t, want, d.texts(t, "select indexdef::text from pg_indexes where tablename = '"+relation+"' order by indexname"))
}

// A writer never waits for the making of a table of another day.
func testPostgresWritesWhileTablesAreMade(t *testing.T, server *peers.Postgres) {
	d := sharded(postgresTarget(server)(t))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	tx, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	_, err = tx.ExecContext(t.Context(), "select pg_advisory_xact_lock($1)", int64(xxhash.Sum64String("otelcol-tyk schema")))
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "create table tyk_analytics_20260821 (like tyk_analytics_20260820 including all)")
	require.NoError(t, err)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)))
	assert.EqualValues(t, 20, d.number(t, "select count(*) from tyk_analytics_20260820"))
}

// A server that has locks for some of the tables of a push only. Tables of GraphQL
// have no indexes, and so are soon made.
func TestPostgresLocksAreEnoughForAnyNumberOfDays(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t, peers.PostgresConfig("max_locks_per_transaction=10", // for each of all these
		"max_connections=5", "max_wal_senders=0", "max_worker_processes=0", "autovacuum_max_workers=1"))
	d := sharded(withAllTables(postgresTarget(server)(t)))
	d.config.Tables.Requests.Enabled, d.config.MaxOpenConns = false, 2
	const days = 300
	records := make([]analytics.Record, days)
	for i := range records {
		records[i] = sinktest.Sample(i)
		records[i].TimeStamp = sinktest.Time.AddDate(0, 0, i)
		records[i].GraphQL.IsGraphQL = true
	}
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	}
	var stored []string
	for i := range days {
		stored = append(stored, d.texts(t, "select analytics_path from tyk_analytics_graph_"+sinktest.Time.AddDate(0, 0, i).Format("20060102"))...)
		require.Len(t, stored, i+1)
		require.Equal(t, records[i].Path, stored[i])
	}
}

// manyDays is of how many days one transaction writes.
const manyDays = 50
