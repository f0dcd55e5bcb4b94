//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// mongoReference reads lines of what the real pump stored, as tykmongo's own tests have them.
func mongoReference(tb testing.TB, name string) [][]byte {
	tb.Helper()
	return bytes.Split(bytes.TrimSpace(reference(tb, "exporter", "tykmongoexporter", "testdata", "golden", name)), []byte("\n"))
}

// chosenLines are the documents of a run by its collections, which are some of those of "mongo".
func chosenLines(tb testing.TB, run string) map[string][][]byte {
	tb.Helper()
	content, err := os.ReadFile(repository(tb, "exporter", "tykmongoexporter", "testdata", "golden", "lines.json"))
	require.NoError(tb, err)
	var places map[string]map[string][]int
	require.NoError(tb, json.Unmarshal(content, &places))
	all, chosen := mongoReference(tb, "requests-msgpack.jsonl.gz"), map[string][][]byte{}
	for collection, list := range places[run] {
		for _, i := range list {
			chosen[collection] = append(chosen[collection], all[i])
		}
	}
	require.NotEmpty(tb, chosen, run)
	return chosen
}

// canonicalDocuments are documents as Extended JSON, which tells all types apart, sorted, without
// their _id and other fields that are not to be compared.
func canonicalDocuments(tb testing.TB, lines [][]byte, without ...[]string) []string {
	tb.Helper()
	texts := make([]string, len(lines))
	for i, line := range lines {
		var d document
		require.NoError(tb, json.Unmarshal(line, &d))
		delete(d, "_id")
		for _, path := range without {
			at := d
			for _, key := range path[:len(path)-1] {
				at = at[key].(document)
			}
			delete(at, path[len(path)-1])
		}
		text, err := json.Marshal(d)
		require.NoError(tb, err)
		texts[i] = string(text)
	}
	slices.Sort(texts)
	return texts
}

// mongoDocuments reads a collection as lines of Extended JSON.
func mongoDocuments(tb testing.TB, uri, collection string) [][]byte {
	tb.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, client.Disconnect(context.WithoutCancel(tb.Context()))) }()
	cursor, err := client.Database(uri[strings.LastIndexByte(uri, '/')+1:]).Collection(collection).Find(tb.Context(), bson.D{})
	require.NoError(tb, err)
	var documents []bson.D
	require.NoError(tb, cursor.All(tb.Context(), &documents))
	lines := make([][]byte, len(documents))
	for i, d := range documents {
		lines[i], err = bson.MarshalExtJSON(d, true, false)
		require.NoError(tb, err)
	}
	return lines
}

func requireSameCollection(tb testing.TB, want [][]byte, uri, collection string, without ...[]string) {
	tb.Helper()
	got := canonicalDocuments(tb, mongoDocuments(tb, uri, collection), without...)
	texts := canonicalDocuments(tb, want, without...)
	require.Len(tb, got, len(texts), collection)
	for i := range texts {
		require.Equal(tb, texts[i], got[i], collection)
	}
}

// mongoRuns are the runs into Mongo, by the form of the records; of those of rollups the two
// whose purges and buckets can be compared without more ado.
var mongoRuns = map[encoding][]string{
	msgpack: {
		"mongo", "mongo-capped", "mongo-graph", "mongo-mcp", "mongo-pump-selective", "mongo-limits", "mongo-pump-selective-limits",
		"mongo-pump-aggregate-by-hour",
	},
	protobuf: {"mongo-protobuf", "mongo-graph-protobuf"},
}

// TestRunsIntoMongoStoreWhatTykPumpStored runs them side by side, each into a database of its own.
func TestRunsIntoMongoStoreWhatTykPumpStored(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	for form, runs := range mongoRuns {
		redis, stores := peers.StartRedis(t), map[string]string{}
		file := runsTogether(t, runs, func(run string, meta object) {
			stores[run] = server.URI("run_" + strings.ReplaceAll(run, "-", "_"))
			meta["mongo_url"] = stores[run]
		})
		c := newPump(t, file, redis, nil)
		golden{encoding: form}.push(t, redis.Client())
		c.start()
		waitDrained(t, redis.Client(), 3*drainTimeout)
		c.stop()
		assert.Empty(t, deadLetters(t, redis.Client()))
		for _, run := range runs {
			t.Run(run, func(t *testing.T) { requireMongoRun(t, run, stores[run]) })
		}
	}
}

