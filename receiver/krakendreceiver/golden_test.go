package krakendreceiver

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

// wantResponses counts what a client saw by route and status. Endpoints in brackets are
// none, and the router counts no request of a method that is not configured.
func wantResponses(tb testing.TB, line truth) map[string]map[int64]int64 {
	tb.Helper()
	want := map[string]map[int64]int64{}
	for call, statuses := range line.Client {
		_, endpoint, _ := strings.Cut(call, " ")
		if strings.HasPrefix(endpoint, "(") {
			continue
		}
		route := strings.NewReplacer("{", ":", "}", "").Replace(endpoint)
		for text, byComplete := range statuses {
			status, err := strconv.ParseInt(text, 10, 64)
			if err != nil { // the client was gone; the router says 200
				status = 200
			}
			for _, n := range byComplete {
				if want[route] == nil {
					want[route] = map[int64]int64{}
				}
				want[route][status] += int64(n)
			}
		}
	}
	return want
}

func TestCountersAreWhatTheClientSaw(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"windows", "restart", "tls", "semantics"} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			checked := 0
			replay(t, defaultConfig(), dir, func(line truth, _ turn, metrics pmetric.MetricSlice) {
				if !line.Exact {
					return
				}
				got, all := map[string]map[int64]int64{}, int64(0)
				if m, ok := named(metrics, krakend.Responses); ok {
					for _, point := range m.Sum().DataPoints().All() {
						route, _ := point.Attributes().Get(krakend.AttrRoute)
						status, _ := point.Attributes().Get(krakend.AttrStatus)
						if got[route.Str()] == nil {
							got[route.Str()] = map[int64]int64{}
						}
						got[route.Str()][status.Int()] = point.IntValue()
						all += point.IntValue()
					}
				}
				assert.Equal(t, wantResponses(t, line), got, line.File)
				assert.Equal(t, all, total(metrics, krakend.Connections, nil), line.File)
				assert.Equal(t, all, total(metrics, krakend.Disconnections, nil), line.File)
				assert.Equal(t, all, total(metrics, krakend.ProxyRequests, nil), line.File)
				checked++
			})
			assert.Positive(t, checked)
		})
	}
}

func TestARestartBeginsCountersAnew(t *testing.T) {
	t.Parallel()
	var last truth
	starts := map[int]map[pcommon.Timestamp]bool{1: {}, 2: {}}
	replay(t, defaultConfig(), "restart", func(line truth, _ turn, metrics pmetric.MetricSlice) {
		m, ok := named(metrics, krakend.ProxyRequests)
		require.True(t, ok)
		for _, point := range m.Sum().DataPoints().All() {
			starts[line.Process][point.StartTimestamp()] = true
		}
		if line.Process == 2 && last.Process == 1 {
			assert.Equal(t, map[pcommon.Timestamp]bool{pcommon.Timestamp(last.T1): true}, starts[2], "since the last answer of the process before")
		}
		last = line
	})
	assert.Len(t, starts[1], 1)
	assert.Len(t, starts[2], 1)
	assert.NotEqual(t, starts[1], starts[2])
}

func TestAProcessThatCountedMoreThanTheOneBeforeIsFoundByItsWindows(t *testing.T) {
	t.Parallel()
	var tr tracker
	for _, c := range []struct {
		file  string
		start int
	}{{"002-p1-second-window.json.gz", 1}, {"006-p2-more-than-p1.json.gz", 1}} {
		s, err := decode(unzip(t, "restart", c.file), timeOf(c.start))
		require.NoError(t, err)
		if tr.previous != nil {
			s.at = pcommon.NewTimestampFromTime(timeOf(2))
			for key, n := range tr.previous.counters {
				s.counters[key] = max(s.counters[key], n) // nothing has fallen
			}
			s.memory.TotalAlloc, s.memory.NumGC = tr.previous.memory.TotalAlloc, tr.previous.memory.NumGC
			s.tick = tr.previous.tick - 1
		}
		result := tr.next(s, false)
		assert.Equal(t, pcommon.NewTimestampFromTime(timeOf(1)), result.starts(series{}))
	}
}

