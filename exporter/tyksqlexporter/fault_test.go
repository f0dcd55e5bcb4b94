package tyksqlexporter

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// withDefaults gives a target the retries that users get, with shorter waits.
func withDefaults(d target) target {
	defaults := createDefaultConfig().(*Config)
	d.config.Retry = defaults.Retry
	d.config.Retry.InitialInterval = 20 * time.Millisecond
	d.config.Retry.MaxInterval = 100 * time.Millisecond
	return d
}

// databasePeer is a server that a test stops and starts.
type databasePeer interface {
	Addr() string
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	Kill()
}

// outageTests stop their server, and so take turns.
var outageTests = []struct {
	name string
	test func(*testing.T, databasePeer, newTarget)
}{
	{"outages lose and double nothing", testOutages},
	{"outages lose and double no rollups", testRollupOutages},
	{"a server that is unreachable at the start is waited for", testUnreachable},
	{"a wrong table found later is waited for", testWrongTableLater},
	{"a shutdown under load gives back what is not stored", testShutdownUnderLoad},
}

func TestOutages(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, server databasePeer, fresh newTarget) {
		for _, outage := range outageTests {
			t.Run(outage.name, func(t *testing.T) { outage.test(t, server, fresh) }) //nolint:paralleltest // it takes its turn
		}
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := peers.StartPostgres(t)
		run(t, server, postgresTarget(server))
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		server := peers.StartMariaDB(t)
		run(t, server, mysqlTarget(server))
		t.Run("a read-only server is waited for", func(t *testing.T) { testMySQLReadOnly(t, server) }) //nolint:paralleltest // as above
	})
}

// Pushes go on while the server crashes, is stopped, and comes back.
func testOutages(t *testing.T, server databasePeer, fresh newTarget) {
	d := withDefaults(fresh(t))
	host := newStatusHost()
	e := startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), host)

	const workers, chunks, size, outages = 3, 20, 50, 2
	var wg sync.WaitGroup
	var stored atomic.Int64
	for worker := range workers {
		wg.Go(func() {
			for chunk := range chunks {
				first := (worker*chunks + chunk) * size
				if assert.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", first, first+size-1))) {
					stored.Add(1)
				}
			}
		})
	}
	// The outages come while there is work left: each waits for progress first.
	for outage := range int64(outages) {
		require.Eventually(t, func() bool { return stored.Load() > (outage+1)*workers*chunks/(2*outages) }, sinktest.Long, time.Millisecond)
		if outage%2 == 0 {
			server.Kill()
		} else {
			require.NoError(t, server.Stop(t.Context()))
		}
		require.NoError(t, server.Start(t.Context()))
	}
	wg.Wait()
	assertPaths(t, d, 0, workers*chunks*size-1)
	statuses := host.statuses()
	require.NotEmpty(t, statuses)
	assert.Equal(t, componentstatus.StatusRecoverableError, statuses[0])
	assert.Equal(t, componentstatus.StatusOK, statuses[len(statuses)-1])
}

func testUnreachable(t *testing.T, server databasePeer, fresh newTarget) {
	d := withDefaults(fresh(t))
	require.NoError(t, server.Stop(t.Context()))
	host := newStatusHost()
	e := startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), host)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, host.statuses())

	pushed := make(chan error, 1)
	go func() { pushed <- e.ConsumeLogs(context.Background(), sinktest.Samples("seg", 0, 9)) }()
	select {
	case err := <-pushed:
		require.Fail(t, "answered before the records were stored", err)
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, server.Start(t.Context()))
	require.NoError(t, <-pushed)
	assertPaths(t, d, 0, 9)
	// A server that starts up has other words for it than one that is not there.
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, slices.Compact(host.statuses()))
}

// A table that is wrong while the server was away is no reason to drop records.
func testWrongTableLater(t *testing.T, server databasePeer, fresh newTarget) {
	d := fresh(t)
	d.exec(t, "create table tyk_analytics (path bigint)")
	require.NoError(t, server.Stop(t.Context()))
	e := d.start(t)
	require.NoError(t, server.Start(t.Context()))
	var err error
	require.Eventually(t, func() bool {
		err = e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9))
		var schema *layout.SchemaError
		return errors.As(err, &schema)
	}, sinktest.Long, 10*time.Millisecond)
	assert.False(t, consumererror.IsPermanent(err))
	require.Eventually(t, func() bool {
		_, err := d.db.ExecContext(t.Context(), "drop table tyk_analytics")
		return err == nil
	}, sinktest.Long, 10*time.Millisecond)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
}