func requireMongoRun(t *testing.T, run, uri string) {
	t.Helper()
	switch run {
	case "mongo", "mongo-capped":
		requireSameCollection(t, mongoReference(t, "requests-msgpack.jsonl.gz"), uri, "tyk_analytics")
	case "mongo-graph":
		requireSameCollection(t, mongoReference(t, "graph-msgpack.jsonl.gz"), uri, "tyk_graph_analytics")
	case "mongo-mcp":
		requireSameCollection(t, mongoReference(t, "mcp-msgpack.jsonl.gz"), uri, "tyk_mcp_analytics")
	case "mongo-protobuf", "mongo-graph-protobuf": // but for the differences of protobuf
		kind, collection := "requests", "tyk_analytics"
		if run == "mongo-graph-protobuf" {
			kind, collection = "graph", "tyk_graph_analytics"
		}
		requireSameCollection(t, mongoReference(t, kind+"-protobuf.jsonl.gz"), uri, collection, []string{"latency", "gateway"}, []string{"geo", "city", "names"})
	case "mongo-pump-selective":
		for collection, want := range chosenLines(t, run) {
			requireSameCollection(t, want, uri, collection)
		}
	case "mongo-limits":
		want := append(chosenLines(t, run)["tyk_analytics"], mongoReference(t, "requests-limited.jsonl.gz")...)
		requireSameCollection(t, want, uri, "tyk_analytics")
	case "mongo-pump-selective-limits": // which drops what is too large in Tyk Pump
		for collection, want := range chosenLines(t, run) {
			for _, line := range mongoReference(t, "requests-limited.jsonl.gz") {
				if "z_tyk_analyticz_"+organisationOf(t, line) == collection {
					want = append(want, line)
				}
			}
			requireSameCollection(t, want, uri, collection)
		}
	case "mongo-pump-aggregate-by-hour":
		requireSameMongoRollups(t, run, uri)
	default:
		t.Error("no documents to compare with")
	}
}

func organisationOf(tb testing.TB, line []byte) string {
	tb.Helper()
	var d struct{ OrgID string }
	require.NoError(tb, json.Unmarshal(line, &d))
	return d.OrgID
}

// requireSameMongoRollups compares totals, APIs and errors of each organisation and hour.
func requireSameMongoRollups(t *testing.T, run, uri string) {
	t.Helper()
	var places map[string]struct {
		Documents []struct {
			Line      int   `json:"line"`
			Timestamp int64 `json:"timestamp"`
		} `json:"documents"`
	}
	require.NoError(t, json.Unmarshal(reference(t, "exporter", "tykmongoexporter", "testdata", "golden", "aggregates.json.gz"), &places))
	lines := mongoReference(t, "aggregates.jsonl.gz")
	want := map[counterPlace]counted{}
	for _, d := range places[run].Documents {
		addCounters(t, want, lines[d.Line], d.Timestamp)
	}
	require.NotEmpty(t, want)
	got := map[counterPlace]counted{}
	for _, line := range mongoDocuments(t, uri, "tyk_analytics_aggregates") {
		var d struct {
			Timestamp struct {
				Date struct {
					Milliseconds int64 `json:"$numberLong,string"`
				} `json:"$date"`
			}
		}
		require.NoError(t, json.Unmarshal(line, &d))
		addCounters(t, got, line, d.Timestamp.Date.Milliseconds/1000)
	}
	assert.Equal(t, want, got)
}

func addCounters(tb testing.TB, to map[counterPlace]counted, line []byte, bucket int64) {
	tb.Helper()
	var d struct {
		OrgID     string   `bson:"orgid"`
		Total     counted  `bson:"total"`
		RawAPIs   bson.Raw `bson:"apiid"`
		RawErrors bson.Raw `bson:"errors"`
	}
	require.NoError(tb, bson.UnmarshalExtJSON(line, true, &d))
	to[counterPlace{d.OrgID, bucket, "total"}] = d.Total
	for name, raw := range map[string]bson.Raw{"apiid": d.RawAPIs, "errors": d.RawErrors} {
		if raw == nil {
			continue
		}
		var counters map[string]counted
		require.NoError(tb, bson.Unmarshal(raw, &counters))
		for key, c := range counters {
			to[counterPlace{d.OrgID, bucket, name + "." + key}] = c
		}
	}
}
