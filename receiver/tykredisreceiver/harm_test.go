package tykredisreceiver

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// A list that is none costs Redis little, and hides nothing of the others.
func TestAListThatCannotBeReadCostsLittle(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	d := newDestination()
	rec := start(t, r.Addr(), d, usual)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	pushRecords(t, r.Client(), list+"_1", analytics.AppendMsgpack, 10, 20)
	eventually(t, "the records", func() bool { return d.count() == 20 })
	require.NoError(t, r.Client().Set(t.Context(), list+"_1", "x", 0).Err())
	eventually(t, "the trouble", func() bool { return strings.Contains(rec.host.said(), "WRONGTYPE") })

	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 20, 30)
	eventually(t, "the receipts of the other list", func() bool { return rec.receipts(t)["delivered"] == 20 })
	require.NoError(t, r.Client().ConfigResetStat(t.Context()).Err())
	began := time.Now()
	for time.Since(began) < 5*time.Second {
		require.Contains(t, rec.host.said(), "WRONGTYPE", "the trouble lasts")
		time.Sleep(10 * time.Millisecond)
	}
	total, by := commands(t, r.Client())
	assert.LessOrEqual(t, float64(total)/time.Since(began).Seconds(), 100.0, "%v", by)
	assert.LessOrEqual(t, by["zadd"], 4)
}

// What was read before Redis lost a segment is delivered, and counts as that.
func TestWhatWasReadOfALostSegmentIsNotLost(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	var slow atomic.Bool
	slow.Store(true)
	d := newDestination()
	d.answer = func(ctx context.Context, _ []string, _ plog.Logs) error {
		for slow.Load() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 600)
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "deliveries", func() bool { return len(rec.Logs.(*redisReceiver).segments.Of(0)) == 1 })
	h := rec.Logs.(*redisReceiver).segments.Of(0)[0]
	time.Sleep(100 * time.Millisecond) // reads go on as far as they may
	require.NoError(t, r.Client().Del(t.Context(), h.Key()).Err())
	slow.Store(false)
	eventually(t, "the receipts", func() bool {
		got := rec.receipts(t)
		return got["claimed"] == 600 && got["in_flight"] == 0 && got["lost"] > 0
	})
	got := rec.receipts(t)
	assert.EqualValues(t, d.count(), got["delivered"])
	assert.EqualValues(t, 600-d.count(), got["lost"])
}

// Redis forgets what was claimed while a collector runs.
func TestSegmentsThatAreForgottenMeanwhileAreDelivered(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	var down atomic.Bool
	down.Store(true)
	d := newDestination()
	d.answer = func(context.Context, []string, plog.Logs) error {
		if down.Load() {
			return errors.New("down")
		}
		return nil
	}
	rec := start(t, r.Addr(), d, func(cfg *Config) { cfg.Redelivery.MaxInterval = 100 * time.Millisecond })
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 100)
	eventually(t, "a claim", func() bool { return rec.receipts(t)["in_flight"] == 100 })
	require.NoError(t, r.Client().Del(t.Context(), "otelcol-tyk:{"+list+"}:segments").Err())
	eventually(t, "their return", func() bool { return rec.sum(t, "tykredis_entries_adopted") == 100 })
	down.Store(false)
	eventually(t, "all records", func() bool { return d.count() == 100 && len(leftover(t, r.Client())) == 0 })
}

// A server that accepts connections and answers nothing shows within two timeouts, whatever a
// look at the lists would have asked it besides.
func TestAServerThatHangsShowsSoon(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	d := newDestination()
	const timeout = 5 * time.Second
	rec := start(t, r.Addr(), d, func(cfg *Config) {
		cfg.Uptime.Enabled, cfg.Timeout, cfg.Lease = true, timeout, 10*time.Minute // no heartbeat soon
	})
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	eventually(t, "the records", func() bool { return d.count() == 10 && rec.host.last() == componentstatus.StatusOK })
	require.NoError(t, r.Pause())
	began := time.Now()
	eventually(t, "a status", func() bool { return rec.host.last() == componentstatus.StatusRecoverableError })
	assert.Less(t, time.Since(began), 2*timeout)
	require.NoError(t, r.Resume())
	eventually(t, "a good status", func() bool { return rec.host.last() == componentstatus.StatusOK })
}
