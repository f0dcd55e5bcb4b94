package tyksqlexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// durableTests hold for each database.
var durableTests = map[string]func(*testing.T, newTarget){
	"a redelivery is remembered from then on":        testRedeliveryIsRemembered,
	"a redelivery of rollups is remembered, too":     testRollupRedeliveryIsRemembered,
	"old ledger rows go at the start":                testPruneAtStart,
	"a replay that may be forgotten is refused":      testForgottenReplay,
	"so are rollups of one":                          testForgottenRollups,
	"records wait for a table that is put right":     testWrongTableWaits,
	"one exporter's retention is not that of others": testRetentionIsOfOne,
}

// makeOld has the ledger's rows be two hours old.
func (d target) makeOld(t *testing.T) {
	t.Helper()
	d.exec(t, ofDriver(d, "update otelcol_tyk_ledger set applied_at = now() - interval '2 hours'",
		"update otelcol_tyk_ledger set applied_at = utc_timestamp(3) - interval 2 hour",
		"update otelcol_tyk_ledger set applied_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-2 hours')"))
}

func testRedeliveryIsRemembered(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.config.Ledger.Retention = 0 // it forgets nothing
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("other", 0, 9)))
	d.makeOld(t)
	d.config.Ledger.Retention = time.Hour
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.start(t) // which deletes what is old
	require.Eventually(t, func() bool { return d.number(t, "select count(*) from otelcol_tyk_ledger") == 1 }, sinktest.Long, 10*time.Millisecond)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.EqualValues(t, 20, d.rows(t))
}

func testRollupRedeliveryIsRemembered(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	d.config.Ledger.Retention = 0 // it forgets nothing
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 0, 9)))
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("other", 0, 9)))
	d.makeOld(t)
	d.config.Ledger.Retention = time.Hour
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 0, 9)))
	d.start(t)
	require.Eventually(t, func() bool { return d.number(t, "select count(*) from otelcol_tyk_ledger") == 1 }, sinktest.Long, 10*time.Millisecond)
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 0, 9)))
	assert.EqualValues(t, 20, totalHits(t, d))
}

// replayed tells that the records of a push were given up two hours ago.
func replayed(logs plog.Logs) plog.Logs {
	analytics.StampGivenUp(logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope(), time.Now().Add(-2*time.Hour))
	return logs
}

// forget has the ledger forget what an exporter has stored, and gives one that forgets.
func (d target) forget(t *testing.T) exporter.Logs {
	t.Helper()
	d.makeOld(t)
	d.config.Ledger.Retention = time.Hour
	e := d.start(t)
	require.Eventually(t, func() bool { return d.number(t, "select count(*) from otelcol_tyk_ledger") == 0 }, sinktest.Long, 10*time.Millisecond)
	return e
}

func testForgottenReplay(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.config.Ledger.Retention = 0 // it forgets nothing
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	require.NoError(t, e.ConsumeLogs(t.Context(), replayed(sinktest.Samples("seg", 0, 9))), "it has them")
	e = d.forget(t)
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), replayed(sinktest.Samples("seg", 0, 9))))
	require.Len(t, reasons, 10)
	assert.Contains(t, reasons[3], "forgotten: ")
	assert.EqualValues(t, 10, d.rows(t))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("new", 0, 9)))
	assert.EqualValues(t, 20, d.rows(t))
}

func testForgottenRollups(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	d.config.Ledger.Retention = 0 // it forgets nothing
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	require.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", 0, 9)))
	e = d.forget(t)
	assert.Len(t, refusedOf(t, rolledUp(t, e, a, replayed(sinktest.Hits("seg", 0, 9)))), 10)
	assert.EqualValues(t, 10, totalHits(t, d))
}

func testPruneAtStart(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.config.Ledger.Retention = 0 // it forgets nothing
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.makeOld(t)
	d.config.Ledger.Retention = time.Hour
	d.start(t)
	require.Eventually(t, func() bool { return d.number(t, "select count(*) from otelcol_tyk_ledger") == 0 }, sinktest.Long, 10*time.Millisecond)
}

