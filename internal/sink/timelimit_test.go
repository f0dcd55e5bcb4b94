package sink

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

func logsOf(records int) plog.Logs {
	logs := plog.NewLogs()
	list := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range records {
		list.AppendEmpty()
	}
	return logs
}

// A destination that needs twice the longest attempt gets everything all the same.
func TestPushesThatTakeLongerThanTheTimeoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Defaults()
		s.Timeout.Timeout = 5 * time.Second
		var tried []time.Duration
		slow := func(ctx context.Context, _ plog.Logs) error {
			began := time.Now()
			defer func() { tried = append(tried, time.Since(began)) }()
			select {
			case <-time.After(38 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		e, err := s.NewLogs(t.Context(), exportertest.NewNopSettings(exportertest.NopType), &struct{}{}, slow, nil, nil)
		require.NoError(t, err)
		require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, e.ConsumeLogs(t.Context(), logsOf(4000)))
		seconds := func(all ...time.Duration) []time.Duration {
			for i := range all {
				all[i] *= time.Second
			}
			return all
		}
		assert.Equal(t, seconds(5, 10, 20, 38), tried)
		tried = nil
		require.NoError(t, e.ConsumeLogs(t.Context(), logsOf(4000)))
		assert.Equal(t, seconds(38), tried, "what was found out holds for the next push")
		require.NoError(t, e.Shutdown(t.Context()))
	})
}

func TestTimeLimits(t *testing.T) {
	t.Parallel()
	const timeout = 10 * time.Second
	l := &timeLimit{timeout: timeout, logger: zap.NewNop()}
	assert.Equal(t, timeout, l.allows(1000))
	l.ranOut(1000, timeout)
	assert.Equal(t, 2*timeout, l.allows(1000))
	assert.Equal(t, 2*timeout, l.allows(2000))
	assert.Equal(t, timeout, l.allows(999), "of smaller ones nothing is known")
	l.ranOut(2000, timeout)
	assert.Equal(t, 2*timeout, l.allows(2000), "one that began with the others is no news")
	for range 5 {
		l.ranOut(1000, l.allows(1000))
	}
	assert.Equal(t, mostTimeouts*timeout, l.allows(1000), "the most there is")
	l.ended(10, time.Millisecond)
	l.ended(1000, 30*time.Second)
	assert.Equal(t, mostTimeouts*timeout, l.allows(1000), "it was small, or took long")
	l.ended(1000, 20*time.Second)
	assert.Equal(t, mostTimeouts*timeout/2, l.allows(1000))
	l.ended(1000, time.Second)
	assert.Equal(t, timeout, l.allows(1000), "the destination is as quick as before")
}

func TestOnlyAttemptsThatRanOutOfTimeGetMore(t *testing.T) {
	t.Parallel()
	l := &timeLimit{timeout: time.Nanosecond, logger: zap.NewNop()}
	caller, leave := context.WithCancel(t.Context())
	_ = l.bound(func(ctx context.Context, _ plog.Logs) error { leave(); <-ctx.Done(); return ctx.Err() })(caller, logsOf(1))
	assert.Zero(t, l.records, "nobody waits any more")
	refused := consumererror.NewPermanent(errors.New("refused"))
	err := l.bound(func(ctx context.Context, _ plog.Logs) error { <-ctx.Done(); return refused })(t.Context(), logsOf(1))
	require.ErrorIs(t, err, refused)
	assert.Zero(t, l.records, "it was answered")
	_ = l.bound(func(ctx context.Context, _ plog.Logs) error { <-ctx.Done(); return ctx.Err() })(t.Context(), logsOf(1))
	assert.Equal(t, 1, l.records)
	never := &timeLimit{logger: zap.NewNop()}
	require.NoError(t, never.bound(func(ctx context.Context, _ plog.Logs) error {
		_, bounded := ctx.Deadline()
		assert.False(t, bounded)
		return nil
	})(t.Context(), logsOf(1)))
}
