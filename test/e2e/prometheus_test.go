//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// goldenRecords is how many records the real pump's page tells of.
const goldenRecords = 600

// scraped is a collector that runs one of the Prometheus examples.
type scraped struct {
	*collector
	redis     *peers.Redis
	page, own string // addresses: of the metrics made of records, of the collector's own
}

func newScraped(tb testing.TB, example string) scraped {
	tb.Helper()
	ports, err := peers.FreePorts(2)
	require.NoError(tb, err)
	s := scraped{redis: peers.StartRedis(tb), page: peers.Address(ports[0]), own: peers.Address(ports[1])}
	s.collector = newCollectorWith(tb, repository(tb, "examples", "prometheus", example),
		"TYK_REDIS_ADDRESS="+s.redis.Addr(),
		"TYK_SQL_DATASOURCE="+filepath.Join(tb.TempDir(), "tyk-analytics.db"),
		"TYK_PROMETHEUS_ENDPOINT="+s.page,
		"TYK_METRICS_HOST="+peers.Loopback,
		"TYK_METRICS_PORT="+strconv.Itoa(ports[1]))
	// So that nobody has to wait ten seconds for a push.
	s.args = append(s.args, "--set=receivers::tykredis::metrics::interval=100ms", "--set=receivers::tykredis::poll_interval=20ms")
	return s
}

// pushGolden pushes what the real pump was given, and waits until a metric that
// counts every record shows so many more.
func (s scraped) pushGolden(tb testing.TB, counter string, total int) {
	tb.Helper()
	push(tb, s.redis.Client(), msgpackList, entries(tb, "pump/records-msgpack.bin.gz"))
	eventually(tb, drainTimeout, func() string {
		_, page := get(tb, "http://"+s.page+"/metrics")
		if n := sum(page, counter); n != float64(total) {
			return fmt.Sprintf("%s is %v, not %d", counter, n, total)
		}
		return ""
	})
}

// sum adds up a counter's series on a page.
func sum(page, counter string) float64 {
	total := 0.0
	for line := range strings.Lines(page) {
		if name, _, _ := strings.Cut(line, "{"); name == counter {
			value, _ := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
			total += value
		}
	}
	return total
}

// watchedBy starts a Prometheus that scrapes both pages.
func (s scraped) watchedBy(tb testing.TB) *peers.Prometheus {
	tb.Helper()
	return peers.StartPrometheus(tb, peers.PrometheusSettings{
		Targets:  map[string]string{"tyk": s.page, "otelcol-tyk": s.own},
		Interval: 500 * time.Millisecond,
		Rules:    []string{repository(tb, "examples", "prometheus", "otelcol-tyk.rules.yaml")},
	})
}

// figure is the value, as of a time, of an expression that gives one number; NaN
// where it gives nothing.
func figure(tb testing.TB, p *peers.Prometheus, expression string, at time.Time) float64 {
	tb.Helper()
	samples, err := p.Query(tb.Context(), expression, at)
	require.NoError(tb, err)
	if len(samples) == 0 {
		return math.NaN()
	}
	require.Len(tb, samples, 1, expression)
	return samples[0].Value
}

// awaitFigure waits until an expression has a value, and for one more scrape of
// both pages: the first may have found the exporter halfway through a push. It returns
// a time at which all is there: on a busy machine later scrapes may fail.
func awaitFigure(tb testing.TB, p *peers.Prometheus, expression string, want float64) (at time.Time) {
	tb.Helper()
	var first time.Time
	eventually(tb, drainTimeout, func() string {
		at = time.Now()
		if got := figure(tb, p, "("+expression+") * (sum(up) == bool 2)", at); got != want {
			first = time.Time{}
			return fmt.Sprintf("%s is %v, not %v", expression, got, want)
		}
		if first.IsZero() {
			first = at
		}
		if figure(tb, p, "min(timestamp(up))", at) <= float64(first.UnixMilli())/1000 {
			return "there was no scrape since"
		}
		return ""
	})
	return at
}

// pumpPage is what the real pump showed after the golden records, with a configuration.
func pumpPage(tb testing.TB, configuration string) string {
	tb.Helper()
	content, err := os.ReadFile(repository(tb, "internal", "measure", "testdata", "pump", configuration+".txt.gz"))
	require.NoError(tb, err)
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(tb, err)
	page, err := io.ReadAll(unzipped)
	require.NoError(tb, err)
	return string(page)
}

