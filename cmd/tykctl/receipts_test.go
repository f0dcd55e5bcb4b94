package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// collector serves a collector's metrics, changed.
func collector(t *testing.T, change func(string) string) string {
	t.Helper()
	metrics, err := os.ReadFile("testdata/metrics.txt")
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, err := w.Write([]byte(change(string(metrics))))
		assert.NoError(t, err)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/metrics"
}

func asItIs(metrics string) string { return metrics }

func TestReceiptsAccountForEveryEntry(t *testing.T) {
	t.Parallel()
	o := troubled(t)
	golden(t, "receipts.txt", masked(o.ok("receipts", "-check")))
	golden(t, "receipts.json", maskedJSON(t, o.ok("receipts", "-json")))
	assert.Contains(t, onRedis(t).ok("receipts", "-check"), "There are no groups")
}

func TestReceiptsAccountForDestinationsToo(t *testing.T) {
	t.Parallel()
	o, url := onRedis(t), collector(t, asItIs)
	golden(t, "receipts_metrics.txt", masked(o.ok("receipts", "-check", "-metrics", url)))
	golden(t, "receipts_metrics.json", maskedJSON(t, o.ok("receipts", "-json", "-metrics", url)))
}

func TestNamesOfMetricsMayHaveSuffixes(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	plain := o.ok("receipts", "-json", "-metrics", collector(t, asItIs))
	suffixed := o.ok("receipts", "-json", "-metrics", collector(t, func(metrics string) string {
		for _, name := range []string{
			"otelcol_tykredis_records_delivered", "otelcol_tykredis_records_dead_lettered", "otelcol_exporter_sent_log_records",
			"otelcol_exporter_tyksql_records", "otelcol_tykfilter_dropped_records",
		} {
			metrics = strings.ReplaceAll(metrics, name, name+"_total")
		}
		return strings.ReplaceAll(metrics, "otelcol_process_uptime", "otelcol_process_uptime_seconds_total")
	}))
	assert.Equal(t, maskedJSON(t, plain), maskedJSON(t, suffixed))
}

func TestWhatADestinationDoesNotAccountForIsTrouble(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	check := func(old, replacement string) answer {
		return o.run("receipts", "-check", "-metrics", collector(t, func(metrics string) string {
			require.Contains(t, metrics, old)
			return strings.Replace(metrics, old, replacement, 1)
		}))
	}
	a := check(`{outcome="stored",table="requests"} 4700`, `{outcome="stored",table="requests"} 4290`)
	assert.Equal(t, exitTrouble, a.status)
	assert.Contains(t, a.stdout, "10 MISSING")
	assert.Contains(t, a.stdout, "TROUBLE: 10 entries acknowledged by this collector are not accounted for")
	a = check(`{outcome="stored",table="requests"} 4700`, `{outcome="stored",table="requests"} 4710`)
	assert.Equal(t, exitOK, a.status, "what is delivered twice is counted twice")
	assert.Contains(t, a.stdout, "10 more")
	a = check(`{outcome="stored",table="requests"} 4700`, `{outcome="stored",table="requests"} 4300`)
	assert.Equal(t, exitOK, a.status, "records of graph may be in no other table")
}

func TestReceiptsThatAreOffAreSaidLoudly(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	o.push(msgpackList, 3)
	o.ack(o.visit(worker(msgpackList, "default", "w", time.Minute))[0], 3)
	o.rdb.HIncrBy(t.Context(), stateKey("receipts"), "default|delivered", -1)
	a := o.run("receipts", "-check")
	assert.Equal(t, exitTrouble, a.status)
	assert.Contains(t, a.stdout, "OFF BY 1")
	assert.Contains(t, a.stdout, "RECEIPTS DO NOT ADD UP")
}

func TestWrongMetricsAreExplained(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	for url, want := range map[string]string{
		strings.TrimSuffix(collector(t, asItIs), "metrics"):   "404 Not Found: name the collector's metrics",
		collector(t, func(string) string { return "<html>" }): "does not speak Prometheus' text format",
		collector(t, func(string) string { return "up 1\n" }): "has no metrics of a collector with a tykredis receiver",
		"http://127.0.0.1:1/metrics":                          "-metrics: ",
		"no url at all":                                       "-metrics: ",
	} {
		a := o.run("receipts", "-metrics", url)
		assert.Equal(t, exitFailed, a.status, url)
		assert.Contains(t, a.stderr, want)
	}
}
