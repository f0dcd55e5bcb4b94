package tyksqlexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// A transaction that the server gives up for another's sake is done again.
func testPostgresSerializationFailure(t *testing.T, server *peers.Postgres) {
	d := withDefaults(withAllTables(postgresTarget(server)(t)))
	e := d.start(t)
	d.exec(t, `create sequence attempts`)
	d.exec(t, `create function conflict() returns trigger language plpgsql as $$ begin
		if nextval('attempts') <= 3 then raise exception 'could not serialize access' using errcode = '40001'; end if;
		return null; end $$`)
	// The last table fails when the others have their records, and at the commit.
	d.exec(t, `create constraint trigger conflict after insert on tyk_analytics_mcp deferrable initially deferred for each row execute function conflict()`)
	require.NoError(t, e.ConsumeLogs(t.Context(), mixture("seg")))
	assertTables(t, d, 20, 10, 10)
	assert.Greater(t, d.number(t, "select last_value from attempts"), int64(3))
}

// Of a push that needs several transactions, those before a failure stay, and are not
// done again.
func testPostgresFailureBetweenTransactions(t *testing.T, server *peers.Postgres) {
	d := sharded(postgresTarget(server)(t))
	d.config.OmitIndexCreation = true // which take most of the time
	const days, ofEach = manyDays + 2, 2
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), onDays("first", days, 1))) // which makes the tables
	late := "tyk_analytics_" + sinktest.Time.AddDate(0, 0, days-1).Format("20060102")
	d.exec(t, `create function conflict() returns trigger language plpgsql as $$ begin
		raise exception 'could not serialize access' using errcode = '40001'; end $$`)
	d.exec(t, "create constraint trigger conflict after insert on "+late+" deferrable initially deferred for each row execute function conflict()")
	require.ErrorContains(t, e.ConsumeLogs(t.Context(), onDays("seg", days, ofEach)), "could not serialize access")
	assert.EqualValues(t, 1+ofEach, d.number(t, "select count(*) from tyk_analytics_"+sinktest.Time.Format("20060102")))
	assert.EqualValues(t, 1, d.number(t, "select count(*) from "+late))
	d.exec(t, "drop trigger conflict on "+late)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), onDays("seg", days, ofEach)))
	}
	names := relations(t, d, "tyk_analytics")
	require.Len(t, names, days)
	for _, name := range names {
		assert.EqualValues(t, 1+ofEach, d.number(t, "select count(*) from "+name), name)
	}
}

// Whatever the operator's default is, writers see what others have stored.
func testPostgresSerializableByDefault(t *testing.T, server *peers.Postgres) {
	for _, level := range []string{"serializable", "repeatable read"} {
		testConcurrentOverlap(t, func(t testing.TB) target {
			d := postgresTarget(server)(t)
			d.exec(t, "do $$ begin execute format('alter database %I set default_transaction_isolation = ''"+level+"''', current_database()); end $$")
			return d
		})
	}
}

// Others may lock the same tables in another order.
func testPostgresDeadlock(t *testing.T, server *peers.Postgres) {
	d := withDefaults(withAllTables(postgresTarget(server)(t)))
	// Sessions of the exporter look for deadlocks soon, and the test's own does so never.
	d.exec(t, "do $$ begin execute format('alter database %I set deadlock_timeout = ''2s''', current_database()); end $$")
	e := d.start(t)
	tx, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }() // where the test has not come so far
	for _, statement := range []string{"set local deadlock_timeout = '10min'", "lock table tyk_analytics_graph in exclusive mode"} {
		_, err := tx.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}

	stored := make(chan error, 1)
	go func() { stored <- e.ConsumeLogs(t.Context(), mixture("seg")) }()
	var waiting bool
	for !waiting { // until the exporter, which has written the first table, waits for the second
		require.NoError(t, tx.QueryRowContext(t.Context(), `select exists (select from pg_locks
			where relation = 'tyk_analytics_graph'::regclass and not granted)`).Scan(&waiting))
	}
	_, err = tx.ExecContext(t.Context(), "lock table tyk_analytics in exclusive mode") // which the exporter makes way for
	require.NoError(t, err)
	assert.Zero(t, d.number(t, "select count(*) from tyk_analytics"))
	select {
	case err := <-stored:
		require.Fail(t, "stored through the lock", err)
	default:
	}
	require.NoError(t, tx.Rollback())
	require.NoError(t, <-stored)
	assertTables(t, d, 20, 10, 10)
	assert.Zero(t, d.number(t, "select deadlocks from pg_stat_database where datname = current_database()"), "whose victim could be the other")
}