var familyName = regexp.MustCompile(`^(?:# (?:HELP|TYPE) )?([a-z_]+?)(?:_bucket|_sum|_count)?[ {]`)

// families are a page's lines, by metric, in the order of the alphabet.
func families(page string) map[string][]string {
	lines := map[string][]string{}
	for line := range strings.Lines(page) {
		if m := familyName.FindStringSubmatch(line); m != nil {
			lines[m[1]] = append(lines[m[1]], strings.TrimSpace(line))
		}
	}
	for _, of := range lines {
		slices.Sort(of)
	}
	return lines
}

// differingLine tells a line that is missing in one of the metrics, or too much.
func differingLine(want, got map[string][]string) string {
	for name, lines := range want {
		for i := range max(len(lines), len(got[name])) {
			if i >= len(lines) || i >= len(got[name]) || lines[i] != got[name][i] {
				return fmt.Sprintf("%s differs from line %d on: want %q, got %q", name, i, lines[min(i, len(lines)):min(i+1, len(lines))], got[name][min(i, len(got[name])):min(i+1, len(got[name]))])
			}
		}
	}
	return ""
}

// promtool runs promtool with an input.
func promtool(tb testing.TB, input string, args ...string) (string, error) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "promtool", args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestAScrapeShowsWhatTykPumpShowsAndItsQueriesGiveTheRightFigures(t *testing.T) {
	t.Parallel()
	s := newScraped(t, "tyk-pump.yaml")
	s.start()
	s.pushGolden(t, "tyk_http_status", goldenRecords)

	var page string
	golden := families(pumpPage(t, "prometheus"))
	names := slices.AppendSeq([]string{"tyk_http_requests_total", "tyk_http_latency"}, maps.Keys(golden))
	slices.Sort(names)
	eventually(t, drainTimeout, func() string { // the exporter shows a push metric by metric
		_, page = get(t, "http://"+s.page+"/metrics")
		ours := families(page)
		if got := slices.Sorted(maps.Keys(ours)); !slices.Equal(got, names) {
			return fmt.Sprintf("want the metrics %q, got %q", names, got)
		}
		return differingLine(golden, ours)
	})

	t.Run("promtool finds nothing that it does not find in Tyk Pump's page", func(t *testing.T) {
		want, _ := promtool(t, pumpPage(t, "prometheus"), "check", "metrics")
		got, _ := promtool(t, page, "check", "metrics")
		assert.Equal(t, want, got)
	})

	// Prometheus begins with all series there, so that each grows by as much as it had.
	p := s.watchedBy(t)
	awaitFigure(t, p, "sum(tyk_http_status)", goldenRecords)
	s.pushGolden(t, "tyk_http_status", 2*goldenRecords)
	at := awaitFigure(t, p, "sum(tyk_http_status)", 2*goldenRecords)

	t.Run("queries", func(t *testing.T) { requirePumpFigures(t, p, at) })
	t.Run("dashboard", func(t *testing.T) { requireDashboard(t, p, at, "tyk-pump.json", true) })
	s.stop()
}

