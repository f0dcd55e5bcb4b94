package krakendreceiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/collector/scraper/scraperhelper"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/krakendreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/krakendreceiver/internal/metadatatest"
)

// hangs is how long a test waits for what takes no time.
const hangs = time.Minute

// host remembers the statuses that are reported.
type host struct {
	component.Host
	mu       sync.Mutex // guards the field below
	statuses []componentstatus.Status
}

func newHost() *host { return &host{Host: componenttest.NewNopHost()} }

// Report remembers a status.
func (h *host) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.statuses = append(h.statuses, event.Status())
}

func (h *host) reported() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]componentstatus.Status(nil), h.statuses...)
}

// started is a receiver that asks when told to.
type started struct {
	receiver.Metrics
	host *host
	tick chan time.Time
	sink *consumertest.MetricsSink
}

// start starts a receiver, which asks once at once.
func start(tb testing.TB, config *Config, set receiver.Settings, next consumer.Metrics) *started {
	tb.Helper()
	config.Controller.InitialDelay = 0
	s, err := newScraper(config, set)
	require.NoError(tb, err)
	r := &started{host: newHost(), tick: make(chan time.Time), sink: &consumertest.MetricsSink{}}
	if next == nil {
		next = r.sink
	}
	r.Metrics, err = assemble(config, set, s, next, scraperhelper.WithTickerChannel(r.tick))
	require.NoError(tb, err)
	require.NoError(tb, r.Start(tb.Context(), r.host))
	tb.Cleanup(func() { require.NoError(tb, r.Shutdown(context.WithoutCancel(tb.Context()))) })
	return r
}

// ask makes the receiver ask again. It has asked the time before when that is taken.
func (r *started) ask(tb testing.TB) {
	tb.Helper()
	select {
	case r.tick <- time.Time{}:
	case <-time.After(hangs):
		tb.Fatal("the receiver does not ask")
	}
}

func TestItFollowsRedirectionsAndNamesItsSource(t *testing.T) {
	t.Parallel()
	body := unzip(t, "windows", "008-in-window-1.json.gz")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/__stats/" {
			http.Redirect(w, r, "/__stats", http.StatusMovedPermanently)
			return
		}
		_, _ = w.Write(body)
	}))
	defer server.Close()
	config := defaultConfig()
	config.Client.Endpoint = server.URL + "/__stats/"
	r := start(t, config, receivertest.NewNopSettings(metadata.Type), nil)
	other := defaultConfig()
	other.Client.Endpoint, other.HostName, other.ServiceName = server.URL+"/__stats", "gateway-2", "edge"
	second := start(t, other, receivertest.NewNopSettings(metadata.Type), nil)
	r.ask(t)
	second.ask(t)

	address := strings.TrimPrefix(server.URL, "http://")
	assert.Equal(t, map[string]any{"service.name": "krakend", "service.instance.id": address, "host.name": "127.0.0.1"},
		r.sink.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes().AsRaw())
	assert.Equal(t, map[string]any{"service.name": "edge", "service.instance.id": address, "host.name": "gateway-2"},
		second.sink.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes().AsRaw())
	assert.Empty(t, r.host.reported())
}

