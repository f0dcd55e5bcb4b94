//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// example is the path of a configuration in examples.
func example(tb testing.TB, name string) string {
	tb.Helper()
	return repository(tb, "examples", name)
}

// newExample is a collector with several examples at once, whose environment is
// what their users may set; changes is merged over them. It is not started yet.
func newExample(tb testing.TB, examples []string, changes object, env ...string) *collector {
	tb.Helper()
	quiet := object{"service": object{"telemetry": object{"metrics": object{"level": "none"}}}}
	maps.Copy(quiet, changes)
	c := newCollectorWith(tb, example(tb, examples[0]), env...)
	for _, name := range examples[1:] {
		c.args = append(c.args, "--config", example(tb, name))
	}
	c.args = append(c.args, "--config", writeConfig(tb, quiet))
	return c
}

// documentsOfTykPump are what the real Tyk Pump sent for the records that golden.push
// pushes, by format.
func documentsOfTykPump(tb testing.TB) map[string][]document {
	tb.Helper()
	all := map[string][]document{}
	for _, line := range parseLines(tb, testdata(tb, "pump/documents.jsonl.gz")) {
		seconds := line["splunk_time"]
		delete(line, "splunk_time")
		for format, d := range line {
			all[format] = append(all[format], d.(document))
		}
		line["splunk"].(document)["time"] = seconds
	}
	return all
}

// startKafka starts a broker in this process with one topic.
func startKafka(tb testing.TB, topic string) (address string) {
	tb.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topic))
	require.NoError(tb, err)
	tb.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// messages gives the first n of a topic.
func messages(tb testing.TB, broker, topic string, n int) []*kgo.Record {
	tb.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(tb, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(tb.Context(), drainTimeout)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(tb, ctx.Err(), "%d of %d messages came", len(all), n)
		require.Empty(tb, fetches.Errors())
		all = append(all, fetches.Records()...)
	}
	return all
}

// elastic stands for Elasticsearch: it has one document for each id, and refuses the
// first that come for what heals.
type elastic struct {
	*double
	documents map[string]document // guarded by the double's lock
	busy      int                 // documents that were refused for that
	anyIndex  bool                // documents say in _index and _type where they are
	poison    string              // what a document has that will never be taken
}

// healing are what Elasticsearch refuses documents with and takes them later: it has too
// much to do, nobody may write, or the index is not there.
var healing = []int{http.StatusTooManyRequests, http.StatusForbidden, http.StatusNotFound}

func startElastic(tb testing.TB) *elastic {
	tb.Helper()
	e := &elastic{documents: map[string]document{}}
	e.double = startDouble(tb, e.answer)
	return e
}

func (e *elastic) answer(w http.ResponseWriter, r received) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch") // on which the client insists
	w.Header().Set("Content-Type", "application/json")
	lines, items := parseLines(e.tb, r.body), []string{}
	for i := 0; i+1 < len(lines); i += 2 {
		action := lines[i]["create"].(document)
		if e.anyIndex {
			lines[i+1]["_index"] = action["_index"]
			if kind, ok := action["_type"]; ok {
				lines[i+1]["_type"] = kind
			}
		} else {
			assert.Equal(e.tb, "tyk_analytics", action["_index"])
		}
		id, status, fault := action["_id"].(string), http.StatusCreated, ""
		_, stored := e.documents[id]
		switch {
		case e.busy < len(healing):
			status, fault = healing[e.busy], "as_a_real_one"
			e.busy++
		case stored:
			status, fault = http.StatusConflict, "version_conflict_engine_exception"
		case e.poison != "" && strings.Contains(lines[i+1]["request_uri"].(string), e.poison):
			status, fault = http.StatusBadRequest, "document_parsing_exception"
		default:
			e.documents[id] = lines[i+1]
		}
		item := fmt.Sprintf(`"_index":"tyk_analytics","_id":%q,"status":%d`, id, status)
		if fault != "" {
			item += fmt.Sprintf(`,"error":{"type":%q,"reason":"as a real one"}`, fault)
		}
		items = append(items, `{"create":{`+item+`}}`)
	}
	_, _ = io.WriteString(w, `{"took":1,"errors":true,"items":[`+strings.Join(items, ",")+`]}`)
}

// stored are the documents by id.
func (e *elastic) stored() map[string]document {
	e.mu.Lock()
	defer e.mu.Unlock()
	require.Equal(e.tb, len(healing), e.busy)
	return maps.Clone(e.documents)
}

