package tyksqlexporter

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// uptimeTests hold for each database.
var uptimeTests = map[string]func(*testing.T, newTarget){
	"uptime counts are those of Tyk Pump by hour":   testUptimeGolden,
	"uptime checks are counted once":                testUptimeOnce,
	"uptime checks of many writers are all counted": testUptimeWriters,
	"an uptime check that is refused is named":      testUptimeRefused,
	"uptime checks without their table wait":        testUptimeNotEnabled,
	"uptime checks of nobody are not taken":         testUptimeOfNobody,
	"text in uptime checks is cleaned":              testUptimeUnclean,
	"uptime rows are those of Tyk Pump":             testUptimeRows,
	"uptime rows by day are those of Tyk Pump":      testUptimeRowsByDay,
}

// uptimeSums are the columns that grow with each check.
func uptimeSums() []string {
	sums := []string{"counter_hits", "counter_success", "counter_error", "counter_total_request_time"}
	for _, code := range layout.StatusCodes {
		sums = append(sums, "code_"+code)
	}
	return sums
}

func withUptime(d target) target {
	d.config.Tables.Uptime.Enabled = true
	return d
}

// checksOf makes one push of uptime checks.
func checksOf(segment string, first int, checks ...analytics.Uptime) plog.Logs {
	logs := plog.NewLogs()
	slice := analytics.AppendScope(logs)
	for i := range checks {
		checks[i].ToLog(slice.AppendEmpty(), analytics.UID{Segment: segment, Index: int64(first + i)}.String())
	}
	return logs
}

func goldenChecks(t *testing.T) []analytics.Uptime {
	t.Helper()
	var checks []analytics.Uptime
	for _, entry := range sinktest.Entries(sinktest.Unzip(t, "testdata", "golden", "uptime.bin.gz")) {
		var check analytics.Uptime
		require.NoError(t, analytics.DecodeUptime(entry, &check))
		checks = append(checks, check)
	}
	return checks
}

// aCheck is a successful check of the i-th of five addresses.
func aCheck(i int) analytics.Uptime {
	return analytics.Uptime{
		URL: fmt.Sprintf("http://upstream-%d.example/", i%5), RequestTime: int64(10 + i), ResponseCode: 200,
		TimeStamp: sinktest.Time.Add(time.Duration(i) * time.Minute), APIID: "items-api", OrgID: "acme",
	}
}

type uptimeRow map[string]any

func (r uptimeRow) key() string {
	return fmt.Sprintf("%v|%v|%v", r["org_id"], r["dimension"], r["dimension_value"])
}

// uptimeRows reads the table, numbers as floats and times as text.
func uptimeRows(t *testing.T, d target, relation string) []uptimeRow {
	t.Helper()
	columns := make([]string, 0, len(layout.UptimeLayout.Columns))
	for _, c := range layout.UptimeLayout.Columns {
		name := c.Name
		if c.Class == layout.ClassTime {
			name = "substr(cast(" + name + " as " + ofDriver(d, "text", "char", "text") + "), 1, 19)"
		}
		columns = append(columns, "'"+c.Name+"', "+name)
	}
	build := ofDriver(d, "json_build_object(", "json_object(", "json_object(")
	var rows []uptimeRow
	for _, line := range d.texts(t, "select cast("+build+strings.Join(columns, ", ")+") as "+ofDriver(d, "text", "char", "text")+") from "+relation+" order by id") {
		var row uptimeRow
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		rows = append(rows, row)
	}
	return rows
}

// The sums over all hours are those of Tyk Pump, as are ids and everything else
// but what docs/differences.md lists: the hour, the mean and the last time.
func testUptimeGolden(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	e := d.start(t)
	checks := goldenChecks(t)
	for from := 0; from < len(checks); from += 20 { // the rows do not depend on how checks come
		to := min(from+20, len(checks))
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("seg", from, checks[from:to]...)))
	}
	sums := uptimeSums()
	sumUp := func(rows []uptimeRow) map[string]uptimeRow {
		totals := map[string]uptimeRow{}
		for _, row := range rows {
			assert.Equal(t, fmt.Sprintf("%x", fmt.Sprintf("%.0f%s%s%s", row["timestamp"], row["org_id"], row["dimension"], row["dimension_value"])), row["id"])
			total := totals[row.key()]
			if total == nil {
				total = uptimeRow{}
				for name, value := range row {
					total[name] = value
				}
				for _, name := range []string{"id", "timestamp", "counter_request_time", "counter_last_time"} {
					delete(total, name)
				}
				totals[row.key()] = total
				continue
			}
			for _, name := range sums {
				total[name] = total[name].(float64) + row[name].(float64)
			}
		}
		return totals
	}
	want := goldenUptime(t, "rows-uptime.jsonl.gz")
	got := uptimeRows(t, d, "tyk_uptime_analytics")
	assert.Equal(t, sumUp(want), sumUp(got))

	hits := map[string]float64{} // counted here by hour and organisation
	for _, check := range checks {
		if check.OrgID != "" {
			hits[fmt.Sprint(check.OrgID, check.TimeStamp.Truncate(time.Hour).Unix())]++
		}
	}
	for _, row := range got {
		assert.InDelta(t, row["counter_total_request_time"].(float64)/row["counter_hits"].(float64), row["counter_request_time"], 1e-9)
		if row["dimension"] == "" {
			key := fmt.Sprintf("%s%.0f", row["org_id"], row["timestamp"])
			assert.InDelta(t, hits[key], row["counter_hits"], 0, key)
			delete(hits, key)
		}
	}
	assert.Empty(t, hits)
}

