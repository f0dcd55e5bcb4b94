package krakendreceiver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

func timeOf(seconds int) time.Time { return time.Unix(1_700_000_000+int64(seconds), 0) }

func TestKeysAreReadFromBothEnds(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]place{
		"router.response./users/:id.status.200.count":                                              {series: series{metric: krakend.Responses, name: "/users/:id", status: 200}},
		"router.response./a.status.200.count.status.404.count":                                     {series: series{metric: krakend.Responses, name: "/a.status.200.count", status: 404}},
		"router.response./a.size.time.max":                                                         {series: series{metric: krakend.ResponseDuration, name: "/a.size"}, statistic: statMax},
		"router.response./a.status.200.size.count":                                                 {series: series{metric: krakend.ResponseSize, name: "/a.status.200"}, statistic: statCount},
		"router.response./.time.999-percentile":                                                    {series: series{metric: krakend.ResponseDuration, name: "/"}, statistic: "999-percentile"},
		"router.tls_version.VersionTLS13.count":                                                    {series: series{metric: krakend.TLSConnections, name: "VersionTLS13"}},
		"router.tls_version..count":                                                                {series: series{metric: krakend.TLSConnections}},
		"router.tls_cipher.TLS_AES_128_GCM_SHA256.count":                                           {series: series{metric: krakend.TLSCipherConnections, name: "TLS_AES_128_GCM_SHA256"}},
		"proxy.requests.layer.pipe.name./x.complete.true.error.false":                              {series: series{metric: krakend.ProxyRequests, name: "/x", complete: true}},
		"proxy.requests.layer.backend.name./x.complete.true.error.false.complete.false.error.true": {series: series{metric: krakend.BackendRequests, name: "/x.complete.true.error.false", failed: true}},
		"proxy.latency.layer.backend.name./u/{{.Id}}.complete.true.error.false.std-dev":            {series: series{metric: krakend.BackendDuration, name: "/u/{{.Id}}", complete: true}, statistic: statStdDev},
	} {
		got, ok := placeOf(key)
		assert.True(t, ok, key)
		assert.Equal(t, want, got, key)
	}
	for _, key := range []string{
		"", "router.response.", "router.response./a.status", "router.response./a.status.20x.count", "router.response./a.status.+20.count",
		"router.response./a.time.90-percentile", "router.response./a.weight.max", "router.tls_version.VersionTLS13",
		"proxy.requests.layer.pipe.name./x.complete.true", "proxy.requests.layer.pipe.name./x.complete.true.error.maybe",
		"proxy.requests.layer.cloud.name./x.complete.true.error.false", "proxy.latency.layer.pipe.name./x.complete.true.error.false",
		"service.runtime.NumCPU",
	} {
		_, ok := placeOf(key)
		assert.False(t, ok, key)
	}
}

func TestAnswersThatAreNoneAreErrors(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                                      "the answer is no JSON object of statistics: is the endpoint KrakenD's /__stats?",
		"<html>":                                "the answer is no JSON object of statistics",
		"[]":                                    "the answer is no JSON object of statistics",
		"{}":                                    "the answer holds no statistics of a KrakenD: is the endpoint KrakenD's /__stats, and telemetry/metrics configured?",
		`{"cmdline": ["/bin/other"]}`:           "the answer holds no statistics of a KrakenD",
		`{"krakend.router.connected": 1`:        "read KrakenD's answer: ",
		`{"krakend.router.connected" 1}`:        `no ':'`,
		`{"krakend.router.connected": 1 "a":2}`: `no ','`,
		`{"krakend.router.connected": `:         "read the value of",
		`{"krakend.router.connected`:            "no key",
		`{"krakend.a": [1}`:                     "read the value of",
	} {
		_, err := decode([]byte(body), timeOf(0))
		assert.ErrorContains(t, err, want, body)
	}
}

