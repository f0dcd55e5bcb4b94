package tykkinesisexporter

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
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykkinesisexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykkinesisexporter/internal/metadatatest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient/awstest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// to is the configuration of an exporter to a server, without retries.
func to(url string, change func(*Config)) *Config {
	return configured(func(c *Config) {
		c.Client = awsclient.Config{Region: "us-east-1", Endpoint: url, AccessKeyID: "id", SecretAccessKey: "hush"}
		c.StreamName, c.Retry.Enabled = "records", false
		c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 10*time.Millisecond
		change(c)
	})
}

func start(tb testing.TB, url string, host component.Host, change func(*Config)) exporter.Logs {
	tb.Helper()
	return sinktest.Start(tb, NewFactory(), to(url, change), host)
}

func asDefault(*Config) {}

func retrying(c *Config) { c.Retry.Enabled = true }

// numbered are records whose paths are numbers, of three organisations.
func numbered(n int) []analytics.Record {
	records := make([]analytics.Record, n)
	for i := range records {
		records[i] = analytics.Record{Path: strconv.Itoa(i), OrgID: "o" + strconv.Itoa(i%3), TimeStamp: time.Unix(1_700_000_000, 0)}
	}
	return records
}

// numbers are their paths, but for some.
func numbers(n int, but ...string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return slices.Sorted(slices.Values(slices.DeleteFunc(all, func(p string) bool { return slices.Contains(but, p) })))
}

type put struct {
	Data         []byte
	PartitionKey string
}

// stream is one in which records are kept, or fail.
type stream struct {
	tb       testing.TB
	taken    map[string]int                       // by path
	keys     map[string]string                    // by path
	requests []int                                // how many records each had
	most     int                                  // bytes of a request
	before   func(paths []string) *awstest.Answer // an answer to the whole request, or nil
	fails    func(path string) (code string)      // why a record fails, or empty
}

func newStream(tb testing.TB) *stream {
	return &stream{tb: tb, taken: map[string]int{}, keys: map[string]string{}}
}

// paths are those that are kept, each of them once.
func (s *stream) paths() []string {
	for path, n := range s.taken {
		assert.Equal(s.tb, 1, n, path)
	}
	return slices.Sorted(maps.Keys(s.taken))
}

func (s *stream) answer(operation string, body []byte) awstest.Answer {
	assert.Equal(s.tb, "PutRecords", operation)
	var in struct {
		Records               []put
		StreamName, StreamARN string
	}
	awstest.Read(s.tb, body, &in)
	assert.Contains(s.tb, []string{"records", "arn:aws:kinesis:us-east-1:1:stream/records"}, in.StreamName+in.StreamARN)
	paths, size := make([]string, len(in.Records)), 0
	for i, r := range in.Records {
		var record struct{ Path string }
		awstest.Read(s.tb, r.Data, &record)
		paths[i] = record.Path
		s.keys[record.Path] = r.PartitionKey
		size += len(r.Data) + len(r.PartitionKey)
	}
	s.requests, s.most = append(s.requests, len(paths)), max(s.most, size)
	if s.before != nil {
		if a := s.before(paths); a != nil {
			return *a
		}
	}
	results, failed := make([]map[string]string, len(paths)), 0
	for i, path := range paths {
		if s.fails != nil {
			if code := s.fails(path); code != "" {
				results[i] = map[string]string{"ErrorCode": code, "ErrorMessage": "no"}
				failed++
				continue
			}
		}
		s.taken[path]++
		results[i] = map[string]string{"SequenceNumber": "1", "ShardId": "shardId-0"}
	}
	return awstest.Answer{Body: map[string]any{"FailedRecordCount": failed, "Records": results}}
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

// Requests have up to 500 records, and no more bytes than is said.
func TestRequestsAreCut(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	server := awstest.Start(t, s.answer)
	require.NoError(t, start(t, server.URL, sinktest.NewHost(), asDefault).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1203)...)))
	assert.ElementsMatch(t, []int{500, 500, 203}, s.requests)
	assert.Equal(t, numbers(1203), s.paths())
	assert.Equal(t, "seg-17", s.keys["17"])

	*s = *newStream(t)
	records := numbered(100)
	for i := range records {
		records[i].RawResponse = strings.Repeat("QUJD", 5_000)
	}
	e := start(t, server.URL, sinktest.NewHost(), func(c *Config) {
		c.MaxBytes, c.MaxRecordBytes, c.PartitionKey = 100_000, 30_000, fieldOrgID
		c.StreamName, c.StreamARN = "", "arn:aws:kinesis:us-east-1:1:stream/records"
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(records...)))
	assert.Equal(t, numbers(100), s.paths())
	assert.LessOrEqual(t, s.most, 100_000)
	assert.Equal(t, []int{4}, slices.Compact(s.requests))
	assert.Equal(t, "o2", s.keys["17"])
}