// TestTheExamplesSendWhatTykPumpSends runs the examples of all stores in one
// collector, against doubles that go down once, and compares every document.
func TestTheExamplesSendWhatTykPumpSends(t *testing.T) {
	t.Parallel()
	const topic = "tyk-analytics"
	redis, broker := peers.StartRedis(t), startKafka(t, topic)
	splunk, elastic := startDouble(t, nil), startElastic(t)
	logzio, influx, influx1, s3 := startDouble(t, nil), startDouble(t, likeInflux), startDouble(t, likeInflux), startDouble(t, nil)
	file := filepath.Join(t.TempDir(), "tyk.jsonl")
	wide := object{"fields": object{"redact_headers_only": []string{}, "redact_query_only": []string{}}} // Tyk Pump takes no credentials out
	c := newExample(t, []string{
		"kafka.yaml", "splunk.yaml", "elasticsearch.yaml", "file.yaml", "logzio.yaml", "influxdb.yaml", "influxdb-v1.yaml", "awss3.yaml",
	}, object{
		"receivers": object{"tykredis": object{"poll_interval": "20ms"}},
		"service":   object{"extensions": []string{"tykhealth", "json_log_encoding"}}, // a list is that of the last file
		"processors": object{
			"tykfilter/kafka": wide, "tykfilter/splunk": wide, "tykfilter/elasticsearch": wide, "tykfilter/file": wide,
			"tykfilter/logzio": wide, "tykfilter/influxdb": wide, "tykfilter/influxdb_v1": wide, "tykfilter/awss3": wide,
		},
	},
		"TYK_REDIS_ADDRESS="+redis.Addr(), "KAFKA_BROKER="+broker, "TYK_JSON_FILE="+file,
		"SPLUNK_HEC_URL="+splunk.URL, "SPLUNK_HEC_TOKEN=tok",
		"ELASTICSEARCH_URL="+elastic.URL, "ELASTICSEARCH_USER=u", "ELASTICSEARCH_PASSWORD=p",
		"LOGZIO_ENDPOINT="+logzio.URL, "LOGZIO_TOKEN=tok",
		"INFLUXDB_URL="+influx.URL, "INFLUXDB_TOKEN=t", "INFLUXDB_ORG=myorg",
		"INFLUXDB_V1_URL="+influx1.URL, "INFLUXDB_V1_USER=root", "INFLUXDB_V1_PASSWORD=root",
		"S3_ENDPOINT="+s3.URL, "S3_PATH_STYLE=true", "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=s",
	)
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	sent := documentsOfTykPump(t)
	require.Len(t, sent["kafka"], 600)

	t.Run("Kafka", func(t *testing.T) {
		var got []document
		for _, message := range messages(t, broker, topic, len(sent["kafka"])) {
			assert.Nil(t, message.Key)
			got = append(got, parseDocument(t, message.Value))
		}
		requireSameDocuments(t, sent["kafka"], once(t, got))
	})
	t.Run("Splunk", func(t *testing.T) {
		all := splunk.requests()
		assert.Equal(t, "POST /services/collector/event/1.0", same(t, all, func(r received) string { return r.method + " " + r.path }))
		assert.Equal(t, "Splunk tok", same(t, all, func(r received) string { return r.header.Get("Authorization") }))
		var got []document
		for _, r := range all {
			decoder := json.NewDecoder(bytes.NewReader(r.body))
			for decoder.More() {
				var envelope document
				require.NoError(t, decoder.Decode(&envelope))
				assert.Equal(t, "tyk:analytics", envelope["sourcetype"])
				assert.NotEmpty(t, envelope["fields"].(document)["log.record.uid"])
				event := envelope["event"].(document)
				at, err := time.Parse(time.RFC3339Nano, event["time_stamp"].(string))
				require.NoError(t, err)
				assert.InDelta(t, float64(at.UnixMicro())/1e6, envelope["time"], 0.001)
				event["time"] = float64(at.Unix()) // Tyk Pump's are whole seconds
				got = append(got, event)
			}
		}
		requireSameDocuments(t, sent["splunk"], once(t, got))
	})
	t.Run("Elasticsearch", func(t *testing.T) {
		all := elastic.requests()
		assert.Equal(t, "POST /_bulk", same(t, all, func(r received) string { return r.method + " " + r.path }))
		assert.Equal(t, "Basic dTpw", same(t, all, func(r received) string { return r.header.Get("Authorization") }))
		requireSameDocuments(t, sent["elasticsearch"], slices.Collect(maps.Values(elastic.stored())))
	})
	t.Run("files", func(t *testing.T) {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		requireSameDocuments(t, sent["tyk"], once(t, parseLines(t, content)))
	})
	t.Run("S3", func(t *testing.T) {
		all := s3.requests()
		var got []document
		for _, r := range all {
			assert.Equal(t, http.MethodPut, r.method)
			assert.Regexp(t, `^/tyk-analytics/analytics/year=\d{4}/month=\d{2}/day=\d{2}/hour=\d{2}/minute=\d{2}/logs_[0-9a-f-]+\.txt\.gz$`, r.path)
			got = append(got, parseLines(t, r.body)...)
		}
		requireSameDocuments(t, sent["tyk"], once(t, got))
	})
	t.Run("Logz.io", func(t *testing.T) {
		all := logzio.requests()
		assert.Equal(t, "POST /?token=tok", same(t, all, func(r received) string { return r.method + " " + r.path + "?" + r.query }))
		assert.Equal(t, "text/plain", same(t, all, func(r received) string { return r.header.Get("Content-Type") }))
		var got []document
		for _, r := range all {
			got = append(got, parseLines(t, r.body)...)
		}
		requireSameDocuments(t, sent["logzio"], once(t, got))
	})
	t.Run("InfluxDB 2", func(t *testing.T) {
		all := influx.requests()
		assert.Equal(t, "POST /api/v2/write", same(t, all, func(r received) string { return r.method + " " + r.path }))
		assert.Equal(t, "bucket=tyk&org=myorg&precision=ns", same(t, all, func(r received) string { return r.query }))
		assert.Equal(t, "Token t", same(t, all, func(r received) string { return r.header.Get("Authorization") }))
		var want []document
		for _, d := range sent["influx"] {
			d = maps.Clone(d)
			for _, left := range []string{"api_key", "raw_request", "raw_response"} { // which the example leaves out
				delete(d, left)
			}
			want = append(want, d)
		}
		requireSameDocuments(t, want, once(t, points(t, all)))
	})
	t.Run("InfluxDB 1", func(t *testing.T) {
		all := influx1.requests()
		assert.Equal(t, "POST /write", same(t, all, func(r received) string { return r.method + " " + r.path }))
		assert.Equal(t, "db=tyk&precision=ns", same(t, all, func(r received) string { return r.query }))
		assert.Equal(t, "Basic cm9vdDpyb290", same(t, all, func(r received) string { return r.header.Get("Authorization") }))
		requireSameDocuments(t, sent["influx"], once(t, points(t, all)))
	})
}

