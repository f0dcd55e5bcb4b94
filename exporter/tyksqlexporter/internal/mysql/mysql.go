package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// server is MySQL 5.7 or later, or MariaDB 10.3 or later.
type server struct {
	engine.Cache[*stdsql.Table]

	db      *sql.DB
	idle    int // connections that are kept
	indexes bool
	clock   *time.Location // whose clock the columns of times show
	logger  *zap.Logger
}

// sessionSettings are made on each connection, whatever the datasource or the server's
// default says: values are taken as they are or refused, never changed; the session of
// a machine that is gone ends, with the locks that it holds, after a minute; and none
// waits for locks for longer than the shortest that there is, since whoever comes
// meanwhile waits too. The engine tries again.
var sessionSettings = []string{
	"set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1, " +
		"innodb_lock_wait_timeout = 1, lock_wait_timeout = 1, wait_timeout = 60",
	// A transaction must see what others have committed until each of its statements.
	"set session transaction isolation level read committed",
}

// mysqlIdleTime is when a connection that nobody uses is closed: before the server does.
const mysqlIdleTime = 20 * time.Second

// New connects when it is first used.
func New(set engine.Settings, tls datasource.TLS) (engine.Driver, error) {
	parsed, err := datasource.MySQL(set.Datasource, tls)
	if err != nil {
		return nil, err
	}
	db, err := datasource.OpenMySQL(parsed, tls, set.Logger.Sugar().Debug, func(exec func(string) error) error {
		for _, setting := range sessionSettings {
			if err := exec(setting); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(set.MaxOpenConns)
	db.SetMaxIdleConns(set.MaxOpenConns)
	db.SetConnMaxIdleTime(mysqlIdleTime)
	return &server{db: db, idle: set.MaxOpenConns, indexes: set.Indexes, clock: parsed.Loc, logger: set.Logger}, nil
}

func (s *server) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the connections to MySQL: %w", err)
	}
	return nil
}

// Reconnect closes the connections that wait; those in use end with their writes,
// which fail too.
func (s *server) Reconnect() {
	s.db.SetMaxIdleConns(0)
	s.db.SetMaxIdleConns(s.idle)
}

func (*server) Classify(err error) (engine.Action, sink.Reason) { return classify(err) }

func (*server) ServerText(err error) string { return serverText(err) }

func (s *server) Find(ctx context.Context, shards []layout.Shard) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // only gives it back
	schema := &schema{conn: conn, indexes: s.indexes, clock: s.clock, logger: s.logger}
	found, err := schema.open(ctx, shards)
	if err != nil {
		return err
	}
	s.Add(found)
	return nil
}

func (s *server) Connect(ctx context.Context) (engine.Session, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{stdsql.Session{Conn: conn, Dialect: dialect, Table: s.Need}}, nil
}

// Isolating needs nothing: no constraint is deferred.
func (*server) Isolating() []string { return nil }

func (s *server) Prune(ctx context.Context, table string, age time.Duration, limit int) (int64, error) {
	result, err := s.db.ExecContext(ctx, mysqlPrune, age.Microseconds(), table, len(table)+1, table+"/", limit)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s *server) Relations(ctx context.Context) ([]string, time.Time, error) {
	relations, err := stdsql.Texts(ctx, s.db, `select table_name from information_schema.tables
		where table_schema = database() and table_type = 'BASE TABLE' and table_name regexp '_[0-9]{8}$'`)
	if err != nil {
		return nil, time.Time{}, err
	}
	var seconds int64
	err = s.db.QueryRowContext(ctx, "select unix_timestamp()").Scan(&seconds)
	return relations, time.Unix(seconds, 0), err
}

func (s *server) Columns(ctx context.Context, relation string) ([]layout.FoundColumn, error) {
	return columns(ctx, s.db, relation)
}

func (s *server) Drop(ctx context.Context, relation string) error {
	_, err := s.db.ExecContext(ctx, "drop table if exists "+quote(relation))
	return err
}
