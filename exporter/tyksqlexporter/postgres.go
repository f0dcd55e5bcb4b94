package tyksqlexporter

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

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// postgresServer is PostgreSQL 12 or later.
type postgresServer struct {
	memory[*postgresTable]

	pool    *pgxpool.Pool
	indexes bool
	logger  *zap.Logger
	first   table                          // of those that are written
	ledger  atomic.Pointer[postgresLedger] // beside the first table; nil until that was found
}

// errPostgresDatasource does not pass on what the parser says, which may hold the password.
var errPostgresDatasource = errors.New("datasource: the value (not shown, it may hold a password) is not a PostgreSQL DSN such as " +
	`"host=localhost dbname=tyk_analytics user=tyk" nor a URL such as "postgres://tyk@localhost/tyk_analytics"`)

// validatePostgres refuses a datasource that could not work.
func validatePostgres(datasource string) error {
	if _, err := pgxpool.ParseConfig(datasource); err != nil {
		return errPostgresDatasource
	}
	return nil
}

// newPostgresServer connects when it is first used.
func newPostgresServer(set settings, simpleProtocol bool) (server, error) {
	pool, err := pgxpool.ParseConfig(set.datasource)
	if err != nil {
		return nil, errPostgresDatasource
	}
	pool.MaxConns = int32(min(set.maxOpenConns, 1<<20)) //nolint:gosec // bounded
	// Statements without a name work behind PgBouncer too, when it pools transactions.
	pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	if simpleProtocol {
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
	return &postgresServer{pool: opened, first: set.tables[0], indexes: set.indexes, logger: set.logger}, nil
}

func (s *postgresServer) close() error {
	s.pool.Close()
	return nil
}

func (s *postgresServer) reconnect() { s.pool.Reset() }

func (*postgresServer) classify(err error) (action, sink.Reason) { return classifyPostgres(err) }

// serverText leaves out the server's details, which would quote the record.
func (*postgresServer) serverText(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Message + " (SQLSTATE " + pgErr.Code + ")"
	}
	return err.Error()
}

func (s *postgresServer) find(ctx context.Context, shards []shard) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Release()
	found, err := openPostgresTables(ctx, conn.Conn(), shards, s.indexes, s.logger)
	if err != nil {
		return err
	}
	if shards[0].table == s.first {
		s.ledger.Store(newPostgresLedger(found.home))
	}
	s.add(found.known)
	return nil
}

func (s *postgresServer) connect(ctx context.Context) (session, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &postgresSession{pooled: conn, server: s, ledger: s.ledger.Load()}, nil
}

func (s *postgresServer) prune(ctx context.Context, age time.Duration, limit int) (int64, error) {
	tag, err := s.pool.Exec(ctx, s.ledger.Load().prune, age.Seconds(), limit)
	return tag.RowsAffected(), err
}

func (s *postgresServer) relations(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, `select relname::text from pg_class
		where relkind in ('r', 'p') and pg_table_is_visible(oid) and relname ~ '_[0-9]{8}$'`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (s *postgresServer) drop(ctx context.Context, relation string) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf("set local lock_timeout = '%ds'", dropPatience)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "drop table if exists "+pgx.Identifier{relation}.Sanitize())
		return err
	})
}
