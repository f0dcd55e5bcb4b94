package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// maxRaces is how often a write starts anew at once because another transaction was
// in the way, or stored some of the same records meanwhile.
const maxRaces = 3

// The pauses between attempts that others' locks keep from their tables.
const shortestPause, longestPause = 50 * time.Millisecond, 2 * time.Second

// sleep waits, and tells whether ctx has not ended meanwhile.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause/2 + rand.N(pause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// shardsAtOnce is how many tables are made at once: each takes locks, of which a
// server has a few thousand.
const shardsAtOnce = 30

// ErrRaced says that another process stored some of the same records between the
// look into the ledger and the commit. The next attempt finds them there.
var ErrRaced = errors.New("another process stored some of the same records meanwhile")

// Store writes to a database server.
type Store struct {
	server   Driver
	tables   []layout.Table // all
	sinks    []layout.Table // those of records, as the batch's parts
	calendar layout.Calendar
	ready    atomic.Bool // the current tables were found or made, and did not change since

	evidence   sink.Evidence
	unfinished *sink.Cache[map[push.Identity]sink.Refusal] // what is refused of pushes that are stored in part
}

// enoughFailures is after how many failures in a row, each of which may be a record's
// fault, a push is taken apart.
const enoughFailures = 3

// unfinishedBytes and unfinishedFor bound of how many pushes is remembered what is refused
// of them, some dozens, and for how long.
const (
	unfinishedBytes = 16 << 10
	unfinishedFor   = time.Hour
)

// NewStore stores by way of a driver that was opened with the settings.
func NewStore(s Driver, set Settings) *Store {
	return &Store{
		server: s, tables: set.Tables, sinks: layout.OfRecords(set.Tables), calendar: set.Calendar,
		unfinished: sink.NewCache[map[push.Identity]sink.Refusal](unfinishedBytes, unfinishedFor),
	}
}

// Close ends all connections. Nothing may be called after it.
func (s *Store) Close() error { return s.server.Close() }

// Open finds or makes the tables, unless that was done.
func (s *Store) Open(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	if err := s.extend(ctx, s.calendar.Current(s.tables, time.Now())); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

// Ahead makes the tables of tomorrow, so that no write has to at midnight.
func (s *Store) Ahead(ctx context.Context, now time.Time) error {
	if err := s.Open(ctx); err != nil {
		return err
	}
	return s.extend(ctx, s.calendar.Current(s.tables, now))
}

// extend finds or makes those of the shards that are not known yet.
func (s *Store) extend(ctx context.Context, shards []layout.Shard) error {
	shards = slices.DeleteFunc(shards, s.server.Knows)
	for some := range slices.Chunk(shards, shardsAtOnce) {
		if err := s.server.Find(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// needs is nil, or names those of the shards that are not known yet.
func (s *Store) needs(shards []layout.Shard) error {
	if missing := slices.DeleteFunc(shards, s.server.Knows); len(missing) > 0 {
		return &MissingShards{Shards: missing}
	}
	return nil
}

// daysAtOnce is of how many days one transaction writes tables. Those of a day take
// up to a dozen locks, of which a PostgreSQL with its defaults has some 6400 for all
// transactions together.
const daysAtOnce = 50

// Write stores a batch with its ledger rows: in one transaction, or in several where it
// has records of more days than one transaction can write. It leaves in the batch what
// became of each record. When it fails, what those before the failure have stored is
// in the ledger; the one that failed stored nothing, or it cannot be known whether it
// went through, and the ledger tells the next attempt.
func (s *Store) Write(ctx context.Context, b *push.Batch) error {
	pieces := b.Pieces(s.calendar, daysAtOnce)
	if pieces == nil {
		return s.persist(ctx, &records{b, s})
	}
	b.Refusals = b.Refusals[:0] // each piece has its own
	for _, list := range pieces {
		if err := s.writePiece(ctx, b, list); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) writePiece(ctx context.Context, b *push.Batch, list []int32) error {
	piece := b.Pick(list, s.sinks)
	defer piece.Release()
	if err := s.persist(ctx, &records{piece, s}); err != nil {
		return err
	}
	b.Adopt(piece, list)
	return nil
}

// WriteRollups stores the groups of the batch as Write does records, but for those of
// pushes of which some were stored before in part.
func (s *Store) WriteRollups(ctx context.Context, b *rollups.Batch) error {
	return s.persist(ctx, &groups{b, s})
}

// persist makes attempts, with a rewind before each further one, until one succeeds
// or there is something to wait for.
func (s *Store) persist(ctx context.Context, w work) error {
	for races, pause := 0, shortestPause; ; {
		err := s.Open(ctx)
		if err == nil {
			err = s.apply(ctx, w)
		}
		if err == nil {
			s.settle(w)
			s.unfinished.Delete(w.Key())
			return nil
		}
		if missing, ok := errors.AsType[*MissingShards](err); ok {
			if err = s.extend(ctx, missing.Shards); err == nil {
				w.Rewind()
				continue
			}
		}
		action, _ := s.server.Classify(err)
		again := false
		switch {
		case errors.Is(err, ErrRaced):
			again = races < maxRaces
			races++
		case action == ActionLocked:
			again = sleep(ctx, pause)
			pause = min(2*pause, longestPause)
		}
		if !again {
			s.after(action, err, w)
			return err
		}
		w.Rewind()
	}
}

// after draws the conclusions from an attempt that failed.
func (s *Store) after(action Action, err error, w work) {
	switch action {
	case ActionReconnect:
		s.server.Reconnect()
	case ActionInspect:
		s.ready.Store(false)
		s.server.ForgetAll()
	}
	if action != ActionRefuse && !action.doubtful() && !errors.Is(err, errUnfinished) {
		s.settle(w)
	}
}

// settle forgets how often work failed in a row.
func (s *Store) settle(w work) {
	for _, name := range w.Asked().Sinks {
		s.evidence.Settled(name, w.Key())
	}
}

// Drop drops the tables of days that are older than a number of days at now, each by
// itself, and names them, also when it fails with others. Whose clock is behind, this
// host's or the database's, is believed. What has other columns than ours, an operator
// has made.
func (s *Store) Drop(ctx context.Context, now time.Time, days int) ([]string, error) {
	if err := s.Open(ctx); err != nil {
		return nil, err
	}
	relations, there, err := s.server.Relations(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the tables of days: %w", err)
	}
	if there.Before(now) {
		now = there
	}
	var dropped []string
	var errs []error
	for _, of := range s.calendar.OldShards(s.tables, relations, now, days) {
		found, err := s.server.Columns(ctx, of.Relation())
		if err == nil && !of.Made(found) {
			continue
		}
		if err == nil {
			err = s.server.Drop(ctx, of.Relation())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("drop table %q: %w", of.Relation(), err))
			continue // such as a view of the operator's; the others go all the same
		}
		s.server.Forget(of)
		dropped = append(dropped, of.Relation())
	}
	return dropped, errors.Join(errs...)
}

// Prune deletes ledger rows of the store's own tables that are older than age, of each
// at most limit, and tells how many, and whether there may be more.
func (s *Store) Prune(ctx context.Context, age time.Duration, limit int) (n int64, more bool, err error) {
	if err := s.Open(ctx); err != nil {
		return 0, false, err
	}
	for _, table := range s.tables {
		of, err := s.server.Prune(ctx, table.Name, age, limit)
		if err != nil {
			return n, false, fmt.Errorf("delete old rows of %s: %w", push.LedgerTable, err)
		}
		n, more = n+of, more || of >= int64(limit)
	}
	return n, more, nil
}