func TestAWindowIsToldOnceWhenItHasEnded(t *testing.T) {
	t.Parallel()
	var before *snapshot
	told := 0
	replay(t, defaultConfig(), "windows", func(line truth, result turn, metrics pmetric.MetricSlice) {
		ended := before != nil && result.now.tick != before.tick
		assert.Equal(t, ended, result.window != nil, line.File)
		m, ok := named(metrics, krakend.ResponseDuration)
		if ended {
			filled := 0
			for key, d := range before.windows {
				if key.metric == krakend.ResponseDuration && d[statCount] > 0 {
					filled++
				}
			}
			if ok {
				assert.Equal(t, filled, m.Summary().DataPoints().Len(), line.File)
			} else {
				assert.Zero(t, filled)
			}
			told += filled
			w, ok := named(metrics, krakend.WindowConnections)
			require.True(t, ok)
			assert.Equal(t, result.now.router["router.connected-gauge"], w.Gauge().DataPoints().At(0).IntValue())
		} else {
			assert.False(t, ok, line.File)
		}
		before = result.now
	})
	assert.Positive(t, told)
}

func TestASummaryIsWhatKrakenDSaid(t *testing.T) {
	t.Parallel()
	s, err := decode(unzip(t, "windows", "008-in-window-1.json.gz"), timeOf(1))
	require.NoError(t, err)
	const key = "krakend.router.response./v1/orders.time."
	var raw map[string]any
	require.NoError(t, json.Unmarshal(unzip(t, "windows", "008-in-window-1.json.gz"), &raw))
	route := map[string]any{krakend.AttrRoute: "/v1/orders"}

	metrics := pmetric.NewMetricSlice()
	var tr tracker
	config := defaultConfig()
	config.Window = windowScrape
	write(config, tr.next(s, true), metrics)
	m, ok := named(metrics, krakend.ResponseDuration)
	require.True(t, ok)
	assert.Equal(t, "s", m.Unit())
	checked := false
	for _, point := range m.Summary().DataPoints().All() {
		if !matches(point.Attributes(), route) {
			continue
		}
		checked = true
		assert.EqualValues(t, raw[key+"count"], point.Count())
		assert.InEpsilon(t, raw[key+"mean"].(float64)*raw[key+"count"].(float64)/1e9, point.Sum(), 1e-9)
		var got []float64
		for _, q := range point.QuantileValues().All() {
			got = append(got, q.Quantile(), q.Value())
		}
		var want []float64
		for _, q := range []struct {
			quantile float64
			key      string
		}{{0, "min"}, {0.5, "50-percentile"}, {0.75, "75-percentile"}, {0.95, "95-percentile"}, {0.99, "99-percentile"}, {0.999, "999-percentile"}, {1, "max"}} {
			want = append(want, q.quantile, raw[key+q.key].(float64)/1e9)
		}
		assert.InDeltaSlice(t, want, got, 1e-12)
	}
	assert.True(t, checked)

	gauges := pmetric.NewMetricSlice()
	config.AsGauges = true
	var other tracker
	write(config, other.next(s, true), gauges)
	for suffix, stat := range map[string]string{
		".count": "count", ".mean": "mean", ".min": "min", ".max": "max", ".stddev": "std-dev",
		".p50": "50-percentile", ".p75": "75-percentile", ".p95": "95-percentile", ".p99": "99-percentile", ".p999": "999-percentile",
	} {
		m, ok := named(gauges, krakend.ResponseDuration+suffix)
		require.True(t, ok, suffix)
		for _, point := range m.Gauge().DataPoints().All() {
			if matches(point.Attributes(), route) {
				want := raw[key+stat].(float64)
				if stat != "count" {
					want /= 1e9
				}
				assert.InDelta(t, want, point.DoubleValue(), 1e-12, suffix)
			}
		}
	}
	_, ok = named(gauges, krakend.ResponseDuration)
	assert.False(t, ok)
}

