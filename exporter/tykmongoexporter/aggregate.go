package tykmongoexporter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// A document that counts a bucket is written by comparing and setting: what is known
// of it is added to, and the result is written only where nobody else wrote meanwhile.
// So counters, means, lists and the memory of what was counted change in one step.

// maxWrites is how often a document is read and written anew, since others write it
// at the same time, before the push is left to the retries.
const maxWrites = 30

// writeBackoff is the longest wait before the second write; each further may wait
// longer by as much.
const writeBackoff = 3 * time.Millisecond

// knownBytes bounds how much of documents is remembered between pushes.
const knownBytes = 48 << 20

// share is what a push has for one document.
type share struct {
	key    bucketKey
	bucket time.Time
	groups []*rollup.Group
	at     time.Time // of the push
}

// slot is a document that is written by one goroutine at a time.
type slot struct {
	turn     chan struct{}   // holds one token
	document *bucketDocument // as it was written last, nil where that is not known
	users    int             // guarded by known.mu
	used     int64           // guarded by known.mu
	size     int             // guarded by known.mu
}

// known are the documents that this process wrote last.
type known struct {
	mu    sync.Mutex // guards the fields below
	slots map[bucketKey]*slot
	size  int
	clock int64
}

// acquire waits until nobody else of this process writes the document.
func (k *known) acquire(ctx context.Context, key bucketKey) (*slot, error) {
	k.mu.Lock()
	if k.slots == nil {
		k.slots = map[bucketKey]*slot{}
	}
	s := k.slots[key]
	if s == nil {
		s = &slot{turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		k.slots[key] = s
	}
	s.users++
	k.mu.Unlock()
	select {
	case <-s.turn:
		return s, nil
	case <-ctx.Done():
		k.leave(key, s)
		return nil, ctx.Err()
	}
}

// release lets the next one write, and forgets what was not used for longest.
func (k *known) release(key bucketKey, s *slot) {
	size := 0
	if s.document != nil {
		size = s.document.size + s.document.memory.bytes
	}
	k.mu.Lock()
	k.size += size - s.size
	s.size = size
	k.mu.Unlock()
	s.turn <- struct{}{}
	k.leave(key, s)
}

func (k *known) leave(key bucketKey, s *slot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s.users--
	k.clock++
	s.used = k.clock
	if s.users == 0 && s.size == 0 {
		delete(k.slots, key)
	}
	for k.size > knownBytes {
		var oldest *slot
		var at bucketKey
		for key, s := range k.slots {
			if s.users == 0 && (oldest == nil || s.used < oldest.used) {
				oldest, at = s, key
			}
		}
		if oldest == nil {
			return
		}
		k.size -= oldest.size
		delete(k.slots, at)
	}
}

// shares lists the documents that the groups of a push are counted in.
func (b *batch) shares(kinds []*collectionKind, config *Config) []*share {
	byKey, now := map[bucketKey]*share{}, time.Now()
	for i := range b.groups {
		g := &b.groups[i]
		taken := false
		for _, k := range kinds {
			if k.form != formAggregate || k.family != g.Family {
				continue
			}
			taken = true
			for _, name := range k.aggregates(config, g.Org) {
				if !validName(name) {
					b.refuseGroup(g, reasonName, fmt.Sprintf("the organisation's id %q cannot be in the name of a collection", g.Org))
					break
				}
				key := bucketKey{kind: k, collection: name, org: g.Org, api: g.API, bucket: g.Bucket.Unix()}
				if byKey[key] == nil {
					key.org, key.api = strings.Clone(key.org), strings.Clone(key.api) // they outlive the push
					byKey[key] = &share{key: key, bucket: g.Bucket, at: now}
				}
				byKey[key].groups = append(byKey[key].groups, g)
			}
		}
		if !taken {
			b.notTaken += max(1, g.Records.Len())
		}
	}
	list := make([]*share, 0, len(byKey))
	for _, s := range byKey {
		list = append(list, s)
	}
	slices.SortFunc(list, func(x, y *share) int { return compareKeys(x.key, y.key) })
	return list
}

// aggregates are the names of the collections that count an organisation.
func (k *collectionKind) aggregates(config *Config, org string) []string {
	names := []string{k.setting(&config.Collections).Name + org}
	if mixed := k.mixed(&config.Collections); mixed != "" {
		names = append(names, mixed)
	}
	return names
}

// count adds a push's groups to a document, each once.
func (s *mongoStore) count(ctx context.Context, to *connection, b *batch, p *share) (counts, error) {
	at, err := s.known.acquire(ctx, p.key)
	if err != nil {
		return counts{}, err
	}
	defer s.known.release(p.key, at)
	limit := foldBytes
	for write := 1; ; write++ {
		d := at.document
		at.document = nil // until it is known what the database has
		if d == nil {
			if d, err = s.read(ctx, to, p.key); err != nil {
				return counts{}, retryable(fmt.Errorf("read: %w", err))
			}
		}
		fresh, n, overlaps := d.sort(p.groups)
		if len(fresh) == 0 {
			at.document = d
			b.overlap(overlaps)
			return n, nil
		}
		filter := d.filter()
		for _, g := range fresh {
			d.add(g, limit)
		}
		done, err := s.writeBucket(ctx, to, p, d, filter)
		switch {
		case err == nil && done:
			s.evidence.Accepted(p.key.collection)
			s.aging.wrote(p.bucket, p.at)
			if d.revision++; !d.exists {
				d.revision = 1
			}
			d.exists, d.own, d.hits = true, true, int64Value(d.total.Hits)
			at.document = d
			b.overlap(overlaps)
			return n, nil
		case err == nil && write >= maxWrites: // a write that was too large takes one too
			return counts{}, errContended
		case err != nil:
			code, ok := codeOf(err)
			switch {
			case !ok:
				return counts{}, retryable(err)
			case isTooLarge(code) && limit > 0:
				limit = 0 // count all that is new together
				continue
			case !isTooLarge(code) && s.evidence.Failed(failureOf(p.key.collection, p.key.item(), code, false)) != sink.Blamed:
				return counts{}, retryable(err)
			}
			for _, g := range fresh {
				b.refuseGroup(g, reasonOf(code), err.Error())
			}
			b.overlap(overlaps)
			n.stored = 0
			return n, nil
		}
		if err := pause(ctx, write); err != nil {
			return counts{}, err
		}
	}
}

var errContended = errors.New("others write the document all the time")

// pause waits for others to finish, a random time.
func pause(ctx context.Context, write int) error {
	timer := time.NewTimer(rand.N(time.Duration(write) * writeBackoff))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sort tells which groups the document has not counted, and how many records of which
// fate there are.
func (d *bucketDocument) sort(groups []*rollup.Group) (fresh []*rollup.Group, n counts, overlaps []rollup.Overlap) {
	for _, g := range groups {
		switch coverage, applied := d.memory.overlap(g); coverage {
		case rollup.New:
			fresh = append(fresh, g)
			n.stored += max(1, g.Records.Len())
		case rollup.Known:
			n.already += g.Records.Len()
		case rollup.Mixed:
			overlaps = append(overlaps, rollup.Overlap{Family: g.Family, Segment: g.Segment, Applied: applied})
		}
	}
	return fresh, n, overlaps
}

// read reads a document, or begins one where there is none. Only what a majority of
// the servers has counts: what was counted must not be undone by a failover after it
// was taken for counted.
func (s *mongoStore) read(ctx context.Context, to *connection, k bucketKey) (*bucketDocument, error) {
	filter := bson.D{{Key: "orgid", Value: plaintext.CleanUTF8(k.org)}, {Key: "timestamp", Value: bson.DateTime(k.bucket * 1000)}}
	if k.kind.family == rollup.MCP {
		filter = append(filter, bson.E{Key: "owner_apiid", Value: plaintext.CleanUTF8(k.api)})
	}
	cursor, err := to.reading.Collection(k.collection).Find(ctx, filter)
	if err != nil {
		return nil, err
	}
	var found []bson.Raw
	if err := cursor.All(ctx, &found); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return newBucketDocument(k), nil
	}
	// Tyk Pump may have made several; ours is the one that was written by us.
	own := slices.IndexFunc(found, func(document bson.Raw) bool {
		_, err := document.LookupErr(ownField)
		return err == nil
	})
	return readBucket(k, found[max(own, 0)]), nil
}

// filter matches the document only as it is known.
func (d *bucketDocument) filter() bson.D {
	filter := bson.D{{Key: "_id", Value: d.id}}
	if !d.own {
		filter = append(filter, bson.E{Key: revisionField, Value: bson.D{{Key: "$exists", Value: false}}})
	} else {
		filter = append(filter, bson.E{Key: revisionField, Value: d.revision})
	}
	switch { // Tyk Pump, which knows no revisions, may write it too
	case d.exists && d.hits.Type == 0: // nor does a stub have a total
		filter = append(filter, bson.E{Key: "total.hits", Value: bson.D{{Key: "$exists", Value: false}}})
	case d.exists:
		filter = append(filter, bson.E{Key: "total.hits", Value: d.hits})
	}
	return filter
}

// writeBucket writes a document, and tells whether it was as the filter says, or was
// not there.
func (s *mongoStore) writeBucket(ctx context.Context, to *connection, p *share, d *bucketDocument, filter bson.D) (bool, error) {
	command := bson.D{{Key: "insert", Value: p.key.collection}}
	if d.exists {
		command = bson.D{{Key: "update", Value: p.key.collection}, {Key: "updates", Value: bson.A{bson.D{
			{Key: "q", Value: filter}, {Key: "u", Value: bson.Raw(d.update(p))},
		}}}}
	} else {
		command = append(command, bson.E{Key: "documents", Value: bson.A{bson.Raw(d.document(p))}})
	}
	command = append(command, bson.E{Key: "writeConcern", Value: to.concern})
	var answer struct {
		N int64 `bson:"n"`
	}
	err := to.database.RunCommand(ctx, command).Decode(&answer)
	failed, ok := errors.AsType[mongo.WriteException](err)
	if ok && !d.exists && failed.WriteConcernError == nil && hasCode(err, duplicateKey) {
		return false, nil // somebody else made it meanwhile
	}
	return answer.N == 1, err
}
