package tykmoesifexporter

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmoesifexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestRates(t *testing.T) {
	t.Parallel()
	r, err := parseRates([]byte(`{"org_id":"x","sample_rate":40,"user_sample_rate":{"u":0,"v":"ten"},"company_sample_rate":{"c":100},"regex_config":[]}`))
	require.NoError(t, err)
	for want, who := range map[float64][][2]string{0: {{"u", "c"}, {"u", ""}}, 100: {{"", "c"}, {"v", "c"}}, 40: {{"", ""}, {"v", "d"}}} {
		for _, of := range who {
			assert.InDelta(t, want, r.of(of[0], of[1]), 0, "%v", of)
		}
	}
	r, err = parseRates([]byte(`{"sample_rate":"all","user_sample_rate":null}`))
	require.NoError(t, err)
	assert.InDelta(t, 100, r.of("u", "c"), 0)
	for _, text := range []string{"", "<html>", `[1]`, `{"user_sample_rate":7}`} {
		_, err = parseRates([]byte(text))
		require.Error(t, err, text)
	}
}

// As many are taken as the rate says, the same ones each time, and they stand for the others.
func TestSamplingGoesByTheIdentity(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for _, c := range []struct {
		rate   float64
		weight int64
	}{{0, 0}, {-5, 0}, {0.5, 200}, {1, 100}, {30, 3}, {60, 2}, {99, 1}, {100, 1}, {250, 1}} {
		r := &rates{all: c.rate}
		taken := 0
		for i := range n {
			uid := "0123456789abcdef-" + strconv.Itoa(i)
			weight, is := r.sample(&analytics.Record{}, uid, "", "")
			again, still := r.sample(&analytics.Record{Path: "/other"}, uid, "", "")
			require.Equal(t, []any{weight, is}, []any{again, still})
			if is {
				taken++
				require.Equal(t, c.weight, weight)
			}
		}
		assert.InDelta(t, max(min(c.rate, 100), 0)/100*n, taken, n/100, "%v percent", c.rate)
	}
	r := &rates{all: 50}
	taken := 0
	for i := range n {
		if _, is := r.sample(&analytics.Record{Path: strconv.Itoa(i)}, "", "", ""); is {
			taken++
		}
	}
	assert.InDelta(t, n/2, taken, n/50, "without identities")
}

// settings serves an application's settings, and events.
type settings struct {
	mu     sync.Mutex // guards the fields below
	text   string
	etag   string
	status int
	asked  int
	header http.Header // of the last question
	events int
}

func (s *settings) set(text, etag string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.etag, s.status = text, etag, status
}

func (s *settings) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// ServeHTTP answers as Moesif does.
func (s *settings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set(etagHeader, s.etag)
	if r.URL.Path == "/v1/config" {
		s.asked++
		s.header = r.Header
		w.WriteHeader(s.status)
		_, _ = w.Write([]byte(s.text))
		return
	}
	s.events++
	w.WriteHeader(http.StatusCreated)
}

// The settings are asked for before the first events, and again when an answer says that they have changed, or when
// they could not be had. Events go on meanwhile.
func TestSamplingFollowsTheSettings(t *testing.T) {
	t.Parallel()
	s := &settings{}
	s.set(`{"sample_rate":0}`, "one", http.StatusOK)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	config := configured(func(c *Config) { c.Client.Endpoint = server.URL })
	e, err := newMoesifExporter(config, exportertest.NewNopSettings(metadata.Type))
	require.NoError(t, err)
	e.sampler.pause = time.Millisecond
	require.NoError(t, e.start(t.Context(), sinktest.NewHost()))
	t.Cleanup(func() { require.NoError(t, e.shutdown(t.Context())) })
	push := func() { require.NoError(t, e.pushLogs(t.Context(), sinktest.LogsOf(sinktest.Numbered(10)...))) }
	push()
	assert.Zero(t, s.events, "nothing is wanted")
	assert.Equal(t, "secret", s.header.Get(applicationHeader))
	assert.Equal(t, "identity", s.header.Get("Content-Encoding"))

	e.sampler.saw("one")
	s.set("gone", "two", http.StatusBadGateway)
	e.sampler.saw("two")
	require.Eventually(t, func() bool { return s.questions() > 3 }, sinktest.Long, time.Millisecond, "it asks until it has them")
	assert.Zero(t, e.sampler.rates.Load().all, "the last rates count")
	s.set(`{"sample_rate":100}`, "two", http.StatusOK)
	require.Eventually(t, func() bool { return e.sampler.rates.Load().all == 100 }, sinktest.Long, time.Millisecond)
	push()
	assert.Equal(t, 1, s.events)

	s.set(`{"sample_rate":50}`, "three", http.StatusOK)
	require.Eventually(t, func() bool { push(); return e.sampler.rates.Load().all == 50 }, sinktest.Long, time.Millisecond, "an answer shows that they changed")
	asked := s.questions()
	for range 20 {
		push()
	}
	assert.LessOrEqual(t, s.questions(), asked+1, "what is known is not asked for")
}

func TestWithoutSamplingAllAreSent(t *testing.T) {
	t.Parallel()
	s := &settings{}
	s.set(`{"sample_rate":0}`, "one", http.StatusOK)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	e := start(t, server.URL, sinktest.NewHost(), func(c *Config) { c.Sampling = false })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(sinktest.Numbered(10)...)))
	assert.Equal(t, 1, s.events)
	assert.Zero(t, s.questions())
}