func TestWhatCannotBeReadIsLeftOutAndCounted(t *testing.T) {
	t.Parallel()
	s, err := decode([]byte(`{
"krakend.router.connected": 3,
"krakend.router.connected-total": 1.5,
"krakend.router.response./\q.status.200.count": 7,
"krakend.router.response./\ud83d\ude00.status.200.count": 4,
"krakend.router.response./\x7f\a.status.200.count": 5,
"krakend.router.response./a.time.max": 1e999,
"krakend.router.response./a.time.min": "x",
"krakend.plugin": {"a": ["}", "\"", {"b": null}]},
"other": true, "memstats": {"NumGC": -1}
}`), timeOf(0))
	require.NoError(t, err)
	assert.Equal(t, 5, s.unreadable)
	assert.Equal(t, map[string]int64{connected: 3}, s.router)
	assert.Equal(t, map[series]int64{
		{metric: krakend.Responses, name: "/😀", status: 200}:      4,
		{metric: krakend.Responses, name: "/\x7f\a", status: 200}: 5,
	}, s.counters)
	assert.Empty(t, s.windows)
}

func TestWithoutTheRuntimesStatisticsATickShowsInTheCounts(t *testing.T) {
	t.Parallel()
	var tr tracker
	for i, c := range []struct {
		count string
		told  bool
	}{{"2", false}, {"5", false}, {"1", true}, {"1", false}, {"0", true}} {
		s, err := decode([]byte(`{"krakend.router.response./a.time.count": `+c.count+`}`), timeOf(i))
		require.NoError(t, err)
		assert.Equal(t, c.told, tr.next(s, false).window != nil, i)
	}
}

func TestPausesAreTakenFromTheRing(t *testing.T) {
	t.Parallel()
	ring := make([]uint64, ringSize)
	for i := range ring {
		ring[i] = uint64(i + 1)
	}
	var tr tracker
	at := func(collections uint32) *snapshot {
		return &snapshot{memory: memory{NumGC: collections, PauseNs: ring}}
	}
	tr.next(at(254), false)
	assert.Equal(t, []uint64{255, 256, 1, 2}, tr.pauses(at(258), false))
	assert.Empty(t, tr.pauses(at(258), false))
	assert.Len(t, tr.pauses(at(1000), false), ringSize, "no more than the runtime remembers")
	assert.Empty(t, tr.pauses(&snapshot{memory: memory{NumGC: 2000, PauseNs: ring[:3]}}, false))

	d := distributionOf([]uint64{4e9, 2e9, 6e9})
	assert.Equal(t, distribution{
		statCount: 3, statMean: 4, statMin: 2, statMax: 6, statStdDev: d[statStdDev],
		"50-percentile": 4, "75-percentile": 6, "95-percentile": 6, "99-percentile": 6, "999-percentile": 6,
	}, d)
	assert.InDelta(t, 1.632993, d[statStdDev], 1e-6)
	assert.Equal(t, distribution{statCount: 0}, distributionOf(nil))
}

// FuzzAnswers: whatever is answered, nothing breaks, what is told can be sent on, and an
// answer that is read reads the same again.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"cmdline": ["a"], "krakend.router.connected": 3, "krakend.router.connected-total": 4}`,
		`{"krakend.router.response./\x7f\U0001f4a9.time.max": 1.5e+06, "krakend.router.response./\x7f\U0001f4a9.time.count": 1}`,
		`{"memstats": {"NumGC": 3, "PauseNs": [1,2,3]}, "krakend.service.debug.ReadGCStats.count": 1}`,
		`{"krakend.proxy.requests.layer.pipe.name./a.complete.true.error.false": 9223372036854775807}`,
	} {
		f.Add([]byte(body), []byte(strings.ReplaceAll(body, "3", "2")))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var tr tracker
		for i, body := range [][]byte{first, second} {
			s, err := decode(body, timeOf(i))
			if err != nil {
				continue
			}
			again, err := decode(body, timeOf(i))
			require.NoError(t, err)
			require.Equal(t, s, again)
			metrics := pmetric.NewMetrics()
			write(defaultConfig(), tr.next(s, i == 0), metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics())
			wire, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
			require.NoError(t, err)
			_, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(wire)
			require.NoError(t, err)
		}
	})
}
