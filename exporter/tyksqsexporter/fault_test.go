package tyksqsexporter

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqsexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqsexporter/internal/metadatatest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient/awstest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

type entry struct {
	ID   string `json:"Id"`
	Body string `json:"MessageBody"`
}

type failed struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

// queue is one in which messages are kept, or fail.
type queue struct {
	tb     testing.TB
	taken  map[string]int                       // by path
	before func(paths []string) *awstest.Answer // an answer to the whole request, or nil
	fails  func(path string) *failed            // why a message fails, or nil
}

func newQueue(tb testing.TB) *queue {
	return &queue{tb: tb, taken: map[string]int{}}
}

// paths are those that are kept, each of them once.
func (q *queue) paths() []string {
	for path, n := range q.taken {
		assert.Equal(q.tb, 1, n, path)
	}
	return sorted(slices.Collect(maps.Keys(q.taken)))
}

func (q *queue) answer(operation string, body []byte) awstest.Answer {
	if operation == "GetQueueUrl" {
		return awstest.Answer{Body: map[string]string{"QueueUrl": "https://queue.example/1/records"}}
	}
	var in struct{ Entries []entry }
	awstest.Read(q.tb, body, &in)
	paths := make([]string, len(in.Entries))
	for i, e := range in.Entries {
		paths[i] = pathOf(q.tb, e.Body)
	}
	if q.before != nil {
		if a := q.before(paths); a != nil {
			return *a
		}
	}
	successful, rejected := []entry{}, []failed{}
	for i, e := range in.Entries {
		if q.fails != nil {
			if f := q.fails(paths[i]); f != nil {
				f.ID = e.ID
				rejected = append(rejected, *f)
				continue
			}
		}
		q.taken[paths[i]]++
		successful = append(successful, entry{ID: e.ID})
	}
	return awstest.Answer{Body: map[string]any{"Successful": successful, "Failed": rejected}}
}

// refusedOf are the reasons of an error's records, by their places.
func refusedOf(tb testing.TB, err error) map[int64]string {
	tb.Helper()
	require.True(tb, consumererror.IsPermanent(err), "%v", err)
	var refused *analytics.RefusedError
	require.ErrorAs(tb, err, &refused)
	reasons := map[int64]string{}
	for _, r := range refused.Records {
		reasons[r.UID.Index] = r.Reason
	}
	return reasons
}

// Only what failed is sent again: no message is there twice.
func TestOnlyFailedMessagesAreSentAgain(t *testing.T) {
	t.Parallel()
	q, tries := newQueue(t), map[string]int{}
	q.fails = func(path string) *failed {
		tries[path]++
		n, _ := strconv.Atoi(path)
		if tries[path] > n%4 {
			return nil
		}
		return &failed{Code: []string{"InternalError", "ThrottlingException", "KmsThrottled"}[n%3], SenderFault: n%3 == 1}
	}
	server := awstest.Start(t, q.answer)
	host := sinktest.NewHost()
	e := start(t, server.URL, host, func(c *Config) { c.Retry.Enabled = true })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(95)...)))
	assert.Equal(t, sorted(numbers(95)), q.paths())
	for path, n := range tries {
		want, _ := strconv.Atoi(path)
		assert.Equal(t, want%4+1, n, path)
	}
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	assert.Equal(t, 1, server.Calls("GetQueueUrl"))
}