// Two exporters share a ledger, and have tables of their own.
func testRetentionIsOfOne(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.config.Ledger.Retention = 0
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	other := d
	config := *d.config
	other.config = &config
	other.config.Tables.Requests.Name = "other_analytics"
	require.NoError(t, other.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.makeOld(t)
	other.config.Ledger.Retention = time.Hour
	other.start(t)
	require.Eventually(t, func() bool { return d.number(t, "select count(*) from otelcol_tyk_ledger") == 1 }, sinktest.Long, 10*time.Millisecond)
	assert.Equal(t, []string{"tyk_analytics"}, d.texts(t, "select sink from otelcol_tyk_ledger"))
}

func testWrongTableWaits(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.exec(t, "create table tyk_analytics (tenant integer not null)")
	d.config.Retry.Enabled, d.config.Retry.InitialInterval, d.config.Retry.MaxInterval = true, 10*time.Millisecond, 50*time.Millisecond
	e, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), d.config)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()), "other pipelines go on")
	defer func() { require.NoError(t, e.Shutdown(context.Background())) }()
	stored := make(chan error, 1)
	go func() { stored <- e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)) }()
	select {
	case err := <-stored:
		require.Fail(t, "did not wait", err)
	case <-time.After(200 * time.Millisecond):
	}
	d.exec(t, "drop table tyk_analytics")
	require.NoError(t, <-stored)
	assert.EqualValues(t, 10, d.rows(t))
}

// A standby that hangs keeps a redelivery waiting as it does the write itself: the rows
// are committed here, and would be gone with this server.
func TestPostgresSynchronousStandbyHangs(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	d := withRollups(postgresTarget(server)(t))
	d.config.Timeout.Timeout = 2 * time.Second
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("before", 0, 0)))
	d.exec(t, "create table waited (at timestamptz)")
	standby := func(name string) {
		d.exec(t, "alter system set synchronous_standby_names = '"+name+"'")
		d.exec(t, "select pg_reload_conf()")
	}
	standby("nobody")
	untilCommitsWait(t, d)
	require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	require.Eventually(t, func() bool { return d.rows(t) == 11 }, sinktest.Long, 10*time.Millisecond, "committed here")
	require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)), "the standby has not got it")
	require.Error(t, rolledUp(t, e, a, sinktest.Hits("rolled", 0, 9)))
	require.Eventually(t, func() bool { return totalHits(t, d) == 10 }, sinktest.Long, 10*time.Millisecond, "committed here")
	require.Error(t, rolledUp(t, e, a, sinktest.Hits("rolled", 0, 9)), "the standby has not got it")
	standby("")
	untilStored(t, func() error { return e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)) })
	untilStored(t, func() error { return rolledUp(t, e, a, sinktest.Hits("rolled", 0, 9)) })
	assert.EqualValues(t, 11, d.rows(t))
	assert.EqualValues(t, 10, totalHits(t, d))
}

// untilCommitsWait returns once a commit has been seen to wait for the standby: the server's
// processes hear of a new setting one after the other.
func untilCommitsWait(t *testing.T, d target) {
	t.Helper()
	waiting, cancel := context.WithCancel(t.Context())
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		for waiting.Err() == nil {
			_, _ = d.db.ExecContext(waiting, "insert into waited values (now())")
		}
	}()
	require.Eventually(t, func() bool {
		return d.number(t, "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'SyncRep'") > 0
	}, sinktest.Long, 10*time.Millisecond)
	cancel()
	<-committed
}

// The ledger stays where it is, wherever the tables of days are found.
func testPostgresLedgerStays(t *testing.T, server *peers.Postgres) {
	d := sharded(postgresTarget(server)(t))
	d.exec(t, "create schema other")
	d.exec(t, "create schema tyk")
	d.config.Datasource += "&search_path=tyk,other"
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), onDays("seg", 2, 5)))
	today := "tyk_analytics_" + time.Now().UTC().Format("20060102")
	d.exec(t, "alter table tyk."+today+" set schema other")
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), onDays("seg", 2, 5)))
	require.NoError(t, e.ConsumeLogs(t.Context(), onDays("more", 1, 5)))
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk.tyk_analytics_"+sinktest.Time.Format("20060102")))
	assert.Equal(t, []string{"tyk"}, d.texts(t, "select schemaname::text from pg_tables where tablename = 'otelcol_tyk_ledger'"))
}

// Whatever the database's default is, what is acknowledged is on disk.
func testPostgresCommitsAreOnDisk(t *testing.T, server *peers.Postgres) {
	for setting, want := range map[string]string{"off": "on", "local": "local", "remote_apply": "remote_apply"} {
		d := withUptime(postgresTarget(server)(t))
		d.exec(t, "do $$ begin execute format('alter database %I set synchronous_commit = "+setting+"', current_database()); end $$")
		e := d.start(t)
		d.exec(t, "create table seen (setting text)")
		d.exec(t, `create function watch() returns trigger language plpgsql as $$ begin
			insert into seen values (current_setting('synchronous_commit')); return null; end $$`)
		for _, table := range []string{"tyk_analytics", "tyk_uptime_analytics"} {
			d.exec(t, "create trigger watch after insert on "+table+" for each statement execute function watch()")
		}
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("checks", 0, aCheck(0))))
		assert.Equal(t, []string{want, want}, d.texts(t, "select setting from seen"))
	}
}
