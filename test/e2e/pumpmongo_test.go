//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

// mongoRuns are the runs into Mongo, by those that share a process. Where rollups are made the records are in one
// list, and but for one run there is no mixed collection, which has the same once more: that is less work for the
// server, which takes long for rollups.
var mongoRuns = []struct {
	golden
	runs []string
}{
	{golden{encoding: msgpack}, []string{
		"mongo", "mongo-capped", "mongo-graph", "mongo-mcp", "mongo-pump-selective", "mongo-limits", "mongo-pump-selective-limits",
	}},
	{golden{encoding: msgpack, oneBatch: true}, []string{mixedRun, "mongo-pump-aggregate-ignore", edgeRun, "mongo-mcp-aggregate"}},
	{golden{encoding: msgpack, oneBatch: true}, []string{
		"mongo-pump-aggregate", "mongo-pump-aggregate-15min", "mongo-pump-aggregate-per-minute", "mongo-pump-aggregate-track-all-paths",
	}},
	{golden{encoding: protobuf, oneBatch: true}, []string{"mongo-protobuf", "mongo-graph-protobuf", "mongo-pump-aggregate-unmixed-protobuf"}},
}

const (
	// mixedRun never mixed hours in a purge, and has the mixed collection.
	mixedRun = "mongo-pump-aggregate-by-hour"
	// edgeRun lost documents, since Mongo refuses some of their keys.
	edgeRun = "mongo-pump-aggregate-edge-only"
)

// TestRunsIntoMongoStoreWhatTykPumpStored runs some of them side by side, each into a database of its own.
func TestRunsIntoMongoStoreWhatTykPumpStored(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	for _, together := range mongoRuns {
		redis, stores := peers.StartRedis(t), map[string]string{}
		file := runsTogether(t, together.runs, func(run string, meta object) {
			stores[run] = server.URI("run_" + strings.ReplaceAll(run, "-", "_"))
			meta["mongo_url"] = stores[run]
			if run != mixedRun {
				delete(meta, "use_mixed_collection")
			}
		})
		c := newPump(t, file, redis, nil)
		for _, run := range together.runs {
			c.args = append(c.args, "--set=exporters::tykmongo/"+run+"::timeout=10m")
		}
		together.push(t, redis.Client())
		c.start()
		waitDrained(t, redis.Client(), 10*drainTimeout)
		c.stop()
		assert.Empty(t, deadLetters(t, redis.Client()))
		for _, run := range together.runs {
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
	default:
		requireSameMongoRollups(t, run, uri)
	}
}

func organisationOf(tb testing.TB, line []byte) string {
	tb.Helper()
	var d struct{ OrgID string }
	require.NoError(tb, json.Unmarshal(line, &d))
	return d.OrgID
}

// requireSameMongoRollups compares the counters of all dimensions of each organisation: of each hour where the
// purges of Tyk Pump never mixed hours, else of all together, since it books a purge as one (see differences).
func requireSameMongoRollups(t *testing.T, run, uri string) {
	t.Helper()
	var places map[string]struct {
		Documents []struct {
			Line      int   `json:"line"`
			Timestamp int64 `json:"timestamp"`
		} `json:"documents"`
	}
	require.NoError(t, json.Unmarshal(reference(t, "exporter", "tykmongoexporter", "testdata", "golden", "aggregates.json.gz"), &places))
	bucket := func(at int64) int64 {
		if run != mixedRun {
			return 0
		}
		return at
	}
	lines := mongoReference(t, "aggregates.jsonl.gz")
	want := map[counterPlace]counted{}
	for _, d := range places[run].Documents {
		addCounters(t, want, lines[d.Line], bucket(d.Timestamp))
	}
	require.NotEmpty(t, want)
	var collections []string
	switch run {
	case mixedRun:
		collections = []string{"tyk_analytics_aggregates"}
	case "mongo-mcp-aggregate":
		collections = mongoCollections(t, uri, "z_tyk_mcp_analyticz_aggregate_")
	default:
		collections = mongoCollections(t, uri, "z_tyk_analyticz_aggregate_")
	}
	got := map[counterPlace]counted{}
	for _, collection := range collections {
		for _, line := range mongoDocuments(t, uri, collection) {
			var d struct {
				Timestamp struct {
					Date struct {
						Milliseconds int64 `json:"$numberLong,string"`
					} `json:"$date"`
				}
			}
			require.NoError(t, json.Unmarshal(line, &d))
			addCounters(t, got, line, bucket(d.Timestamp.Date.Milliseconds/1000))
		}
	}
	if run == edgeRun {
		for place, c := range want {
			assert.GreaterOrEqual(t, got[place].Hits, c.Hits, place)
		}
		return
	}
	requireSameCounters(t, want, got)
}

// requireSameCounters shows some of what differs.
func requireSameCounters(tb testing.TB, want, got map[counterPlace]counted) {
	tb.Helper()
	var wrong []string
	for place := range want {
		if got[place] != want[place] {
			wrong = append(wrong, fmt.Sprintf("%+v: want %v, got %v", place, want[place], got[place]))
		}
	}
	for place := range got {
		if _, ok := want[place]; !ok {
			wrong = append(wrong, fmt.Sprintf("%+v: want none, got %v", place, got[place]))
		}
	}
	slices.Sort(wrong)
	require.Empty(tb, wrong[:min(len(wrong), 10)], "%d of %d counters differ", len(wrong), len(want))
}

// mongoCollections are those whose names begin so.
func mongoCollections(tb testing.TB, uri, prefix string) []string {
	tb.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, client.Disconnect(context.WithoutCancel(tb.Context()))) }()
	names, err := client.Database(uri[strings.LastIndexByte(uri, '/')+1:]).ListCollectionNames(tb.Context(), bson.D{})
	require.NoError(tb, err)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// addCounters adds those of a document, of which lists only repeat some. Tags that name a trace are left out:
// here they are no rollups by default.
func addCounters(tb testing.TB, to map[counterPlace]counted, line []byte, bucket int64) {
	tb.Helper()
	var raw bson.Raw
	require.NoError(tb, bson.UnmarshalExtJSON(line, true, &raw))
	org := raw.Lookup("orgid").StringValue()
	var visit func(raw bson.Raw, path string)
	visit = func(raw bson.Raw, path string) {
		elements, err := raw.Elements()
		require.NoError(tb, err)
		for _, e := range elements {
			inner, isDocument := e.Value().DocumentOK()
			at := path + "." + strings.ReplaceAll(e.Key(), `\u2e`, ".") // Tyk Pump leaves dots, and nests what is behind them
			if !isDocument || at == ".lists" || strings.HasPrefix(at, ".tags.trace-id-") {
				continue
			}
			if _, err := inner.LookupErr("hits"); err != nil {
				visit(inner, at)
				continue
			}
			var more counted
			require.NoError(tb, bson.Unmarshal(inner, &more))
			place := counterPlace{org, bucket, at}
			to[place] = to[place].plus(more)
		}
	}
	visit(raw, "")
}

func (c counted) plus(o counted) counted {
	return counted{c.Hits + o.Hits, c.Success + o.Success, c.Errors + o.Errors, c.Latency + o.Latency, c.Upstream + o.Upstream}
}
