package mongorows

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// stored is a database with the documents, and a reader of it.
func stored(t *testing.T, server *peers.Mongo, name string, documents map[string][]any) rows.Store {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI(name)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	for collection, list := range documents {
		_, err := client.Database(name).Collection(collection).InsertMany(t.Context(), list)
		require.NoError(t, err)
	}
	store, err := Open(t.Context(), server.URI(name))
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// read gives rows as maps, without what is not there.
func read(t *testing.T, store rows.Store, table *rows.Table, scan rows.Scan) (all []map[string]string) {
	t.Helper()
	scan.Table, scan.Columns = table, table.Columns
	require.NoError(t, store.Scan(t.Context(), scan, func(row []rows.Value) error {
		one := map[string]string{}
		for i, v := range row {
			if v != nil {
				one[table.Columns[i].Name] = string(v)
			}
		}
		all = append(all, one)
		return nil
	}))
	return all
}

var at = time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)

func TestDocumentsAreRows(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	counter := func(hits int) bson.D {
		return bson.D{{Key: "hits", Value: int32(hits)}, {Key: "success", Value: int32(hits)}}
	}
	store := stored(t, server, "rows", map[string][]any{
		"tyk_analytics": {
			bson.D{{Key: "timestamp", Value: at.Add(time.Hour)}, {Key: "responsecode", Value: int64(200)}, {Key: "path", Value: "/b"}},
			bson.D{{Key: "timestamp", Value: at}, {Key: "responsecode", Value: int32(200)}, {Key: "path", Value: ""}, {Key: "latency", Value: bson.D{{Key: "total", Value: 1.5}}}, {Key: "alias", Value: nil}},
		},
		"tyk_analytics_aggregates": {
			bson.D{
				{Key: "timestamp", Value: at},
				{Key: "orgid", Value: "o"},
				{Key: "total", Value: counter(9)},
				{Key: "lists", Value: bson.D{{Key: "apiid", Value: bson.A{counter(9)}}}},
				{Key: "apiid", Value: bson.D{{Key: "a", Value: counter(4)}, {Key: `b\u2ec`, Value: counter(3)}, {Key: "d", Value: bson.D{{Key: "e", Value: counter(2)}}}}},
			},
		},
		"something_else": {bson.D{{Key: "timestamp", Value: at}}, bson.D{{Key: "x", Value: 1}}},
	})
	tables, err := store.Tables(t.Context())
	require.NoError(t, err)
	require.Len(t, tables, 2)

	assert.Equal(t, rows.Records, tables[0].Kind)
	const first, second = "2026-03-29T01:00:00.000000Z date", "2026-03-29T02:00:00.000000Z date"
	records := read(t, store, &tables[0], rows.Scan{Sorted: true})
	assert.Equal(t, []map[string]string{
		{"timestamp": first, "responsecode": "200 int32", "path": "", "latency.total": "1.5 double", "alias": "null"},
		{"timestamp": second, "responsecode": "200 int64", "path": "/b"},
	}, records, "in the order of time; a path that is not there, an empty text, a null, and each type differ")
	windowed := read(t, store, &tables[0], rows.Scan{Window: rows.Window{From: at, To: at.Add(time.Hour)}})
	assert.Equal(t, records[:1], windowed)
	n, err := store.Count(t.Context(), &tables[0])
	require.NoError(t, err)
	assert.EqualValues(t, 2, n)

	assert.Equal(t, rows.Rollups, tables[1].Kind)
	for _, of := range tables[1].Unread {
		assert.Contains(t, deviation.All(), of.Deviation, of.Field)
		assert.Contains(t, notDimensions, of.Field)
	}
	counted := map[string]string{}
	for _, row := range read(t, store, &tables[1], rows.Scan{}) {
		assert.Equal(t, first, row["timestamp"])
		assert.Equal(t, "o", row["org_id"])
		counted[row["dimension"]+" "+row["dimension_value"]] = row["counter_hits"]
	}
	assert.Equal(t, map[string]string{" total": "9 int32", "apiid a": "4 int32", "apiid b.c": "3 int32", "apiid d.e": "2 int32"}, counted,
		"keys are as they were, and a dot that was taken for a path is one again")
}

func TestAnEmptyDatabaseHasNoTables(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	tables, err := stored(t, server, "empty", nil).Tables(t.Context())
	require.NoError(t, err)
	assert.Empty(t, tables)
}

func TestAPasswordIsInNoMessage(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"mongodb://u:sekrit@127.0.0.1:1", "mongodb://u:sek/rit@127.0.0.1:1/x", "mongodb://u:sekrit@127.0.0.1:1/?tls=maybe", "mongodb:/u:sekrit@h/x", "mongodb://u:sekrit@h:port/x",
	} {
		store, err := Open(t.Context(), uri)
		require.Error(t, err, uri)
		assert.Nil(t, store)
		assert.NotContains(t, fmt.Sprint(err), "rit", uri)
	}
}