// The server commits, but its answer gets lost: the next attempt finds the ledger.
func testPostgresCommitWithoutAnswer(t *testing.T, server *peers.Postgres) {
	var cuts atomic.Int64
	c := startCutter(t, server.Addr(), func(sent []byte) (bool, bool) {
		// "commit" of a write, which is sent alone, and not that of making tables.
		end := bytes.Contains(sent, []byte("commit\x00")) && cuts.Add(1)%2 == 0
		return true, end
	})
	d := through(withDefaults(postgresTarget(server)(t)), c, server)
	e := d.start(t)
	for i := range 10 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", i*10, i*10+9)))
	}
	assert.Greater(t, cuts.Load(), int64(10), "each lost answer made another attempt")
	assertPaths(t, d, 0, 99)
	assert.EqualValues(t, 10, d.number(t, "select count(*) from otelcol_tyk_ledger"))
}

// The connection is lost in the middle of COPY's data.
func testPostgresCutInCopy(t *testing.T, server *peers.Postgres) {
	var pieces atomic.Int64
	c := startCutter(t, server.Addr(), func(sent []byte) (bool, bool) {
		if len(sent) < 16<<10 {
			return true, false
		}
		piece := pieces.Add(1)
		end := piece == 2 || piece == 5 || piece == 9
		return !end, end
	})
	d := through(withDefaults(postgresTarget(server)(t)), c, server)
	e := d.start(t)
	for i := range 5 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", i*1000, i*1000+999)))
	}
	assert.Greater(t, pieces.Load(), int64(9))
	assertPaths(t, d, 0, 4999)
}

// A session ended by an operator in the middle of a write is one more attempt.
func testPostgresSessionEnded(t *testing.T, server *peers.Postgres) {
	d := withDefaults(postgresTarget(server)(t))
	e := d.start(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for ended := 0; ended < 10; {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				ended += len(d.texts(t, `select pg_terminate_backend(pid)::text from pg_stat_activity
					where application_name = 'otelcol-tyk' and datname = current_database() and state <> 'idle'`))
			}
		}
	})
	for i := range 15 {
		err := e.ConsumeLogs(t.Context(), sinktest.Samples("seg", i*100, i*100+99))
		assert.NoError(t, err) //nolint:testifylint // the other goroutine is to be ended in any case
	}
	close(stop)
	wg.Wait()
	assertPaths(t, d, 0, 1499)
}

