package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// server is PostgreSQL 12 or later.
type server struct {
	engine.Cache[*table]

	pool    *pgxpool.Pool
	indexes bool
	logger  *zap.Logger
	ledger  atomic.Pointer[ledgerStatements] // nil until the tables were found first
}

// New connects when it is first used.
func New(set engine.Settings, simpleProtocol bool) (engine.Driver, error) {
	config, err := datasource.Postgres(set.Datasource, "otelcol-tyk", simpleProtocol)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(min(set.MaxOpenConns, 1<<20)) //nolint:gosec // bounded
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("set up the connection pool: %w", err)
	}
	return &server{pool: pool, indexes: set.Indexes, logger: set.Logger}, nil
}

func (s *server) Close() error {
	s.pool.Close()
	return nil
}

func (s *server) Reconnect() { s.pool.Reset() }

func (*server) Classify(err error) (engine.Action, sink.Reason) { return classify(err) }

// ServerText leaves out the server's details, which would quote the record.
func (*server) ServerText(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Message + " (SQLSTATE " + pgErr.Code + ")"
	}
	return err.Error()
}

func (s *server) Find(ctx context.Context, shards []layout.Shard) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", datasource.LastCauseFirst(err))
	}
	defer conn.Release()
	found, err := openTables(ctx, conn.Conn(), shards, s.ledger.Load(), s.indexes, s.logger)
	if err != nil {
		return err
	}
	s.ledger.CompareAndSwap(nil, newLedger(found.home)) // which stays, wherever tables are found
	s.Add(found.known)
	return nil
}

func (s *server) Connect(ctx context.Context) (engine.Session, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, datasource.LastCauseFirst(err)
	}
	return &session{pooled: conn, server: s, ledger: s.ledger.Load()}, nil
}

// Isolating has deferred constraints speak of the statement that violates them.
func (*server) Isolating() []string { return []string{"set constraints all immediate"} }

func (s *server) Prune(ctx context.Context, table string, age time.Duration, limit int) (int64, error) {
	tag, err := s.pool.Exec(ctx, s.ledger.Load().prune, age.Seconds(), limit, table, table+"/")
	return tag.RowsAffected(), err
}

func (s *server) Relations(ctx context.Context) ([]string, time.Time, error) {
	var names []string
	var now time.Time
	err := s.pool.QueryRow(ctx, `select coalesce(array_agg(relname::text), '{}'), now() from pg_class
		where relkind in ('r', 'p') and pg_table_is_visible(oid) and relname ~ '_[0-9]{8}$'`).Scan(&names, &now)
	return names, now, err
}

func (s *server) Columns(ctx context.Context, relation string) ([]layout.FoundColumn, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, datasource.LastCauseFirst(err)
	}
	defer conn.Release()
	return findColumns(ctx, conn.Conn(), pgx.Identifier{relation})
}

func (s *server) Drop(ctx context.Context, relation string) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local lock_timeout = '"+tablePatience+"'"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "drop table if exists "+pgx.Identifier{relation}.Sanitize())
		return err
	})
}

// tablePatience is for how long the making or dropping of a table waits for those who
// use it: whoever comes meanwhile waits too. It is tried again later.
const tablePatience = "500ms"
