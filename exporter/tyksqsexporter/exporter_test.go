package tyksqsexporter

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// start starts an exporter to a server, without retries.
func start(tb testing.TB, url string, host component.Host, change func(*Config)) exporter.Logs {
	tb.Helper()
	config := configured(func(c *Config) {
		c.Client = awsclient.Config{Region: "us-east-1", Endpoint: url, AccessKeyID: "id", SecretAccessKey: "hush"}
		c.QueueName, c.Retry.Enabled = "records", false
		c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 10*time.Millisecond
		change(c)
	})
	return sinktest.Start(tb, NewFactory(), config, host)
}

func asDefault(*Config) {}

// numbered are records whose paths are numbers, of three organisations.
func numbered(n int) []analytics.Record {
	records := make([]analytics.Record, n)
	for i := range records {
		records[i] = analytics.Record{Path: strconv.Itoa(i), OrgID: "o" + strconv.Itoa(i%3), TimeStamp: time.Unix(1_700_000_000, 0)}
	}
	return records
}

// numbers are their paths.
func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return all
}

func pathOf(tb testing.TB, body string) string {
	tb.Helper()
	var r struct{ Path string }
	require.NoError(tb, json.Unmarshal([]byte(body), &r), body)
	return r.Path
}

func messages(tb testing.TB, server *peers.SQS, queue string) []peers.SQSMessage {
	tb.Helper()
	all, err := server.Messages(tb.Context(), queue)
	require.NoError(tb, err)
	return all
}

func TestAStandardQueueTakesRecords(t *testing.T) {
	t.Parallel()
	server := peers.StartSQS(t, "records", "others")
	records := sinktest.GoldenRecords(t)
	records[17].Path = "\x00\uFFFE\uFFFF\U0001FFFF" // what SQS refuses, unless it is escaped
	for _, change := range []func(*Config){
		asDefault,
		func(c *Config) { c.QueueName, c.QueueURL = "", server.QueueURL("others") },
	} {
		require.NoError(t, start(t, server.URL(), sinktest.NewHost(), change).ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	}
	for _, queue := range []string{"records", "others"} {
		got := map[string]int{}
		for _, m := range messages(t, server, queue) {
			got[m.Body]++
			assert.Empty(t, m.Deduplication)
		}
		for i := range records {
			body, err := appendBody(nil, &records[i])
			require.NoError(t, err)
			require.Positive(t, got[string(body)], "record %d", i)
			got[string(body)]--
		}
	}
}

// A FIFO queue has each record once, in order within its group, whatever is pushed again.
func TestAFIFOQueueHasEachRecordOnce(t *testing.T) {
	t.Parallel()
	server := peers.StartSQS(t, "records.fifo")
	e := start(t, server.URL(), sinktest.NewHost(), func(c *Config) { c.QueueName, c.MessageGroupBy = "records.fifo", fieldOrgID })
	const n = 305
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(n)...)))
	}
	var got []string
	for i, m := range messages(t, server, "records.fifo") {
		got = append(got, pathOf(t, m.Body))
		assert.Equal(t, "o"+strconv.Itoa(i%3), m.Group)
		assert.Equal(t, fmt.Sprintf("seg-%d", i), m.Deduplication)
	}
	assert.Equal(t, numbers(n), got)
}

// Requests have up to 1 MiB, which the server counts, too.
func TestRequestsAreCutByBytes(t *testing.T) {
	t.Parallel()
	server := peers.StartSQS(t, "records")
	records := numbered(20)
	for i := range records {
		records[i].RawResponse = strings.Repeat("QUJD", 50_000)
	}
	records[3].RawResponse = ""
	body, err := appendBody(nil, &records[3])
	require.NoError(t, err)
	attribute := len("uid" + "String" + "seg-3")
	records[3].RawResponse = strings.Repeat("x", maxBytes-len(body)-attribute) // just as long as a request
	require.NoError(t, start(t, server.URL(), sinktest.NewHost(), asDefault).ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	var got []string
	for _, m := range messages(t, server, "records") {
		got = append(got, pathOf(t, m.Body))
	}
	assert.ElementsMatch(t, numbers(20), got)
}

// A server that is away at the start, and dies later, is waited for.
func TestAServerThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := peers.StartSQS(t, "records")
	server.Kill()
	host := sinktest.NewHost()
	e := start(t, server.URL(), host, func(c *Config) { c.Retry.Enabled = true })
	for range 2 {
		result := make(chan error, 1)
		go func() { result <- e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(25)...)) }()
		assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
		require.NoError(t, server.Start(t.Context()))
		require.NoError(t, <-result)
		status := <-host.Statuses
		for status == componentstatus.StatusRecoverableError { // a server that starts fails in other words than one that is not there
			status = <-host.Statuses
		}
		assert.Equal(t, componentstatus.StatusOK, status)
		assert.Len(t, messages(t, server, "records"), 25)
		server.Kill()
	}
}

func TestAQueueThatIsNotThereIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := peers.StartSQS(t, "records")
	host := sinktest.NewHost()
	e := start(t, server.URL(), host, func(c *Config) { c.QueueName = "recrods" })
	err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1)...))
	require.EqualError(t, err, "SQS answered NonExistentQueue: The specified queue does not exist for this wsdl version.: does it exist in this region and account?")
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	e = start(t, server.URL(), host, func(c *Config) { c.QueueName, c.QueueURL = "", server.QueueURL("recrods") })
	require.ErrorContains(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1)...)), "SQS answered NonExistentQueue: ")
}

func TestWithoutARegionTheStartIsRefused(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	e := unsent(t, func(c *Config) { c.QueueName = "q" })
	err := e.start(t.Context(), sinktest.NewHost())
	require.EqualError(t, err, "start the tyksqs exporter: region: is not set, and neither AWS_REGION nor a shared file names one: set it")
	require.NoError(t, e.shutdown(context.WithoutCancel(t.Context())))
}

// sorted are texts in order.
func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }
