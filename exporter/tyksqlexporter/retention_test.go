package tyksqlexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// retentionTests hold for each database.
var retentionTests = map[string]func(*testing.T, newTarget){
	"old tables of days are dropped":         testOldTablesAreDropped,
	"old tables are dropped at the start":    testDroppedAtStart,
	"a late record gets its old table again": testLateRecord,
}

// fourDaysLater is when the tables of testTime's day are three whole days old.
var fourDaysLater = sinktest.Time.AddDate(0, 0, 4)

func testOldTablesAreDropped(t *testing.T, fresh newTarget) {
	d := sharded(withUptime(withAllTables(fresh(t))))
	d.config.Timezone = "America/New_York"
	for _, kept := range []string{
		"tyk_analytics", "tyk_analytics_2026", "tyk_analytics_20269999", "tyk_analytics_20260820_copy", "other_20260820",
		"tyk_analytics_graph_x_20260820", "tyk_analytics_99991231", "tykxanalytics_20260820",
	} {
		d.exec(t, `create table "`+kept+`" (path text)`)
	}
	s := openStore(t, d.config)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), onDays("seg", 5, 1)))
	d.exec(t, "create table tyk_analytics_20250101 as select * from tyk_analytics_20260820") // an operator's copy
	d.exec(t, "create table tyk_analytics_20250102 (path text, note text)")                  // and notes
	require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("checks", 0, aCheck(0))))
	count := func() int64 {
		return d.number(t, ofDriver(d,
			"select count(*) from pg_tables where schemaname = 'public'",
			"select count(*) from information_schema.tables where table_schema = database()",
			"select count(*) from sqlite_master where type = 'table'"))
	}
	before := count()
	dropped, err := s.Drop(t.Context(), fourDaysLater, 3)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"tyk_analytics_20260820", "tyk_uptime_analytics_20260820"}, dropped)
	assert.Equal(t, before-2, count())
	assert.Equal(t, []string{"tyk_analytics_20250101", "tyk_analytics_20260821", "tyk_analytics_20260822", "tyk_analytics_20260823", "tyk_analytics_20260824"},
		relations(t, d, "tyk_analytics"))
	dropped, err = s.Drop(t.Context(), fourDaysLater, 3)
	require.NoError(t, err)
	assert.Empty(t, dropped)
}

func testDroppedAtStart(t *testing.T, fresh newTarget) {
	d := sharded(fresh(t))
	d.config.RetentionDays = 30
	d.exec(t, "create table tyk_analytics_20200101 (path text)")
	d.exec(t, "create table tyk_analytics_graph_20200101 (path text)") // which is not enabled
	d.start(t)
	query := ofDriver(d,
		"select count(*) from pg_tables where tablename like 'tyk_analytics%_20200101'",
		"select count(*) from information_schema.tables where table_schema = database() and table_name like 'tyk_analytics%_20200101'",
		"select count(*) from sqlite_master where name like 'tyk_analytics%_20200101'")
	require.Eventually(t, func() bool { return d.number(t, query) == 1 }, sinktest.Long, 5*time.Millisecond)
}

func testLateRecord(t *testing.T, fresh newTarget) {
	d := sharded(fresh(t))
	s := openStore(t, d.config)
	write := func(from, to int) error {
		b := push.NewBatch(sinktest.Samples("seg", from, to), requests...)
		defer b.Release()
		return s.Write(t.Context(), b)
	}
	require.NoError(t, write(0, 9))
	dropped, err := s.Drop(t.Context(), fourDaysLater, 3)
	require.NoError(t, err)
	require.Equal(t, []string{"tyk_analytics_20260820"}, dropped)
	require.NoError(t, write(10, 19))
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk_analytics_20260820"))
}

func testPostgresDropsOthers(t *testing.T, server *peers.Postgres) {
	d := sharded(postgresTarget(server)(t))
	s := openStore(t, d.config)
	d.exec(t, "create table tyk_analytics_20200101 (path text); create table tyk_analytics_20200102 (path text); create table tyk_analytics_20200103 (path text)")
	d.exec(t, "create view mine as select * from tyk_analytics_20200101")
	tx, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "select * from tyk_analytics_20200102")
	require.NoError(t, err)

	dropped, err := s.Drop(t.Context(), sinktest.Time, 30)
	assert.Equal(t, []string{"tyk_analytics_20200103"}, dropped)
	require.ErrorContains(t, err, `drop table "tyk_analytics_20200101": `)
	require.ErrorContains(t, err, `drop table "tyk_analytics_20200102": `)
	require.NoError(t, tx.Rollback())
	dropped, err = s.Drop(t.Context(), sinktest.Time, 30)
	assert.Equal(t, []string{"tyk_analytics_20200102"}, dropped, "its reader is gone")
	require.Error(t, err)
}
