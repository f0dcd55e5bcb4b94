//go:build e2e

package e2e

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// counted is what a counter must add up to, whatever the chunks were.
type counted struct {
	Hits     int64 `bson:"hits"`
	Success  int64 `bson:"success"`
	Errors   int64 `bson:"errortotal"`
	Latency  int64 `bson:"totallatency"`
	Upstream int64 `bson:"totalupstreamlatency"`
}

// counterPlace says which counter of which document.
type counterPlace struct {
	org    string
	bucket int64 // Unix seconds
	path   string
}

// expectedSums counts the records in one chunk, by total, API and status.
func expectedSums(tb testing.TB, records []analytics.Record) map[counterPlace]counted {
	tb.Helper()
	aggregator, err := rollup.NewAggregator(rollup.Settings{Minutes: 1, Zone: "UTC"})
	require.NoError(tb, err)
	logs := plog.NewLogs()
	slice := analytics.AppendScope(logs)
	for i := range records {
		records[i].ToLog(slice.AppendEmpty(), analytics.UID{Segment: "all", Index: int64(i)}.String())
	}
	groups, _ := aggregator.Aggregate(logs, nil)
	sums := map[counterPlace]counted{}
	for _, g := range groups {
		if g.Family != rollup.Requests {
			continue
		}
		for _, r := range g.Rollups {
			path := "total"
			switch r.Dimension {
			case rollup.Total:
			case rollup.APIID, rollup.Errors:
				path = r.Dimension.String() + "." + r.Value
			default:
				continue
			}
			c := r.Counter
			sums[counterPlace{g.Org, g.Bucket.Unix(), path}] = counted{c.Hits, c.Success, c.Errors, c.Latency.Total, c.Upstream.Total}
		}
	}
	return sums
}

// mongoSums reads the same from the organisations' collections, and checks that there
// is one document for each bucket, whose lists say what its counters say.
func mongoSums(tb testing.TB, server *peers.Mongo) map[counterPlace]counted {
	tb.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI("tyk")))
	require.NoError(tb, err)
	defer func() { _ = client.Disconnect(context.Background()) }()
	db := client.Database("tyk")
	names, err := db.ListCollectionNames(tb.Context(), bson.D{{Key: "name", Value: bson.D{{Key: "$regex", Value: "^z_tyk_analyticz_aggregate_"}}}})
	require.NoError(tb, err)
	sums := map[counterPlace]counted{}
	for _, name := range names {
		cursor, err := db.Collection(name).Find(tb.Context(), bson.D{})
		require.NoError(tb, err)
		var documents []struct {
			OrgID     string             `bson:"orgid"`
			Timestamp time.Time          `bson:"timestamp"`
			Total     counted            `bson:"total"`
			APIs      map[string]counted `bson:"apiid"`
			Errors    map[string]counted `bson:"errors"`
			Lists     struct {
				APIs []counted `bson:"apiid"`
			} `bson:"lists"`
		}
		require.NoError(tb, cursor.All(tb.Context(), &documents))
		for _, d := range documents {
			place := counterPlace{d.OrgID, d.Timestamp.Unix(), "total"}
			require.NotContains(tb, sums, place, "one document for each organisation and bucket")
			sums[place] = d.Total
			var counters []counted
			for api, counter := range d.APIs {
				place.path = "apiid." + api
				sums[place] = counter
				counters = append(counters, counter)
			}
			assert.ElementsMatch(tb, counters, d.Lists.APIs)
			for code, counter := range d.Errors {
				place.path = "errors." + code
				sums[place] = counter
			}
		}
	}
	return sums
}

// Records and rollups go to the same database by two pipelines of one group.
func TestRollupsInMongoAddUpWhenTheCollectorIsKilled(t *testing.T) {
	random := newChaos(t)
	redis := peers.StartRedis(t)
	server := peers.StartMongo(t)
	exporter := func(collections object) object {
		return object{
			"uri": server.URI("tyk"), "timeout": "10s", "collections": collections,
			"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
		}
	}
	receiver := faultReceiver(random)
	receiver["chunk_size"] = oneOf(random, 500, 1000) // the server takes long for a document of rollups
	config := pipeline(redis, receiver, object{}, map[string]object{"tykmongo": exporter(object{})})
	config["processors"].(object)["tykaggregate"] = object{"aggregation_time": "1m", "max_values": 50}
	config["exporters"].(map[string]object)["tykmongo/rollups"] = exporter(object{
		"requests": object{"enabled": false}, "aggregates": object{"enabled": true},
	})
	config["service"].(object)["pipelines"].(object)["logs/rollups"] = object{
		"receivers": []string{"tykredis"}, "processors": []string{"tykfilter", "tykaggregate"}, "exporters": []string{"tykmongo/rollups"},
	}
	c := newCollector(t, config)
	l, f := newLoad(t, redis.Client(), random.child()), &faults{c, redis.Client(), random.child()}
	var records []analytics.Record
	l.seen = func(form encoding, entry []byte) {
		var r analytics.Record
		decode := analytics.DecodeMsgpack
		if form == protobuf {
			decode = analytics.DecodeProtobuf
		}
		require.NoError(t, decode(entry, &r))
		records = append(records, r)
	}
	var background sync.WaitGroup
	background.Go(func() { assert.NoError(t, f.run(t.Context())) })
	require.NoError(t, l.run(t.Context()))
	background.Wait()

	waitDrained(t, redis.Client(), 2*faultDrain)
	assert.Equal(t, allOnce, mongoTally(t, server))
	l.requireAccounts(t)
	want := expectedSums(t, records)
	require.Greater(t, len(want), 3*3, strconv.Itoa(len(records)))
	assert.Equal(t, want, mongoSums(t, server))
}
