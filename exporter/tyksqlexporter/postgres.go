package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
)

// maxRaces is how often a write starts anew at once because another process
// stored some of the same records meanwhile.
const maxRaces = 3

// shardsAtOnce is how many tables one transaction makes: each takes locks, of which
// a server has a few thousand.
const shardsAtOnce = 30

// errRaced says that another process stored some of the same records between the
// look into the ledger and the commit. The next attempt finds them there.
var errRaced = errors.New("another process stored some of the same records meanwhile")

// postgresStore writes to PostgreSQL 12 or later.
type postgresStore struct {
	pool     *pgxpool.Pool
	wanted   []table
	calendar calendar
	indexes  bool
	logger   *zap.Logger
	// tables is nil until the tables were found or made, and again when a write
	// shows that they have changed.
	tables atomic.Pointer[postgresTables]
}

func newPostgresStore(config *Config, logger *zap.Logger) (*postgresStore, error) {
	pool, err := pgxpool.ParseConfig(string(config.Datasource))
	if err != nil {
		return nil, config.validateDatasource() // which says so without showing the value
	}
	pool.MaxConns = int32(min(config.MaxOpenConns, 1<<20)) //nolint:gosec // bounded
	// Statements without a name work behind PgBouncer too, when it pools transactions.
	pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	if config.Postgres.PreferSimpleProtocol {
		pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	params := pool.ConnConfig.RuntimeParams
	params["client_encoding"] = "UTF8" // what rows are encoded in, whatever the database's own encoding
	if params["application_name"] == "" {
		params["application_name"] = "otelcol-tyk"
	}
	opened, err := pgxpool.NewWithConfig(context.Background(), pool) // connects when first used
	if err != nil {
		return nil, fmt.Errorf("set up the connection pool: %w", err)
	}
	return &postgresStore{pool: opened, wanted: config.enabledTables(), calendar: config.calendar(), indexes: config.Indexes, logger: logger}, nil
}

func (s *postgresStore) close() error {
	s.pool.Close()
	return nil
}

func (s *postgresStore) open(ctx context.Context) error {
	_, err := s.prepared(ctx)
	return err
}

// prepared gives what is known of the tables, and finds or makes them first where
// nothing is.
func (s *postgresStore) prepared(ctx context.Context) (*postgresTables, error) {
	if tables := s.tables.Load(); tables != nil {
		return tables, nil
	}
	tables, err := s.find(ctx, s.calendar.current(s.wanted, time.Now()))
	if err != nil {
		return nil, err
	}
	tables.sinks = s.wanted
	s.tables.Store(tables)
	return tables, nil
}

// find finds or makes shards.
func (s *postgresStore) find(ctx context.Context, shards []shard) (*postgresTables, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer conn.Release()
	return openPostgresTables(ctx, conn.Conn(), shards, s.indexes, s.logger)
}

// ahead makes the tables of tomorrow, so that no write has to at midnight.
func (s *postgresStore) ahead(ctx context.Context, now time.Time) error {
	tables, err := s.prepared(ctx)
	if err != nil {
		return err
	}
	return s.extend(ctx, tables, s.calendar.current(s.wanted, now))
}

// extend finds or makes those of the shards that are not known yet.
func (s *postgresStore) extend(ctx context.Context, tables *postgresTables, shards []shard) error {
	shards = slices.DeleteFunc(shards, func(of shard) bool { return tables.get(of) != nil })
	for some := range slices.Chunk(shards, shardsAtOnce) {
		found, err := s.find(ctx, some)
		if err != nil {
			return err
		}
		tables.add(found)
	}
	return nil
}

func (s *postgresStore) write(ctx context.Context, b *batch) error {
	for races := 0; ; {
		tables, err := s.prepared(ctx)
		if err == nil {
			err = s.apply(ctx, tables, b)
		}
		if err == nil {
			return nil
		}
		if missing, ok := errors.AsType[*missingShards](err); ok {
			err = s.extend(ctx, tables, missing.shards)
			if err == nil {
				b.rewind()
				continue
			}
		}
		if errors.Is(err, errRaced) && races < maxRaces {
			races++
			b.rewind()
			continue
		}
		switch action, _ := classifyPostgres(err); action {
		case actionReconnect:
			s.pool.Reset()
		case actionInspect:
			s.tables.Store(nil)
		case actionRetry, actionRefuse:
		}
		return err
	}
}

// apply makes one attempt. A batch whose records the database takes, which nearly
// all are, costs four round trips: begin and ledger, COPY, ledger, commit; one more
// for each further table that gets records.
func (s *postgresStore) apply(ctx context.Context, tables *postgresTables, b *batch) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Release() // which closes a connection with an open transaction
	tx := &postgresWrite{conn: conn.Conn(), tables: tables, batch: b, calendar: s.calendar}
	if err := tx.begin(ctx); err != nil {
		return err
	}
	refused, err := tx.store(ctx)
	if action, _ := classifyPostgres(err); err != nil && action == actionRefuse {
		err = tx.isolate(ctx, refused)
	}
	if err != nil {
		return err
	}
	if err := tx.record(ctx); err != nil {
		return err
	}
	return tx.commit(ctx)
}

func (s *postgresStore) prune(ctx context.Context, age time.Duration, limit int) (int64, error) {
	tables, err := s.prepared(ctx)
	if err != nil {
		return 0, err
	}
	tag, err := s.pool.Exec(ctx, tables.prune, age.Seconds(), limit)
	if err != nil {
		return 0, fmt.Errorf("delete old rows of %s: %w", tables.ledger, err)
	}
	return tag.RowsAffected(), nil
}
