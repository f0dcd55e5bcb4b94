//go:build e2e || chaos

package chaos

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// The collections beside that of all records.
const (
	organisations     = "z_tyk_analyticz_"
	aggregates        = "z_tyk_analyticz_aggregate_"
	aggregatesOfMixed = "tyk_analytics_aggregates"
)

// storedRecord is what a tally needs of a record's document.
type storedRecord struct {
	Alias, OrgID, APIID       string
	ResponseCode, RequestTime int64
	ContentLength             int64
}

func (m *documents) tally(ctx context.Context) (*tally, error) {
	names, err := m.client.Database(documentsDatabase).ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, err
	}
	t := newTally()
	err = m.eachRecord(ctx, table, func(r *storedRecord) {
		if t.add(r.Alias) {
			t.sums.add(sumsOf{r.APIID, r.ResponseCode}, sum{1, r.RequestTime, r.ContentLength})
		}
	})
	if err != nil {
		return nil, err
	}
	each := rollups{}
	copies := newTally()
	for _, name := range names {
		switch org, ofRollups := strings.CutPrefix(name, aggregates); {
		case ofRollups:
			err = m.tallyRollups(ctx, name, org, each, t)
		case strings.HasPrefix(name, organisations):
			err = m.tallyOrganisation(ctx, name, copies, t)
		}
		if err != nil {
			return nil, err
		}
	}
	if m.keeps == recordsTwice {
		t.compareCopies(copies)
		return t, nil
	}
	t.rollups = append(t.rollups, counted{aggregates + "<organisation>", each})
	if m.keeps == rollupsMixed {
		mixed := rollups{}
		t.rollups = append(t.rollups, counted{aggregatesOfMixed, mixed})
		err = m.tallyRollups(ctx, aggregatesOfMixed, "", mixed, t)
	}
	return t, err
}

func (t *tally) fault(format string, args ...any) {
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

func (m *documents) eachRecord(ctx context.Context, collection string, do func(*storedRecord)) error {
	fields := bson.D{}
	for _, name := range []string{"alias", "orgid", "apiid", "responsecode", "requesttime", "contentlength"} {
		fields = append(fields, bson.E{Key: name, Value: 1})
	}
	cursor, err := m.collection(collection).Find(ctx, bson.D{}, options.Find().SetProjection(fields))
	if err != nil {
		return err
	}
	defer func() { _ = cursor.Close(ctx) }()
	for cursor.Next(ctx) {
		var r storedRecord
		if err := cursor.Decode(&r); err != nil {
			return err
		}
		do(&r)
	}
	return cursor.Err()
}

// tallyOrganisation adds the records of one organisation's collection.
func (m *documents) tallyOrganisation(ctx context.Context, name string, copies, t *tally) error {
	return m.eachRecord(ctx, name, func(r *storedRecord) {
		copies.add(r.Alias)
		if organisations+r.OrgID != name {
			t.fault("%s has record %s of organisation %q", name, r.Alias, r.OrgID)
		}
	})
}

// compareCopies compares the collections of organisations with that of all records.
func (t *tally) compareCopies(copies *tally) {
	for n := range t.times {
		if copies.times[n] != 1 {
			t.fault("record %d is %d times in its organisation's collection", n, copies.times[n])
		}
	}
	for n := range copies.times {
		if t.times[n] == 0 {
			t.fault("record %d is only in its organisation's collection", n)
		}
	}
	for alias, times := range copies.others {
		if times != 1 || !strings.HasPrefix(alias, string(forbidden)) {
			t.fault("record %q is %d times in its organisation's collection", alias, times)
		}
	}
}

// storedCounter is what a tally needs of a counter.
type storedCounter struct {
	Hits, Success, ErrorTotal     int64
	TotalRequestTime, RequestTime float64
	Identifier                    string
}

// bucketDocument is what a tally needs of a document of rollups.
type bucketDocument struct {
	OrgID     string
	Timestamp time.Time
	Total     storedCounter
	APIID     map[string]storedCounter
	Lists     struct{ APIID []storedCounter }
}

// tallyRollups adds the rollups of a collection, of which each document must be the
// only one of its organisation and bucket, and in itself right.
func (m *documents) tallyRollups(ctx context.Context, name, org string, into rollups, t *tally) error {
	cursor, err := m.collection(name).Find(ctx, bson.D{})
	if err != nil {
		return err
	}
	defer func() { _ = cursor.Close(ctx) }()
	seen := map[rollupOf]bool{}
	for cursor.Next(ctx) {
		var b bucketDocument
		if err := cursor.Decode(&b); err != nil {
			return fmt.Errorf("a document of %s: %w", name, err)
		}
		of := rollupOf{org: b.OrgID, bucket: b.Timestamp.Unix()}
		if seen[of] {
			t.fault("%s has another document of %+v", name, of)
		}
		seen[of] = true
		if org != "" && b.OrgID != org {
			t.fault("%s has a document of organisation %q", name, b.OrgID)
		}
		b.check(name, t)
		into.add(of, b.Total.rollup())
		for of.api = range b.APIID {
			counter := b.APIID[of.api]
			into.add(of, counter.rollup())
		}
	}
	return cursor.Err()
}

func (c *storedCounter) rollup() rollup { return rollup{c.Hits, int64(c.TotalRequestTime)} }

// check looks whether sums, means and lists of a document are of each other.
func (b *bucketDocument) check(name string, t *tally) {
	var sum rollup
	listed := map[string]storedCounter{}
	for _, c := range b.Lists.APIID {
		if _, twice := listed[c.Identifier]; twice {
			t.fault("%s: %s of %s lists API %s twice", name, b.Timestamp, b.OrgID, c.Identifier)
		}
		listed[c.Identifier] = c
	}
	for api, c := range b.APIID {
		sum = rollup{sum.hits + c.Hits, sum.requestTime + c.rollup().requestTime}
		if listed[c.Identifier] != c {
			t.fault("%s: %s of %s lists %+v for API %s, want %+v", name, b.Timestamp, b.OrgID, listed[c.Identifier], api, c)
		}
		c.check(name+", API "+api, t)
	}
	b.Total.check(name+", total", t)
	if sum != b.Total.rollup() || len(listed) != len(b.APIID) {
		t.fault("%s: %s of %s: the %d APIs, of which %d are listed, count %+v, the total %+v",
			name, b.Timestamp, b.OrgID, len(b.APIID), len(listed), sum, b.Total.rollup())
	}
}

func (c *storedCounter) check(of string, t *tally) {
	const tolerance = 1e-9
	if c.Hits < c.Success+c.ErrorTotal || math.Abs(c.RequestTime*float64(c.Hits)-c.TotalRequestTime) > tolerance*c.TotalRequestTime {
		t.fault("%s: %+v is not right in itself", of, *c)
	}
}
