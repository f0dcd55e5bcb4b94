package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// maxRaces is how often a write starts anew at once because another transaction was
// in the way, or stored some of the same records meanwhile.
const maxRaces = 3

// shardsAtOnce is how many tables are made at once: each takes locks, of which a
// server has a few thousand.
const shardsAtOnce = 30

// errRaced says that another process stored some of the same records between the
// look into the ledger and the commit. The next attempt finds them there.
var errRaced = errors.New("another process stored some of the same records meanwhile")

// settings are what a database is opened with.
type settings struct {
	datasource   string
	maxOpenConns int
	indexes      bool          // tables that hold many days get indexes when they are made
	timeout      time.Duration // of one attempt to write; 0 is no bound
	tables       []table
	calendar     calendar
	logger       *zap.Logger
}

// server is a database server behind a pool of connections, and what is known of
// its tables. Its methods may be called from several goroutines.
type server interface {
	// find finds the shards' tables, or makes what is missing, and remembers them.
	find(ctx context.Context, shards []shard) error
	// knows tells whether a shard's table was found and not forgotten since.
	knows(of shard) bool
	// forget lets go of what is known of a shard's table.
	forget(of shard)
	// forgetAll lets go of all that is known.
	forgetAll()
	// connect takes a connection from the pool.
	connect(ctx context.Context) (session, error)
	// reconnect has all connections replaced that exist now.
	reconnect()
	// classify judges an error of the server.
	classify(err error) (action, sink.Reason)
	// serverText is what the server says about a refused record, without what the
	// record holds.
	serverText(err error) string
	// relations lists the tables whose names may end in a day.
	relations(ctx context.Context) ([]string, error)
	// drop drops a table, unless others keep it from that for longer than a moment.
	drop(ctx context.Context, relation string) error
	// prune deletes ledger rows older than age, at most limit, and tells how many.
	prune(ctx context.Context, age time.Duration, limit int) (int64, error)
	close() error
}

// session is one connection. One goroutine uses it at a time.
type session interface {
	// begin opens a transaction that sees what others have committed until each of
	// its statements, and gives for each sink the ledger's rows that may hold records
	// of the segments.
	begin(ctx context.Context, sinks []string, segments []segment) ([][]span, error)
	// send writes a portion, wholly or not at all. Where the server refuses a record,
	// it gives the place in the list that the server names, or -1.
	send(ctx context.Context, p portion) (int, error)
	// add adds rows of rollups to those of the same ids, or inserts them, wholly or not
	// at all.
	add(ctx context.Context, p rollupPortion) error
	// exec runs statements without a result.
	exec(ctx context.Context, statements ...string) error
	// record takes the locks with the keys until the end of the transaction, gives
	// for each entry the ledger's rows as begin does, and writes the entries' own.
	record(ctx context.Context, keys []int64, entries []ledgerEntry, segments []segment) ([][]span, error)
	commit(ctx context.Context) error
	// closed tells that the connection is lost.
	closed() bool
	// release gives the connection back, and rolls back what it has not committed.
	release(ctx context.Context)
}

// ledgerEntry is what a transaction stored of a sink.
type ledgerEntry struct {
	sink  string
	spans []span
}

// memory is what a server knows of its tables, by relation.
type memory[T any] struct {
	mu    sync.RWMutex // guards known
	known map[string]T
}

func (m *memory[T]) get(of shard) (T, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t, ok := m.known[of.relation()]
	return t, ok
}

func (m *memory[T]) knows(of shard) bool {
	_, ok := m.get(of)
	return ok
}

func (m *memory[T]) add(found map[string]T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = make(map[string]T, len(found))
	}
	maps.Copy(m.known, found)
}

func (m *memory[T]) forget(of shard) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, of.relation())
}

func (m *memory[T]) forgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = nil
}

// serverStore writes to a database server.
type serverStore struct {
	server   server
	tables   []table // all
	sinks    []table // those of records, as the batch's parts
	calendar calendar
	ready    atomic.Bool // the current tables were found or made, and did not change since
}

func newServerStore(s server, set settings) *serverStore {
	return &serverStore{server: s, tables: set.tables, sinks: ofRecords(set.tables), calendar: set.calendar}
}

func (s *serverStore) close() error { return s.server.close() }

