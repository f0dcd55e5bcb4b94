package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
)

// maxRaces is how often a write starts anew at once because another transaction was
// in the way, or stored some of the same records meanwhile.
const maxRaces = 3

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
}

// NewStore stores by way of a driver that was opened with the settings.
func NewStore(s Driver, set Settings) *Store {
	return &Store{server: s, tables: set.Tables, sinks: layout.OfRecords(set.Tables), calendar: set.Calendar}
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
		return s.writeOne(ctx, b)
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
	if err := s.writeOne(ctx, piece); err != nil {
		return err
	}
	b.Adopt(piece, list)
	return nil
}

func (s *Store) writeOne(ctx context.Context, b *push.Batch) error {
	return s.persist(ctx, func() error { return s.apply(ctx, b) }, b.Rewind)
}

// persist makes attempts, with a rewind before each further one, until one succeeds
// or there is something to wait for.
func (s *Store) persist(ctx context.Context, apply func() error, rewind func()) error {
	for races := 0; ; {
		err := s.Open(ctx)
		if err == nil {
			err = apply()
		}
		if err == nil {
			return nil
		}
		if missing, ok := errors.AsType[*MissingShards](err); ok {
			err = s.extend(ctx, missing.Shards)
			if err == nil {
				rewind()
				continue
			}
		}
		action, _ := s.server.Classify(err)
		if (action == ActionAgain || errors.Is(err, ErrRaced)) && races < maxRaces {
			races++
			rewind()
			continue
		}
		switch action {
		case ActionReconnect:
			s.server.Reconnect()
		case ActionInspect:
			s.ready.Store(false)
			s.server.ForgetAll()
		case ActionRetry, ActionAgain, ActionRefuse:
		}
		return err
	}
}

// apply makes one attempt.
func (s *Store) apply(ctx context.Context, b *push.Batch) error {
	session, err := s.server.Connect(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer session.Release(ctx)
	tx := &transaction{store: s, session: session, batch: b}
	if err := tx.begin(ctx); err != nil {
		return err
	}
	refused, err := tx.send(ctx)
	if action, _ := s.server.Classify(err); err != nil && action == ActionRefuse {
		err = tx.isolate(ctx, refused)
	}
	if err != nil {
		return err
	}
	if err := tx.record(ctx); err != nil {
		return err
	}
	return session.Commit(ctx)
}

// Drop drops old tables, each by itself.
func (s *Store) Drop(ctx context.Context, now time.Time, days int) ([]string, error) {
	if err := s.Open(ctx); err != nil {
		return nil, err
	}
	relations, err := s.server.Relations(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the tables of days: %w", err)
	}
	var dropped []string
	var errs []error
	for _, of := range s.calendar.OldShards(s.tables, relations, now, days) {
		if err := s.server.Drop(ctx, of.Relation()); err != nil {
			errs = append(errs, fmt.Errorf("drop table %q: %w", of.Relation(), err))
			continue // such as a view of the operator's; the others go all the same
		}
		s.server.Forget(of)
		dropped = append(dropped, of.Relation())
	}
	return dropped, errors.Join(errs...)
}

// Prune deletes ledger rows older than age, at most limit, and tells how many.
func (s *Store) Prune(ctx context.Context, age time.Duration, limit int) (int64, error) {
	if err := s.Open(ctx); err != nil {
		return 0, err
	}
	n, err := s.server.Prune(ctx, age, limit)
	if err != nil {
		return 0, fmt.Errorf("delete old rows of %s: %w", push.LedgerTable, err)
	}
	return n, nil
}
