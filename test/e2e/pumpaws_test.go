//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

var awsRuns = []string{"sqs", "kinesis"}

// stream is a double of a Kinesis stream. It is away at first, and takes only half of a request's records then.
type stream struct {
	tb testing.TB

	mu       sync.Mutex // guards the fields below
	requests int
	keys     map[string]string // by the data
	records  []string
}

// ServeHTTP answers PutRecords.
func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	assert.Equal(s.tb, "Kinesis_20131202.PutRecords", r.Header.Get("X-Amz-Target"))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	var in struct {
		Records []struct {
			Data         []byte
			PartitionKey string
		}
	}
	assert.NoError(s.tb, json.Unmarshal(body, &in))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if s.requests == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	results, failed := make([]object, len(in.Records)), 0
	for i, record := range in.Records {
		if s.requests == 2 && i%2 == 1 {
			results[i] = object{"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}
			failed++
			continue
		}
		results[i] = object{"SequenceNumber": strconv.Itoa(i), "ShardId": "shardId-000000000000"}
		s.keys[string(record.Data)] = record.PartitionKey
		s.records = append(s.records, string(record.Data))
	}
	_ = json.NewEncoder(w).Encode(object{"FailedRecordCount": failed, "Records": results}) // the caller may be gone
}

func startStream(t *testing.T) (*stream, string) {
	t.Helper()
	s := &stream{tb: t, keys: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// countTexts counts texts; lists and maps without elements are null, since a record does not tell them from none.
func countTexts(texts []string) map[string]int {
	counts := map[string]int{}
	for _, text := range texts {
		for _, key := range []string{"tags", "names", "RootFields", "Types", "Errors"} {
			for _, empty := range []string{"[]", "{}"} {
				text = strings.ReplaceAll(text, `"`+key+`":`+empty, `"`+key+`":null`)
			}
		}
		counts[text]++
	}
	return counts
}

// requireCounted wants the same texts, as often, and names one that differs.
func requireCounted(t *testing.T, want, got []string) {
	t.Helper()
	require.Len(t, got, len(want))
	wanted, found := countTexts(want), countTexts(got)
	for text := range maps.Keys(wanted) {
		require.Equal(t, wanted[text], found[text], text)
	}
}

func linesOf(text []byte) []string {
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func bodies(t *testing.T, server *peers.SQS, queue string) []string {
	t.Helper()
	messages, err := server.Messages(t.Context(), queue)
	require.NoError(t, err)
	all := make([]string, len(messages))
	for i := range messages {
		all[i] = messages[i].Body
	}
	return all
}

// TestRunsIntoAWSSendWhatTykPumpSent compares messages and records, byte for byte and in any order.
func TestRunsIntoAWSSendWhatTykPumpSent(t *testing.T) {
	t.Parallel()
	redis, server := peers.StartRedis(t), peers.StartSQS(t, "q")
	kinesis, url := startStream(t)
	file := runsTogether(t, awsRuns, func(name string, meta object) {
		if name == "sqs" {
			meta["aws_endpoint"] = server.URL()
		}
	})
	c := newPump(t, file, redis, nil, "AWS_ENDPOINT_URL="+url, "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=s")
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	requireCounted(t, linesOf(reference(t, "exporter", "tyksqsexporter", "testdata", "golden", "sqs.jsonl.gz")), bodies(t, server, "q"))
	requireCounted(t, linesOf(reference(t, "exporter", "tykkinesisexporter", "testdata", "golden", "kinesis.jsonl.gz")), kinesis.records)
}

// TestTheExamplesOfAWSSendEachRecord reads what comes of examples: standard and FIFO queues, and a stream.
func TestTheExamplesOfAWSSendEachRecord(t *testing.T) {
	t.Parallel()
	redis, server := peers.StartRedis(t), peers.StartSQS(t, "tyk-analytics", "tyk-analytics.fifo")
	kinesis, url := startStream(t)
	wide := object{"fields": object{"redact_headers_only": []string{}, "redact_query_only": []string{}}}
	c := newExample(t, []string{"sqs.yaml", "kinesis.yaml"}, object{
		"receivers": object{
			"tykredis":      object{"poll_interval": "20ms"},
			"tykredis/fifo": object{"addresses": []string{redis.Addr()}, "tls": object{"insecure": true}, "group": "fifo"},
		},
		"processors": object{"tykfilter/sqs": wide, "tykfilter/kinesis": wide},
		"exporters": object{"tyksqs/fifo": object{
			"region": "us-east-1", "endpoint": server.URL(), "queue_name": "tyk-analytics.fifo", "message_group_by": "org_id",
		}},
		"service": object{"telemetry": object{"metrics": object{"level": "none"}}, "pipelines": object{"logs/fifo": object{
			"receivers": []string{"tykredis/fifo"}, "processors": []string{"tykfilter/sqs"}, "exporters": []string{"tyksqs/fifo"},
		}}},
	}, "TYK_REDIS_ADDRESS="+redis.Addr(), "SQS_ENDPOINT="+server.URL(), "KINESIS_ENDPOINT="+url, "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=s")
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	want := countTexts(linesOf(reference(t, "exporter", "tyksqsexporter", "testdata", "golden", "sqs.jsonl.gz")))
	got := countTexts(bodies(t, server, "tyk-analytics"))
	for text := range want { // the stream's outage sends what shares its group again
		require.Positive(t, got[text], text)
	}
	requireCounted(t, linesOf(reference(t, "exporter", "tyksqsexporter", "testdata", "golden", "sqs.jsonl.gz")), bodies(t, server, "tyk-analytics.fifo"))
	seen := map[string]bool{}
	for _, key := range kinesis.keys {
		seen[key] = true
	}
	assert.GreaterOrEqual(t, len(seen), len(kinesis.keys), "a key of its own each")
	assert.Len(t, kinesis.keys, len(countTexts(linesOf(reference(t, "exporter", "tykkinesisexporter", "testdata", "golden", "kinesis.jsonl.gz")))))
}
