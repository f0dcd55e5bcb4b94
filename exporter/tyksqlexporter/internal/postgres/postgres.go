package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// server is PostgreSQL 12 or later.
type server struct {
	*stdsql.Server[*table] // over the pool

	pool   *pgxpool.Pool
	ledger atomic.Pointer[ledgerStatements] // nil until the tables were found first
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
	db := sql.OpenDB(datasource.Clear{Connector: stdlib.GetPoolConnector(pool)})
	db.SetMaxIdleConns(0) // they are the pool's
	s := &server{pool: pool}
	s.Server = &stdsql.Server[*table]{DB: db, Dialect: dialect, Logger: set.Logger, Catalog: &catalog{set.Indexes, &s.ledger}}
	return s, nil
}

func (s *server) Close() error {
	defer s.pool.Close()
	return s.Server.Close()
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

func (s *server) Connect(ctx context.Context) (engine.Session, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, datasource.LastCauseFirst(err)
	}
	return &session{pooled: conn, server: s, ledger: s.ledger.Load()}, nil
}

func (s *server) Columns(ctx context.Context, relation string) ([]layout.FoundColumn, error) {
	return s.Server.Columns(ctx, quote(relation))
}
