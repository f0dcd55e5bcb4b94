//go:build e2e

package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// startKrakenD answers with what a real KrakenD answered, over and over: each round is a restart.
func startKrakenD(tb testing.TB) *httptest.Server {
	tb.Helper()
	files, err := filepath.Glob(repository(tb, "receiver", "krakendreceiver", "testdata", "windows", "0*.json.gz"))
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	var answers [][]byte
	for _, name := range files {
		answers = append(answers, unzipFile(tb, name))
	}
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(answers[int(asked.Add(1)-1)%len(answers)])
	}))
	tb.Cleanup(server.Close)
	return server
}

func unzipFile(tb testing.TB, name string) []byte {
	tb.Helper()
	file, err := os.Open(name)
	require.NoError(tb, err)
	defer func() { _ = file.Close() }()
	reader, err := gzip.NewReader(file)
	require.NoError(tb, err)
	content, err := io.ReadAll(reader)
	require.NoError(tb, err)
	return content
}

func TestKrakenDsDashboardIsFilled(t *testing.T) {
	t.Parallel()
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	page := peers.Address(ports[0])
	c := newExample(t, []string{"krakend.yaml"}, object{},
		"KRAKEND_STATS_URL="+startKrakenD(t).URL+"/__stats", "KRAKEND_INTERVAL=300ms", "KRAKEND_PROMETHEUS_ENDPOINT="+page)
	c.start()
	p := peers.StartPrometheus(t, peers.PrometheusSettings{Targets: map[string]string{"krakend": page}, Interval: 500 * time.Millisecond})
	var at time.Time
	eventually(t, drainTimeout, func() string {
		at = time.Now()
		for _, expression := range []string{
			"sum(rate(krakend_router_responses_total[1m]))", "krakend_backend_duration_window_seconds_count", "krakend_gc_pause_duration_seconds_sum",
		} {
			samples, err := p.Query(t.Context(), expression, at)
			if err != nil || len(samples) == 0 {
				return fmt.Sprintf("%s has no result: %v", expression, err)
			}
		}
		return ""
	})
	requireDashboard(t, p, at, "krakend.json", true)
	c.stop()
}

func TestKrakenDsStatisticsReachInfluxDB(t *testing.T) {
	t.Parallel()
	server := peers.StartInflux(t, peers.InfluxSettings{Authentication: true})
	c := newExample(t, []string{"krakend-influxdb.yaml"}, object{},
		"KRAKEND_STATS_URL="+startKrakenD(t).URL+"/__stats", "KRAKEND_INTERVAL=100ms", "KRAKEND_HOST=vm",
		"INFLUXDB_V1_URL="+server.URL(), "INFLUXDB_V1_USER="+peers.InfluxUser, "INFLUXDB_V1_PASSWORD="+peers.InfluxPassword)
	c.start()
	// The database is not there yet: what was read waits on disk.
	c.waitLog("create the database")
	_, err := server.Query(t.Context(), "", "CREATE DATABASE krakend")
	require.NoError(t, err)
	eventually(t, drainTimeout, func() string {
		for _, query := range []string{
			`SELECT "mean" FROM "router.response-time" WHERE "host" = 'vm'`, `SELECT "count" FROM "requests" WHERE "layer" = 'backend'`,
			`SELECT "gauge" FROM "router" WHERE "direction" = 'in'`, `SELECT "NumGoroutine" FROM "runtime"`,
		} {
			series, err := server.Query(t.Context(), "krakend", query)
			if err != nil || len(series) == 0 {
				return fmt.Sprintf("%s has no result: %v", query, err)
			}
		}
		return ""
	})
	c.stop()
	assert.NotContains(t, c.output(), "points for good")
}
