package tyksqlexporter

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// patient has failed writes tried again, soon.
func patient(d target) target {
	d.config.Retry.Enabled, d.config.Retry.InitialInterval, d.config.Retry.MaxInterval = true, 5*time.Millisecond, 20*time.Millisecond
	return d
}

// evidenceTests hold for each server.
var evidenceTests = map[string]func(*testing.T, newTarget){
	"what an operator's trigger refuses is found by evidence": testTriggerRefuses,
	"what nothing is accepted of waits":                       testNothingAcceptedWaits,
	"others that are accepted are evidence":                   testOthersAreEvidence,
	"rollups refused by a trigger are found by evidence":      testTriggerRefusesRollups,
	"a row of rollups is stored with text that fits":          testRollupsTextThatFits,
	"what others lock does not stop readers":                  testReadersGoOn,
}

// refuseBy has an operator's trigger raise an error of its own where a condition holds.
func refuseBy(t *testing.T, d target, table, condition string) {
	t.Helper()
	if d.config.Driver == driverMySQL {
		d.exec(t, "create trigger operators before insert on "+table+" for each row begin if "+condition+" then signal sqlstate '45000' set message_text = 'not here'; end if; end")
		return
	}
	d.exec(t, "create function operators() returns trigger language plpgsql as $$ begin if "+condition+" then raise exception 'not here'; end if; return new; end $$")
	d.exec(t, "create trigger operators before insert on "+table+" for each row execute function operators()")
}

func testTriggerRefuses(t *testing.T, fresh newTarget) {
	d := patient(fresh(t))
	e := d.start(t)
	refuseBy(t, d, "tyk_analytics", "new.path in ('/items/3', '/items/17')")
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 19)))
	require.Len(t, reasons, 2)
	assert.Contains(t, reasons[3], "other: ")
	assert.Contains(t, reasons, int64(17))
	assert.EqualValues(t, 18, d.rows(t))
}

func testNothingAcceptedWaits(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	refuseBy(t, d, "tyk_analytics", "1 = 1")
	for range 6 {
		err := e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9))
		require.Error(t, err)
		var refused *analytics.RefusedError
		require.NotErrorAs(t, err, &refused)
	}
	d.exec(t, "drop trigger operators"+ofDriver(d, " on tyk_analytics", "", ""))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.EqualValues(t, 10, d.rows(t))
}

func testOthersAreEvidence(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	refuseBy(t, d, "tyk_analytics", "new.path = '/items/0'")
	for range 5 {
		require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("alone", 0, 0)))
	}
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("other", 1, 9)))
	var refused *analytics.RefusedError
	require.ErrorAs(t, e.ConsumeLogs(t.Context(), sinktest.Samples("alone", 0, 0)), &refused)
}

func testTriggerRefusesRollups(t *testing.T, fresh newTarget) {
	d := patient(onlyRollups(fresh(t)))
	e := d.start(t)
	refuseBy(t, d, "tyk_aggregated", "new.org_id = 'bad'")
	chunk := sinktest.Hits("seg", 0, 9)
	records := chunk.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.At(4).Attributes().PutStr(analytics.AttrOrgID, "bad")
	assert.Len(t, refusedOf(t, rolledUp(t, e, sinktest.Aggregator(t, nil), chunk)), 1)
	assert.EqualValues(t, 9, totalHits(t, d))
}

// A value that a column's character set does not hold costs a record its place in the
// table of records, but takes nothing out of the rollups.
func testRollupsTextThatFits(t *testing.T, fresh newTarget) {
	d := withRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Hits("first", 0, 0)))
	if d.config.Driver == driverMySQL {
		d.exec(t, "alter table tyk_analytics convert to character set utf8mb3")
		d.exec(t, "alter table tyk_aggregated convert to character set utf8mb3")
	} else {
		d.exec(t, "alter table tyk_analytics add constraint bmp check (apikey !~ '[\U00010000-\U0010FFFF]')")
		d.exec(t, "alter table tyk_aggregated add constraint bmp check (dimension_value !~ '[\U00010000-\U0010FFFF]')")
	}
	var records []analytics.Record
	for i := range 101 {
		records = append(records, sinktest.Hit(i))
	}
	records[50].APIKey = "key \U0001F600"
	for range 2 {
		chunk := sinktest.Push("seg", 0, records...)
		assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), chunk)), 1)
		require.NoError(t, rolledUp(t, e, a, chunk))
	}
	assert.EqualValues(t, 101, totalHits(t, d))
	assert.Equal(t, []string{"key \uFFFD"}, d.texts(t, "select dimension_value from tyk_aggregated where dimension = 'apikeys' and dimension_value like 'key %'"))
}