// asPumpBooks gives checks the hour in which Tyk Pump books them: that of their
// organisation's first in the purge. Tables of days are given those of one day by
// themselves (docs/differences.md, "Uptime").
func asPumpBooks(checks []analytics.Uptime, sharded bool) []analytics.Uptime {
	const day = 24 * time.Hour
	booked := slices.Clone(checks)
	for from, purges := 0, []int{1, 10, 19, 28, 32}; from < len(booked); purges = purges[1:] {
		first := map[string]time.Time{}
		for i := from; i < from+purges[0]; i++ {
			check := &booked[i]
			if sharded && i > from && !check.TimeStamp.Truncate(day).Equal(checks[i-1].TimeStamp.Truncate(day)) {
				clear(first)
			}
			if _, ok := first[check.OrgID]; !ok {
				first[check.OrgID] = check.TimeStamp
			}
			check.TimeStamp = first[check.OrgID]
		}
		from += purges[0]
	}
	return booked
}

// assertUptimeRows compares each column of each row, but the last time, which Tyk Pump
// does not keep; the mean is that of the row and not of its first purge.
func assertUptimeRows(t *testing.T, want, got []uptimeRow) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, row := range want {
		row["counter_request_time"] = 0.0
		if hits := row["counter_hits"].(float64); hits > 0 {
			row["counter_request_time"] = row["counter_total_request_time"].(float64) / hits
		}
		delete(row, "counter_last_time")
		delete(got[i], "counter_last_time")
		assert.Equal(t, row, got[i])
	}
}

func goldenUptime(t *testing.T, file string) []uptimeRow {
	t.Helper()
	var rows []uptimeRow
	for _, line := range goldenLines(t, file) {
		var row uptimeRow
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(x, y uptimeRow) int { return strings.Compare(x["id"].(string), y["id"].(string)) })
	return rows
}

func testUptimeRows(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), checksOf("seg", 0, asPumpBooks(goldenChecks(t), false)...)))
	assertUptimeRows(t, goldenUptime(t, "rows-uptime.jsonl.gz"), uptimeRows(t, d, "tyk_uptime_analytics"))
}

func testUptimeRowsByDay(t *testing.T, fresh newTarget) {
	d := sharded(withUptime(fresh(t)))
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), checksOf("seg", 0, asPumpBooks(goldenChecks(t), true)...)))
	want := map[string][]uptimeRow{}
	for _, row := range goldenUptime(t, "rows-uptime-days.jsonl.gz") {
		relation := "tyk_uptime_analytics_" + time.Unix(int64(row["timestamp"].(float64)), 0).UTC().Format("20060102")
		want[relation] = append(want[relation], row)
	}
	require.Equal(t, slices.Sorted(maps.Keys(want)), relations(t, d, "tyk_uptime_analytics"))
	for relation, rows := range want {
		assertUptimeRows(t, rows, uptimeRows(t, d, relation))
	}
}

func testUptimeOnce(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	e := d.start(t)
	checks := []analytics.Uptime{aCheck(0), aCheck(5), aCheck(10)}
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("seg", 0, checks[:2]...)))
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("seg", 0, checks...)))
	}
	rows := uptimeRows(t, d, "tyk_uptime_analytics")
	require.Len(t, rows, 2)
	for _, row := range rows {
		assert.InDelta(t, 3, row["counter_hits"], 0)
		assert.InDelta(t, 45, row["counter_total_request_time"], 0)
		assert.InDelta(t, 15, row["counter_request_time"], 0)
		assert.Equal(t, "2026-08-20 10:21:12", row["counter_last_time"])
	}
	assert.Equal(t, []string{"tyk_uptime_analytics"}, d.texts(t, "select distinct sink from otelcol_tyk_ledger"))
}

func testUptimeWriters(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	e := d.start(t)
	const writers, pushes, each = 8, 5, 20
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for push := range pushes {
				checks := make([]analytics.Uptime, each)
				for i := range checks {
					checks[i] = aCheck(rand.IntN(300))
				}
				assert.NoError(t, e.ConsumeLogs(t.Context(), checksOf(fmt.Sprint("seg", writer, "x", push), 0, checks...)))
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, writers*pushes*each, d.number(t, "select sum(counter_hits) from tyk_uptime_analytics where dimension = ''"))
	assert.EqualValues(t, writers*pushes*each, d.number(t, "select sum(code_200) from tyk_uptime_analytics where dimension = 'url'"))
}

