//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// keeping is what a group keeps in MongoDB.
type keeping string

const (
	nothing       keeping = ""
	recordsTwice  keeping = "records"             // of all organisations together, and of each
	rollupsOfEach keeping = "records and rollups" // of each organisation
	rollupsMixed  keeping = "records and mixed rollups"
)

// pace is how many records a second, and how often claimed, FerretDB keeps up with: it
// takes some 50 ms to change one document of rollups.
func (k keeping) pace() (rate int, poll time.Duration) {
	switch k {
	case rollupsOfEach:
		return 300, 500 * time.Millisecond
	case rollupsMixed:
		return 200, 500 * time.Millisecond
	default:
		return 400, 100 * time.Millisecond
	}
}

// documents is the MongoDB of a run: FerretDB, which speaks its protocol.
type documents struct {
	mongo  *peers.Mongo
	keeps  keeping
	client *mongo.Client // the harness's own
}

// documentsDatabase is the database's name.
const documentsDatabase = "tyk"

func newDocuments(ctx context.Context, keeps keeping) (*documents, error) {
	server, err := peers.NewMongo(ctx)
	if err != nil {
		return nil, err
	}
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI(documentsDatabase)).
		SetServerSelectionTimeout(time.Second))
	if err != nil {
		server.Close()
		return nil, err
	}
	return &documents{mongo: server, keeps: keeps, client: client}, nil
}

func (m *documents) close() {
	_ = m.client.Disconnect(context.Background()) // nothing is under way
	m.mongo.Close()
}

func (m *documents) product() string { return "MongoDB" }

// exporter makes buckets of a minute, so that there are several of each organisation,
// and none is too large for what FerretDB does with it.
func (m *documents) exporter(way func(string) (string, error)) (destination, error) {
	at, err := way(m.mongo.Addr())
	collections := object{}
	to := destination{component: "tykmongo", config: object{
		"uri": "mongodb://" + at + "/" + documentsDatabase, "timeout": "5s", "collections": collections,
		"retry_on_failure": object{"initial_interval": "100ms", "max_interval": "1s"},
	}}
	switch m.keeps {
	case rollupsOfEach, rollupsMixed:
		collections["aggregates"] = object{"enabled": true, "use_mixed_collection": m.keeps == rollupsMixed}
		to.aggregate = object{"aggregation_time": "1m", "max_values": 8}
	case recordsTwice:
		collections["organisations"] = object{"enabled": true}
	case nothing:
	}
	return to, err
}

// refuses: the records' own collection takes a record of any organisation, the others
// have the organisation's name.
func (m *documents) refuses(kind poison) bool { return kind == unholdable || kind == unnamable }

func (m *documents) holds(kind poison) bool { return kind != unholdable }

// counts: MongoDB has no rollups of GraphQL.
func (m *documents) counts(of rollupOf) (rollupOf, bool) {
	return of, !of.graph && of.org != unnamableOrg
}

func (m *documents) collection(name string) *mongo.Collection {
	return m.client.Database(documentsDatabase).Collection(name)
}

func (m *documents) count(ctx context.Context) (int64, error) {
	return m.collection(table).EstimatedDocumentCount(ctx)
}

// block locks the server against writes, which wait until they are let through.
func (m *documents) block(ctx context.Context) (func(), error) {
	admin := m.client.Database("admin")
	// The client may hold connections to a server that was killed since, which take no
	// command with them; it does not repeat this one by itself.
	err := retry(ctx, "lock MongoDB", func(ctx context.Context) error {
		return admin.RunCommand(ctx, bson.D{{Key: "fsync", Value: 1}, {Key: "lock", Value: true}}).Err()
	})
	unlock := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		// A server that is not there has forgotten the lock when it comes back.
		_ = retry(ctx, "unlock MongoDB", func(ctx context.Context) error {
			return admin.RunCommand(ctx, bson.D{{Key: "fsyncUnlock", Value: 1}}).Err()
		})
	}
	if err != nil {
		unlock() // the server may have done what it gave no answer to
		return nil, err
	}
	return unlock, nil
}

// explain shows the identities of a record's documents.
func (m *documents) explain(ctx context.Context, record int) string {
	cursor, err := m.collection(table).Find(ctx, bson.D{{Key: "alias", Value: strconv.Itoa(record)}},
		options.Find().SetProjection(bson.D{{Key: "timestamp", Value: 1}}))
	var found []bson.Raw
	if err == nil {
		err = cursor.All(ctx, &found)
	}
	return fmt.Sprint(found, err)
}

func (m *documents) faults() []fault {
	return []fault{
		{"MongoDB killed (SIGKILL), back with its data", func(ctx context.Context, d *dice) error {
			m.mongo.Kill()
			time.Sleep(d.between(0, 4*time.Second))
			return m.mongo.Start(ctx)
		}},
		{"MongoDB stopped (SIGTERM), back with its data", func(ctx context.Context, d *dice) error {
			if err := m.mongo.Stop(ctx); err != nil {
				return err
			}
			time.Sleep(d.between(0, 4*time.Second))
			return m.mongo.Start(ctx)
		}},
		{"MongoDB frozen (SIGSTOP)", func(_ context.Context, d *dice) error {
			err := m.mongo.Freeze()
			time.Sleep(d.between(500*time.Millisecond, 8*time.Second))
			return errors.Join(err, m.mongo.Thaw())
		}},
		{"MongoDB locked against writes", func(ctx context.Context, d *dice) error {
			unlock, err := m.block(ctx)
			if err != nil {
				return err
			}
			time.Sleep(d.between(500*time.Millisecond, 8*time.Second))
			unlock()
			return nil
		}},
	}
}
