//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// storeRuns are the runs into stores that take documents.
var storeRuns = []string{
	"kafka", "kafka-compressed-metadata", "splunk", "splunk-batch", "splunk-fields",
	"elasticsearch-5", "elasticsearch-6", "elasticsearch-7", "elasticsearch-7-extended", "elasticsearch-7-no-bulk", "logzio",
	"influx", "influx2",
}

// TestRunsIntoOtherStoresSendWhatTykPumpSent runs those of Kafka, Splunk, Elasticsearch, Logz.io and
// InfluxDB side by side, each with a store of its own, from one list of records.
func TestRunsIntoOtherStoresSendWhatTykPumpSent(t *testing.T) {
	t.Parallel()
	const topic = "tyk-pump"
	redis, brokers, doubles, elastics := peers.StartRedis(t), map[string]string{}, map[string]*double{}, map[string]*elastic{}
	file := runsTogether(t, storeRuns, func(run string, meta object) {
		switch kind, _, _ := strings.Cut(run, "-"); kind {
		case "kafka":
			brokers[run] = startKafka(t, topic)
			meta["broker"] = []string{brokers[run]}
		case "elasticsearch":
			elastics[run] = startElastic(t)
			elastics[run].anyIndex = true
			meta["elasticsearch_url"] = elastics[run].URL
		case "splunk":
			doubles[run] = startDouble(t, nil)
			meta["collector_url"] = doubles[run].URL + "/services/collector/event"
		case "logzio":
			doubles[run] = startDouble(t, nil)
			meta["url"] = doubles[run].URL
		default:
			doubles[run] = startDouble(t, likeInflux)
			meta["address"] = doubles[run].URL
		}
	})
	c := newPump(t, file, redis, nil)
	golden{encoding: msgpack}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 2*drainTimeout)
	require.Empty(t, deadLetters(t, redis.Client()))
	c.stop()
	for _, run := range storeRuns {
		t.Run(run, func(t *testing.T) {
			sent := documentsOfTykPump(t)
			switch kind, _, _ := strings.Cut(run, "-"); kind {
			case "kafka":
				requireSameMessages(t, run, sent["kafka"], brokers[run], topic)
			case "splunk":
				requireSameEvents(t, run, sent["splunk"], doubles[run])
			case "elasticsearch":
				requireSameIndex(t, run, sent["elasticsearch"], elastics[run])
			case "logzio":
				var got []document
				for _, r := range doubles[run].requests() {
					assert.Equal(t, "/?token=tok", r.path+"?"+r.query)
					got = append(got, parseLines(t, r.body)...)
				}
				requireSameDocuments(t, sent["logzio"], once(t, got))
			default:
				want := sent["influx"]
				for _, d := range want {
					if run == "influx" { // whose fields do not have them
						delete(d, "total_latency")
						delete(d, "upstream_latency")
					}
				}
				requireSameDocuments(t, want, once(t, points(t, doubles[run].requests())))
			}
		})
	}
}

func requireSameMessages(t *testing.T, run string, want []document, broker, topic string) {
	t.Helper()
	var got []document
	for _, message := range messages(t, broker, topic, len(want)) {
		got = append(got, parseDocument(t, message.Value))
	}
	if run != "kafka" { // whose meta_data has these
		for _, d := range want {
			d["key"], d["path"] = "value", "overridden"
		}
	}
	requireSameDocuments(t, once(t, want), once(t, got))
}

func requireSameEvents(t *testing.T, run string, want []document, store *double) {
	t.Helper()
	var got []document
	for _, r := range store.requests() {
		for decoder := json.NewDecoder(bytes.NewReader(r.body)); decoder.More(); {
			var envelope document
			require.NoError(t, decoder.Decode(&envelope))
			got = append(got, envelope["event"].(document))
		}
	}
	if run != "splunk-fields" {
		for _, d := range want {
			delete(d, "time") // which is beside the event
		}
		requireSameDocuments(t, want, once(t, got))
		return
	}
	want = parseLines(t, testdata(t, "pump/splunk-fields.jsonl.gz"))
	for _, documents := range [][]document{want, got} {
		for _, d := range documents {
			// Of the tags that it leaves out Tyk Pump skips every other one, and it cuts keys within a letter.
			delete(d, "tags")
			d["api_key"] = strings.TrimLeft(d["api_key"].(string), "*\uFFFD")
			delete(d, "raw_request")
			delete(d, "raw_response")
		}
	}
	requireSameDocuments(t, once(t, want), once(t, got))
}

// replaced is what stands for bytes that are no text.
var replaced = regexp.MustCompile("\uFFFD+")

