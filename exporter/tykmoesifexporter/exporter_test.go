package tykmoesifexporter

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmoesifexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func start(t *testing.T, endpoint string, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	return sinktest.Start(t, NewFactory(), configured(func(c *Config) {
		c.Client.Endpoint, c.Retry.Enabled = endpoint, false
		change(c)
	}), host)
}

func TestBatchesAreThoseOfMoesif(t *testing.T) {
	t.Parallel()
	server := sinktest.StartHTTP(t, func(*http.Request, string) int { return http.StatusCreated })
	e := start(t, server.URL, sinktest.NewHost(), func(c *Config) { c.MaxRequestBytes = 20_000 })
	records := sinktest.Numbered(500)
	records[17].RawRequest = strings.Repeat("GET / HTTP/1.1\r\n\r\n", 5000)
	logs := sinktest.LogsOf(records...)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).SetEventName("other")
	err := e.ConsumeLogs(t.Context(), logs)
	require.ErrorContains(t, err, `foreign: not an analytics record: its event name is "other"`)
	ids, longer := map[any]bool{}, 0
	for _, r := range server.Accepted() {
		assert.Equal(t, "/v1/events/batch", r.Path)
		assert.Equal(t, "secret", r.Header.Get(applicationHeader))
		assert.Equal(t, "application/json; charset=utf-8", r.Header.Get("Content-Type"))
		assert.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
		var events []struct {
			Metadata struct{ Tyk map[string]any }
		}
		require.NoError(t, json.Unmarshal([]byte(r.Body), &events))
		assert.LessOrEqual(t, len(events), pumpRequestEvents)
		if len(r.Body) > 20_000 {
			assert.Len(t, events, 1, "a longer event travels alone")
			longer++
		}
		for _, event := range events {
			ids[event.Metadata.Tyk["uid"]] = true
		}
	}
	assert.Len(t, ids, 499)
	assert.Equal(t, 1, longer)
}

func TestAnEventOfNoTimeIsRefusedAlone(t *testing.T) {
	t.Parallel()
	server := sinktest.StartHTTP(t, func(*http.Request, string) int { return http.StatusCreated })
	records := sinktest.Numbered(3)
	records[1].TimeStamp = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	err := start(t, server.URL, sinktest.NewHost(), func(*Config) {}).ConsumeLogs(t.Context(), sinktest.LogsOf(records...))
	require.True(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 1)
	assert.Regexp(t, `^invalid: the time is in the year 10000`, refused.Records[0].Reason)
	assert.Len(t, server.Times(), 2)
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	sinktest.CheckHTTPOutcomes(t, http.StatusCreated, func(t *testing.T, endpoint string, host component.Host, timeout time.Duration, retry configretry.BackOffConfig) exporter.Logs {
		t.Helper()
		return start(t, endpoint, host, func(c *Config) { c.Client.Timeout, c.Retry = timeout, retry })
	})
}

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	sinktest.CheckHTTPContract(t, http.StatusCreated, func(endpoint string) component.Config {
		return configured(func(c *Config) {
			c.Client.Endpoint, c.Retry.InitialInterval, c.Retry.MaxInterval = endpoint, time.Millisecond, 5*time.Millisecond
		})
	}, metadata.Type, createLogs)
}

// A proxy's page is no answer of Moesif's.
func TestAPageIsNotAnAnswer(t *testing.T) {
	t.Parallel()
	page := sinktest.StartPage(t)
	err := start(t, page.URL, sinktest.NewHost(), func(*Config) {}).ConsumeLogs(t.Context(), sinktest.LogsOf(sinktest.Sample(1)))
	require.ErrorContains(t, err, "Moesif answered 200 OK: <html>")
	require.ErrorContains(t, err, "is endpoint another server's, or a proxy's page?")
	assert.False(t, consumererror.IsPermanent(err))
	assert.NotContains(t, err.Error(), "secret")
}