// What a queue says of one message becomes a dead letter where it will never be taken, whoever its neighbours are, and waits otherwise.
func TestOutcomesOfAMessage(t *testing.T) {
	t.Parallel()
	for code, test := range map[string]struct {
		sender  bool
		refused string // with neighbours that are taken
		text    string
	}{
		"InvalidMessageContents": {true, "invalid", "SQS answered InvalidMessageContents: no"},
		"InvalidParameterValue":  {true, "invalid", "SQS answered InvalidParameterValue: no"},
		"SomethingNew":           {true, "invalid", "SQS answered SomethingNew: no"},
		"AccessDenied":           {true, "", "SQS answered AccessDenied: no: allow the call"},
		"KmsAccessDenied":        {true, "", "SQS answered KmsAccessDenied: no: allow the call"},
		"KMS.NotFoundException":  {true, "", ""},
		"RequestThrottled":       {true, "", "SQS answered RequestThrottled: no"},
		"InternalError":          {false, "", "SQS answered InternalError: no"},
		"ServiceUnavailable":     {false, "", ""},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			q, bad := newQueue(t), "13"
			q.fails = func(path string) *failed {
				if path == bad || bad == "" {
					return &failed{Code: code, Message: "no", SenderFault: test.sender}
				}
				return nil
			}
			e := start(t, awstest.Start(t, q.answer).URL, sinktest.NewHost(), asDefault)
			err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(30)...))
			require.ErrorContains(t, err, test.text)
			assert.Equal(t, sorted(slices.DeleteFunc(numbers(30), func(p string) bool { return p == bad })), q.paths())
			if test.refused == "" {
				require.False(t, consumererror.IsPermanent(err))
			} else {
				reasons := refusedOf(t, err)
				require.Len(t, reasons, 1)
				assert.True(t, strings.HasPrefix(reasons[13], test.refused+": "+test.text), reasons[13])
			}
			if code == "InvalidMessageContents" {
				return
			}
			bad = ""
			err = e.ConsumeLogs(t.Context(), sinktest.Samples("other", 0, 3))
			require.Error(t, err)
			assert.False(t, consumererror.IsPermanent(err), "nothing is taken, so that no record is known to be at fault")
		})
	}
}

// What is said of a whole request: it waits with all records, or is sent in halves.
func TestOutcomesOfARequest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer  awstest.Answer
		refused string
		text    string
	}{
		"denied":        {awstest.Fault("AccessDeniedException", "User is not authorized"), "", "SQS answered AccessDenied: User is not authorized: allow the call"},
		"no queue":      {awstest.Fault("QueueDoesNotExist", "no"), "", "SQS answered QueueDoesNotExist: no: does it exist in this region and account?"},
		"expired":       {awstest.Fault("ExpiredTokenException", "old"), "", "SQS answered ExpiredToken: old: check the credentials"},
		"signature":     {awstest.Fault("InvalidSignatureException", "The Canonical String should have been 'x-amz-security-token:hush'"), "", "SQS answered InvalidSignature: check the credentials"},
		"throttled":     {awstest.Fault("RequestThrottled", "slow down"), "", "SQS answered RequestThrottled: slow down"},
		"429":           {awstest.Answer{Status: http.StatusTooManyRequests, Body: "{}"}, "", "SQS answered 429 Too Many Requests, without a code of Amazon's"},
		"500":           {awstest.Answer{Status: http.StatusInternalServerError, Body: map[string]string{"__type": "InternalFailure"}}, "", "SQS answered InternalFailure"},
		"proxy's 403":   {awstest.Answer{Status: http.StatusForbidden, Body: "<html>"}, "", "SQS answered 403 Forbidden, without a code of Amazon's: is endpoint another server's, or a proxy's page?"},
		"proxy's 200":   {awstest.Answer{Body: "<html>"}, "", "SQS answered 200 OK, without a code of Amazon's"},
		"empty":         {awstest.Answer{Body: "{}"}, "", "SQS answered without a result for each record"},
		"cut":           {awstest.Answer{Cut: true}, "", "ask SQS: "},
		"too long":      {awstest.Fault("BatchRequestTooLong", "too long"), "too_large", "SQS answered BatchRequestTooLong: too long"},
		"413":           {awstest.Answer{Status: http.StatusRequestEntityTooLarge, Body: "<html>"}, "too_large", "SQS answered 413 Request Entity Too Large"},
		"contents":      {awstest.Fault("InvalidMessageContents", "no"), "invalid", "SQS answered InvalidMessageContents: no"},
		"unclear":       {awstest.Fault("InvalidParameterValue", "no"), "invalid", "SQS answered InvalidParameterValue: no"},
		"not supported": {awstest.Fault("AWS.SimpleQueueService.UnsupportedOperation", "no"), "invalid", "SQS answered UnsupportedOperation: no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, bad := newQueue(t), []string{"13", "17"}
			q.before = func(paths []string) *awstest.Answer {
				if bad == nil || slices.ContainsFunc(paths, func(p string) bool { return slices.Contains(bad, p) }) {
					return &test.answer
				}
				return nil
			}
			server := awstest.Start(t, q.answer)
			host := sinktest.NewHost()
			e := start(t, server.URL, host, asDefault)
			err := e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(100)...))
			require.ErrorContains(t, err, test.text)
			assert.NotContains(t, err.Error(), "hush")
			if test.refused == "" {
				require.False(t, consumererror.IsPermanent(err))
				assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
				for path := range q.taken {
					n, _ := strconv.Atoi(path)
					assert.False(t, n >= 10 && n < 20, path)
				}
				return
			}
			reasons := refusedOf(t, err)
			assert.Equal(t, []int64{13, 17}, slices.Sorted(maps.Keys(reasons)))
			assert.True(t, strings.HasPrefix(reasons[13], test.refused+": "+test.text), reasons[13])
			assert.Equal(t, sorted(slices.DeleteFunc(numbers(100), func(p string) bool { return slices.Contains(bad, p) })), q.paths())
		})
	}
}

