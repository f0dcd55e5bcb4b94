package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// server is MySQL 5.7 or later, or MariaDB 10.3 or later.
type server struct {
	engine.Memory[*table]

	db      *sql.DB
	idle    int // connections that are kept
	indexes bool
	clock   *time.Location // whose clock the columns of times show
	logger  *zap.Logger
}

// sessionSettings are made on each connection, whatever the datasource or the server's
// default says: values are taken as they are or refused, never changed; the session of
// a machine that is gone ends, with the locks that it holds, after a minute; and none
// waits for locks for longer than an attempt to write lasts, since the server does not
// notice when a client that waits gives up.
func sessionSettings(timeout time.Duration) []string {
	const longest = 10 * time.Second
	wait := longest
	if timeout > 0 {
		wait = min(max(timeout/2, time.Second), longest)
	}
	seconds := int(wait.Seconds())
	return []string{
		"set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1, " +
			fmt.Sprintf("innodb_lock_wait_timeout = %d, lock_wait_timeout = %d, wait_timeout = 60", seconds, seconds),
		// A transaction must see what others have committed until each of its statements.
		"set session transaction isolation level read committed",
	}
}

// mysqlIdleTime is when a connection that nobody uses is closed: before the server does.
const mysqlIdleTime = 20 * time.Second

// New connects when it is first used.
func New(set engine.Settings, tls TLS) (engine.Driver, error) {
	parsed, err := driverConfig(set, tls)
	if err != nil {
		return nil, err
	}
	if tls.HasValue() {
		if parsed.TLS, err = tls.Get().LoadTLSConfig(context.Background()); err != nil {
			return nil, fmt.Errorf("mysql::tls: %w", err)
		}
	}
	connector, err := mysql.NewConnector(parsed)
	if err != nil {
		return nil, errDatasource
	}
	s := &server{
		db: sql.OpenDB(&settingConnector{Connector: connector, settings: sessionSettings(set.Timeout)}), idle: set.MaxOpenConns,
		indexes: set.Indexes, clock: parsed.Loc, logger: set.Logger,
	}
	s.db.SetMaxOpenConns(set.MaxOpenConns)
	s.db.SetMaxIdleConns(s.idle)
	s.db.SetConnMaxIdleTime(mysqlIdleTime)
	return s, nil
}

// settingConnector opens connections with the settings.
type settingConnector struct {
	driver.Connector

	settings []string
}

// Connect opens a connection.
func (c *settingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	execer, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("the MySQL driver cannot execute statements"), conn.Close())
	}
	for _, setting := range c.settings {
		if _, err := execer.ExecContext(ctx, setting, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", setting, err), conn.Close())
		}
	}
	return conn, nil
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
	schema := &schema{conn: conn, indexes: s.indexes, logger: s.logger}
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
	return &session{conn: conn, server: s}, nil
}

func (s *server) Prune(ctx context.Context, age time.Duration, limit int) (int64, error) {
	result, err := s.db.ExecContext(ctx, mysqlPrune, age.Microseconds(), limit)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s *server) Relations(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, `select table_name from information_schema.tables
		where table_schema = database() and table_type = 'BASE TABLE' and table_name regexp '_[0-9]{8}$'`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	var relations []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		relations = append(relations, name)
	}
	return relations, rows.Err()
}

func (s *server) Drop(ctx context.Context, relation string) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer engine.Discard(conn) // its patience is not that of others
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("set session lock_wait_timeout = %d", engine.DropPatience)); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "drop table if exists "+quote(relation))
	return err
}
