package tyksqlexporter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// rollupTests hold for each database.
var rollupTests = map[string]func(*testing.T, newTarget){
	"rollups are those of Tyk Pump":                          testRollupsGolden(goldenRollups),
	"rollups add to rows of Tyk Pump":                        testRollupsAddToTykPump,
	"rollups are the same however records come":              testRollupsAnySplit,
	"rollups are applied once in any cut":                    testRollupsOnce,
	"rollups are cut anew through a queue too":               testRollupsThroughQueue,
	"rollups of many writers all count":                      testRollupsWriters,
	"rollups that wait are stored together":                  testRollupsTogether,
	"rollups stored together do not spoil each other":        testRollupsTogetherApart,
	"rollups of other settings are others":                   testRollupsOfOtherSettings,
	"a group of rollups that is refused is named":            testRollupsRefused,
	"rollups without their table wait":                       testRollupsNotEnabled,
	"rollups of requests alone leave out others":             testRollupsNotTaken,
	"rollups of TCP APIs alone divide by nothing":            testRollupsOfNetwork,
	"rollups with long and dirty values are stored":          testRollupsLongValues,
	"rollups and records travel in one push":                 testRollupsBesideRecords,
	"records without any table of records are left out":      testRecordsBesideRollupTables,
	"a refusal of rollups does not speak for records":        testRollupsRefusedBesideRecords,
	"percentiles come from the table of latencies":           testRollupsLatency,
	"rollups that were cut on the way are waited for":        testRollupsDamaged,
	"latencies alone are stored once":                        testRollupsOnlyLatency,
	"rollups without identity are stored each time":          testRollupsWithoutIdentity,
	"tables of days of rollups are found and made":           testRollupsByDay,
	"a name of a rollup is that of its latest record":        testRollupsLatestName,
	"a minimum is that of successes where there are some":    testRollupsMinimum,
	"nulls of other tools in rows of rollups count as zeros": testRollupsNulls,
}

func asOverlap(err error) (*rollup.OverlapError, bool) {
	return errors.AsType[*rollup.OverlapError](err)
}

// goldenRollup is one configuration of Tyk Pump.
type goldenRollup struct {
	layout  *layout.Layout
	zone    string
	sharded bool
	keep    func(*analytics.Record) bool
}

func withoutTCP(r *analytics.Record) bool { return r.APIID != "tcp-redis" }

// goldenRollups are of the tables that the rollups of one hour are not in. Other records and
// settings make no difference to a database: internal/rollup compares those.
var goldenRollups = map[string]goldenRollup{
	"sql-mcp-aggregate-postgres-sharded": {layout: layout.MCPAggregatedLayout, sharded: true},
}

// otherGoldenRollups are of tables whose columns are as those of others, and of another zone.
var otherGoldenRollups = map[string]goldenRollup{
	"sql_aggregate-postgres-one":                {},
	"sql_aggregate-postgres-sharded-tz-newyork": {keep: withoutTCP, sharded: true, zone: "America/New_York"},
	"sql-graph-aggregate-postgres":              {layout: layout.GraphAggregatedLayout},
}

// sums are the columns that add up over the hours of a value.
func sums() []string {
	names := []string{
		"counter_hits", "counter_success", "counter_error", "counter_total_request_time", "counter_open_connections",
		"counter_closed_connections", "counter_bytes_in", "counter_bytes_out", "counter_total_upstream_latency", "counter_total_latency",
	}
	for _, code := range layout.StatusCodes {
		names = append(names, "code_"+code)
	}
	return names
}

// sumUp adds rows up over their hours.
func sumUp(rows []tableRow) map[string]string {
	totals := map[string]map[string]float64{}
	for _, row := range rows {
		sum := totals[row.key()]
		if sum == nil {
			sum = map[string]float64{}
			totals[row.key()] = sum
		}
		for _, name := range sums() {
			sum[name] += row.number(name)
		}
		for _, name := range []string{"counter_max_latency", "counter_max_upstream_latency"} {
			sum[name] = max(sum[name], row.number(name))
		}
	}
	texts := map[string]string{}
	for key, sum := range totals {
		texts[key] = fmt.Sprint(sum)
	}
	return texts
}