// A run of messages that are never taken holds nothing up, wherever it stands.
func TestARunOfMessagesThatAreNeverTaken(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	q.before = func(paths []string) *awstest.Answer {
		for _, path := range paths {
			if n, _ := strconv.Atoi(path); n < 600 {
				a := awstest.Fault("InvalidParameterValue", "no")
				return &a
			}
		}
		return nil
	}
	e := start(t, awstest.Start(t, q.answer).URL, sinktest.NewHost(), func(c *Config) { c.Retry.Enabled = true })
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1000)...)))
	assert.Len(t, reasons, 600)
	assert.Len(t, q.paths(), 400)
}

// A request that is never answered is given up, and sent again.
func TestASlowServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	var asked atomic.Int32
	release := make(chan struct{})
	inner := awstest.Start(t, q.answer)
	slow := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 2 { // after the look-up
			<-release
			return
		}
		inner.ServeHTTP(w, r)
	})
	defer close(release)
	host := sinktest.NewHost()
	e := start(t, slow, host, func(c *Config) { c.Retry.Enabled, c.Timeout.Timeout = true, 200*time.Millisecond })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(5)...)))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	assert.Equal(t, sorted(numbers(5)), q.paths())
}

func TestShutdownEndsAPush(t *testing.T) {
	t.Parallel()
	server := awstest.Start(t, func(string, []byte) awstest.Answer { return awstest.Answer{Status: http.StatusServiceUnavailable} })
	host := sinktest.NewHost()
	e := start(t, server.URL, host, func(c *Config) { c.Retry.Enabled = true })
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- e.ConsumeLogs(ctx, sinktest.LogsOf(numbered(5)...)) }()
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	cancel()
	err := <-result
	require.Error(t, err)
	assert.False(t, consumererror.IsPermanent(err))
}

func TestMessagesAreCounted(t *testing.T) {
	t.Parallel()
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context()))) })
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	server := awstest.Start(t, newQueue(t).answer)
	e, err := createLogs(t.Context(), set, configured(func(c *Config) {
		c.Client = awsclient.Config{Region: "us-east-1", Endpoint: server.URL, AccessKeyID: "id", SecretAccessKey: "hush"}
		c.QueueName = "records"
	}))
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	logs := sinktest.LogsOf(numbered(25)...)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(2).SetEventName("other")
	require.ErrorContains(t, e.ConsumeLogs(t.Context(), logs), `foreign: not an analytics record: its event name is "other"`)
	metadatatest.AssertEqualExporterTyksqsMessages(t, telemetry, []metricdata.DataPoint[int64]{{Value: 24}},
		metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterTyksqsRefusedRecords(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", "foreign"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	server := awstest.Start(t, q.answer)
	config := configured(func(c *Config) {
		c.Client = awsclient.Config{Region: "us-east-1", Endpoint: server.URL, AccessKeyID: "id", SecretAccessKey: "hush"}
		c.QueueName = "records"
		c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	})
	sinktest.CheckContract(t, config, metadata.Type, createLogs, func(decide func() error) {
		server.Answers(func(operation string, body []byte) awstest.Answer {
			q.fails = func(string) *failed {
				err := decide()
				switch {
				case err == nil:
					return nil
				case consumererror.IsPermanent(err):
					return &failed{Code: "InvalidMessageContents", SenderFault: true}
				}
				return &failed{Code: "InternalError"}
			}
			return q.answer(operation, body)
		})
	})
}

// httpServer serves until the test ends, and gives its URL.
func httpServer(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