// A database that became read-only, as some do when their disk fills up, is asked
// again over new connections, and never made writable behind its operator's back.
func testPostgresReadOnly(t *testing.T, server *peers.Postgres) {
	d := withDefaults(postgresTarget(server)(t))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	readOnly := func(value string) {
		conn, err := d.db.Conn(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		for _, statement := range []string{
			"set transaction_read_only = off",
			"do $$ begin execute format('alter database %I set default_transaction_read_only = " + value + "', current_database()); end $$",
			"select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'otelcol-tyk'",
		} {
			_, err := conn.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	readOnly("on")
	pushed := make(chan error, 1)
	go func() { pushed <- e.ConsumeLogs(context.Background(), sinktest.Samples("seg", 10, 19)) }()
	select {
	case err := <-pushed:
		require.Fail(t, "answered while the database was read-only", err)
	case <-time.After(300 * time.Millisecond):
	}
	readOnly("off")
	require.NoError(t, <-pushed)
	assertPaths(t, d, 0, 19)
}

// A lock that another session holds is waited for, attempt after attempt.
func testPostgresLocked(t *testing.T, server *peers.Postgres) {
	d := withDefaults(postgresTarget(server)(t))
	d.config.Timeout.Timeout = 150 * time.Millisecond
	e := d.start(t)
	tx, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "lock table tyk_analytics in access exclusive mode")
	require.NoError(t, err)
	pushed := make(chan error, 1)
	go func() { pushed <- e.ConsumeLogs(context.Background(), sinktest.Samples("seg", 0, 9)) }()
	select {
	case err := <-pushed:
		require.Fail(t, "answered while the table was locked", err)
	case <-time.After(500 * time.Millisecond):
	}
	assert.LessOrEqual(t, d.number(t, `select count(*) from pg_stat_activity
		where application_name = 'otelcol-tyk' and datname = current_database() and wait_event_type = 'Lock'`), int64(2),
		"attempts that ended leave no session behind that waits for the lock")
	require.NoError(t, tx.Commit())
	require.NoError(t, <-pushed)
	assertPaths(t, d, 0, 9)
}

func TestSQLiteLockedByAnotherProcessIsWaitedFor(t *testing.T) {
	t.Parallel()
	d := withDefaults(sqliteTarget(t))
	d.config.Timeout.Timeout = 100 * time.Millisecond
	e := d.start(t)
	d.exec(t, "begin immediate")
	pushed := make(chan error, 1)
	go func() { pushed <- e.ConsumeLogs(context.Background(), sinktest.Samples("seg", 0, 9)) }()
	select {
	case err := <-pushed:
		require.Fail(t, "answered while the file was locked", err)
	case <-time.After(300 * time.Millisecond):
	}
	d.exec(t, "rollback")
	require.NoError(t, <-pushed)
	assertPaths(t, d, 0, 9)
}

// The status tells what is wrong now, and not what was wrong first.
func TestStatusTellsTheLatestCause(t *testing.T) {
	t.Parallel()
	d := sqliteTarget(t)
	host := newStatusHost()
	d.exec(t, "create table tyk_analytics (tenant integer not null)")
	e := startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), host)
	require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.exec(t, "begin immediate; drop table tyk_analytics; create view tyk_analytics as select 1; commit") // before anybody makes it again
	for range 2 {
		require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	}
	d.exec(t, "drop view tyk_analytics")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))

	require.Equal(t, []componentstatus.Status{
		componentstatus.StatusRecoverableError, componentstatus.StatusRecoverableError, componentstatus.StatusOK,
	}, host.statuses(), "each cause once")
	require.ErrorContains(t, host.events[0].Err(), "tenant")
	require.ErrorContains(t, host.events[1].Err(), "is a view")
}

func TestSQLiteMakesTheDirectoryOfItsFile(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/some/where/tyk.db"
	d := target{config: testConfig(driverSQLite, "file:"+path+"?cache=private")}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.FileExists(t, path)

	d.config.Datasource = configopaque.String(path + "/tyk.db") // below a file
	require.ErrorContains(t, startError(t, d), "datasource: the directory of the SQLite file cannot be made")
}

// Shutdown does not wait for a database that is away: what it does not store is
// the receiver's again.
func testShutdownUnderLoad(t *testing.T, server databasePeer, fresh newTarget) {
	d := withDefaults(fresh(t))
	e, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), d.config)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))

	var wg sync.WaitGroup
	var stored, given atomic.Int64
	for worker := range 6 {
		wg.Go(func() {
			for chunk := range 1000 {
				first := (worker*1000 + chunk) * 10
				if err := e.ConsumeLogs(context.Background(), sinktest.Samples("seg", first, first+9)); err != nil {
					given.Add(10)
					assert.False(t, consumererror.IsPermanent(err))
					return
				}
				stored.Add(10)
			}
		})
	}
	require.Eventually(t, func() bool { return stored.Load() > 200 }, sinktest.Long, time.Millisecond)
	server.Kill()
	done := make(chan error, 1)
	go func() { done <- e.Shutdown(context.Background()) }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(5 * time.Minute):
		require.Fail(t, "the shutdown does not end")
	}
	wg.Wait()
	require.NoError(t, server.Start(t.Context()))
	rows := d.rows(t)
	assert.GreaterOrEqual(t, rows, stored.Load(), "what was answered for is stored")
	assert.LessOrEqual(t, rows, stored.Load()+given.Load())
}

// Without a queue each push is stored, or said not to be, when it returns.
func TestPushWithoutQueueIsOneAttempt(t *testing.T) {
	t.Parallel()
	d := sqliteTarget(t)
	e := d.start(t)
	d.exec(t, "begin immediate")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := e.ConsumeLogs(ctx, sinktest.Samples("seg", 0, 9))
	require.Error(t, err)
	assert.False(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.NotErrorAs(t, err, &refused)
	d.exec(t, "rollback")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
}
