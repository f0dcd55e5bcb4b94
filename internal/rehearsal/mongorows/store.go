package mongorows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// store is a database of MongoDB.
type store struct {
	client *mongo.Client
	db     *mongo.Database
	place  string
}

// Open opens a database for reading.
func Open(ctx context.Context, uri string) (rows.Store, error) {
	const patience = 10 * time.Second
	opts := options.Client().ApplyURI(uri).SetAppName("tykctl").SetServerSelectionTimeout(patience)
	if err := opts.Validate(); err != nil {
		return nil, errors.New("the URI (not shown, it may hold a password) is not a MongoDB connection string such as mongodb://host:27017/tyk_analytics")
	}
	_, rest, _ := strings.Cut(uri, "://")
	rest = rest[strings.LastIndexByte(rest[:max(strings.IndexByte(rest+"/", '/'), 0)], '@')+1:]
	hosts, name, _ := strings.Cut(rest, "/")
	name, _, _ = strings.Cut(name, "?")
	if name == "" {
		return nil, errors.New("the URI (not shown, it may hold a password) names no database: append it to the hosts, as in mongodb://host:27017/tyk_analytics")
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, fmt.Errorf("connect to MongoDB %s: %w", hosts, err)
	}
	s := &store{client: client, db: client.Database(name), place: fmt.Sprintf("MongoDB %s, database %s", hosts, name)}
	if err := client.Ping(ctx, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", s.place, err), s.Close())
	}
	return s, nil
}

// Describe names the store without its credentials.
func (s *store) Describe() string { return s.place }

// Close ends the connections.
func (s *store) Close() error { return s.client.Disconnect(context.Background()) }

// Tables lists the collections that look like Tyk's. Columns of records are the paths that their documents have.
func (s *store) Tables(ctx context.Context) ([]rows.Table, error) {
	names, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, fmt.Errorf("%s: list collections: %w", s.place, err)
	}
	slices.Sort(names)
	var tables []rows.Table
	for _, name := range names {
		t := rows.Table{Name: name, Relations: []string{name}}
		sample, err := s.db.Collection(name).FindOne(ctx, bson.D{}).Raw()
		if errors.Is(err, mongo.ErrNoDocuments) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: read %s: %w", s.place, name, err)
		}
		switch {
		case sample.Lookup("timestamp").IsZero():
			continue
		case !sample.Lookup("total", "hits").IsZero():
			t.Kind, t.Columns, t.Unread = rows.Rollups, rollupColumns, unread
		case !sample.Lookup("responsecode").IsZero():
			if t.Columns, err = s.paths(ctx, name); err != nil {
				return nil, err
			}
		default:
			continue
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// paths are those of all documents of a collection.
func (s *store) paths(ctx context.Context, name string) ([]rows.Column, error) {
	found := map[string]bool{}
	err := s.find(ctx, name, bson.D{}, false, func(document bson.Raw) error {
		return flatten(document, "", func(path string, _ bson.RawValue) { found[path] = true })
	})
	if err != nil {
		return nil, err
	}
	var columns []rows.Column
	for _, path := range slices.Sorted(maps.Keys(found)) {
		columns = append(columns, rows.Column{Name: path, Class: rows.Typed})
	}
	return columns, nil
}

func (s *store) find(ctx context.Context, name string, filter bson.D, sorted bool, visit func(bson.Raw) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: read %s: %w", s.place, name, err)
		}
	}()
	opts := options.Find()
	if sorted {
		opts.SetSort(bson.D{{Key: "timestamp", Value: 1}}).SetAllowDiskUse(true)
	}
	cursor, err := s.db.Collection(name).Find(ctx, filter, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cursor.Close(ctx)) }()
	for cursor.Next(ctx) {
		if err := visit(cursor.Current); err != nil {
			return err
		}
	}
	return cursor.Err()
}

// Count is how many documents a collection has.
func (s *store) Count(ctx context.Context, table *rows.Table) (int64, error) {
	n, err := s.db.Collection(table.Name).CountDocuments(ctx, bson.D{})
	if err != nil {
		return 0, fmt.Errorf("%s: count %s: %w", s.place, table.Name, err)
	}
	return n, nil
}

// Scan reads rows.
func (s *store) Scan(ctx context.Context, scan rows.Scan, visit func([]rows.Value) error) error {
	at := bson.D{}
	if from := scan.Window.From; !from.IsZero() {
		at = append(at, bson.E{Key: "$gte", Value: from})
	}
	if to := scan.Window.To; !to.IsZero() {
		at = append(at, bson.E{Key: "$lt", Value: to})
	}
	filter := bson.D{}
	if len(at) > 0 {
		filter = bson.D{{Key: "timestamp", Value: at}}
	}
	r := &reader{places: map[string]int{}, row: make([]rows.Value, len(scan.Columns)), buffers: make([][]byte, len(scan.Columns))}
	for i, c := range scan.Columns {
		r.places[c.Name] = i
	}
	return s.find(ctx, scan.Table.Name, filter, scan.Sorted, func(document bson.Raw) error {
		if scan.Table.Kind == rows.Records {
			clear(r.row)
			if err := flatten(document, "", r.set); err != nil {
				return err
			}
			return visit(r.row)
		}
		return r.rollups(document, visit)
	})
}

// reader makes rows in memory that is used again.
type reader struct {
	places  map[string]int
	row     []rows.Value
	buffers [][]byte
}

func (r *reader) set(path string, v bson.RawValue) {
	if i, ok := r.places[path]; ok {
		r.buffers[i] = appendValue(r.buffers[i][:0], v)
		r.row[i] = r.buffers[i]
		if r.row[i] == nil {
			r.row[i] = rows.Value{}
		}
	}
}

func (r *reader) text(column, text string) {
	if i, ok := r.places[column]; ok {
		r.row[i] = rows.Value(text)
	}
}

// rollups makes a row of each counter of a document.
func (r *reader) rollups(document bson.Raw, visit func([]rows.Value) error) error {
	list, err := counters(document)
	if err != nil {
		return err
	}
	for _, c := range list {
		clear(r.row)
		r.set("timestamp", document.Lookup("timestamp"))
		r.set("org_id", document.Lookup("orgid"))
		if api := document.Lookup("apiid"); api.Type == bson.TypeString { // of GraphQL and MCP
			r.set("api_id", api)
		}
		r.text("dimension", c.dimension)
		r.text("dimension_value", c.value)
		elements, err := c.counter.Elements()
		if err != nil {
			return err
		}
		for _, e := range elements {
			if name := counterFields[e.Key()]; name != "" {
				r.set(name, e.Value())
			}
		}
		if err := visit(r.row); err != nil {
			return err
		}
	}
	return nil
}
