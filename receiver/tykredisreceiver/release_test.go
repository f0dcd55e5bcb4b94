package tykredisreceiver

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// What gives its records up lets the next deliveries begin, ten of them, however small they are.
func TestDeliveriesThatNeedNoRecordsLetOthersBegin(t *testing.T) {
	r := newRedis(t)
	const records = 400
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, records)
	var waiting, most atomic.Int64
	stored := make(chan struct{})
	d := newDestination()
	d.answer = func(ctx context.Context, _ []string, _ plog.Logs) error {
		analytics.EntriesOf(ctx).Release()
		most.Store(max(most.Load(), waiting.Add(1)))
		defer waiting.Add(-1)
		select {
		case <-stored:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	start(t, r.Addr(), d, func(cfg *Config) { cfg.MaxInFlight = 1 })
	const chunks = 10 + 1 // in the only place
	eventually(t, "as many deliveries as there is room for", func() bool { return waiting.Load() == chunks })
	time.Sleep(50 * time.Millisecond)
	assert.EqualValues(t, chunks, most.Load())
	close(stored)
	eventually(t, "an empty Redis", func() bool { return d.count() == records && len(leftover(t, r.Client())) == 0 })
	assert.LessOrEqual(t, most.Load(), int64(chunks))
	for key, n := range d.kept {
		require.Equal(t, 1, n, key)
	}
}

// During an outage, what was given up is read again in its turn, and takes a place for that.
func TestAnOutageHoldsNoMoreRecordsThanThereArePlaces(t *testing.T) {
	r := newRedis(t)
	const records = 400
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, records)
	var down atomic.Bool
	down.Store(true)
	var holding, calls atomic.Int64
	d := newDestination()
	d.answer = func(ctx context.Context, keys []string, _ plog.Logs) error {
		assert.LessOrEqual(t, holding.Add(1), int64(2), "in the only place, and in the spare one")
		assert.Len(t, keys, 10)
		time.Sleep(time.Millisecond)
		holding.Add(-1)
		analytics.EntriesOf(ctx).Release()
		_, found := analytics.EntriesOf(ctx).Entry(analytics.UID{})
		assert.False(t, found)
		calls.Add(1)
		if down.Load() {
			return errors.New("503 service unavailable")
		}
		return nil
	}
	rec := start(t, r.Addr(), d, func(cfg *Config) {
		cfg.MaxInFlight = 1
		cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = time.Millisecond, time.Second
	})
	eventually(t, "some attempts", func() bool { return calls.Load() > 100 })
	assert.LessOrEqual(t, rec.receipts(t)["claimed"], int64(records))
	down.Store(false)
	eventually(t, "an empty Redis", func() bool { return d.count() == records && len(leftover(t, r.Client())) == 0 })
	for key, n := range d.kept {
		require.Equal(t, 1, n, key)
	}
}

// A receiver ends while deliveries wait that need no records.
func TestReleasedDeliveriesHoldNoShutdown(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 400)
	var calls atomic.Int64
	d := newDestination()
	d.answer = func(ctx context.Context, _ []string, _ plog.Logs) error {
		analytics.EntriesOf(ctx).Release()
		calls.Add(1)
		<-ctx.Done()
		return ctx.Err()
	}
	rec := start(t, r.Addr(), d, func(cfg *Config) { cfg.MaxInFlight, cfg.ShutdownTimeout = 2, 200*time.Millisecond })
	eventually(t, "deliveries", func() bool { return calls.Load() == 10+2 })
	began := time.Now()
	require.NoError(t, rec.Shutdown(context.Background()))
	assert.Less(t, time.Since(began), createDefaultConfig().(*Config).ShutdownTimeout)
	assert.Zero(t, d.count())

	again := newDestination()
	start(t, r.Addr(), again, nil)
	eventually(t, "an empty Redis", func() bool { return again.count() == 400 && len(leftover(t, r.Client())) == 0 })
}

// A delivery whose records were given up is counted with those records that nobody has counted meanwhile.
func TestReleasedRecordsAreCountedOnce(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 5)
	entered, leave := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(leave) })
	d, b := newDestination(), &board{}
	var isFirst atomic.Bool
	isFirst.Store(true)
	d.answer = func(ctx context.Context, _ []string, _ plog.Logs) error {
		analytics.EntriesOf(ctx).Release()
		if isFirst.CompareAndSwap(true, false) {
			close(entered)
			<-leave
		}
		return nil
	}
	rec := startSignals(t, r.Addr(), d, b, nil)
	t.Cleanup(goOn)
	<-entered
	rec.loseLease(t, r.Client(), 600*time.Millisecond)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 5, 10) // join them
	eventually(t, "the delivery in another cut", func() bool { return d.count() == 10 })
	goOn()
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	eventually(t, "all counted", func() bool { return b.requests() >= 10 })
	time.Sleep(50 * time.Millisecond)
	assert.EqualValues(t, 10, b.requests())
}

// A delivery that was released brings the evidence for which others, in all places, wait.
func TestReleasedDeliveriesGoOnBesideThoseThatWaitForEvidence(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	var isDown atomic.Bool
	isDown.Store(true)
	mended := make(chan struct{})
	d := newDestination()
	d.answer = func(ctx context.Context, keys []string, _ plog.Logs) error {
		analytics.EntriesOf(ctx).Release()
		for _, key := range keys {
			if n, _ := strconv.Atoi(key); n >= 10 {
				return consumererror.NewPermanent(errors.New("no such column"))
			}
		}
		if isDown.CompareAndSwap(true, false) {
			<-mended
			return errors.New("503 service unavailable")
		}
		return nil
	}
	rec := start(t, r.Addr(), d, func(cfg *Config) {
		cfg.MaxInFlight = 2
		cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = 10*time.Millisecond, 300*time.Millisecond
	})
	eventually(t, "the first delivery", func() bool { return !isDown.Load() })
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 10, 410)
	eventually(t, "the others to wait", func() bool { return rec.sum(t, "tykredis_chunks_redelivered") > 30 })
	close(mended)
	eventually(t, "the evidence", func() bool { return d.count() == 10 })
	eventually(t, "dead letters", func() bool { return len(letters(t, r.Client(), list)) > 0 })
}

// What is to be sent next is not forgotten while its entries cannot be read again.
func TestPartsWaitForARedisThatDoesNotAnswer(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 1000)
	var first atomic.Bool
	p := &picky{taken: map[int]int{}, releases: true, isBad: func(key int) bool { return key == 700 }}
	p.take = func(p *picky, records []sentRecord) error {
		err := inBuffers(p, records)
		if err != nil && first.CompareAndSwap(false, true) {
			r.Client().ClientPause(context.Background(), 1500*time.Millisecond)
		}
		return err
	}
	start(t, r.Addr(), p, func(cfg *Config) {
		cfg.ChunkSize, cfg.MaxInFlight = 1000, 1
		cfg.Timeout, cfg.Lease = 200*time.Millisecond, 20*time.Second
		cfg.Redelivery.InitialInterval, cfg.Redelivery.MaxInterval = 10*time.Millisecond, 100*time.Millisecond
	})
	eventually(t, "an empty Redis", func() bool { return p.count() == 999 && len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list), 1)
}