// Tyk Pump books a purge to the hour of its first record; summed up over the hours,
// or the hours of a day, everything else is the same.
func testRollupsGolden(configurations map[string]goldenRollup) func(*testing.T, newTarget) {
	return func(t *testing.T, fresh newTarget) {
		for name, c := range configurations {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				testGoldenRollup(t, fresh, name, c)
			})
		}
	}
}

func testGoldenRollup(t *testing.T, fresh newTarget, name string, c goldenRollup) {
	d := onlyRollups(fresh(t))
	d.config.TableSharding = c.sharded
	if c.zone != "" {
		d.config.Timezone = c.zone
	}
	if c.layout == nil {
		c.layout = layout.AggregatedLayout
	}
	pushGolden(t, d, c, "mixed")
	relation := map[*layout.Layout]string{
		layout.AggregatedLayout: "tyk_aggregated", layout.GraphAggregatedLayout: "tyk_graph_aggregated", layout.MCPAggregatedLayout: "tyk_mcp_aggregated",
	}[c.layout]
	want := goldenRollupRows(t, name)
	var got []tableRow
	if c.sharded {
		days := map[string]bool{}
		for _, row := range want {
			days[row.text("day")] = true
		}
		for day := range days {
			for _, row := range rollupRows(t, d, c.layout, relation+"_"+day) {
				row["day"] = day
				got = append(got, row)
			}
		}
	} else {
		got = rollupRows(t, d, c.layout, relation)
	}
	wanted, found := sumUp(want), sumUp(got)
	for key, sum := range wanted {
		if found[key] != sum {
			assert.Fail(t, "differs", "%s: want %s, got %s", key, sum, found[key])
		}
	}
	assert.Equal(t, len(wanted), len(found)) //nolint:testifylint // a list of all would not help
	for _, row := range got {
		checkRow(t, row, c.layout)
	}
}

// checkRow checks what follows within a row.
func checkRow(t *testing.T, row tableRow, of *layout.Layout) {
	t.Helper()
	owner := row.text("org_id")
	if of != layout.AggregatedLayout {
		owner = row.text("api_id")
	}
	name := fmt.Sprintf("%.0f%s%s%s", row.number("timestamp"), owner, row.text("dimension"), row.text("dimension_value"))
	if id := fmt.Sprintf("%x", name); id != row.text("id") && len(row.text("id")) != layout.MaxRowID {
		assert.Fail(t, "id", "want %s, got %s", id, row.text("id"))
	}
	hits := max(row.number("counter_hits"), 1)
	for mean, sum := range map[string]string{
		"counter_request_time": "counter_total_request_time", "counter_latency": "counter_total_latency", "counter_upstream_latency": "counter_total_upstream_latency",
	} {
		if diff := row.number(sum)/hits - row.number(mean); diff > 1e-9 || diff < -1e-9 {
			assert.Fail(t, mean, "%v", row)
		}
	}
	assert.Equal(t, "{} []", row.text("counter_error_map")+" "+row.text("counter_error_list"))
}

// pushGolden delivers the records of a configuration in the purges of Tyk Pump.
func pushGolden(t *testing.T, d target, c goldenRollup, batching string) {
	t.Helper()
	records := sinktest.GoldenRecordsOf(t, "msgpack")
	a := sinktest.Aggregator(t, func(s *rollup.Settings) {
		if c.zone != "" {
			s.Zone = c.zone
		}
	})
	e := d.start(t)
	for i, purge := range purges(t, batching) {
		var chunk []analytics.Record
		for _, at := range purge {
			if c.keep == nil || c.keep(&records[at]) {
				chunk = append(chunk, records[at])
			}
		}
		require.NoError(t, rolledUp(t, e, a, sinktest.Push("purge"+strconv.Itoa(i), 0, chunk...)))
	}
}

// fifteenDigits is what the casts of databases leave of a float64. Tyk Pump's means have
// all digits in new rows, and these in rows that it added to.
func fifteenDigits(mean float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(mean, 'g', 15, 64), 64)
	return strconv.FormatFloat(rounded, 'g', -1, 64)
}

// goldenRollupsByHour are the rows of Tyk Pump's purges of one hour each.
func goldenRollupsByHour(t *testing.T, d target) []tableRow {
	t.Helper()
	return slices.DeleteFunc(goldenRollupRows(t, "sql_aggregate-postgres-by-hour"), func(row tableRow) bool { return !d.takes(row.text("org_id")) })
}

