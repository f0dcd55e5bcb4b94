package tyksqlexporter

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// The server commits, but its answer gets lost: the next attempt finds the ledger.
func testMySQLCommitWithoutAnswer(t *testing.T, server *peers.MariaDB) {
	var cuts atomic.Int64
	c := startCutter(t, server.Addr(), func(sent []byte) (bool, bool) {
		return true, bytes.HasSuffix(sent, []byte("\x03commit")) && cuts.Add(1)%2 == 0
	})
	d := through(withDefaults(mysqlTarget(server)(t)), c, server)
	e := d.start(t)
	for i := range 10 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", i*10, i*10+9)))
	}
	assert.Greater(t, cuts.Load(), int64(10), "each lost answer made another attempt")
	assertPaths(t, d, 0, 99)
	assert.EqualValues(t, 10, d.number(t, "select count(*) from otelcol_tyk_ledger"))
}

// The connection is lost in the middle of the rows.
func testMySQLCutInRows(t *testing.T, server *peers.MariaDB) {
	var pieces atomic.Int64
	c := startCutter(t, server.Addr(), func(sent []byte) (bool, bool) {
		if len(sent) < 16<<10 {
			return true, false
		}
		piece := pieces.Add(1)
		end := piece == 2 || piece == 5 || piece == 9
		return !end, end
	})
	d := through(withDefaults(mysqlTarget(server)(t)), c, server)
	e := d.start(t)
	for i := range 5 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", i*1000, i*1000+999)))
	}
	assert.Greater(t, pieces.Load(), int64(9))
	assertPaths(t, d, 0, 4999)
}

// A session ended by an operator in the middle of a write is one more attempt.
func testMySQLSessionEnded(t *testing.T, server *peers.MariaDB) {
	d := withDefaults(mysqlTarget(server)(t))
	e := d.start(t)
	stop := make(chan struct{})
	var ended atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for ended.Load() < 10 {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				for _, kill := range d.texts(t, "select concat('kill ', id) from information_schema.processlist where db = database() and id <> connection_id()") {
					if _, err := d.db.ExecContext(t.Context(), kill); err == nil { // not one that has just ended by itself
						ended.Add(1)
					}
				}
			}
		}
	})
	for i := range 15 {
		err := e.ConsumeLogs(t.Context(), sinktest.Samples("seg", i*100, i*100+99))
		assert.NoError(t, err) //nolint:testifylint // the other goroutine is to be ended in any case
	}
	close(stop)
	wg.Wait()
	assert.Positive(t, ended.Load())
	assertPaths(t, d, 0, 1499)
}

// A lock that another session holds is waited for, attempt after attempt.
func testMySQLLocked(t *testing.T, server *peers.MariaDB) {
	d := withDefaults(mysqlTarget(server)(t))
	d.config.Timeout.Timeout = 2 * time.Second
	e := d.start(t)
	conn, err := d.db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = conn.ExecContext(t.Context(), "lock tables tyk_analytics write")
	require.NoError(t, err)
	pushed := make(chan error, 1)
	go func() { pushed <- e.ConsumeLogs(context.Background(), sinktest.Samples("seg", 0, 9)) }()
	select {
	case err := <-pushed:
		require.Fail(t, "answered while the table was locked", err)
	case <-time.After(3500 * time.Millisecond):
	}
	assert.LessOrEqual(t, d.number(t, `select count(*) from information_schema.processlist where db = database() and state like 'Waiting for table%'`), int64(1),
		"attempts that ended leave no session behind that waits for the lock")
	_, err = conn.ExecContext(t.Context(), "unlock tables")
	require.NoError(t, err)
	require.NoError(t, <-pushed)
	assertPaths(t, d, 0, 9)
}

// A writer that dies with the locks of a segment keeps others waiting only until then.
func testMySQLLockHolderDies(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	e := d.start(t)
	conn, err := d.db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }() // which was killed
	var id int64
	require.NoError(t, conn.QueryRowContext(t.Context(), "select connection_id()").Scan(&id))
	_, err = conn.ExecContext(t.Context(), "start transaction")
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), fmt.Sprintf("insert into otelcol_tyk_ledger_locks (id) values (%d)", push.LockKey("tyk_analytics", "seg")))
	require.NoError(t, err)
	pushed := make(chan error, 1)
	go func() { pushed <- e.ConsumeLogs(context.Background(), sinktest.Samples("seg", 0, 9)) }()
	require.Eventually(t, func() bool {
		return d.number(t, "select count(*) from information_schema.processlist where db = database() and info like 'insert into otelcol_tyk_ledger_locks%'") == 1
	}, sinktest.Long, 5*time.Millisecond, "it waits")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("other", 10, 19)), "writers of other segments do not")
	d.exec(t, fmt.Sprintf("kill %d", id))
	require.NoError(t, <-pushed)
	assertPaths(t, d, 0, 19)
}

func testMySQLDropsOthers(t *testing.T, server *peers.MariaDB) {
	d := sharded(mysqlTarget(server)(t))
	s := openStore(t, d.config)
	for _, name := range []string{"tyk_analytics_20200101", "tyk_analytics_20200102", "tyk_analytics_20200103"} {
		d.exec(t, "create table "+name+" (path text)")
	}
	tx, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	var n int64
	require.NoError(t, tx.QueryRowContext(t.Context(), "select count(*) from tyk_analytics_20200102").Scan(&n))

	dropped, err := s.Drop(t.Context(), sinktest.Time, 30)
	assert.Equal(t, []string{"tyk_analytics_20200101", "tyk_analytics_20200103"}, dropped)
	require.ErrorContains(t, err, `drop table "tyk_analytics_20200102": `)
	require.NoError(t, tx.Rollback())
	dropped, err = s.Drop(t.Context(), sinktest.Time, 30)
	require.NoError(t, err)
	assert.Equal(t, []string{"tyk_analytics_20200102"}, dropped, "its reader is gone")
}