// poisoned are n entries, of which those of some numbers have a path that a store refuses.
func poisoned(n int, bad ...int) [][]byte {
	entries := make([][]byte, n)
	for i := range entries {
		r := analytics.Record{Method: "GET", Path: "/" + strconv.Itoa(i), OrgID: "acme", APIID: "orders", TimeStamp: time.Unix(1774749599, 0)}
		if slices.Contains(bad, i) {
			r.Path = "/poison"
		}
		entries[i] = analytics.AppendMsgpack(nil, &r)
	}
	return entries
}

// TestADocumentThatElasticsearchRefusesStandsAside has one among others, with a status of its own.
func TestADocumentThatElasticsearchRefusesStandsAside(t *testing.T) {
	t.Parallel()
	redis, elastic := peers.StartRedis(t), startElastic(t)
	elastic.poison = "/poison"
	c := newExample(t, []string{"elasticsearch.yaml"}, object{}, "TYK_REDIS_ADDRESS="+redis.Addr(), "ELASTICSEARCH_URL="+elastic.URL)
	push(t, redis.Client(), msgpackList, poisoned(16, 10))
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()
	letters := deadLetters(t, redis.Client())[msgpackList]
	require.Len(t, letters, 1)
	assert.Contains(t, letters[0].Reason, "OpenSearch answered 400 to a document")
	assert.Len(t, elastic.stored(), 15)
}