// requirePumpFigures asks what Tyk's documentation asks, of Tyk Pump's own metrics
// and of the custom ones that it proposes.
func requirePumpFigures(t *testing.T, p *peers.Prometheus, at time.Time) {
	t.Helper()
	page := pumpPage(t, "prometheus")
	failed, ofUsers, bounds := 0.0, sumOf(page, "tyk_http_status{", `api="users"`), map[float64]float64{}
	for line := range strings.Lines(page) {
		value, _ := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
		if strings.HasPrefix(line, "tyk_latency_bucket{") && strings.Contains(line, `type="total"`) {
			le := regexp.MustCompile(`le="([^"]+)"`).FindStringSubmatch(line)[1]
			bound, err := strconv.ParseFloat(le, 64)
			require.NoError(t, err)
			bounds[bound] += value
		}
	}
	for code := 500; code < 600; code++ {
		failed += sumOf(page, "tyk_http_status{", fmt.Sprintf(`code="%d"`, code))
	}
	require.Positive(t, failed)
	require.Positive(t, ofUsers)
	require.InDelta(t, goldenRecords, bounds[math.Inf(1)], 0)

	const all = `sum(rate(tyk_http_status[1m]))`
	for query, want := range map[string]float64{
		`sum(rate(tyk_http_status{code=~"5.."}[1m])) / ` + all:                                                  failed / goldenRecords,
		`sum(rate(tyk_http_status{api="users"}[1m])) / ` + all:                                                  ofUsers / goldenRecords,
		`sum(rate(tyk_http_requests_total[1m])) / ` + all:                                                       1,
		`sum(rate(tyk_http_requests_total{response_code=~"5.."}[1m])) / sum(rate(tyk_http_requests_total[1m]))`: failed / goldenRecords,
		`sum(rate(tyk_http_requests_total{api_name="Users"}[1m])) / ` + all: sumOf(
			pumpPage(t, "prometheus-custom"), "my_status_per_api{", `api_name="Users"`) / goldenRecords,
		`histogram_quantile(0.9, sum(rate(tyk_latency_bucket{type="total"}[1m])) by (le))`:                           quantile(0.9, bounds),
		`histogram_quantile(0.5, sum(rate(tyk_http_latency_bucket[1m])) by (le))`:                                    quantile(0.5, bounds),
		`sum(rate(tyk_latency_sum{type="total"}[1m])) / sum(rate(tyk_latency_count{type="total"}[1m]))`:              sumOf(page, "tyk_latency_sum{", `type="total"`) / goldenRecords,
		`sum(rate(tyk_http_latency_bucket{le="100"}[1m])) / sum(rate(tyk_http_latency_count[1m]))`:                   bounds[100] / goldenRecords,
		`count(count by (api) (tyk_http_status))`:                                                                    float64(strings.Count(page, "tyk_latency_count{") / 3),
		`sum(increase(tyk_http_status_per_key{key=""}[1m])) / sum(increase(tyk_http_status_per_oauth_client{}[1m]))`: sumOf(page, `tyk_http_status_per_key{`, `key=""`) / goldenRecords,
	} {
		got := figure(t, p, query, at)
		assert.InEpsilon(t, 1+want, 1+got, 1e-9, "%s: got %v, want %v", query, got, want)
	}
}

// sumOf adds up the lines of a page with a beginning and a label.
func sumOf(page, beginning, label string) float64 {
	total := 0.0
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, beginning) && strings.Contains(line, label) {
			value, _ := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
			total += value
		}
	}
	return total
}

// quantile is that of cumulative buckets, as Prometheus interpolates it.
func quantile(q float64, bounds map[float64]float64) float64 {
	rank := q * bounds[math.Inf(1)]
	below, from := 0.0, 0.0
	for _, to := range slices.Sorted(maps.Keys(bounds)) {
		if bounds[to] >= rank {
			return from + (to-from)*(rank-below)/(bounds[to]-below)
		}
		below, from = bounds[to], to
	}
	return math.NaN()
}

func TestTheGatewaysMetricsAndTheCollectorsOwnFillTheirDashboards(t *testing.T) {
	t.Parallel()
	s := newScraped(t, "gateway.yaml")
	s.start()
	push(t, s.redis.Client(), msgpackList, [][]byte{[]byte("\xc1 no record")})
	requests := 0
	for line := range strings.Lines(pumpPage(t, "prometheus")) { // TCP records are no requests
		if strings.HasPrefix(line, "tyk_http_status{") && !strings.Contains(line, `code="-1"`) {
			value, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]))
			require.NoError(t, err)
			requests += value
		}
	}
	s.pushGolden(t, "tyk_api_requests_total", requests)

	_, page := get(t, "http://"+s.page+"/metrics")
	out, err := promtool(t, page, "check", "metrics")
	require.NoError(t, err, out)
	assert.Empty(t, out)

	p := s.watchedBy(t)
	awaitFigure(t, p, "sum(tyk_api_requests_total)", float64(requests))
	s.pushGolden(t, "tyk_api_requests_total", 2*requests)
	at := awaitFigure(t, p, "sum(tyk_api_requests_total)", float64(2*requests))
	assert.InDelta(t, 2*requests, figure(t, p, "sum(http_server_request_duration_seconds_count)", at), 0)
	assert.InDelta(t, 2*requests, figure(t, p, "sum(tyk_http_requests_total)", at), 0)
	t.Run("dashboard", func(t *testing.T) { requireDashboard(t, p, at, "gateway.json", true) })
	t.Run("health", func(t *testing.T) { requireDashboard(t, p, at, "collector-health.json", false) })
	t.Run("rules", func(t *testing.T) { requireRules(t, p) })
	t.Run("exemplars", func(t *testing.T) { requireExemplars(t, p) })
	s.stop()
}

