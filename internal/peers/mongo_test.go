package peers_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	_ "modernc.org/sqlite" // the driver "sqlite"

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

func TestMongoMakesIndexesThatAreThere(t *testing.T) {
	t.Parallel()
	things := mongoCollection(t, peers.StartMongo(t).FreshDatabase())
	var models []mongo.IndexModel
	for _, field := range []string{"one", "two", "three"} {
		models = append(models, mongo.IndexModel{Keys: bson.D{{Key: field, Value: 1}}})
	}
	for range 2 {
		_, err := things.Indexes().CreateMany(t.Context(), models)
		require.NoError(t, err)
	}
	indexes, err := things.Indexes().ListSpecifications(t.Context())
	require.NoError(t, err)
	assert.Len(t, indexes, 1+len(models))
}

// FerretDB makes collections and indexes in steps, of which a killed process may have
// done the first ones only.
func TestMongoRecoversFromACrashAmidCollectionsAndIndexes(t *testing.T) {
	t.Parallel()
	m := peers.StartMongo(t)
	things := mongoCollection(t, m.URI("fresh"))
	index := mongo.IndexModel{Keys: bson.D{{Key: "n", Value: 1}}}
	_, err := things.Indexes().CreateOne(t.Context(), index)
	require.NoError(t, err)
	_, err = things.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "kept"}})
	require.NoError(t, err)
	others := things.Database().Collection("others")
	_, err = others.Indexes().CreateOne(t.Context(), index)
	require.NoError(t, err)
	m.Kill()
	file, err := sql.Open("sqlite", "file:"+filepath.Join(m.DataDir(), "fresh.sqlite"))
	require.NoError(t, err)
	for _, step := range []string{
		// An index that the catalogue does not know, a collection without the index of
		// _id, and a table of no collection.
		`update _ferretdb_collections set settings = json_remove(settings, '$.indexes[1]') where name = 'things'`,
		`update _ferretdb_collections set settings = '{}' where name = 'others'`,
		`create table left_over (_ferretdb_sjson text)`,
	} {
		_, err = file.ExecContext(t.Context(), step)
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
	require.NoError(t, os.WriteFile(filepath.Join(m.DataDir(), "begun.sqlite"), nil, 0o600))
	require.NoError(t, m.Start(t.Context()))

	n, err := things.CountDocuments(t.Context(), bson.D{{Key: "_id", Value: "kept"}})
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
	for _, c := range []*mongo.Collection{things, others} {
		_, err = c.Indexes().CreateOne(t.Context(), index)
		require.NoError(t, err)
		_, err = c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "once"}})
		require.NoError(t, err)
		_, err = c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "once"}})
		assert.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
	}
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
