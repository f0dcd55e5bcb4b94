package tykredisreceiver

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

const list = "analytics-tyk-system-analytics"

// destination is the end of a pipeline: it keeps what it takes, by API key, and
// answers as told.
type destination struct {
	// answer, if set, decides on each delivery; called without the lock.
	answer func(ctx context.Context, keys []string, ld plog.Logs) error

	mu   sync.Mutex
	kept map[string]int    // deliveries by API key
	uids map[string]string // by API key
}

func newDestination() *destination {
	return &destination{kept: map[string]int{}, uids: map[string]string{}}
}

func (*destination) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (d *destination) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	var keys []string
	uids := map[string]string{}
	eachRecord(ld, func(lr plog.LogRecord) {
		var r analytics.Record
		uid := r.FromLog(lr)
		keys = append(keys, r.APIKey)
		uids[r.APIKey] = uid
	})
	var err error
	if d.answer != nil {
		err = d.answer(ctx, keys, ld)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		for _, key := range keys {
			d.kept[key]++
			d.uids[key] = uids[key]
		}
	}
	return err
}

func eachRecord(ld plog.Logs, visit func(plog.LogRecord)) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				visit(lr)
			}
		}
	}
}

func (d *destination) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.kept)
}

// statusHost keeps the statuses that a component reports.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

func newStatusHost() *statusHost { return &statusHost{Host: componenttest.NewNopHost()} }

func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

func (h *statusHost) last() componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return componentstatus.StatusNone
	}
	return h.events[len(h.events)-1].Status()
}

// said is the error of the last status, as text.
func (h *statusHost) said() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 || h.events[len(h.events)-1].Err() == nil {
		return ""
	}
	return h.events[len(h.events)-1].Err().Error()
}

// running is a started receiver.
type running struct {
	receiver.Logs             // or its metrics, where it has no logs
	host          *statusHost // of its logs
	metricsHost   *statusHost
	tel           *componenttest.Telemetry
	log           *observer.ObservedLogs // from warnings on
}

// start runs a receiver against a Redis at address; it is shut down with the test.
func start(t *testing.T, address string, next consumer.Logs, adapt func(*Config)) *running {
	t.Helper()
	return startSignals(t, address, next, nil, adapt)
}

// startSignals is start for a receiver of logs, of metrics, or of both.
func startSignals(t *testing.T, address string, logs consumer.Logs, metrics consumer.Metrics, adapt func(*Config)) *running {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Addresses = []string{address}
	cfg.PollInterval = 10 * time.Millisecond
	cfg.ChunkSize = 10
	cfg.Lease = 3 * time.Second
	cfg.Timeout = cfg.Lease
	cfg.ShutdownTimeout = time.Second
	cfg.Metrics.Interval = 10 * time.Millisecond
	if adapt != nil {
		adapt(cfg)
	}
	require.NoError(t, cfg.Validate())
	tel := componenttest.NewTelemetry()
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	written, log := observer.New(zap.WarnLevel)
	set.Logger = zap.New(written)
	factory := NewFactory()
	r := &running{host: newStatusHost(), metricsHost: newStatusHost(), tel: tel, log: log}
	if logs != nil {
		made, err := factory.CreateLogs(t.Context(), set, cfg, logs)
		require.NoError(t, err)
		r.Logs = made
		t.Cleanup(func() { require.NoError(t, made.Shutdown(context.Background())) })
	}
	if metrics != nil {
		made, err := factory.CreateMetrics(t.Context(), set, cfg, metrics)
		require.NoError(t, err)
		if logs == nil {
			r.Logs = made
		}
		require.Same(t, r.Logs, made, "one receiver for both")
		require.NoError(t, made.Start(t.Context(), r.metricsHost))
		t.Cleanup(func() { require.NoError(t, made.Shutdown(context.Background())) })
	}
	if logs != nil {
		require.NoError(t, r.Start(t.Context(), r.host))
	}
	t.Cleanup(func() {
		require.NoError(t, r.Shutdown(context.Background()))
		require.NoError(t, tel.Shutdown(context.Background()))
	})
	return r
}

