//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/report"
)

// loadDocuments fills a collection with what the real Tyk Pump wrote.
func loadDocuments(tb testing.TB, db *mongo.Database, collection string, lines [][]byte) {
	tb.Helper()
	documents := make([]any, len(lines))
	for i, line := range lines {
		var d bson.D
		require.NoError(tb, bson.UnmarshalExtJSON(line, true, &d))
		documents[i] = d
	}
	_, err := db.Collection(collection).InsertMany(tb.Context(), documents)
	require.NoError(tb, err)
}

// rollupDocuments are those of a run, with their buckets.
func rollupDocuments(tb testing.TB, run string) [][]byte {
	tb.Helper()
	var places map[string]struct {
		Documents []struct {
			Line      int   `json:"line"`
			Timestamp int64 `json:"timestamp"`
		} `json:"documents"`
	}
	require.NoError(tb, json.Unmarshal(reference(tb, "exporter", "tykmongoexporter", "testdata", "golden", "aggregates.json.gz"), &places))
	lines := mongoReference(tb, "aggregates.jsonl.gz")
	var all [][]byte
	for _, d := range places[run].Documents {
		at, err := bson.MarshalExtJSON(bson.D{{Key: "timestamp", Value: time.Unix(d.Timestamp, 0)}}, true, false)
		require.NoError(tb, err)
		all = append(all, []byte(strings.TrimSuffix(string(at), "}")+","+strings.TrimPrefix(string(lines[d.Line]), "{")))
	}
	return all
}

// compareMongo compares collections.
func compareMongo(tb testing.TB, there, here string, collections ...string) (report.Report, int) {
	tb.Helper()
	out, status := tykctl(tb, nil, "compare", "-pump", there, "-ours", here, "-min-records", "1", "-shift", "0s", "-tables", strings.Join(collections, ","), "-json")
	var r report.Report
	require.NoError(tb, json.Unmarshal([]byte(out), &r), out)
	return r, status
}

func TestARehearsalIntoMongoIsEquivalent(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	there, here := server.URI("there"), server.URI("here")
	client, err := mongo.Connect(options.Client().ApplyURI(there))
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Disconnect(context.WithoutCancel(t.Context()))) }()
	db := client.Database("there")
	loadDocuments(t, db, "tyk_analytics", mongoReference(t, "requests-msgpack.jsonl.gz"))
	loadDocuments(t, db, "tyk_graph_analytics", mongoReference(t, "graph-msgpack.jsonl.gz"))
	loadDocuments(t, db, "tyk_mcp_analytics", mongoReference(t, "mcp-msgpack.jsonl.gz"))
	loadDocuments(t, db, "tyk_analytics_aggregates", rollupDocuments(t, mixedRun))
	collections := []string{"tyk_analytics", "tyk_graph_analytics", "tyk_mcp_analytics", "tyk_analytics_aggregates"}

	redis := peers.StartRedis(t)
	c := newPump(t, runsTogether(t, []string{"mongo", "mongo-graph", "mongo-mcp", mixedRun}, func(_ string, meta object) { meta["mongo_url"] = here }), redis, nil)
	golden{encoding: msgpack, oneBatch: true}.push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), 10*drainTimeout)
	c.stop()

	r, status := compareMongo(t, there, here, collections...)
	assert.Zero(t, status)
	assert.Equal(t, compare.Equivalent, r.Verdict)
	assert.Len(t, r.Tables, len(collections))
	for _, table := range r.Tables {
		assert.NotZero(t, table.There, table.Name)
		assert.Empty(t, table.Unexplained, "%s: %v", table.Name, table.Samples)
	}

	// Single changes of what Tyk Pump wrote.
	one := func(collection string, update bson.D) {
		_, err := db.Collection(collection).UpdateOne(t.Context(), bson.D{}, update)
		require.NoError(t, err)
	}
	only := func(collection string, kind compare.Kind, column string) {
		t.Helper()
		r, status := compareMongo(t, there, here, collection)
		assert.Equal(t, 1, status)
		require.EqualValues(t, 1, r.Tables[0].Unexplained[kind], r.Tables[0].Samples)
		if column != "" {
			assert.Contains(t, r.Tables[0].Changes, column)
		}
	}
	one("tyk_graph_analytics", bson.D{{Key: "$set", Value: bson.D{{Key: "responsecode", Value: int64(200)}}}})
	only("tyk_graph_analytics", compare.Changed, "responsecode") // a type, or a value
	one("tyk_mcp_analytics", bson.D{{Key: "$set", Value: bson.D{{Key: "latency.total", Value: int64(987654)}}}})
	only("tyk_mcp_analytics", compare.Changed, "latency.total")
	_, err = db.Collection("tyk_analytics").InsertOne(t.Context(), bson.D{{Key: "timestamp", Value: time.Now()}, {Key: "path", Value: "/lost"}, {Key: "responsecode", Value: 200}})
	require.NoError(t, err)
	only("tyk_analytics", compare.MissingHere, "")
	one("tyk_analytics_aggregates", bson.D{{Key: "$inc", Value: bson.D{{Key: "total.hits", Value: 1}}}})
	only("tyk_analytics_aggregates", compare.Changed, "counter_hits")
}
