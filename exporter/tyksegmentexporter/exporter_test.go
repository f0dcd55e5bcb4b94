package tyksegmentexporter

import (
	"encoding/base64"
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

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksegmentexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// batch is a request.
type batch struct {
	Batch []struct {
		MessageID  string         `json:"messageId"`
		Properties map[string]any `json:"properties"`
	} `json:"batch"`
	SentAt time.Time `json:"sentAt"`
}

func accepts(*http.Request, string) int { return http.StatusOK }

func start(t *testing.T, endpoint string, host component.Host, change func(*Config)) exporter.Logs {
	t.Helper()
	return sinktest.Start(t, NewFactory(), configured(func(c *Config) {
		c.Client.Endpoint, c.Retry.Enabled = endpoint+"/v1/batch", false
		change(c)
	}), host)
}

func asDefault(*Config) {}

func TestBatchesAreThoseOfSegment(t *testing.T) {
	t.Parallel()
	server := sinktest.StartHTTP(t, accepts)
	e := start(t, server.URL, sinktest.NewHost(), asDefault)
	logs := sinktest.LogsOf(sinktest.Numbered(3000)...)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).SetEventName("other")
	require.ErrorContains(t, e.ConsumeLogs(t.Context(), logs), `foreign: not an analytics record: its event name is "other"`)
	ids := map[string]bool{}
	for _, r := range server.Accepted() {
		assert.LessOrEqual(t, len(r.Body), segmentRequestBytes)
		assert.Equal(t, "/v1/batch", r.Path)
		assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("secret:")), r.Header.Get("Authorization"))
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		assert.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
		assert.True(t, strings.HasPrefix(r.Body, `{"context":{"library":{"name":"otelcol-tyk"}},"batch":[{"properties":{`))
		var b batch
		require.NoError(t, json.Unmarshal([]byte(r.Body), &b))
		assert.WithinDuration(t, time.Now(), b.SentAt, sinktest.Long)
		for _, event := range b.Batch {
			ids[event.MessageID] = true
		}
	}
	assert.Len(t, ids, 2999)
	assert.Greater(t, len(server.Accepted()), 3, "500 kB each")
}

func TestRequestsHaveAtMostAsManyEventsAsAreAllowed(t *testing.T) {
	t.Parallel()
	server := sinktest.StartHTTP(t, accepts)
	e := start(t, server.URL, sinktest.NewHost(), func(c *Config) { c.MaxRequestEvents = 7 })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(sinktest.Numbered(50)...)))
	assert.Len(t, server.Accepted(), 8)
}

// An event of more than Segment takes is refused before it is sent, or cut, and its neighbours are received.
func TestAnEventThatIsTooLargeIsRefusedAlone(t *testing.T) {
	t.Parallel()
	server := sinktest.StartHTTP(t, accepts)
	records := sinktest.Numbered(3)
	records[1].RawResponse = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 40_000)))
	records[2].TimeStamp = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	keeps := func(c *Config) { c.IgnoreFields = []string{"day"} }
	err := start(t, server.URL, sinktest.NewHost(), keeps).ConsumeLogs(t.Context(), sinktest.LogsOf(records...))
	require.True(t, consumererror.IsPermanent(err))
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 2)
	assert.Regexp(t, `^too_large: an event of \d+ bytes is longer than max_event_bytes, 32000, and Segment refuses it: leave more fields out`, refused.Records[0].Reason)
	assert.Regexp(t, `^invalid: timestamp is in the year 10000`, refused.Records[1].Reason)
	assert.Len(t, server.Times(), 1)

	e := start(t, server.URL, sinktest.NewHost(), func(c *Config) { keeps(c); c.Truncate, c.AnonymousID = true, anonymousHash })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records[1])))
	requests := server.Accepted()
	var b batch
	require.NoError(t, json.Unmarshal([]byte(requests[len(requests)-1].Body), &b))
	left, err := base64.StdEncoding.DecodeString(b.Batch[0].Properties["raw_response"].(string))
	require.NoError(t, err)
	assert.Greater(t, len(left), 10_000)
	assert.Len(t, b.Batch[0].Properties["api_key"], 64, "hashed once")
	schema := sinktest.Sample(4)
	schema.APISchema, schema.RawRequest = strings.Repeat("x", 30_000), strings.Repeat("x", 10_000)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(schema)))
	requests = server.Accepted()
	require.NoError(t, json.Unmarshal([]byte(requests[len(requests)-1].Body), &b))
	assert.Empty(t, b.Batch[0].Properties["api_schema"])
	assert.Len(t, b.Batch[0].Properties["raw_request"], 10_000, "the schema goes first")

	require.NoError(t, start(t, server.URL, sinktest.NewHost(), asDefault).ConsumeLogs(t.Context(), sinktest.LogsOf(records[1])), "by default it has no response")
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	sinktest.CheckHTTPOutcomes(t, http.StatusOK, func(t *testing.T, endpoint string, host component.Host, timeout time.Duration, retry configretry.BackOffConfig) exporter.Logs {
		t.Helper()
		return start(t, endpoint, host, func(c *Config) { c.Client.Timeout, c.Retry = timeout, retry })
	})
}

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	sinktest.CheckHTTPContract(t, http.StatusOK, func(endpoint string) component.Config {
		return configured(func(c *Config) {
			c.Client.Endpoint, c.Retry.InitialInterval, c.Retry.MaxInterval = endpoint, time.Millisecond, 5*time.Millisecond
		})
	}, metadata.Type, createLogs)
}

// A proxy's page is no answer of Segment's.
func TestAPageIsNotAnAnswer(t *testing.T) {
	t.Parallel()
	page := sinktest.StartPage(t)
	err := start(t, page.URL, sinktest.NewHost(), asDefault).ConsumeLogs(t.Context(), sinktest.LogsOf(sinktest.Sample(1)))
	require.ErrorContains(t, err, "Segment answered 200 OK: <html>")
	require.ErrorContains(t, err, "is endpoint another server's, or a proxy's page?")
	assert.False(t, consumererror.IsPermanent(err))
	assert.NotContains(t, err.Error(), "secret")
}
