package tykredisreceiver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
)

// board is the end of a metrics pipeline: it shows the last push.
type board struct {
	mu      sync.Mutex // guards the rest
	last    pmetric.Metrics
	pushes  int
	trouble error
}

func (*board) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (b *board) ConsumeMetrics(_ context.Context, all pmetric.Metrics) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trouble != nil {
		return b.trouble
	}
	b.last = all
	b.pushes++
	return nil
}

func (b *board) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trouble = err
}

// shown is the last push.
func (b *board) shown() pmetric.ResourceMetrics {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last.ResourceMetrics().At(0)
}

// requests is the total of the gateway's plainest counter.
func (b *board) requests() int64 { return b.total("tyk.http.requests") }

func (b *board) total(name string) int64 {
	n := int64(0)
	for _, dp := range b.points(name) {
		n += dp.IntValue()
	}
	return n
}

func (b *board) points(name string) []pmetric.NumberDataPoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []pmetric.NumberDataPoint
	if b.pushes == 0 {
		return nil
	}
	for _, m := range b.last.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if m.Name() == name {
			for _, dp := range m.Sum().DataPoints().All() {
				all = append(all, dp)
			}
		}
	}
	return all
}

func TestLogsAndMetricsShareOneClaim(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 40)
	pushRecords(t, r.Client(), list+"_3_protobuf", analytics.AppendProtobuf, 40, 55)
	d, b := newDestination(), &board{}
	rec := startSignals(t, r.Addr(), d, b, nil)
	eventually(t, "all records", func() bool { return d.count() == 55 })
	eventually(t, "all counted", func() bool { return b.requests() == 55 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	for key, times := range d.kept {
		assert.Equal(t, 1, times, "record %s", key)
	}
	eventually(t, "the counters", func() bool { return rec.sum(t, "tykredis_records_delivered") == 55 })
	assert.EqualValues(t, 55, rec.sum(t, "tykredis_records_claimed"))
	eventually(t, "a good status of both", func() bool {
		return rec.host.last() == componentstatus.StatusOK && rec.metricsHost.last() == componentstatus.StatusOK
	})
	shown := b.shown()
	assert.Equal(t, "tyk-gateway", shown.Resource().Attributes().AsRaw()["service.name"])
	assert.Equal(t, analytics.ScopeName, shown.ScopeMetrics().At(0).Scope().Name())
}

func TestAReceiverOnlyForMetricsAdvancesTheClaimAndKeepsDeadLetters(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 40)
	require.NoError(t, r.Client().RPush(t.Context(), list, "\xc1garbage").Err())
	b := &board{}
	startSignals(t, r.Addr(), nil, b, nil)
	eventually(t, "all counted", func() bool { return b.requests() == 40 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	assert.Len(t, letters(t, r.Client(), list), 1)
}

func TestSumsGoOnFromOneStart(t *testing.T) {
	r := newRedis(t)
	before := pcommon.NewTimestampFromTime(time.Now())
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	b := &board{}
	startSignals(t, r.Addr(), nil, b, nil)
	eventually(t, "the first", func() bool { return b.requests() == 10 })
	first := b.points("tyk.http.requests")[0]
	assert.GreaterOrEqual(t, first.StartTimestamp(), before)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 10, 15)
	eventually(t, "the second", func() bool { return b.requests() == 15 })
	second := b.points("tyk.http.requests")[0]
	assert.Equal(t, first.StartTimestamp(), second.StartTimestamp())
	assert.Greater(t, second.Timestamp(), first.Timestamp())
}

func TestRepeatedDeliveriesCountOnce(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 40)
	d, b := newDestination(), &board{}
	var attempts atomic.Int64
	d.answer = func(context.Context, []string, plog.Logs) error {
		if n := attempts.Add(1); n%3 != 0 {
			return errors.New("database is down")
		}
		return nil
	}
	startSignals(t, r.Addr(), d, b, func(cfg *Config) { cfg.Redelivery.InitialInterval = time.Millisecond })
	eventually(t, "an empty Redis", func() bool { return d.count() == 40 && len(leftover(t, r.Client())) == 0 })
	eventually(t, "all counted", func() bool { return b.requests() >= 40 })
	assert.EqualValues(t, 40, b.requests())
}

// TestWhatIsDeliveredAgainAfterALostLeaseCountsOnce takes the lease away while a
// delivery is under way: the acknowledgement is refused, and the same process
// delivers the segment once more.
func TestWhatIsDeliveredAgainAfterALostLeaseCountsOnce(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	entered, leave := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(leave) })
	d, b := newDestination(), &board{}
	var once sync.Once
	d.answer = func(context.Context, []string, plog.Logs) error {
		once.Do(func() {
			close(entered)
			<-leave
		})
		return nil
	}
	rec := startSignals(t, r.Addr(), d, b, nil)
	t.Cleanup(goOn)
	<-entered
	rec.loseLease(t, r.Client(), 300*time.Millisecond)
	goOn()
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	d.mu.Lock()
	assert.Equal(t, 2, d.kept["0"], "delivered again")
	d.mu.Unlock()
	eventually(t, "all counted", func() bool { return b.requests() >= 10 })
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 10, 11)
	eventually(t, "the next one", func() bool { return d.count() == 11 && b.requests() >= 11 })
	assert.EqualValues(t, 11, b.requests())
}

