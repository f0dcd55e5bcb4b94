package tyksqlexporter

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// held is an exporter whose first transaction of rollups waits for a word.
type held struct {
	consumer.Logs

	e       *sqlExporter
	release func()
	pushing sync.WaitGroup
}

// hold starts an exporter and pushes something that waits with its transaction.
func hold(t *testing.T, d target, first plog.Logs) *held {
	t.Helper()
	h := &held{e: newTestExporter(t, d.config)}
	require.NoError(t, h.e.start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, h.e.shutdown(context.Background())) })
	var err error
	h.Logs, err = consumer.NewLogs(h.e.push)
	require.NoError(t, err)
	write, entered, released := h.e.rollupWrites.Write, make(chan struct{}, 1), make(chan struct{})
	h.release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(h.release)
	h.e.rollupWrites.Write = func(ctx context.Context, b *rollups.Batch) error {
		select {
		case entered <- struct{}{}:
			<-released
		default:
		}
		return write(ctx, b)
	}
	h.pushing.Go(func() { assert.NoError(t, rolledUp(t, h, sinktest.Aggregator(t, nil), first)) })
	require.Eventually(t, func() bool { return len(entered) == 1 }, sinktest.Long, time.Millisecond)
	return h
}

// push pushes while the first transaction waits, and gives the answer to answer.
func (h *held) push(t *testing.T, logs plog.Logs, answer func(error)) {
	t.Helper()
	groups, _ := sinktest.Aggregator(t, nil).Aggregate(logs, nil)
	rollups := plog.NewLogs()
	rollup.AppendLogs(rollups, "", groups)
	waiting := h.e.rollupWrites.Waits()
	h.pushing.Go(func() { answer(h.ConsumeLogs(t.Context(), rollups)) })
	require.Eventually(t, func() bool { return h.e.rollupWrites.Waits() == waiting+1 }, sinktest.Long, time.Millisecond)
}

// end lets everything through.
func (h *held) end() {
	h.release()
	h.pushing.Wait()
}

// Pushes that wait for the database are one transaction: neighbours of one segment
// are then one row of the ledger.
func testRollupsTogether(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	const pushes, size = 8, 50
	h := hold(t, d, sinktest.Hits("seg", 0, size-1))
	for i := 1; i < pushes; i++ {
		h.push(t, sinktest.Hits("seg", i*size, i*size+size-1), func(err error) { assert.NoError(t, err) })
	}
	h.end()
	assert.Equal(t, []string{fmt.Sprintf("%d-%d", 0, size-1), fmt.Sprintf("%d-%d", size, pushes*size-1)},
		d.texts(t, "select first_index || '-' || last_index from otelcol_tyk_ledger order by first_index"))
	assertHits(t, d, pushes*size)
	assert.Zero(t, d.number(t, "select count(*) from (select id from tyk_aggregated group by id having count(*) > 1) as doubled"))

	alone := onlyRollups(fresh(t)) // the same, one after the other
	e := alone.start(t)
	for i := range pushes {
		require.NoError(t, rolledUp(t, e, sinktest.Aggregator(t, nil), sinktest.Hits("seg", i*size, i*size+size-1)))
	}
	assert.Equal(t, rollupRows(t, alone, layout.AggregatedLayout, "tyk_aggregated"), rollupRows(t, d, layout.AggregatedLayout, "tyk_aggregated"))
}

// assertHits checks what is stored of the hits from 0 on.
func assertHits(t *testing.T, d target, n int64) {
	t.Helper()
	assert.Equal(t, n, totalHits(t, d))
	assert.Equal(t, n, d.number(t, "select sum(counter_hits) from tyk_aggregated where dimension = 'apikeys'"))
	assert.Equal(t, n/4, d.number(t, "select sum(code_500) from tyk_aggregated where dimension = 'apiid'"))
	assert.Equal(t, n*(n-1)/2, d.number(t, "select sum(counter_total_latency) from tyk_aggregated where dimension = 'apiid'"))
}