func testUptimeRefused(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	e := d.start(t)
	refuseColumn(t, d, "tyk_uptime_analytics", "dimension_value", "http://upstream-3.example/")
	checks := make([]analytics.Uptime, 10)
	for i := range checks {
		checks[i] = aCheck(i)
	}
	for range 2 {
		reasons := refusedOf(t, e.ConsumeLogs(t.Context(), checksOf("seg", 0, checks...)))
		require.Len(t, reasons, 2)
		assert.Contains(t, reasons[3], "constraint: ")
		assert.Contains(t, reasons, int64(8))
		assert.EqualValues(t, 8, d.number(t, "select counter_hits from tyk_uptime_analytics where dimension = ''"))
	}
}

func testUptimeNotEnabled(t *testing.T, fresh newTarget) {
	d := fresh(t)
	logs := checksOf("seg", 0, aCheck(0))
	sinktest.Samples("other", 0, 0).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	err := d.start(t).ConsumeLogs(t.Context(), logs)
	assert.EqualValues(t, 1, d.rows(t), "others do not wait")
	require.ErrorContains(t, err, "uptime checks arrive, but tables::uptime::enabled is false: enable it, or give uptime checks a pipeline of their own")
	assert.False(t, consumererror.IsPermanent(err), "they wait")
	d = withUptime(d)
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), checksOf("seg", 0, aCheck(0))), "redelivered")
	assert.EqualValues(t, 1, d.number(t, "select counter_hits from tyk_uptime_analytics where dimension = ''"))
}

func testUptimeOfNobody(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	check := aCheck(0)
	check.OrgID = ""
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), checksOf("seg", 0, check)))
	assert.Empty(t, uptimeRows(t, d, "tyk_uptime_analytics"))
	assert.Zero(t, d.number(t, "select count(*) from otelcol_tyk_ledger"))
}

func testUptimeUnclean(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	check := aCheck(0)
	check.URL, check.TimeStamp = "http://a\x00b", time.Time{}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), checksOf("seg", 0, check)))
	assert.Equal(t, []string{"http://a\uFFFDb"}, d.texts(t, "select dimension_value from tyk_uptime_analytics where dimension = 'url'"))
}

func testUptimeWithoutKey(t *testing.T, fresh newTarget) {
	const partial, plain = "create unique index by_id on tyk_uptime_analytics (id) where id <> ''", "create index by_id on tyk_uptime_analytics (id)"
	for _, statements := range [][]string{
		{"create table tyk_uptime_analytics (id varchar(191), other varchar(20) unique)"},
		{"create table tyk_uptime_analytics (id varchar(191), other varchar(20), unique (id, other))"},
		{"create table tyk_uptime_analytics (id varchar(191))", partial},
		{"create table tyk_uptime_analytics (id varchar(191))", plain},
	} {
		d := withUptime(fresh(t))
		for _, statement := range statements {
			if statement == partial {
				statement = ofDriver(d, partial, "create unique index by_id on tyk_uptime_analytics (id(20))", partial)
			}
			d.exec(t, statement)
		}
		require.EqualError(t, startError(t, d), `table "tyk_uptime_analytics": has no primary key or unique index on "id", so nothing can be added to its rows: make one, or set tables::uptime::name to another table`)
		names := ofDriver(d,
			"select attname::text from pg_attribute where attrelid = 'tyk_uptime_analytics'::regclass and attnum > 0",
			"select column_name from information_schema.columns where table_schema = database() and table_name = 'tyk_uptime_analytics'",
			"select name from pragma_table_info('tyk_uptime_analytics')")
		assert.NotContains(t, d.texts(t, names), "code_200", "nothing was changed")
	}
}

func TestSQLiteUptimeNeedsItsKey(t *testing.T) {
	t.Parallel()
	testUptimeWithoutKey(t, sqliteTarget)
	testUptimeWithUniqueIndex(t, sqliteTarget)
}

func testUptimeWithUniqueIndex(t *testing.T, fresh newTarget) {
	d := withUptime(fresh(t))
	d.exec(t, "create table tyk_uptime_analytics (id varchar(191))")
	d.exec(t, "create unique index by_id on tyk_uptime_analytics (id)")
	for range 2 {
		require.NoError(t, d.start(t).ConsumeLogs(t.Context(), checksOf("seg", 0, aCheck(0))))
	}
	assert.EqualValues(t, 1, d.number(t, "select counter_hits from tyk_uptime_analytics where dimension = ''"))
}

func testPostgresUptimeTooLarge(t *testing.T, server *peers.Postgres) {
	d := withUptime(postgresTarget(server)(t))
	checks := []analytics.Uptime{aCheck(0), aCheck(1), aCheck(2)}
	long := make([]byte, 9000)
	for i := range long { // nothing that compression makes fit
		long[i] = byte('!' + rand.IntN(90))
	}
	checks[1].URL = string(long)
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), checksOf("seg", 0, checks...)))
	assert.EqualValues(t, 3, d.number(t, "select counter_hits from tyk_uptime_analytics where dimension = ''"))
	assert.EqualValues(t, 1, d.number(t, "select counter_hits from tyk_uptime_analytics where dimension_value like '%~________________'"))
}
