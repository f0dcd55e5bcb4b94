package tykinfluxexporter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykinfluxexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

var testTime = time.Date(2026, 8, 20, 10, 11, 12, 123_456_789, time.UTC)

// sample is a record; its path ends in its number.
func sample(i int) analytics.Record {
	at := testTime.Add(time.Duration(i) * time.Millisecond)
	return analytics.Record{
		Method: "GET", Path: fmt.Sprintf("/items/%d", i), ResponseCode: 200, TimeStamp: at, APIName: "Items", APIID: "items-api",
		OrgID: "acme", RequestTime: 23, Latency: analytics.Latency{Total: 23, Upstream: 21},
	}
}

func samples(n int) plog.Logs {
	records := make([]analytics.Record, n)
	for i := range records {
		records[i] = sample(i)
	}
	return sinktest.LogsOf(records...)
}

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

func testConfig(endpoint string) *Config {
	config := createDefaultConfig().(*Config)
	config.Client.Endpoint, config.DatabaseName = endpoint, "tyk"
	config.Retry.Enabled = false
	return config
}

func startLogs(tb testing.TB, config *Config, h component.Host) exporter.Logs {
	tb.Helper()
	e, err := NewFactory().CreateLogs(tb.Context(), exportertest.NewNopSettings(metadata.Type), config)
	require.NoError(tb, err)
	require.NoError(tb, e.Start(tb.Context(), h))
	tb.Cleanup(func() { require.NoError(tb, e.Shutdown(context.WithoutCancel(tb.Context()))) })
	return e
}

func startMetrics(tb testing.TB, config *Config) exporter.Metrics {
	tb.Helper()
	config.Schema = schemaKrakenD
	e, err := NewFactory().CreateMetrics(tb.Context(), exportertest.NewNopSettings(metadata.Type), config)
	require.NoError(tb, err)
	require.NoError(tb, e.Start(tb.Context(), newHost()))
	tb.Cleanup(func() { require.NoError(tb, e.Shutdown(context.WithoutCancel(tb.Context()))) })
	return e
}

// double answers in InfluxDB's place, and remembers the bodies.
type double struct {
	*httptest.Server
	mu       sync.Mutex // guards the fields below
	bodies   []string
	requests []*http.Request
}

func startDouble(tb testing.TB, answer func(w http.ResponseWriter, body string)) *double {
	tb.Helper()
	d := &double{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		d.mu.Lock()
		d.bodies = append(d.bodies, string(body))
		d.requests = append(d.requests, r)
		d.mu.Unlock()
		answer(w, string(body))
	}))
	tb.Cleanup(d.Close)
	return d
}

func stores(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusNoContent) }

func (d *double) received() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.bodies...)
}

// count is how many values of a field are stored.
func count(tb testing.TB, server *peers.Influx, from, field string) string {
	tb.Helper()
	series, err := server.Query(tb.Context(), "tyk", fmt.Sprintf("SELECT count(%q) FROM %q", field, from))
	require.NoError(tb, err)
	if len(series) == 0 {
		return "0"
	}
	return fmt.Sprint(series[0].Values[0][1])
}

// database makes the database of testConfig.
func database(tb testing.TB, server *peers.Influx) {
	tb.Helper()
	_, err := server.Query(tb.Context(), "", "CREATE DATABASE tyk")
	require.NoError(tb, err)
}