func TestOddNamesComeThrough(t *testing.T) {
	t.Parallel()
	replay(t, defaultConfig(), "names", func(line truth, _ turn, metrics pmetric.MetricSlice) {
		if line.File != "002-n-plus-1-requests-each.json.gz" {
			return
		}
		want := map[string]int64{} // by route
		for route, statuses := range wantResponses(t, line) {
			for _, n := range statuses {
				want[route] += n
			}
		}
		m, ok := named(metrics, krakend.Responses)
		require.True(t, ok)
		got := map[string]int64{}
		for _, point := range m.Sum().DataPoints().All() {
			route, _ := point.Attributes().Get(krakend.AttrRoute)
			got[route.Str()] += point.IntValue()
		}
		assert.Equal(t, want, got)
		assert.Contains(t, got, "/v1/del\x7f")
		assert.Contains(t, got, "/v1/a.status.200.count")
	})
}

func TestTLSIsCountedByVersionAndByCipher(t *testing.T) {
	t.Parallel()
	replay(t, defaultConfig(), "tls", func(line truth, _ turn, metrics pmetric.MetricSlice) {
		if line.File != "004-after-tick.json.gz" {
			return
		}
		all := total(metrics, krakend.Connections, nil)
		assert.Positive(t, all)
		assert.Equal(t, all, total(metrics, krakend.TLSConnections, nil))
		assert.Equal(t, all, total(metrics, krakend.TLSCipherConnections, nil))
		assert.Positive(t, total(metrics, krakend.TLSConnections, map[string]any{krakend.AttrTLSName: "tls", krakend.AttrTLSVersion: "1.3"}))
		assert.Positive(t, total(metrics, krakend.TLSConnections, map[string]any{krakend.AttrTLSVersion: "1.2"}))
		assert.Positive(t, total(metrics, krakend.TLSCipherConnections, map[string]any{krakend.AttrTLSCipher: "TLS_AES_128_GCM_SHA256"}))
	})
}

func TestWithoutTheRouterTheRestIsThere(t *testing.T) {
	t.Parallel()
	replay(t, defaultConfig(), "router_disabled", func(line truth, _ turn, metrics pmetric.MetricSlice) {
		_, ok := named(metrics, krakend.Responses)
		assert.False(t, ok)
		_, ok = named(metrics, krakend.ProxyRequests)
		assert.True(t, ok, line.File)
	})
}

// TestConnectionsNeverFallNorJump takes answers as fast as they came over ticks.
func TestConnectionsNeverFallNorJump(t *testing.T) {
	t.Parallel()
	var tr tracker
	var told, polls int64
	for line := range strings.Lines(string(unzip(t, "busy", "fast-poll.jsonl.gz"))) {
		var poll map[string]int64
		require.NoError(t, json.Unmarshal([]byte(line), &poll))
		s := &snapshot{
			at: pcommon.Timestamp(poll["t"]), tick: poll["window"], hasTick: true, router: map[string]int64{},
			counters: map[series]int64{{metric: krakend.Responses}: poll["status"]},
		}
		for _, key := range []string{"connected", "connected-total", "connected-gauge", "disconnected", "disconnected-total"} {
			s.router["router."+key] = poll[key]
		}
		sum := tr.next(s, false).connections[connected]
		if polls > 0 {
			assert.GreaterOrEqual(t, sum, told)
			assert.LessOrEqual(t, sum-told, int64(20))
		}
		told = sum
		polls++
	}
	assert.Greater(t, polls, int64(1000))
}

func TestAnAnswerAcrossATickCountsNothingTwice(t *testing.T) {
	t.Parallel()
	answer := func(running, total, responses, tick int64) *snapshot {
		return &snapshot{
			at: pcommon.Timestamp(responses), tick: tick, hasTick: true,
			counters: map[series]int64{{metric: krakend.Responses}: responses},
			router:   map[string]int64{connected: running, connected + totalSuffix: total},
		}
	}
	var tr tracker
	for i, c := range []struct {
		answer *snapshot
		want   int64
	}{
		{answer(10, 0, 10, 0), 10},
		{answer(50, 0, 50, 0), 50},
		{answer(60, 60, 60, 1), 60}, // read before the tick and after it: each of 60 is in both numbers
		{answer(5, 60, 65, 1), 65},
		{answer(0, 60, 66, 1), 65}, // and the other way round: a window's are in neither
		{answer(3, 66, 69, 2), 69},
	} {
		assert.Equal(t, c.want, tr.next(c.answer, false).connections[connected], i)
	}
}
