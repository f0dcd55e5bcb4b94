package tykinfluxexporter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykinfluxexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// asRecords makes analytics records of the check's log records.
type asRecords struct{ exporter.Logs }

// ConsumeLogs hands records on.
func (a asRecords) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	log := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	log.SetEventName(analytics.EventRequest)
	log.SetTimestamp(pcommon.NewTimestampFromTime(testTime))
	return a.Logs.ConsumeLogs(ctx, logs)
}

// asKrakenDs makes a KrakenD's counter of the check's metric.
type asKrakenDs struct{ exporter.Metrics }

// ConsumeMetrics hands the counter on.
func (a asKrakenDs) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	m := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	m.SetName(krakend.Responses)
	point := m.SetEmptySum().DataPoints().AppendEmpty()
	point.SetIntValue(1)
	point.SetTimestamp(pcommon.NewTimestampFromTime(testTime))
	return a.Metrics.ConsumeMetrics(ctx, metrics)
}

// decider is an InfluxDB that answers as the check decides.
type decider struct {
	mu     sync.Mutex // guards the field below
	decide func(context.Context) error
}

func (d *decider) set(decide func(context.Context) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = decide
}

// ServeHTTP answers one write.
func (d *decider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	d.mu.Lock()
	err := d.decide(r.Context())
	d.mu.Unlock()
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case consumererror.IsPermanent(err):
		http.Error(w, `{"error":"partial write: points beyond retention policy dropped=1"}`, http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// nothing is a receiver that only knows its consumer.
type nothing struct {
	component.StartFunc
	component.ShutdownFunc
}

// The collector's own check: failures that can heal are tried again until they do, others are not.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	influx := &decider{}
	server := httptest.NewServer(influx)
	defer server.Close()
	logs := testConfig(server.URL)
	logs.Retry.Enabled, logs.Retry.InitialInterval, logs.Retry.MaxInterval = true, time.Millisecond, 5*time.Millisecond
	metrics := *logs
	metrics.Schema = schemaKrakenD
	for signal, config := range map[pipeline.Signal]*Config{pipeline.SignalLogs: logs, pipeline.SignalMetrics: &metrics} {
		exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
			T: t, NumberOfTestElements: 10, Signal: signal, ExporterConfig: config, ReceiverConfig: &struct{}{},
			ExporterFactory: exporter.NewFactory(metadata.Type, createDefaultConfig,
				exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
					e, err := createLogs(ctx, set, cfg)
					return asRecords{e}, err
				}, metadata.LogsStability),
				exporter.WithMetrics(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
					e, err := createMetrics(ctx, set, cfg)
					return asKrakenDs{e}, err
				}, metadata.MetricsStability)),
			ReceiverFactory: receiver.NewFactory(metadata.Type, func() component.Config { return &struct{}{} },
				receiver.WithLogs(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
					influx.set(func(ctx context.Context) error { return next.ConsumeLogs(ctx, plog.NewLogs()) })
					return &nothing{}, nil
				}, metadata.LogsStability),
				receiver.WithMetrics(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Metrics) (receiver.Metrics, error) {
					influx.set(func(ctx context.Context) error { return next.ConsumeMetrics(ctx, pmetric.NewMetrics()) })
					return &nothing{}, nil
				}, metadata.MetricsStability)),
		})
	}
}

// TestInfluxDBsOwnAnswersAreUnderstood goes through what a real InfluxDB 1.6.7 answers to right and wrong writes.
func TestInfluxDBsOwnAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	lines := bufio.NewScanner(bytes.NewReader(sinktest.Unzip(t, "testdata", "golden", "answers.jsonl.gz")))
	seen := map[batchhttp.Outcome]int{}
	for lines.Scan() {
		var a struct {
			Note, Answer string
			Status       int
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &a))
		want := batchhttp.Later
		switch {
		case a.Status == http.StatusNoContent:
			want = batchhttp.Accepted
		case a.Status == http.StatusBadRequest && a.Note != "no database":
			want = batchhttp.Refused
		}
		assert.Equal(t, want, classify(a.Status, a.Answer), "%s: %s", a.Note, a.Answer)
		seen[want]++
	}
	assert.Equal(t, map[batchhttp.Outcome]int{batchhttp.Accepted: 15, batchhttp.Refused: 8, batchhttp.Later: 6}, seen)
}

// TestAPageInBetweenStoresNothing: a proxy that asks for a login answers a write with a page, or leads to one.
func TestAPageInBetweenStoresNothing(t *testing.T) {
	t.Parallel()
	page := "<html>Sign in" + strings.Repeat("ü", 5000)
	for path, want := range map[string]string{
		"/page":  "InfluxDB says 204 to a write: is endpoint another server's, or a proxy's page?",
		"/moved": "302 Found: : it leads to /login: set endpoint to InfluxDB itself",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/moved") {
				w.Header().Set("Location", "/login")
				w.WriteHeader(http.StatusFound)
				return
			}
			_, _ = io.WriteString(w, page)
		}))
		h := newHost()
		err := startLogs(t, testConfig(server.URL+path), h).ConsumeLogs(t.Context(), samples(2))
		require.ErrorContains(t, err, want)
		assert.Less(t, len(err.Error()), 1500)
		assert.False(t, consumererror.IsPermanent(err))
		assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, h.reported())
		server.Close()
	}
	d := startDouble(t, stores)
	moved := startDouble(t, func(w http.ResponseWriter, _ string) {
		w.Header().Set("Location", d.URL+"/write")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	require.NoError(t, startLogs(t, testConfig(moved.URL), newHost()).ConsumeLogs(t.Context(), samples(2)))
	assert.Len(t, d.received(), 1, "the lines are posted where InfluxDB is")
}
