package krakendreceiver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

var parameter = regexp.MustCompile(`{(\w)(\w*)}`)

// templateOf is how a KrakenD names a url_pattern.
func templateOf(pattern string) string {
	return parameter.ReplaceAllStringFunc(pattern, func(p string) string {
		return "{{." + strings.ToUpper(p[1:2]) + p[2:len(p)-1] + "}}"
	})
}

// TestBackendsAreCountedByCalls: a call that KrakenD itself refuses, since the breaker is open or the
// limit is reached, counts although no backend sees it.
func TestBackendsAreCountedByCalls(t *testing.T) {
	t.Parallel()
	refused := map[string]int64{"/flaky/{{.X}}": 5, "/brl": 3}
	replay(t, defaultConfig(), "semantics", func(line truth, _ turn, metrics pmetric.MetricSlice) {
		for pattern, calls := range line.Backend {
			want := refused[templateOf(pattern)]
			for _, statuses := range calls {
				for _, n := range statuses {
					want += int64(n)
				}
			}
			got := total(metrics, krakend.BackendRequests, map[string]any{krakend.AttrTemplate: templateOf(pattern)})
			assert.Equal(t, want, got, "%s of %s", pattern, line.File)
		}
		if line.File != "016-slash-head-options.json.gz" {
			return
		}
		assert.Len(t, line.Backend, 16)
		// An incomplete answer is an error of the pipe, or none where its details are in it.
		for route, want := range map[string]map[string]any{
			"/s/static":     {krakend.AttrComplete: false, krakend.AttrError: true},
			"/s/empty":      {krakend.AttrComplete: false, krakend.AttrError: true},
			"/s/details/:c": {krakend.AttrComplete: false, krakend.AttrError: false},
		} {
			want[krakend.AttrRoute] = route
			assert.Positive(t, total(metrics, krakend.ProxyRequests, want), route)
		}
	})
}

// TestALargeWindowIsCountedAndSampled: of 1500 values KrakenD remembers 1028.
func TestALargeWindowIsCountedAndSampled(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("testdata", "reservoir", "sizes.json"))
	require.NoError(t, err)
	var sizes struct {
		Pads []float64 `json:"pad_requested_in_order"`
	}
	require.NoError(t, json.Unmarshal(content, &sizes))
	var mean float64
	for _, pad := range sizes.Pads {
		mean += (pad + 10) / float64(len(sizes.Pads))
	}
	told := false
	replay(t, defaultConfig(), "reservoir", func(line truth, _ turn, metrics pmetric.MetricSlice) {
		m, ok := named(metrics, krakend.ResponseSize)
		if line.File != "003-after-tick.json.gz" {
			assert.False(t, ok)
			return
		}
		for _, point := range m.Summary().DataPoints().All() {
			if !matches(point.Attributes(), map[string]any{krakend.AttrRoute: "/big/:n"}) {
				continue
			}
			told = true
			assert.EqualValues(t, len(sizes.Pads), point.Count(), "the count is of all")
			assert.InEpsilon(t, mean, point.Sum()/float64(point.Count()), 0.05, "the mean is of a sample")
			last := point.QuantileValues().At(point.QuantileValues().Len() - 1)
			assert.InDelta(t, 1, last.Quantile(), 0)
			assert.LessOrEqual(t, last.Value(), slices.Max(sizes.Pads)+10)
		}
		assert.Equal(t, int64(1500), total(metrics, krakend.Responses, map[string]any{krakend.AttrRoute: "/big/:n"}))
	})
	assert.True(t, told)
}

// TestOddIntervalsOfKrakenDAreOnlyMissedWindows: a KrakenD without a unit in its interval has the window of a minute,
// and one with a millisecond ends thousands between two requests.
func TestOddIntervalsOfKrakenDAreOnlyMissedWindows(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("testdata", "config-odd", "results.json"))
	require.NoError(t, err)
	var runs []map[string]any
	require.NoError(t, json.Unmarshal(content, &runs))
	body := unzip(t, "windows", "001-start-no-traffic.json.gz")
	number := regexp.MustCompile(`"krakend.service.debug.ReadGCStats.count": \d+`)
	require.True(t, number.Match(body))
	windows := map[string]int64{}
	for _, run := range runs {
		for key, ended := range run {
			if strings.HasPrefix(key, "window_after_") {
				windows[run["note"].(string)] = int64(ended.(float64))
			}
		}
	}
	assert.Len(t, windows, 8)
	for note, ended := range windows {
		var tr tracker
		var last turn
		for i, n := range []int64{0, ended} {
			text := fmt.Appendf(nil, `"krakend.service.debug.ReadGCStats.count": %d`, n)
			s, err := decode(number.ReplaceAll(bytes.Clone(body), text), timeOf(i))
			require.NoError(t, err)
			last = tr.next(s, false)
		}
		assert.Equal(t, ended > 0, last.window != nil, note)
		assert.Equal(t, max(0, ended-1), last.missed, note)
	}
}

// TestWhatIsRememberedIsNoMoreThanTwoAnswers: something that is no KrakenD may name other counters each time.
func TestWhatIsRememberedIsNoMoreThanTwoAnswers(t *testing.T) {
	t.Parallel()
	var tr tracker
	for i := range 50 {
		body := fmt.Sprintf(`{"krakend.router.connected": "?", "krakend.router.response./%d.status.200.count": 1}`, i)
		s, err := decode([]byte(body), timeOf(i))
		require.NoError(t, err)
		tr.next(s, false)
		assert.LessOrEqual(t, len(tr.starts), 2)
	}
}

func TestCountersBelowZeroAreUnreadable(t *testing.T) {
	t.Parallel()
	s, err := decode([]byte(`{"krakend.router.response./a.status.200.count": -1, "krakend.router.connected": -1, "krakend.service.runtime.NumCgoCall": -1}`), timeOf(1))
	require.NoError(t, err)
	assert.Equal(t, 2, s.unreadable)
	assert.Empty(t, s.counters)
	assert.Empty(t, s.router)
	assert.Equal(t, map[string]int64{"service.runtime.NumCgoCall": -1}, s.integers)
}