func requireSameIndex(t *testing.T, run string, want []document, store *elastic) {
	t.Helper()
	got := slices.Collect(maps.Values(store.stored()))
	switch run {
	case "elasticsearch-7-extended", "elasticsearch-7-no-bulk":
		want = nil
		for _, line := range parseLines(t, testdata(t, "pump/elasticsearch-7-extended.jsonl.gz")) {
			d := line["doc"].(document)
			// Tyk Pump's day is that of writing.
			day := strings.ReplaceAll(d["@timestamp"].(string)[:len("2006-01-02")], "-", ".")
			d["_index"] = strings.Replace(line["index"].(string), "<today>", day, 1)
			want = append(want, d)
		}
	default:
		for _, d := range want {
			d["_index"] = "tyk_analytics"
			switch run { // which Elasticsearch 7 has not
			case "elasticsearch-5":
				d["_type"] = "tyk_analytics"
			case "elasticsearch-6":
				d["_type"] = "doc"
			}
		}
	}
	for _, documents := range [][]document{want, got} {
		for _, d := range documents {
			if d["api_id"] == "rawtext-api" { // whose texts are not base64, which empties them in Tyk Pump
				delete(d, "raw_request")
				delete(d, "raw_response")
			}
			// Tyk Pump writes a replacement for each byte that is no text.
			for _, key := range []string{"raw_request", "raw_response"} {
				if text, ok := d[key].(string); ok {
					d[key] = replaced.ReplaceAllString(text, "\uFFFD")
				}
			}
		}
	}
	if run == "elasticsearch-7-no-bulk" { // which decodes nothing and knows one index
		for _, documents := range [][]document{want, got} {
			for _, d := range documents {
				delete(d, "raw_request")
				delete(d, "raw_response")
				d["_index"], _, _ = strings.Cut(strings.Replace(d["_index"].(string), "tyk_mcp", "tyk_analytics", 1), "-")
			}
		}
	}
	requireSameDocuments(t, want, got)
}

// pageRuns are those of Prometheus.
var pageRuns = []string{
	"prometheus", "prometheus-custom", "prometheus-custom-obfuscated", "prometheus-track-all-paths", "prometheus-aggregate-observations",
}

// TestRunsOfPrometheusShowThePagesOfTykPump has several pages of one process, each with its
// settings and one under another path.
func TestRunsOfPrometheusShowThePagesOfTykPump(t *testing.T) {
	t.Parallel()
	ports, err := peers.FreePorts(len(pageRuns))
	require.NoError(t, err)
	pages := map[string]string{}
	redis := peers.StartRedis(t)
	file := runsTogether(t, pageRuns, func(run string, meta object) {
		address := peers.Address(ports[len(pages)])
		meta["listen_address"] = address
		path, ok := meta["path"].(string)
		if !ok {
			path = "/metrics"
		}
		pages[run] = "http://" + address + path
	})
	c := newPump(t, file, redis, nil)
	for i := range pageRuns {
		receiver := "prometheus"
		if i > 0 {
			receiver += "-" + strconv.Itoa(i+1)
		}
		c.args = append(c.args, "--set=receivers::tykredis/"+receiver+"::metrics::interval=100ms")
	}
	push(t, redis.Client(), msgpackList, entries(t, "pump/records-msgpack.bin.gz"))
	c.start()
	for _, run := range pageRuns {
		t.Run(run, func(t *testing.T) {
			reference := run
			if run == "prometheus-aggregate-observations" {
				reference = "prometheus" // since each request is observed here, not each purge
			}
			want := families(pumpPage(t, reference))
			require.NotEmpty(t, want)
			var got map[string][]string
			eventually(t, drainTimeout, func() string {
				status, page := get(t, pages[run])
				if status != 200 {
					return strconv.Itoa(status)
				}
				got = families(page)
				return differingLine(want, got)
			})
			assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
		})
	}
	c.stop()
}

// TestMetricsOfSomeAPIsKeepTheMetricsWithoutThatLabel filters before metrics are counted.
func TestMetricsOfSomeAPIsKeepTheMetricsWithoutThatLabel(t *testing.T) {
	t.Parallel()
	ports, err := peers.FreePorts(1)
	require.NoError(t, err)
	page := peers.Address(ports[0])
	redis := peers.StartRedis(t)
	c := newPump(t, pumpConfigurations(t, "runs", "prometheus.json"), redis, []string{"tykredis/prometheus"},
		"TYK_PMP_PUMPS_P_META_ADDR="+page, "TYK_PMP_PUMPS_P_FILTERS_APIIDS=users", "TYK_PMP_PUMPS_P_IGNOREFIELDS=api_key")
	c.args = append(c.args, "--set=receivers::tykredis/prometheus::metrics::interval=100ms")
	push(t, redis.Client(), msgpackList, entries(t, "pump/records-msgpack.bin.gz"))
	c.start()
	ofUsers := sumOf(pumpPage(t, "prometheus"), "tyk_http_status{", `api="users"`)
	require.Positive(t, ofUsers)
	eventually(t, drainTimeout, func() string {
		_, shown := get(t, "http://"+page+"/metrics")
		for _, metric := range []string{"tyk_http_status", "tyk_http_status_per_key", "tyk_http_status_per_oauth_client", "tyk_http_status_per_path"} {
			if n := sum(shown, metric); n != ofUsers {
				return fmt.Sprintf("%s is %v, not %v", metric, n, ofUsers)
			}
		}
		if n := sumOf(shown, "tyk_http_status_per_key{", `key=""`); n != ofUsers {
			return fmt.Sprintf("keys are shown: %v", n)
		}
		return ""
	})
	c.stop()
}