// sum reads one of the receiver's own counters.
func (r *running) sum(t *testing.T, name string) int64 {
	t.Helper()
	m, err := r.tel.GetMetric("otelcol_" + name)
	if err != nil {
		return 0
	}
	return total(t, m)
}

// loseLease gives the lease of the only segment to another worker for a time, and waits until the receiver knows.
func (r *running) loseLease(t *testing.T, rdb *redis.Client, after time.Duration) {
	t.Helper()
	leases := fmt.Sprintf("otelcol-tyk:{%s}:leases", list)
	held := rdb.HKeys(t.Context(), leases).Val()
	require.Len(t, held, 1)
	require.NoError(t, rdb.HSet(t.Context(), leases, held[0], fmt.Sprintf("other %d", time.Now().Add(after).UnixMilli())).Err())
	segments := r.Logs.(*redisReceiver).segments
	eventually(t, "the loss to be noticed", func() bool { return len(segments.Of(0)) == 0 })
}

// pushRecords pushes records whose API keys are their numbers.
func pushRecords(t *testing.T, rdb redis.UniversalClient, key string, encode func([]byte, *analytics.Record) []byte, from, to int) {
	t.Helper()
	pipe := rdb.Pipeline()
	for i := from; i < to; i++ {
		pipe.RPush(t.Context(), key, encode(nil, numbered(i)))
	}
	_, err := pipe.Exec(t.Context())
	require.NoError(t, err)
}

func numbered(i int) *analytics.Record {
	at := time.Date(2026, 3, 28, 10, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
	return &analytics.Record{
		Method: "GET", Path: "/things", RawPath: "/things", ResponseCode: 200, APIKey: strconv.Itoa(i),
		TimeStamp: at, Day: 28, Month: 3, Year: 2026, Hour: int64(at.Hour()), OrgID: "org", APIID: "api", ExpireAt: at.Add(time.Hour),
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 5*time.Minute, 5*time.Millisecond, what)
}

// leftover lists what lies in Redis beside dead letters and what the protocol
// always keeps.
func leftover(t *testing.T, rdb *redis.Client) []string {
	t.Helper()
	keys, err := rdb.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	return slices.DeleteFunc(keys, func(key string) bool {
		for _, kept := range []string{":seq", ":groups", ":workers", ":progress", ":receipts", ":dead", ":dead:order", ":dead:causes", ":dead:bytes"} {
			if len(key) > len(kept) && key[len(key)-len(kept):] == kept {
				return true
			}
		}
		return false
	})
}

func letters(t *testing.T, rdb *redis.Client, key string) map[string]claim.Letter {
	t.Helper()
	bodies, err := rdb.HGetAll(t.Context(), fmt.Sprintf("otelcol-tyk:{%s}:dead", key)).Result()
	require.NoError(t, err)
	out := map[string]claim.Letter{}
	for uid, body := range bodies {
		letter, err := claim.DecodeLetter(body)
		require.NoError(t, err)
		out[uid] = letter
	}
	return out
}

func newRedis(t *testing.T, opts ...peers.RedisOption) *peers.Redis {
	t.Helper()
	return peers.StartRedis(t, opts...)
}

// receipts reads the receipts of the plain list by state.
func (r *running) receipts(t *testing.T) map[string]int64 {
	t.Helper()
	m, err := r.tel.GetMetric("otelcol_tykredis_receipts")
	if err != nil {
		return nil
	}
	gauge, ok := m.Data.(metricdata.Gauge[int64])
	require.True(t, ok)
	out := map[string]int64{}
	for _, point := range gauge.DataPoints {
		source, _ := point.Attributes.Value("source")
		state, _ := point.Attributes.Value("state")
		if source.AsString() == list {
			out[state.AsString()] = point.Value
		}
	}
	return out
}