// compareByHour compares rows with those of Tyk Pump's purges of one hour each,
// times of which made the rows.
func compareByHour(t *testing.T, d target, got []tableRow, times float64) {
	t.Helper()
	want := goldenRollupsByHour(t, d)
	if d.config.Driver == driverMySQL { // which does not hold longer ids
		long := func(row tableRow) bool { return len(row.text("id")) >= layout.MaxRowID }
		got, want = slices.DeleteFunc(got, long), slices.DeleteFunc(want, long)
	}
	slices.SortFunc(want, func(x, y tableRow) int { return strings.Compare(x.text("id"), y.text("id")) })
	require.Equal(t, len(want), len(got)) //nolint:testifylint // a list of all would not help
	for i, w := range want {
		g := got[i]
		require.Equal(t, w.text("id"), g.text("id"))
		for _, name := range sums() {
			if times*w.number(name) != g.number(name) {
				assert.Fail(t, name, "want %v, got %v", w, g)
			}
		}
		for _, name := range []string{"timestamp", "counter_max_latency", "counter_max_upstream_latency"} {
			assert.InDelta(t, w.number(name), g.number(name), 0, name)
		}
		for _, name := range []string{"counter_request_time", "counter_latency", "counter_upstream_latency"} {
			assert.Equal(t, fifteenDigits(w.number(name)), fifteenDigits(g.number(name)), name)
			if all := strconv.FormatFloat(w.number(name), 'g', -1, 64); all != fifteenDigits(w.number(name)) && d.config.Driver == driverPostgres {
				assert.Equal(t, all, strconv.FormatFloat(g.number(name), 'g', -1, 64), name)
			}
		}
		if w.number("counter_hits") == w.number("counter_success") { // otherwise the order of records decides there
			assert.InDelta(t, w.number("counter_min_latency"), g.number("counter_min_latency"), 0)
		}
		assert.Equal(t, w.text("counter_identifier"), g.text("counter_identifier"))
		assert.Equal(t, w.text("org_id")+w.text("dimension")+w.text("dimension_value"), g.text("org_id")+g.text("dimension")+g.text("dimension_value"))
	}
}

func testRollupsByHour(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	pushGolden(t, d, goldenRollup{keep: withoutTCP}, "by_hour")
	compareByHour(t, d, rollupRows(t, d, layout.AggregatedLayout, "tyk_aggregated"), 1)
	if d.config.Driver == driverPostgres {
		longer := "counter_latency <> counter_latency::float8::text::numeric or counter_request_time <> counter_request_time::float8::text::numeric"
		assert.Equal(t, []string{"0"}, d.texts(t, "select count(*)::text from tyk_aggregated where "+longer), "means have the digits of a float64, as Tyk Pump's")
	}
}