func TestARefusedRecordCountsWhenItsReplayIsDelivered(t *testing.T) {
	r := newRedis(t)
	var refusing atomic.Bool
	refusing.Store(true)
	d, b := newDestination(), &board{}
	d.answer = func(_ context.Context, _ []string, ld plog.Logs) error {
		refused := &analytics.RefusedError{}
		eachRecord(ld, func(lr plog.LogRecord) {
			var record analytics.Record
			uid, err := analytics.ParseUID(record.FromLog(lr))
			if err == nil && record.APIKey == "7" && refusing.Load() {
				refused.Records = append(refused.Records, analytics.RefusedRecord{UID: uid, Reason: "too odd"})
			}
		})
		if len(refused.Records) > 0 {
			return consumererror.NewPermanent(refused)
		}
		return nil
	}
	startSignals(t, r.Addr(), d, b, nil)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	eventually(t, "the others", func() bool { return b.requests() == 9 })

	refusing.Store(false)
	store, src := claim.NewStore(r.Client()), claim.NewSource(list, claim.Settings{})
	var found []claim.Letter
	require.NoError(t, store.Letters(t.Context(), src, func(l claim.Letter) bool {
		found = append(found, l)
		return true
	}))
	_, err := store.Replay(t.Context(), src, found)
	require.NoError(t, err)
	eventually(t, "all", func() bool { return b.requests() == 10 })
}

// TestRecordsAreCountedApartFromTheOneToBlame lets a destination refuse a delivery
// without naming the record, so that it is taken apart.
func TestRecordsAreCountedApartFromTheOneToBlame(t *testing.T) {
	r := newRedis(t)
	d, b := newDestination(), &board{}
	d.answer = func(_ context.Context, keys []string, _ plog.Logs) error {
		for _, key := range keys {
			if key == "3" {
				return consumererror.NewPermanent(errors.New("something is odd"))
			}
		}
		return nil
	}
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	startSignals(t, r.Addr(), d, b, nil)
	eventually(t, "an empty Redis", func() bool { return d.count() == 9 && len(leftover(t, r.Client())) == 0 })
	eventually(t, "the others", func() bool { return b.requests() == 9 })
	assert.Len(t, letters(t, r.Client(), list), 1)
}

func TestMetricsThatAreNotTakenComeWithTheNextPush(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	b := &board{trouble: errors.New("out of order")}
	rec := startSignals(t, r.Addr(), nil, b, nil)
	eventually(t, "a status", func() bool { return rec.metricsHost.last() == componentstatus.StatusRecoverableError })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	b.fail(nil)
	eventually(t, "all counted", func() bool { return b.requests() == 10 })
	eventually(t, "a good status", func() bool { return rec.metricsHost.last() == componentstatus.StatusOK })
}

func TestShutdownPushesALastTime(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	d, b := newDestination(), &board{}
	rec := startSignals(t, r.Addr(), d, b, func(cfg *Config) { cfg.Metrics.Interval = time.Hour })
	eventually(t, "all records", func() bool { return rec.sum(t, "tykredis_records_delivered") == 10 })
	assert.Zero(t, b.pushes)
	require.NoError(t, rec.Shutdown(t.Context()))
	assert.EqualValues(t, 10, b.requests())
	assert.Equal(t, 1, b.pushes)
	require.NoError(t, rec.Shutdown(t.Context()))
	assert.Equal(t, 1, b.pushes)
}

func TestAMetricWithTooManySeriesIsSaidWithTheLabelToBlame(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 20)
	b := &board{}
	rec := startSignals(t, r.Addr(), nil, b, func(cfg *Config) {
		cfg.Metrics.Presets = nil
		cfg.Metrics.SeriesLimit = 5
		cfg.Metrics.CustomMetrics = []metrics.CustomConfig{{Name: "by_key", MetricType: "counter", Labels: []string{"api", "api_key", "code"}}}
	})
	eventually(t, "all counted", func() bool { return b.total("by_key") == 20 })
	assert.Len(t, b.points("by_key"), 5)
	eventually(t, "a warning", func() bool { return rec.log.FilterMessageSnippet("limit of series").Len() == 1 })
	fields := rec.log.FilterMessageSnippet("limit of series").All()[0].ContextMap()
	assert.Equal(t, "by_key", fields["metric"])
	assert.Equal(t, "api_key", fields["label"])
	assert.EqualValues(t, 16, rec.sum(t, "tykredis_metric_overflows"))
}

func TestUptimeChecksWantALogsPipeline(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Uptime.Enabled = true
	rec, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, rec.Start(t.Context(), componenttest.NewNopHost()), "uptime::enabled: true, but the receiver is in no logs pipeline")
	require.NoError(t, rec.Shutdown(t.Context()))
}

func TestAConfigurationIsOneReceiverWhileItLives(t *testing.T) {
	factory, cfg, set := NewFactory(), createDefaultConfig(), receivertest.NewNopSettings(metadata.Type)
	first, err := factory.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	other, err := factory.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	assert.NotSame(t, first, other, "a second one of the same signal")
	shared, err := factory.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	assert.Same(t, other, shared)
	require.NoError(t, shared.Shutdown(t.Context()))
	again, err := factory.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	assert.NotSame(t, shared, again)
	require.NoError(t, first.Shutdown(t.Context()))
	require.NoError(t, again.Shutdown(t.Context()))
}