// Exactly the positions that failed are put again: no record is there twice.
func TestExactlyTheFailedPositionsArePutAgain(t *testing.T) {
	t.Parallel()
	s, tries := newStream(t), map[string]int{}
	s.fails = func(path string) string {
		tries[path]++
		n, _ := strconv.Atoi(path)
		if tries[path] > n%4 {
			return ""
		}
		return []string{"ProvisionedThroughputExceededException", "InternalFailure"}[n%2]
	}
	host := sinktest.NewHost()
	e := start(t, awstest.Start(t, s.answer).URL, host, retrying)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1203)...)))
	assert.Equal(t, numbers(1203), s.paths())
	for path, n := range tries {
		want, _ := strconv.Atoi(path)
		assert.Equal(t, want%4+1, n, path)
	}
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
}

// A request of which the shards take nothing ends the attempt: others would not be taken either.
func TestAFullStreamIsNotAskedMore(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	s.fails = func(string) string { return "ProvisionedThroughputExceededException" }
	server := awstest.Start(t, s.answer)
	err := start(t, server.URL, sinktest.NewHost(), asDefault).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(5000)...))
	require.ErrorContains(t, err, "Kinesis answered ProvisionedThroughputExceeded: no")
	assert.False(t, consumererror.IsPermanent(err))
	assert.LessOrEqual(t, server.Calls("PutRecords"), parallel)
}

// What is said of a whole request: it waits with all records, or is put in halves.
func TestOutcomesOfARequest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer  awstest.Answer
		refused string
		text    string
	}{
		"denied":      {awstest.Fault("AccessDeniedException", "User is not authorized"), "", "Kinesis answered AccessDenied: User is not authorized: allow the call"},
		"no stream":   {awstest.Fault("ResourceNotFoundException", "no"), "", "Kinesis answered ResourceNotFound: no: does it exist in this region and account?"},
		"unknown":     {awstest.Fault("UnrecognizedClientException", "no"), "", "Kinesis answered UnrecognizedClient: no: check the credentials"},
		"key":         {awstest.Fault("KMSDisabledException", "no"), "", "Kinesis answered KMSDisabled: no: look at the key that encrypts the destination"},
		"throughput":  {awstest.Fault("ProvisionedThroughputExceededException", "slow down"), "", "Kinesis answered ProvisionedThroughputExceeded: slow down"},
		"429":         {awstest.Answer{Status: http.StatusTooManyRequests, Body: "{}"}, "", "Kinesis answered 429 Too Many Requests, without a code of Amazon's"},
		"500":         {awstest.Answer{Status: http.StatusInternalServerError, Body: map[string]string{"__type": "InternalFailure"}}, "", "Kinesis answered InternalFailure"},
		"proxy's 403": {awstest.Answer{Status: http.StatusForbidden, Body: "<html>"}, "", "Kinesis answered 403 Forbidden, without a code of Amazon's"},
		"proxy's 200": {awstest.Answer{Body: "<html>"}, "", "Kinesis answered 200 OK, without a code of Amazon's"},
		"empty":       {awstest.Answer{Body: "{}"}, "", "Kinesis answered without a result for each record"},
		"cut":         {awstest.Answer{Cut: true}, "", "ask Kinesis: "},
		"413":         {awstest.Answer{Status: http.StatusRequestEntityTooLarge, Body: "<html>"}, "too_large", "Kinesis answered 413 Request Entity Too Large"},
		"argument":    {awstest.Fault("InvalidArgumentException", "no"), "invalid", "Kinesis answered InvalidArgument: no"},
		"validation":  {awstest.Fault("ValidationException", "no"), "invalid", "Kinesis answered Validation: no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, bad := newStream(t), []string{"613", "617"}
			s.before = func(paths []string) *awstest.Answer {
				if slices.ContainsFunc(paths, func(p string) bool { return slices.Contains(bad, p) }) {
					return &test.answer
				}
				return nil
			}
			host := sinktest.NewHost()
			err := start(t, awstest.Start(t, s.answer).URL, host, asDefault).ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1000)...))
			require.ErrorContains(t, err, test.text)
			if test.refused == "" {
				require.False(t, consumererror.IsPermanent(err))
				assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
				for path := range s.taken {
					n, _ := strconv.Atoi(path)
					assert.Less(t, n, 500)
				}
				return
			}
			reasons := refusedOf(t, err)
			assert.Equal(t, []int64{613, 617}, slices.Sorted(maps.Keys(reasons)))
			assert.True(t, strings.HasPrefix(reasons[613], test.refused+": "+test.text), reasons[613])
			assert.Equal(t, numbers(1000, bad...), s.paths())
		})
	}
}

