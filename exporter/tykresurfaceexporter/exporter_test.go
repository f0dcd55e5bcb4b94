package tykresurfaceexporter

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykresurfaceexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func captures(*http.Request, string) int { return http.StatusNoContent }

func start(t *testing.T, endpoint string, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	return sinktest.Start(t, NewFactory(), configured(func(c *Config) {
		c.Client.Endpoint, c.Retry.Enabled, c.Rules = endpoint+"/message", false, "include debug"
		change(c)
	}), host)
}

func asDefault(*Config) {}

func TestBundlesAreThoseOfResurface(t *testing.T) {
	t.Parallel()
	name, err := os.Hostname()
	require.NoError(t, err)
	for coding, change := range map[string]func(*Config){
		"deflated": func(c *Config) { c.MaxRequestBytes = 20_000 },
		"":         func(c *Config) { c.MaxRequestBytes, c.Rules = 20_000, "allow_http_url\nskip_compression" },
	} {
		server := sinktest.StartHTTP(t, captures)
		e := start(t, server.URL, sinktest.NewHost(), change)
		records := sinktest.Numbered(100)
		records[7].RawRequest = "GET / HTTP/1.1\r\n\r\n" + strings.Repeat("x", 50_000)
		logs := sinktest.LogsOf(records...)
		logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).SetEventName("other")
		require.ErrorContains(t, e.ConsumeLogs(t.Context(), logs), `foreign: not an analytics record: its event name is "other"`)
		lines, longer := 0, 0
		for _, r := range server.Accepted() {
			assert.Equal(t, "/message", r.Path)
			assert.Equal(t, "application/ndjson; charset=UTF-8", r.Header.Get("Content-Type"))
			assert.Equal(t, coding, r.Header.Get("Content-Encoding"))
			if len(r.Body) > 20_000 {
				longer++
				assert.Equal(t, 1, strings.Count(r.Body, "\n"), "a longer message travels alone")
			}
			for line := range strings.Lines(r.Body) {
				lines++
				message := pairs(t, line)
				assert.Equal(t, [2]string{"host", name}, message[len(message)-1])
			}
		}
		assert.Equal(t, 99, lines)
		assert.Equal(t, 1, longer)
	}
}

// What rules leave out counts as delivered.
func TestRulesLeaveRecordsOut(t *testing.T) {
	t.Parallel()
	server := sinktest.StartHTTP(t, captures)
	e := start(t, server.URL, sinktest.NewHost(), func(c *Config) { c.Rules = "allow_http_url\n!request_url! stop_if_found !/poison/!" })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(sinktest.Numbered(10, 3, 7)...)))
	assert.Len(t, server.Times(), 8)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(sinktest.Numbered(1, 0)...)))
	assert.Len(t, server.Accepted(), 1, "nothing is left to send")
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	sinktest.CheckHTTPOutcomes(t, http.StatusNoContent, func(t *testing.T, endpoint string, host component.Host, timeout time.Duration, retry configretry.BackOffConfig) exporter.Logs {
		t.Helper()
		return start(t, endpoint, host, func(c *Config) { c.Client.Timeout, c.Retry = timeout, retry })
	})
}

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	sinktest.CheckHTTPContract(t, http.StatusNoContent, func(endpoint string) component.Config {
		return configured(func(c *Config) {
			c.Client.Endpoint, c.Rules = endpoint, "include debug"
			c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
		})
	}, metadata.Type, createLogs)
}

// A proxy's page is no answer of Resurface's.
func TestAPageIsNotAnAnswer(t *testing.T) {
	t.Parallel()
	page := sinktest.StartPage(t)
	err := start(t, page.URL, sinktest.NewHost(), asDefault).ConsumeLogs(t.Context(), sinktest.LogsOf(sinktest.Sample(1)))
	require.ErrorContains(t, err, "Resurface answered 200 OK: <html>")
	require.ErrorContains(t, err, "is endpoint another server's, or a proxy's page?")
	assert.False(t, consumererror.IsPermanent(err))
}