// TestARunOfRefusedRecordsStandsAside has four among thousands, for whose sake whole requests are refused.
func TestARunOfRefusedRecordsStandsAside(t *testing.T) {
	t.Parallel()
	for example, variable := range map[string]string{"elasticsearch.yaml": "ELASTICSEARCH_URL=", "logzio.yaml": "LOGZIO_ENDPOINT="} {
		t.Run(example, func(t *testing.T) {
			t.Parallel()
			paths := map[any]int{}
			redis := peers.StartRedis(t)
			store := startDouble(t, func(w http.ResponseWriter, r received) {
				if bytes.Contains(r.body, []byte("/poison")) {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				var items []string
				for _, line := range parseLines(t, r.body) {
					if path, ok := line["request_uri"]; ok {
						paths[path]++
						items = append(items, `{"create":{"status":201}}`)
					}
				}
				_, _ = io.WriteString(w, `{"errors":false,"items":[`+strings.Join(items, ",")+`]}`)
			})
			c := newExample(t, []string{example}, object{}, "TYK_REDIS_ADDRESS="+redis.Addr(), variable+store.URL)
			push(t, redis.Client(), msgpackList, poisoned(4000, 1, 2, 2500, 3999))
			c.start()
			waitDrained(t, redis.Client(), drainTimeout)
			c.stop()
			letters := deadLetters(t, redis.Client())[msgpackList]
			assert.Len(t, letters, 4)
			for _, letter := range letters {
				assert.Contains(t, letter.Reason, "answered 400 Bad Request")
			}
			assert.Len(t, paths, 3996)
			for path, times := range paths {
				assert.Equal(t, 1, times, path)
			}
		})
	}
}

// TestARecordThatIsTooBigForKafkaStandsAside sends one among others.
func TestARecordThatIsTooBigForKafkaStandsAside(t *testing.T) {
	t.Parallel()
	const topic = "tyk-analytics"
	redis, broker := peers.StartRedis(t), startKafka(t, topic)
	c := newExample(t, []string{"kafka.yaml"}, object{}, "TYK_REDIS_ADDRESS="+redis.Addr(), "KAFKA_BROKER="+broker)
	var entries [][]byte
	for _, alias := range []string{"before", "big", "after"} {
		r := analytics.Record{Alias: alias, OrgID: "acme", APIID: "orders", TimeStamp: time.Unix(1774749599, 0)}
		if alias == "big" {
			r.RawResponse = strings.Repeat("QUJD", 1<<19)
		}
		entries = append(entries, analytics.AppendMsgpack(nil, &r))
	}
	push(t, redis.Client(), msgpackList, entries)
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()
	letters := deadLetters(t, redis.Client())[msgpackList]
	require.Len(t, letters, 1)
	assert.Contains(t, letters[0].Reason, "MESSAGE_TOO_LARGE")
	got := map[string]bool{}
	for _, message := range messages(t, broker, topic, 2) {
		got[parseDocument(t, message.Value)["alias"].(string)] = true
	}
	assert.Equal(t, map[string]bool{"before": true, "after": true}, got)
}

// once takes away what came again because another store was down: all stores of
// these examples share one consumer group, and get its deliveries again together.
func once(tb testing.TB, all []document) []document {
	tb.Helper()
	seen := map[string]bool{}
	var out []document
	for _, d := range all {
		text := canonical(tb, d)
		if !seen[text] {
			seen[text] = true
			out = append(out, d)
		}
	}
	return out
}

// points reads the fields of InfluxDB's line protocol as documents.
func points(tb testing.TB, requests []received) []document {
	tb.Helper()
	var all []document
	for _, r := range requests {
		decoder := lineprotocol.NewDecoderWithBytes(r.body)
		for decoder.Next() {
			measurement, err := decoder.Measurement()
			require.NoError(tb, err)
			assert.Equal(tb, "analytics", string(measurement))
			for {
				key, _, err := decoder.NextTag()
				require.NoError(tb, err)
				if key == nil {
					break
				}
			}
			d := document{}
			for {
				key, value, err := decoder.NextField()
				require.NoError(tb, err)
				if key == nil {
					break
				}
				if value.Kind() == lineprotocol.Int {
					d[string(key)] = float64(value.IntV())
				} else {
					d[string(key)] = value.StringV()
				}
			}
			at, err := decoder.Time(lineprotocol.Nanosecond, time.Time{})
			require.NoError(tb, err)
			stamp, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", d["time_stamp"].(string))
			if err != nil { // InfluxDB 2's form
				stamp, err = time.Parse(time.RFC3339Nano, d["time_stamp"].(string))
			}
			require.NoError(tb, err)
			assert.True(tb, at.Equal(stamp), "the point's time is the record's")
			d["time_stamp"] = stamp.UTC().Format(time.RFC3339Nano)
			all = append(all, d)
		}
	}
	return all
}

// waitCommitted waits until a consumer group has read all of a topic.
func waitCommitted(tb testing.TB, broker, topic, group string) {
	tb.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker))
	require.NoError(tb, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	eventually(tb, drainTimeout, func() string {
		ends, err := admin.ListEndOffsets(tb.Context(), topic)
		require.NoError(tb, err)
		committed, err := admin.FetchOffsets(tb.Context(), group)
		if err != nil {
			return err.Error()
		}
		behind := ""
		ends.Each(func(end kadm.ListedOffset) {
			at, ok := committed.Lookup(topic, end.Partition)
			if end.Offset > 0 && (!ok || at.At < end.Offset) {
				behind = fmt.Sprintf("partition %d: %d of %d", end.Partition, at.At, end.Offset)
			}
		})
		return behind
	})
}