// The rows of Tyk Pump are there already, in the table that it made: ours are added.
func testRollupsAddToTykPump(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	d.start(t) // the same table, see "tables are those of Tyk Pump"
	var names, rows []string
	for _, row := range goldenRollupsByHour(t, d) {
		if len(row.text("id")) > layout.MaxRowID && d.config.Driver == driverMySQL {
			continue
		}
		names = names[:0]
		var values []string
		for _, c := range layout.AggregatedLayout.Columns {
			value := "0"
			switch {
			case c.Name == "counter_error_map":
				value = "'{}'"
			case c.Name == "counter_error_list":
				value = "'[]'"
			case c.Class == layout.ClassText:
				value = "'" + strings.ReplaceAll(row.text(c.Name), "'", "''") + "'"
				if d.config.Driver == driverMySQL {
					value = strings.ReplaceAll(value, `\`, `\\`)
				}
			case c.Class == layout.ClassTime:
				value = "'" + strings.Replace(row.text(c.Name)[:19], "T", " ", 1) + "'"
				if d.config.Driver == driverPostgres {
					value += "::timestamp at time zone 'UTC'"
				}
			case row[c.Name] != nil:
				value = decimal(row.number(c.Name))
			}
			names, values = append(names, c.Name), append(values, value)
		}
		rows = append(rows, "("+strings.Join(values, ", ")+")")
	}
	for some := range slices.Chunk(rows, 200) {
		d.exec(t, "insert into tyk_aggregated ("+strings.Join(names, ", ")+") values "+strings.Join(some, ", "))
	}
	pushGolden(t, d, goldenRollup{keep: func(r *analytics.Record) bool { return withoutTCP(r) && d.takes(r.OrgID) }}, "mixed")
	compareByHour(t, d, rollupRows(t, d, layout.AggregatedLayout, "tyk_aggregated"), 2)
}

func testRollupsAnySplit(t *testing.T, fresh newTarget) {
	var first []tableRow
	records := slices.DeleteFunc(sinktest.GoldenRecordsOf(t, "msgpack"), func(r analytics.Record) bool { return r.RequestTime%3 > 0 })
	for round := range 2 {
		d := onlyRollups(fresh(t))
		e, a := d.start(t), sinktest.Aggregator(t, nil)
		shuffled := slices.Clone(records)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for i := 0; len(shuffled) > 0; i++ {
			n := len(shuffled) // in the first round
			if round > 0 {
				n = 1 + rand.IntN(min(n, 200))
			}
			require.NoError(t, rolledUp(t, e, a, sinktest.Push("chunk"+strconv.Itoa(i), 0, shuffled[:n]...)))
			shuffled = shuffled[n:]
		}
		got := rollupRows(t, d, layout.AggregatedLayout, "tyk_aggregated")
		got = append(got, rollupRows(t, d, layout.GraphAggregatedLayout, "tyk_graph_aggregated")...)
		got = append(got, rollupRows(t, d, layout.MCPAggregatedLayout, "tyk_mcp_aggregated")...)
		if round == 0 {
			first = got
			continue
		}
		require.Equal(t, len(first), len(got)) //nolint:testifylint // a list of all would not help
		for i := range first {
			require.Equal(t, first[i], got[i])
		}
	}
}

// totalHits is what the totals count.
func totalHits(t *testing.T, d target) int64 {
	t.Helper()
	return d.number(t, "select coalesce(sum(counter_hits), 0) from tyk_aggregated where dimension = ''")
}

func testRollupsOnce(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 100, 199)))
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 100, 199)))
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 120, 130)), "a part of it")
	assert.EqualValues(t, 100, totalHits(t, d))

	groups, _ := a.Aggregate(sinktest.Hits("seg", 50, 149), nil)
	logs := plog.NewLogs()
	rollup.AppendLogs(logs, "", groups)
	err := e.ConsumeLogs(t.Context(), logs)
	overlap, ok := asOverlap(err)
	require.True(t, ok && consumererror.IsPermanent(err), err)
	require.Len(t, overlap.Overlaps, 1)
	assert.Equal(t, []rollup.Range{{First: 100, Last: 149}}, overlap.Overlaps[0].Applied.Ranges())
	assert.EqualValues(t, 100, totalHits(t, d), "nothing of the push was stored")

	for range 20 { // in any cut, until every one of 300 was there
		first := rand.IntN(300)
		require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", first, first+rand.IntN(300-first))))
	}
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 0, 299)))
	assert.EqualValues(t, 300, totalHits(t, d))
	assert.EqualValues(t, 300, d.number(t, "select sum(counter_hits) from tyk_aggregated where dimension = 'apikeys'"))
	assert.EqualValues(t, 299*300/2, d.number(t, "select sum(counter_total_latency) from tyk_aggregated where dimension = 'apiid'"))
}

// The word of what is applied reaches the processor through queue and retries.
func testRollupsThroughQueue(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	d.config.Retry.Enabled = true
	d.config.Queue = configoptional.Some(*createDefaultConfig().(*Config).Queue.GetOrInsertDefault())
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 10, 19)))
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 0, 29)))
	assert.EqualValues(t, 30, totalHits(t, d))
}

func testRollupsWriters(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	const writers, chunks, each = 6, 8, 50
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for chunk := range chunks {
				from := (chunk + writer) % chunks * each // all write the same, in another order
				for {
					err := rolledUp(t, e, a, sinktest.Hits("seg", from, from+each-1))
					if err == nil {
						break
					}
					if consumererror.IsPermanent(err) {
						assert.NoError(t, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, chunks*each, totalHits(t, d))
}

func testRollupsOfOtherSettings(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e := d.start(t)
	for range 2 {
		require.NoError(t, rolledUp(t, e, sinktest.Aggregator(t, nil), sinktest.Hits("seg", 0, 99)))
		require.NoError(t, rolledUp(t, e, sinktest.Aggregator(t, func(s *rollup.Settings) { s.Minutes = 7 }), sinktest.Hits("seg", 0, 99)))
	}
	assert.EqualValues(t, 200, totalHits(t, d), "as two pipelines into one table mean it")
	assert.EqualValues(t, 100, d.number(t, "select sum(counter_hits) from tyk_aggregated where dimension = '' and timestamp % 3600 = 0"))
	assert.EqualValues(t, 2, d.number(t, "select count(distinct sink) from otelcol_tyk_ledger"))
}

func testRollupsRefused(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	refuseColumn(t, d, "tyk_aggregated", "org_id", "bad")
	chunk := sinktest.Hits("seg", 0, 9)
	bad := sinktest.Hit(10)
	bad.OrgID = "bad"
	sinktest.Push("seg", 10, bad, bad).ResourceLogs().MoveAndAppendTo(chunk.ResourceLogs())
	for range 2 {
		reasons := refusedOf(t, rolledUp(t, e, a, chunk))
		require.Len(t, reasons, 2)
		assert.Contains(t, reasons[10], "constraint: ")
		assert.Contains(t, reasons, int64(11))
		assert.EqualValues(t, 10, totalHits(t, d))
	}
}

func testRollupsNotEnabled(t *testing.T, fresh newTarget) {
	d := fresh(t)
	host := newStatusHost()
	e := startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), host)
	err := rolledUp(t, e, sinktest.Aggregator(t, nil), sinktest.Hits("seg", 0, 9))
	require.ErrorContains(t, err, "enable tables::aggregated")
	assert.False(t, consumererror.IsPermanent(err), "they wait")
	require.Len(t, host.events, 1)
	require.ErrorContains(t, host.events[0].Err(), "enable tables::aggregated")
	require.NoError(t, rolledUp(t, withRollups(d).start(t), sinktest.Aggregator(t, nil), sinktest.Hits("seg", 0, 9)))
	assert.EqualValues(t, 10, totalHits(t, d))
}

func testRollupsNotTaken(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.config.Tables.Requests.Enabled, d.config.Tables.Aggregated.Enabled = false, true
	mcp := sinktest.Hit(1)
	mcp.MCP.IsMCP = true
	require.NoError(t, rolledUp(t, d.start(t), sinktest.Aggregator(t, nil), sinktest.Push("seg", 0, sinktest.Hit(0), mcp)))
	assert.EqualValues(t, 1, totalHits(t, d))
	assert.EqualValues(t, 1, d.number(t, "select count(*) from otelcol_tyk_ledger"))
}

func testRollupsOfNetwork(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	second := sinktest.Hit(0)
	second.ResponseCode, second.Network = -1, analytics.Network{OpenConnections: 3, ClosedConnections: 2, BytesIn: 5, BytesOut: 7}
	for i := range 2 {
		require.NoError(t, rolledUp(t, e, a, sinktest.Push("seg", int64(i), second)))
	}
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 10, 10)))
	rows := rollupRows(t, d, layout.AggregatedLayout, "tyk_aggregated")
	for _, row := range rows {
		if row.text("dimension") == "" {
			assert.Equal(t, []float64{6, 4, 10, 14, 1, 10, 10}, []float64{
				row.number("counter_open_connections"), row.number("counter_closed_connections"), row.number("counter_bytes_in"), row.number("counter_bytes_out"),
				row.number("counter_hits"), row.number("counter_min_latency"), row.number("counter_latency"),
			})
		}
	}
}

func testRollupsLongValues(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	r, other := sinktest.Hit(0), sinktest.Hit(0)
	long := make([]byte, 3000)
	for i := range long { // nothing that compression makes fit
		long[i] = byte('a' + rand.IntN(26))
	}
	r.Path = "/" + string(long)
	other.Path = r.Path + "x"
	r.Alias, r.APIKey = "nul\x00 and \xff", `quo"te\{},'`
	for i := range 2 {
		require.NoError(t, rolledUp(t, e, a, sinktest.Push("seg", int64(2*i), r, other)))
	}
	assert.EqualValues(t, 4, totalHits(t, d))
	assert.EqualValues(t, 2, d.number(t, "select count(*) from tyk_aggregated where dimension = 'endpoints' and counter_hits = 2"))
	assert.EqualValues(t, 3001, d.number(t, "select min(length(counter_identifier)) from tyk_aggregated where dimension = 'endpoints'"))
	cut := d.number(t, "select count(*) from tyk_aggregated where dimension_value like '%~%'")
	assert.Equal(t, d.config.Driver == driverPostgres, cut > 0, "where an index does not hold them")
	assert.Equal(t, []string{"nul\uFFFD and \uFFFD"}, d.texts(t, "select counter_human_identifier from tyk_aggregated where counter_human_identifier like 'nul%'"))
	assert.Equal(t, []string{r.APIKey}, d.texts(t, "select dimension_value from tyk_aggregated where counter_human_identifier like 'nul%'"))
}

func testRollupsDamaged(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	groups, _ := sinktest.Aggregator(t, nil).Aggregate(sinktest.Hits("seg", 0, 9), nil)
	logs := plog.NewLogs()
	rollup.AppendLogs(logs, "", groups)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(lr plog.LogRecord) bool { return lr.Attributes().Len() > 14 })
	host := newStatusHost()
	err := startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), host).ConsumeLogs(t.Context(), logs)
	require.ErrorContains(t, err, "no component may cut")
	require.ErrorContains(t, err, "rollups are damaged; they wait")
	assert.False(t, consumererror.IsPermanent(err), "nothing is given up")
	assert.Equal(t, componentstatus.StatusRecoverableError, host.statuses()[len(host.statuses())-1])
}

func testRollupsWithoutIdentity(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	for range 2 {
		require.NoError(t, rolledUp(t, e, a, sinktest.Hits("", 0, 9)))
	}
	assert.EqualValues(t, 20, totalHits(t, d))
	assert.Zero(t, d.number(t, "select count(*) from otelcol_tyk_ledger"))
}

func testRollupsByDay(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	d.config.TableSharding = true
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	var records []analytics.Record
	for day := range 35 { // more than are made at once
		r := sinktest.Hit(day)
		r.TimeStamp = sinktest.Time.AddDate(0, 0, day)
		records = append(records, r)
	}
	for range 2 {
		require.NoError(t, rolledUp(t, e, a, sinktest.Push("seg", 0, records...)))
	}
	assert.EqualValues(t, 1, d.number(t, "select counter_hits from tyk_aggregated_20260820 where dimension = ''"))
	assert.EqualValues(t, 1, d.number(t, "select counter_hits from tyk_aggregated_20260923 where dimension = ''"))
}

func testRollupsLatestName(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	for i, second := range []int{5, 9, 2} {
		r := sinktest.Hit(0)
		r.TimeStamp, r.APIName = sinktest.Time.Add(time.Duration(second)*time.Second), fmt.Sprintf("name at %d", second)
		require.NoError(t, rolledUp(t, e, a, sinktest.Push("seg", int64(i), r)))
	}
	assert.Equal(t, []string{"name at 9"}, d.texts(t, "select counter_human_identifier from tyk_aggregated where dimension = 'apiid'"))
	assert.Equal(t, "2026-08-20 10:11:21", rollupRows(t, d, layout.AggregatedLayout, "tyk_aggregated")[0].text("counter_last_time"))
}

func testRollupsMinimum(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	least := func(dimension string) int64 {
		return d.number(t, "select counter_min_latency from tyk_aggregated where dimension = '"+dimension+"'")
	}
	for i, step := range []struct{ code, latency, total, api int64 }{
		{500, 7, 7, 7}, {404, 5, 5, 5}, // while all failed, the least of all
		{302, 30, 5, 30}, // no success, but no error
		{200, 40, 40, 30}, {500, 1, 40, 30}, {302, 20, 40, 20}, {200, 35, 35, 20},
	} {
		r := sinktest.Hit(0)
		r.ResponseCode, r.Latency.Total = step.code, step.latency
		require.NoError(t, rolledUp(t, e, a, sinktest.Push("seg", int64(i), r)))
		assert.Equal(t, []int64{step.total, step.api}, []int64{least(""), least("apiid")}, i)
	}
}

func testRollupsNulls(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 0, 9)))
	d.exec(t, "update tyk_aggregated set code_500 = null, counter_bytes_in = null")
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 10, 19)))
	assert.EqualValues(t, 3, d.number(t, "select code_500 from tyk_aggregated where dimension = ''"))
}

// decimal is a number in the shortest form that is exactly it.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