// What one push of a transaction has against it does not concern the others.
func testRollupsTogetherApart(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e := d.start(t)
	refuseColumn(t, d, "tyk_aggregated", "org_id", "bad")
	require.NoError(t, rolledUp(t, e, sinktest.Aggregator(t, nil), sinktest.Hits("seg", 40, 44)))
	h := hold(t, d, sinktest.Hits("seg", 0, 9))
	stored := func(err error) { assert.NoError(t, err) }
	h.push(t, sinktest.Hits("seg", 10, 19), stored)
	bad := sinktest.Hit(20)
	bad.OrgID = "bad"
	h.push(t, sinktest.Push("seg", 20, bad, bad), func(err error) { assert.Len(t, refusedOf(t, err), 2) })
	h.push(t, sinktest.Hits("seg", 10, 19), stored) // again
	h.push(t, sinktest.Hits("seg", 40, 44), stored) // again
	h.push(t, sinktest.Hits("seg", 30, 49), func(err error) {
		overlap, ok := asOverlap(err)
		if assert.True(t, ok, err) {
			assert.Equal(t, []rollup.Range{{First: 40, Last: 44}}, overlap.Overlaps[0].Applied.Ranges())
		}
	})
	h.push(t, sinktest.Hits("seg", 60, 69), stored)
	h.end()
	assert.EqualValues(t, 35, totalHits(t, d))
	require.NoError(t, rolledUp(t, h, sinktest.Aggregator(t, nil), sinktest.Hits("seg", 30, 49)))
	assert.EqualValues(t, 50, totalHits(t, d))
}

// Rollups are pushed by several at once while the server is stopped, crashes and
// comes back.
func testRollupOutages(t *testing.T, server databasePeer, fresh newTarget) {
	d := withDefaults(onlyRollups(fresh(t)))
	e := d.start(t)
	const workers, chunks, size, outages = 6, 15, 20, 2
	var wg sync.WaitGroup
	stored := make(chan struct{}, workers*chunks)
	for worker := range workers {
		a := sinktest.Aggregator(t, nil)
		wg.Go(func() {
			for chunk := range chunks {
				first := (worker*chunks + chunk) * size
				if assert.NoError(t, rolledUp(t, e, a, sinktest.Hits("seg", first, first+size-1))) {
					stored <- struct{}{}
				}
			}
		})
	}
	for outage := range outages {
		require.Eventually(t, func() bool { return len(stored) > (outage+1)*workers*chunks/(outages+2) }, sinktest.Long, time.Millisecond)
		if outage%2 == 0 {
			server.Kill()
		} else {
			require.NoError(t, server.Stop(t.Context()))
		}
		require.NoError(t, server.Start(t.Context()))
	}
	wg.Wait()
	assertHits(t, d, workers*chunks*size)
}

// Rollups wait for a lock that another session holds, attempt after attempt, and no
// transaction stays behind that nobody waits for.
func testPostgresRollupsLocked(t *testing.T, server *peers.Postgres) {
	d := withDefaults(onlyRollups(postgresTarget(server)(t)))
	d.config.Timeout.Timeout = 150 * time.Millisecond
	e := d.start(t)
	tx, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "lock table tyk_aggregated in access exclusive mode")
	require.NoError(t, err)
	leaving, leave := context.WithCancel(t.Context())
	groups, _ := sinktest.Aggregator(t, nil).Aggregate(sinktest.Hits("seg", 40, 49), nil)
	left := plog.NewLogs()
	rollup.AppendLogs(left, "", groups)
	gone := make(chan error, 1)
	go func() { gone <- e.ConsumeLogs(leaving, left) }()
	var pushing sync.WaitGroup
	for i := range 4 {
		pushing.Go(func() {
			assert.NoError(t, rolledUp(t, e, sinktest.Aggregator(t, nil), sinktest.Hits("seg", i*10, i*10+9)))
		})
	}
	waiting := `select count(*) from pg_stat_activity
		where application_name = 'otelcol-tyk' and datname = current_database() and wait_event_type = 'Lock'`
	require.Eventually(t, func() bool { return d.number(t, waiting) > 0 }, sinktest.Long, time.Millisecond)
	leave()
	require.Error(t, <-gone, "in the attempt, or in the pause before the next one, whose error is the attempt's")
	assert.LessOrEqual(t, d.number(t, waiting), int64(2), "attempts that ended leave no session behind that waits for the lock")
	require.NoError(t, tx.Commit())
	pushing.Wait()
	require.NoError(t, rolledUp(t, e, sinktest.Aggregator(t, nil), sinktest.Hits("seg", 40, 49)))
	assertHits(t, d, 50)
}
