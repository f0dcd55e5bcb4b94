package tykredisreceiver

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// What gives its records up lets the next deliveries begin, ten chunks of them.
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

// During an outage, what was given up is read again in its turn, at most one delivery at a time
// here, and nothing further is begun than when the destination is well.
func TestAnOutageHoldsNoMoreRecordsThanThereArePlaces(t *testing.T) {
	r := newRedis(t)
	const records = 400
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, records)
	var down atomic.Bool
	down.Store(true)
	var holding, calls atomic.Int64
	d := newDestination()
	d.answer = func(ctx context.Context, keys []string, _ plog.Logs) error {
		assert.EqualValues(t, 1, holding.Add(1), "deliveries with records")
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
	assert.Less(t, time.Since(began), 20*time.Second)
	assert.Zero(t, d.count())

	again := newDestination()
	start(t, r.Addr(), again, nil)
	eventually(t, "an empty Redis", func() bool { return again.count() == 400 && len(leftover(t, r.Client())) == 0 })
}
