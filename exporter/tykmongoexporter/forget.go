package tykmongoexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/zap"
)

// Documents of rollups are forgotten to remember what they count once nobody wrote them
// for the retention: no delivery takes that long, and the memory would stay in the
// database for as long as the rollups do.

// forgetInterval is how often documents are looked for; an hour's documents age together.
const forgetInterval = time.Hour

// forgetTimeout bounds one look, so that the end of the process waits for none.
const forgetTimeout = 5 * time.Minute

// aging is which buckets may have documents with a memory. All are looked at at the
// start, and once more when what was written before it is old; between and after that,
// those since the last look, and those that this process wrote late.
type aging struct {
	mu    sync.Mutex // guards the fields below
	from  time.Time  // what is before was looked at
	again time.Time  // when all are looked at once more
	late  time.Time  // the first bucket that was written after it was looked at, zero for none
	last  time.Time  // when that was
}

// wrote books a write to a bucket.
func (a *aging) wrote(bucket, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !bucket.Before(a.from) {
		return
	}
	if a.late.IsZero() || bucket.Before(a.late) {
		a.late = bucket
	}
	a.last = now
}

// since gives the first bucket that is to be looked at.
func (a *aging) since(now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !a.again.IsZero() && !now.Before(a.again):
		return time.Time{}
	case !a.late.IsZero():
		return a.late
	}
	return a.from
}

// looked books that at a time all that was older than the retention was looked at.
func (a *aging) looked(now time.Time, retention time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.from.IsZero():
		a.again = now.Add(retention)
	case !a.again.IsZero() && !now.Before(a.again):
		a.again = time.Time{}
	}
	a.from = now.Add(-retention)
	if a.last.Before(a.from) {
		a.late = time.Time{}
	}
}

// keepForgetting looks for documents at once and then again and again, until ctx ends.
func (s *mongoStore) keepForgetting(ctx context.Context) {
	ticker := time.NewTicker(forgetInterval)
	defer ticker.Stop()
	for {
		looking, cancel := context.WithTimeout(ctx, forgetTimeout)
		if err := s.forget(looking, time.Now()); err != nil && ctx.Err() == nil {
			s.logger.Info("cannot forget yet what old documents of rollups count; it is tried again", zap.Error(err))
		}
		cancel()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// forget takes the memory out of the documents that nobody wrote for the retention.
func (s *mongoStore) forget(ctx context.Context, now time.Time) error {
	to, err := s.connect(ctx)
	if err != nil {
		return err
	}
	names, err := to.database.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return fmt.Errorf("list collections: %w", err)
	}
	until := now.Add(-s.config.Retention)
	old := bson.D{{Key: "$lt", Value: bson.NewDateTimeFromTime(until)}}
	filter := bson.D{
		{Key: "timestamp", Value: bson.D{{Key: "$gte", Value: bson.NewDateTimeFromTime(s.aging.since(now))}, old[0]}},
		{Key: appliedField, Value: bson.D{{Key: "$exists", Value: true}}},
		{Key: "$or", Value: bson.A{ // those that were written before there was the field have the age of their bucket
			bson.D{{Key: writtenField, Value: old}},
			bson.D{{Key: writtenField, Value: bson.D{{Key: "$exists", Value: false}}}},
		}},
	}
	// Whoever knows the document otherwise meets another revision, and reads it anew.
	update := bson.D{
		{Key: "$unset", Value: bson.D{{Key: appliedField, Value: ""}}},
		{Key: "$inc", Value: bson.D{{Key: revisionField, Value: int64(1)}}},
	}
	var errs []error
	for _, name := range names {
		if !s.counts(name) {
			continue
		}
		if _, err := to.database.Collection(name).UpdateMany(ctx, filter, update); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(errs) == 0 {
		s.aging.looked(now, s.config.Retention)
	}
	return errors.Join(errs...)
}

// counts tells whether a collection may hold rollups that this exporter writes.
func (s *mongoStore) counts(name string) bool {
	return slices.ContainsFunc(s.kinds, func(k *collectionKind) bool {
		return k.form == formAggregate &&
			(strings.HasPrefix(name, k.setting(&s.config.Collections).Name) || name == k.mixed(&s.config.Collections))
	})
}
