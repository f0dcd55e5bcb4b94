package tyksqlexporter

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// refusedTests hold for each database.
var refusedTests = map[string]func(*testing.T, newTarget){
	"one refused record among many is named":           testOneRefused,
	"refused records anywhere are found":               testManyRefused,
	"a push of refused records only is refused":        testAllRefused,
	"refused records are named through the queue":      testRefusedThroughQueue,
	"a refused record is stored once it is taken":      testRefusedThenTaken,
	"a number beyond the column is refused":            testNumberBeyond,
	"times beyond the database's range become nearest": testTimesBeyond,
}

// refusePaths makes the database refuse some paths.
func refusePaths(t *testing.T, d target, paths ...string) {
	t.Helper()
	refuseColumn(t, d, "tyk_analytics", "path", paths...)
}

// refuseColumn makes a table refuse some values.
func refuseColumn(t *testing.T, d target, table, column string, values ...string) {
	t.Helper()
	list := "'" + strings.Join(values, "', '") + "'"
	if d.config.Driver != driverSQLite {
		d.exec(t, "alter table "+table+" add constraint no_bad_paths check ("+column+" not in ("+list+"))")
		return
	}
	name := "no_bad_paths"
	if table != "tyk_analytics" {
		name += "_" + table
	}
	d.exec(t, "create trigger "+name+" before insert on "+table+" when new."+column+" in ("+list+") begin select raise(abort, 'no_bad_paths'); end")
}

func takePathsAgain(t *testing.T, d target) {
	t.Helper()
	if d.config.Driver != driverSQLite {
		d.exec(t, "alter table tyk_analytics drop constraint no_bad_paths")
		return
	}
	d.exec(t, "drop trigger no_bad_paths")
}

func testOneRefused(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	records := ofDriver(d, 5000, 5000, 500) // each row of SQLite costs a millisecond with the race detector
	at := int64(records * 16 / 25)
	path := fmt.Sprintf("/items/%d", at)
	refusePaths(t, d, path)
	chunk := sinktest.Samples("seg", 0, records-1)
	for range 2 { // delivered again, it is refused again, and nothing else changes
		reasons := refusedOf(t, e.ConsumeLogs(t.Context(), chunk))
		require.Len(t, reasons, 1)
		assert.Contains(t, reasons[at], "constraint: ")
		assert.Contains(t, reasons[at], "no_bad_paths")
		assert.EqualValues(t, records-1, d.rows(t))
	}
	assert.Zero(t, d.number(t, "select count(*) from tyk_analytics where path = '"+path+"'"))
}

func testManyRefused(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	refusePaths(t, d, "/items/0", "/items/1", "/items/50", "/items/98", "/items/99")
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 99)))
	assert.Len(t, reasons, 5)
	for _, i := range []int64{0, 1, 50, 98, 99} {
		assert.Contains(t, reasons, i)
	}
	assert.EqualValues(t, 95, d.rows(t))
}

func testAllRefused(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	refusePaths(t, d, "/items/0", "/items/1", "/items/2")
	assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 2))), 3)
	assert.Zero(t, d.rows(t))
	assert.Zero(t, d.number(t, "select count(*) from otelcol_tyk_ledger"))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 3, 5)))
	assert.EqualValues(t, 3, d.rows(t))
}

func testRefusedThroughQueue(t *testing.T, fresh newTarget) {
	d := withDefaults(fresh(t))
	d.config.Queue.GetOrInsertDefault()
	e := d.start(t)
	refusePaths(t, d, "/items/5")
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.Len(t, reasons, 1)
	assert.Contains(t, reasons, int64(5))
	assert.EqualValues(t, 9, d.rows(t))
}

func testRefusedThenTaken(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	refusePaths(t, d, "/items/0", "/items/7")
	assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9))), 2)
	takePathsAgain(t, d)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 0)), "replayed alone")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)), "replayed with its chunk")
	assertPaths(t, d, 0, 9)
}

func testNumberBeyond(t *testing.T, fresh newTarget) {
	d := fresh(t)
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2)}
	records[1].Geo.CityGeoNameID = math.MaxUint64
	if d.config.Driver == driverMySQL {
		require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
		assert.Equal(t, []string{"18446744073709551615"}, d.texts(t, "select geo_city_geoname_id from tyk_analytics where path = '/items/1'"), "which has no sign there")
		return
	}
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Len(t, reasons, 1)
	assert.Contains(t, reasons[1], `range: column "geo_city_geoname_id": 18446744073709551615 does not fit`)
	assert.EqualValues(t, 2, d.rows(t))
}

func testTimesBeyond(t *testing.T, fresh newTarget) {
	d := fresh(t)
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2), sinktest.Sample(3)}
	records[0].ExpireAt = time.Time{}
	records[1].ExpireAt = time.Date(400_000, 1, 1, 0, 0, 0, 0, time.UTC)
	records[2].ExpireAt = time.Date(-10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	records[3].TimeStamp = time.Time{}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	want := []string{"/items/2", "/items/0", "/items/3", "/items/1"}
	if d.config.Driver == driverMySQL { // whose first year is 1
		want = []string{"/items/0", "/items/2", "/items/3", "/items/1"}
	}
	assert.Equal(t, want, d.texts(t, `select path from tyk_analytics order by "expireAt", path`))
	assert.EqualValues(t, 1, d.number(t, "select count(*) from tyk_analytics where timestamp < '0001-01-02'"))
}

func testPostgresRefusesByIndex(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	e := d.start(t)
	d.exec(t, "create index on tyk_analytics (path)")
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2)}
	long := make([]byte, 9000)
	for i := range long { // nothing that compression makes fit
		long[i] = byte('!' + rand.IntN(90))
	}
	records[1].Path = string(long)
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Len(t, reasons, 1)
	assert.Contains(t, reasons[1], "too_large: ")
	assert.Contains(t, reasons[1], "index row")
	assert.EqualValues(t, 2, d.rows(t))
}

func testPostgresRefusesTooLong(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	d.exec(t, "create table tyk_analytics (path varchar(10), contentlength int)")
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2), sinktest.Sample(3)}
	records[1].Path = "/longer than ten"
	records[2].ContentLength = 1 << 40
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Len(t, reasons, 2)
	assert.Contains(t, reasons[1], "too_large: ")
	assert.Equal(t, `range: column "contentlength": 1099511627776 does not fit integer`, reasons[2])
	assert.EqualValues(t, 2, d.rows(t))
}

func testPostgresWaitsForPartition(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	d.exec(t, `create table tyk_analytics ("timestamp" timestamptz) partition by range ("timestamp")`)
	e := d.start(t)
	err := e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9))
	require.ErrorContains(t, err, "no partition of relation")
	var refused *analytics.RefusedError
	require.NotErrorAs(t, err, &refused, "a partition can be made; nothing is refused until then")
	d.exec(t, `create table part partition of tyk_analytics for values from ('2026-01-01') to ('2027-01-01')`)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.EqualValues(t, 10, d.rows(t))
}
