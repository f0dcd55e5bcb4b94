package main

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	driver "go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// mongoDB is a FerretDB, which speaks MongoDB's protocol.
type mongoDB struct {
	requests
	server *peers.Mongo
	client *mongo.Client
	name   string // of the last measurement's database
	runs   int
}

func newMongoDB(ctx context.Context) (*mongoDB, error) {
	server, err := peers.NewMongo(ctx)
	if err != nil {
		return nil, err
	}
	client, err := mongo.Connect(driver.Client().ApplyURI(server.URI("")))
	if err != nil {
		server.Close()
		return nil, err
	}
	return &mongoDB{server: server, client: client}, nil
}

func (m *mongoDB) close() {
	_ = m.client.Disconnect(context.Background()) // its server ends now
	m.server.Close()
}

func (m *mongoDB) pipeline() pipeline {
	return m.stored("tykmongo", fmt.Sprintf("{uri: %q, omit_index_creation: true}", m.server.URI(m.name)))
}

func (m *mongoDB) fresh(ctx context.Context) error {
	if m.name != "" {
		if err := m.client.Database(m.name).Drop(ctx); err != nil {
			return fmt.Errorf("remove the last measurement: %w", err)
		}
	}
	m.runs++
	m.name = fmt.Sprintf("run%d", m.runs)
	return nil
}

func (m *mongoDB) check(ctx context.Context, want int64) error {
	stored, err := m.client.Database(m.name).Collection(tableName).CountDocuments(ctx, bson.D{})
	return checkRows(stored, err, want)
}

// bulk inserts the same documents with the driver's InsertMany, in any order, as
// many at once as are in a delivery of the receiver.
func (m *mongoDB) bulk(ctx context.Context) (float64, error) {
	cursor, err := m.client.Database(m.name).Collection(tableName).Find(ctx, bson.D{})
	if err != nil {
		return 0, err
	}
	var documents []bson.Raw
	if err := cursor.All(ctx, &documents); err != nil {
		return 0, err
	}
	to := m.client.Database(m.name).Collection("copied")
	unordered := driver.InsertMany().SetOrdered(false)
	start := time.Now()
	for from := 0; from < len(documents); from += insertedAtOnce {
		if _, err := to.InsertMany(ctx, documents[from:min(from+insertedAtOnce, len(documents))], unordered); err != nil {
			return 0, err
		}
	}
	return float64(len(documents)) / time.Since(start).Seconds(), nil
}