// open finds or makes the tables, unless that was done.
func (s *serverStore) open(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	if err := s.extend(ctx, s.calendar.current(s.tables, time.Now())); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

// ahead makes the tables of tomorrow, so that no write has to at midnight.
func (s *serverStore) ahead(ctx context.Context, now time.Time) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.extend(ctx, s.calendar.current(s.tables, now))
}

// extend finds or makes those of the shards that are not known yet.
func (s *serverStore) extend(ctx context.Context, shards []shard) error {
	shards = slices.DeleteFunc(shards, s.server.knows)
	for some := range slices.Chunk(shards, shardsAtOnce) {
		if err := s.server.find(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// daysAtOnce is of how many days one transaction writes tables. Those of a day take
// up to a dozen locks, of which a PostgreSQL with its defaults has some 6400 for all
// transactions together.
const daysAtOnce = 50

// write stores a batch with its ledger rows: in one transaction, or in several where it
// has records of more days than one transaction can write. It leaves in the batch what
// became of each record. When it fails, what those before the failure have stored is
// in the ledger; the one that failed stored nothing, or it cannot be known whether it
// went through, and the ledger tells the next attempt.
func (s *serverStore) write(ctx context.Context, b *batch) error {
	pieces := b.pieces(s.calendar, daysAtOnce)
	if pieces == nil {
		return s.writeOne(ctx, b)
	}
	b.refusals = b.refusals[:0] // each piece has its own
	for _, list := range pieces {
		if err := s.writePiece(ctx, b, list); err != nil {
			return err
		}
	}
	return nil
}

func (s *serverStore) writePiece(ctx context.Context, b *batch, list []int32) error {
	piece := b.pick(list, s.sinks)
	defer piece.release()
	if err := s.writeOne(ctx, piece); err != nil {
		return err
	}
	b.adopt(piece, list)
	return nil
}

func (s *serverStore) writeOne(ctx context.Context, b *batch) error {
	return s.persist(ctx, func() error { return s.apply(ctx, b) }, b.rewind)
}

// persist makes attempts, with a rewind before each further one, until one succeeds
// or there is something to wait for.
func (s *serverStore) persist(ctx context.Context, apply func() error, rewind func()) error {
	for races := 0; ; {
		err := s.open(ctx)
		if err == nil {
			err = apply()
		}
		if err == nil {
			return nil
		}
		if missing, ok := errors.AsType[*missingShards](err); ok {
			err = s.extend(ctx, missing.shards)
			if err == nil {
				rewind()
				continue
			}
		}
		action, _ := s.server.classify(err)
		if (action == actionAgain || errors.Is(err, errRaced)) && races < maxRaces {
			races++
			rewind()
			continue
		}
		switch action {
		case actionReconnect:
			s.server.reconnect()
		case actionInspect:
			s.ready.Store(false)
			s.server.forgetAll()
		case actionRetry, actionAgain, actionRefuse:
		}
		return err
	}
}

// apply makes one attempt.
func (s *serverStore) apply(ctx context.Context, b *batch) error {
	session, err := s.server.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer session.release(ctx)
	tx := &transaction{store: s, session: session, batch: b}
	if err := tx.begin(ctx); err != nil {
		return err
	}
	refused, err := tx.send(ctx)
	if action, _ := s.server.classify(err); err != nil && action == actionRefuse {
		err = tx.isolate(ctx, refused)
	}
	if err != nil {
		return err
	}
	if err := tx.record(ctx); err != nil {
		return err
	}
	return session.commit(ctx)
}

// drop drops old tables, each by itself.
func (s *serverStore) drop(ctx context.Context, now time.Time, days int) ([]string, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	relations, err := s.server.relations(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the tables of days: %w", err)
	}
	var dropped []string
	var errs []error
	for _, of := range s.calendar.oldShards(s.tables, relations, now, days) {
		if err := s.server.drop(ctx, of.relation()); err != nil {
			errs = append(errs, fmt.Errorf("drop table %q: %w", of.relation(), err))
			continue // such as a view of the operator's; the others go all the same
		}
		s.server.forget(of)
		dropped = append(dropped, of.relation())
	}
	return dropped, errors.Join(errs...)
}

func (s *serverStore) prune(ctx context.Context, age time.Duration, limit int) (int64, error) {
	if err := s.open(ctx); err != nil {
		return 0, err
	}
	n, err := s.server.prune(ctx, age, limit)
	if err != nil {
		return 0, fmt.Errorf("delete old rows of %s: %w", ledgerTable, err)
	}
	return n, nil
}