// A long report holds the table while the exporter wants to add a column to it.
func testReadersGoOn(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.exec(t, "create table tyk_analytics (path varchar(200))")
	d.config.Timeout.Timeout = 0
	report, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = report.ExecContext(t.Context(), "select * from tyk_analytics")
	require.NoError(t, err)
	e := d.start(t)
	stored := make(chan error, 1)
	go func() { stored <- e.ConsumeLogs(context.Background(), sinktest.Samples("seg", 0, 9)) }()
	for range 5 {
		reading, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		var n int
		require.NoError(t, d.db.QueryRowContext(reading, "select count(*) from tyk_analytics").Scan(&n), "behind the exporter")
		cancel()
		time.Sleep(20 * time.Millisecond)
	}
	require.NoError(t, report.Rollback())
	require.NoError(t, <-stored)
	assert.EqualValues(t, 10, d.rows(t))
}

// pushInto makes a push of 20 samples into a table that the operator has changed.
func pushInto(t *testing.T, server *peers.Postgres, change ...string) (target, exporter.Logs) {
	t.Helper()
	d := patient(postgresTarget(server)(t))
	e := d.start(t)
	for _, statement := range change {
		d.exec(t, statement)
	}
	return d, e
}

func testPostgresPartitionForAllButOne(t *testing.T, server *peers.Postgres) {
	d := patient(postgresTarget(server)(t))
	d.exec(t, `create table tyk_analytics ("timestamp" timestamptz) partition by range ("timestamp")`)
	d.exec(t, `create table part partition of tyk_analytics for values from ('2026-01-01') to ('2027-01-01')`)
	e := d.start(t)
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2)}
	records[1].TimeStamp = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[1], "no partition")
	assert.EqualValues(t, 2, d.rows(t))
}

func testPostgresDeferredConstraint(t *testing.T, server *peers.Postgres) {
	d, e := pushInto(t, server, "alter table tyk_analytics add unique (path) deferrable initially deferred")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("before", 7, 7)))
	assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 19))), 1)
	assert.EqualValues(t, 20, d.rows(t))
}

// Partitioning by inheritance, as before PostgreSQL 10.
func testPostgresTriggerTakesRows(t *testing.T, server *peers.Postgres) {
	d, e := pushInto(t, server, "create table elsewhere () inherits (tyk_analytics)",
		`create function elsewhere() returns trigger language plpgsql as $$ begin
			if new.path = '/items/3' then return new; end if;
			insert into elsewhere values (new.*); return null; end $$`,
		"create trigger elsewhere before insert on tyk_analytics for each row execute function elsewhere()")
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 19)))
	}
	assert.EqualValues(t, 20, d.rows(t))
	assert.EqualValues(t, 19, d.number(t, "select count(*) from elsewhere"))
}

// Those who count statements see few of ours.
func testPostgresFewStatements(t *testing.T, server *peers.Postgres) {
	d := onlyRollups(postgresTarget(server)(t))
	d.exec(t, "create extension pg_stat_statements")
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	for i := range 60 {
		var records []analytics.Record
		for j := range 1 + i%3 {
			r := sinktest.Hit(i + j)
			r.ResponseCode = []int64{200, 301, 400, 401, 404, 500, 503, 429, 200, 200}[(i*7+j)%10]
			records = append(records, r)
		}
		require.NoError(t, rolledUp(t, e, a, sinktest.Push(fmt.Sprint("seg", i), 0, records...)))
	}
	assert.Less(t, d.number(t, "select count(*) from pg_stat_statements s join pg_database on oid = dbid where datname = current_database() and query like 'insert into %tyk_aggregated%'"), int64(20))
}