// requireRules holds the alerts to metrics that exist, and Prometheus to taking them.
func requireRules(t *testing.T, p *peers.Prometheus) {
	t.Helper()
	out, err := promtool(t, "", "check", "rules", repository(t, "examples", "prometheus", "otelcol-tyk.rules.yaml"))
	require.NoError(t, err, out)
	var loaded struct {
		Groups []struct {
			Rules []struct {
				Name, Query, Health, LastError string
			}
		}
	}
	eventually(t, drainTimeout, func() string {
		require.NoError(t, p.Get(t.Context(), "/api/v1/rules", url.Values{}, &loaded))
		for _, g := range loaded.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					return fmt.Sprintf("%s is %s: %s", r.Name, r.Health, r.LastError)
				}
			}
		}
		return ""
	})
	require.NotEmpty(t, loaded.Groups)
	known := knownMetrics(t, p)
	for _, r := range loaded.Groups[0].Rules {
		requireKnown(t, known, r.Query)
	}
}

// requireExemplars looks for the traces that the records name.
func requireExemplars(t *testing.T, p *peers.Prometheus) {
	t.Helper()
	var found []struct {
		Exemplars []struct{ Labels map[string]string }
	}
	now := time.Now()
	require.NoError(t, p.Get(t.Context(), "/api/v1/query_exemplars", url.Values{
		"query": {"http_server_request_duration_seconds_bucket"},
		"start": {now.AddDate(-1, 0, 0).Format(time.RFC3339)}, "end": {now.AddDate(1, 0, 0).Format(time.RFC3339)},
	}, &found))
	traces := map[string]bool{}
	for _, series := range found {
		for _, e := range series.Exemplars {
			traces[e.Labels["trace_id"]] = true
		}
	}
	assert.Equal(t, map[string]bool{"4bf92f3577b34da6a3ce929d0e0e4736": true}, traces, "the one trace of the golden records")
}

// knownMetrics are the metrics that Prometheus has, and those that our components
// are documented to have once something has gone wrong.
func knownMetrics(tb testing.TB, p *peers.Prometheus) map[string]bool {
	tb.Helper()
	var names []string
	require.NoError(tb, p.Get(tb.Context(), "/api/v1/label/__name__/values", url.Values{}, &names))
	documents, err := filepath.Glob(repository(tb, "*", "tyk*", "documentation.md"))
	require.NoError(tb, err)
	require.NotEmpty(tb, documents)
	for _, path := range documents {
		text, err := os.ReadFile(path)
		require.NoError(tb, err)
		for _, m := range regexp.MustCompile(`(?m)^### (otelcol_\w+)$`).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	// Of the stock receiver in examples/tier-stores.yaml, as its documentation.md has it.
	names = append(names, "otelcol_kafka_receiver_unmarshal_failed_log_records")
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	return known
}

// usedMetric is a metric's name in an expression: what a selector, a range, an
// operator or the end of an expression follows, and no function or label does.
var usedMetric = regexp.MustCompile(`\b((?:otelcol|tyk|http|krakend|go)_\w+)\s*(?:[{[)]|[<>=]=? |$)`)

func requireKnown(t *testing.T, known map[string]bool, expression string) {
	t.Helper()
	without := regexp.MustCompile(`(?:by|without) ?\([^)]*\)|\{[^}]*\}`).ReplaceAllStringFunc(expression, func(s string) string {
		if strings.HasPrefix(s, "{") {
			return "{}"
		}
		return ""
	})
	used := usedMetric.FindAllStringSubmatch(without, -1)
	assert.NotEmpty(t, used, expression)
	for _, m := range used {
		assert.True(t, known[m[1]], "%s in %s", m[1], expression)
	}
}

func TestAPrometheusReadsItsExample(t *testing.T) {
	t.Parallel()
	out, err := promtool(t, "", "check", "config", repository(t, "examples", "prometheus", "prometheus.yml"))
	require.NoError(t, err, out)
}