func TestAKrakenDThatDoesNotAnswerIsAStatusAndAskedAgain(t *testing.T) {
	t.Parallel()
	bodies := [][]byte{unzip(t, "restart", "001-p1-traffic.json.gz"), unzip(t, "restart", "002-p1-second-window.json.gz")}
	var broken atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch broken.Load() {
		case 1:
			w.WriteHeader(http.StatusNotFound)
		case 2:
			_, _ = w.Write(make([]byte, 1<<20+1))
		case 3:
			_, _ = w.Write([]byte("{}"))
		case 4:
			_, _ = w.Write(bodies[1])
		default:
			_, _ = w.Write(bodies[0])
		}
	}))
	defer server.Close()
	config := defaultConfig()
	config.Client.Endpoint, config.MaxBodyBytes = server.URL+"/__stats", 1<<20
	r := start(t, config, receivertest.NewNopSettings(metadata.Type), nil)
	r.ask(t)
	r.ask(t) // taken when the one before was answered
	for kind := int32(1); kind <= 4; kind++ {
		broken.Store(kind)
		r.ask(t)
		r.ask(t)
	}
	r.ask(t)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, r.host.reported())
	all := r.sink.AllMetrics()
	last := all[len(all)-1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	assert.Positive(t, total(last, krakend.Responses, nil))
	windows := 0
	for _, m := range all {
		if _, ok := named(m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics(), krakend.GCPause); ok {
			windows++
		}
	}
	assert.Equal(t, 1, windows, "the window that ended in between is told")
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			_, _ = w.Write(make([]byte, 2000))
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	for path, want := range map[string]string{
		"/big":     "the answer is larger than max_body_bytes: 1999: raise it if this is a KrakenD with many endpoints",
		"/__stats": "/__stats answered 403 Forbidden",
	} {
		config := defaultConfig()
		config.Client.Endpoint, config.MaxBodyBytes = server.URL+path, 1999
		s, err := newScraper(config, receivertest.NewNopSettings(metadata.Type))
		require.NoError(t, err)
		require.NoError(t, s.start(t.Context(), newHost()))
		_, err = s.scrape(t.Context())
		assert.ErrorContains(t, err, want)
	}
}

func TestADeliveryThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"krakend.router.connected": 1, "krakend.router.connected-total": 1}`))
	}))
	defer server.Close()
	config := defaultConfig()
	config.Client.Endpoint = server.URL
	entered := make(chan struct{})
	next, err := consumer.NewMetrics(func(ctx context.Context, _ pmetric.Metrics) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	})
	require.NoError(t, err)
	r := start(t, config, receivertest.NewNopSettings(metadata.Type), next)
	<-entered
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Shutdown(t.Context()), "a second time")
}

// A KrakenD that takes a request and does not answer is not waited for at the end, whatever the timeout
// is; and what is secret in its address is not shown.
func TestARequestThatHangsDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	asked, end := make(chan struct{}, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-end
	}))
	defer server.Close()
	defer close(end)
	config := defaultConfig()
	config.Client.Endpoint = strings.Replace(server.URL, "://", "://user:s3cret@", 1) + "/?key=s3cret"
	config.Client.Timeout = 0
	set := receivertest.NewNopSettings(metadata.Type)
	core, log := observer.New(zap.DebugLevel)
	set.Logger = zap.New(core)
	r := start(t, config, set, nil)
	<-asked
	require.NoError(t, r.Shutdown(t.Context()))
	for _, entry := range log.All() {
		assert.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), "s3cret")
	}
}

func TestShutdownWithoutStart(t *testing.T) {
	t.Parallel()
	r, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), defaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestAPipelineThatRefusesIsAskedAgainWithTheNextCounters(t *testing.T) {
	t.Parallel()
	body := unzip(t, "restart", "001-p1-traffic.json.gz")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	defer server.Close()
	config := defaultConfig()
	config.Client.Endpoint = server.URL
	var calls atomic.Int32
	next, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error {
		calls.Add(1)
		return errors.New("full")
	})
	require.NoError(t, err)
	r := start(t, config, receivertest.NewNopSettings(metadata.Type), next)
	for range 3 {
		r.ask(t)
	}
	assert.GreaterOrEqual(t, calls.Load(), int32(3))
}

func TestWhatIsMissedIsCounted(t *testing.T) {
	t.Parallel()
	reader := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reader.Shutdown(context.WithoutCancel(t.Context()))) }()
	bodies := []string{
		`{"krakend.service.debug.ReadGCStats.count": 1}`,
		`{"krakend.service.debug.ReadGCStats.count": 4, "krakend.router.connected": "x"}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(bodies[0]))
		bodies = bodies[len(bodies)-1:]
	}))
	defer server.Close()
	config := defaultConfig()
	config.Client.Endpoint = server.URL
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = reader.NewTelemetrySettings()
	s, err := newScraper(config, set)
	require.NoError(t, err)
	require.NoError(t, s.start(t.Context(), newHost()))
	for range 2 {
		_, err := s.scrape(t.Context())
		require.NoError(t, err)
	}
	metadatatest.AssertEqualReceiverKrakendMissedWindows(t, reader, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualReceiverKrakendUnreadableValues(t, reader, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
}
