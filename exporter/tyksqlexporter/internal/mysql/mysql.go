package mysql

import (
	"context"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// server is MySQL 5.7 or later, or MariaDB 10.3 or later.
type server struct {
	*stdsql.Server[*stdsql.Table]

	idle int // connections that are kept
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
	db, err := datasource.OpenMySQL(parsed, tls, func(v ...any) { set.Logger.Sugar().Debug(v...) }, func(exec func(string) error) error {
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
	tables := &stdsql.Server[*stdsql.Table]{DB: db, Dialect: dialect, Logger: set.Logger, Catalog: catalog{set.Indexes, parsed.Loc, set.Logger}}
	return &server{Server: tables, idle: set.MaxOpenConns}, nil
}

// Reconnect closes the connections that wait; those in use end with their writes,
// which fail too.
func (s *server) Reconnect() {
	s.DB.SetMaxIdleConns(0)
	s.DB.SetMaxIdleConns(s.idle)
}

func (*server) Classify(err error) (engine.Action, sink.Reason) { return classify(err) }

func (*server) ServerText(err error) string { return serverText(err) }

func (s *server) Connect(ctx context.Context) (engine.Session, error) {
	return stdsql.Connect(ctx, s.Server)
}