// A run of records that are never taken holds nothing up, wherever it stands.
func TestARunOfRecordsThatAreNeverTaken(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	s.before = func(paths []string) *awstest.Answer {
		for _, path := range paths {
			if n, _ := strconv.Atoi(path); n < 600 {
				a := awstest.Fault("InvalidArgumentException", "no")
				return &a
			}
		}
		return nil
	}
	e := start(t, awstest.Start(t, s.answer).URL, sinktest.NewHost(), retrying)
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(1000)...)))
	assert.Len(t, reasons, 600)
	assert.Len(t, s.paths(), 400)
}

// A request that is never answered is given up, and made again.
func TestASlowServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	inner := awstest.Start(t, s.answer)
	var asked atomic.Int32
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			<-release
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	defer close(release)
	host := sinktest.NewHost()
	e := start(t, slow.URL, host, func(c *Config) { c.Retry.Enabled, c.Timeout.Timeout = true, 200*time.Millisecond })
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.LogsOf(numbered(5)...)))
	assert.Equal(t, componentstatus.StatusRecoverableError, <-host.Statuses)
	assert.Equal(t, numbers(5), s.paths())
}

func TestRecordsAreCounted(t *testing.T) {
	t.Parallel()
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context()))) })
	set := exportertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	e, err := createLogs(t.Context(), set, to(awstest.Start(t, newStream(t).answer).URL, asDefault))
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	logs := sinktest.LogsOf(numbered(5)...)
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(2).SetEventName("other")
	require.ErrorContains(t, e.ConsumeLogs(t.Context(), logs), `foreign: not an analytics record: its event name is "other"`)
	metadatatest.AssertEqualExporterTykkinesisRecords(t, telemetry, []metricdata.DataPoint[int64]{{Value: 4}},
		metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterTykkinesisRefusedRecords(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", "foreign"))},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	s := newStream(t)
	server := awstest.Start(t, s.answer)
	config := to(server.URL, func(c *Config) { c.Retry.Enabled = true })
	sinktest.CheckContract(t, config, metadata.Type, createLogs, func(decide func() error) {
		server.Answers(func(operation string, body []byte) awstest.Answer {
			permanent := false
			s.fails = func(string) string {
				err := decide()
				if err == nil {
					return ""
				}
				permanent = permanent || consumererror.IsPermanent(err)
				return "InternalFailure"
			}
			a := s.answer(operation, body)
			if permanent {
				return awstest.Answer{Status: http.StatusRequestEntityTooLarge}
			}
			return a
		})
	})
}
