//go:build e2e

package e2e

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// mongoTally is what a collection says about the records' numbers.
func mongoTally(tb testing.TB, server *peers.Mongo) tally {
	tb.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI("tyk")))
	require.NoError(tb, err)
	defer func() { _ = client.Disconnect(context.Background()) }()
	cursor, err := client.Database("tyk").Collection(table).Find(tb.Context(), bson.D{}, options.Find().SetProjection(bson.D{{Key: "alias", Value: 1}}))
	require.NoError(tb, err)
	var documents []struct{ Alias string }
	require.NoError(tb, cursor.All(tb.Context(), &documents))
	got, seen := tally{rows: len(documents), least: faultRecords}, map[int]bool{}
	for _, document := range documents {
		n, err := strconv.Atoi(document.Alias)
		require.NoError(tb, err)
		seen[n] = true
		got.least, got.most = min(got.least, n), max(got.most, n)
	}
	got.distinct = len(seen)
	return got
}

func TestNoRecordIsLostOrStoredTwiceInMongoWhenTheCollectorIsKilled(t *testing.T) {
	random := newChaos(t)
	redis := peers.StartRedis(t)
	server := peers.StartMongo(t)
	exporter := object{
		"uri": server.URI("tyk"), "timeout": "20s", // the server is slow where others use the processors
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
	}
	c := newCollector(t, pipeline(redis, faultReceiver(random), object{}, map[string]object{"tykmongo": exporter}))
	l, f := newLoad(t, redis.Client(), random.child()), &faults{c, redis.Client(), random.child()}
	var background sync.WaitGroup
	background.Go(func() { assert.NoError(t, f.run(t.Context())) })
	require.NoError(t, l.run(t.Context()))
	background.Wait()

	waitDrained(t, redis.Client(), faultDrain)
	assert.Equal(t, allOnce, mongoTally(t, server))
	l.requireAccounts(t)
}
