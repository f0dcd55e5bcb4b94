package peers_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestMongoLockedAgainstWritesStillReads(t *testing.T) {
	t.Parallel()
	m := peers.StartMongo(t)
	things := mongoCollection(t, m.URI("fresh"))
	admin := things.Database().Client().Database("admin")
	require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "fsync", Value: 1}, {Key: "lock", Value: true}}).Err())
	written := make(chan error, 2)
	go func() {
		_, err := things.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}})
		written <- err
		_, err = things.UpdateByID(t.Context(), 1, bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: 1}}}})
		written <- err
	}()
	for range 20 {
		n, err := things.CountDocuments(t.Context(), bson.D{})
		require.NoError(t, err)
		require.Zero(t, n)
	}
	assert.Empty(t, written)
	require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "fsyncUnlock", Value: 1}}).Err())
	require.NoError(t, <-written)
	require.NoError(t, <-written)
	n, err := things.CountDocuments(t.Context(), bson.D{{Key: "n", Value: 1}})
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
}

func mongoCollection(t *testing.T, uri string) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Disconnect(context.Background())) })
	return client.Database("fresh").Collection("things")
}

func TestMongoKeepsDataOverStopAndCrash(t *testing.T) {
	t.Parallel()
	m := peers.StartMongo(t)
	addr := m.Addr()
	things := mongoCollection(t, m.URI("fresh"))
	_, err := things.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "kept"}})
	require.NoError(t, err)
	count := func() int64 {
		n, err := things.CountDocuments(t.Context(), bson.D{{Key: "_id", Value: "kept"}})
		require.NoError(t, err)
		return n
	}

	require.NoError(t, m.Stop(t.Context()))
	require.NoError(t, m.Stop(t.Context()), "stopping twice is harmless")
	require.NoError(t, m.Start(t.Context()))
	require.NoError(t, m.Start(t.Context()), "starting twice is harmless")
	assert.Equal(t, addr, m.Addr())
	assert.EqualValues(t, 1, count())

	m.Kill()
	require.NoError(t, m.Start(t.Context()))
	assert.EqualValues(t, 1, count())

	require.NoError(t, m.Freeze())
	require.NoError(t, m.Thaw())
	assert.EqualValues(t, 1, count())
}

func TestMongoChangesADocumentInOneStep(t *testing.T) {
	t.Parallel()
	things := mongoCollection(t, peers.StartMongo(t).FreshDatabase())
	const workers, rounds = 8, 25
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				_, err := things.UpdateOne(t.Context(), bson.D{{Key: "_id", Value: 1}},
					bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}, options.UpdateOne().SetUpsert(true))
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	var got struct{ N int }
	require.NoError(t, things.FindOne(t.Context(), bson.D{}).Decode(&got))
	assert.Equal(t, workers*rounds, got.N)
}