// TestTheDatadogExampleSendsRecordsAsLogs checks what the stock exporter makes of records.
func TestTheDatadogExampleSendsRecordsAsLogs(t *testing.T) {
	t.Parallel()
	redis, metrics := peers.StartRedis(t), startDouble(t, func(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusAccepted) })
	datadog := startDouble(t, func(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusAccepted) })
	otlp := startDouble(t, func(w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusOK) })
	both := object{"x_otelcol_tyk": object{"allow": []string{"memory-queue", "early-answer"}}, "service": object{
		"telemetry": object{"metrics": object{"level": "none"}},
		"pipelines": object{"logs/datadog": object{"exporters": []string{"otlp_http/datadog", "datadog"}}},
	}}
	c := newExample(t, []string{"datadog.yaml"}, both, "TYK_REDIS_ADDRESS="+redis.Addr(), "DD_API_KEY=0123456789abcdef0123456789abcdef",
		"DD_LOGS_URL="+datadog.URL, "DD_OTLP_LOGS_URL="+otlp.URL+"/v1/logs", "DD_METRICS_URL="+metrics.URL, "METRICS_INTERVAL=200ms")
	pushSome(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)
	const records = 109
	arrived := 0
	for _, r := range otlp.requests() {
		assert.Equal(t, "POST /v1/logs", r.method+" "+r.path)
		assert.Equal(t, "0123456789abcdef0123456789abcdef", r.header.Get("Dd-Api-Key"))
		request := plogotlp.NewExportRequest()
		require.NoError(t, request.UnmarshalProto(r.body))
		arrived += request.Logs().LogRecordCount()
	}
	assert.Equal(t, records, arrived, "all of them once Redis is empty")
	count := func() (apis map[string]int, n int) {
		apis = map[string]int{}
		for _, r := range datadog.requests() {
			assert.Equal(t, "POST /api/v2/logs", r.method+" "+r.path)
			assert.Equal(t, "0123456789abcdef0123456789abcdef", r.header.Get("Dd-Api-Key"))
			var entries []struct {
				Service string `json:"service"`
				Message string `json:"message"`
			}
			require.NoError(t, json.Unmarshal(r.body, &entries), string(r.body))
			for _, entry := range entries {
				message := parseDocument(t, []byte(entry.Message))
				assert.Equal(t, "tyk-gateway", entry.Service)
				assert.NotEmpty(t, message["log.record.uid"])
				assert.NotContains(t, message, "tyk.raw_request", "which the example leaves out")
				apis[message["tyk.api.id"].(string)]++
				n++
			}
		}
		return apis, n
	}
	eventually(t, drainTimeout, func() string {
		datadog.mu.Lock()
		sent := len(datadog.stored)
		datadog.mu.Unlock()
		if sent == 0 {
			return "nothing was sent"
		}
		if _, n := count(); n < records {
			return fmt.Sprintf("%d of %d records", n, records)
		}
		return ""
	})
	eventually(t, drainTimeout, func() string {
		metrics.mu.Lock()
		defer metrics.mu.Unlock()
		var paths []string
		for _, r := range metrics.stored {
			if strings.Contains(string(r.body), "tyk.api.requests.total") {
				return ""
			}
			paths = append(paths, r.path)
		}
		return fmt.Sprintf("no metrics of requests in %v", paths)
	})
	c.stop()
	_, want := organisationsAndAPIs(t)
	got, _ := count()
	assert.Equal(t, want, got)
}
