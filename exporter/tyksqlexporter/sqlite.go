package tyksqlexporter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// sqlitePatience is how long a write waits for another process' write before that
// is reported. SQLite itself waits only a little at a time, since it does not
// look at the context meanwhile.
const sqlitePatience = 5 * time.Second

// sqlitePragmas are set on each connection. Readers are never in the way (WAL); a
// commit is on disk when it returns.
var sqlitePragmas = []string{
	"pragma busy_timeout = 100",
	"pragma journal_mode = wal",
	"pragma synchronous = full",
}

// sqliteServer is an SQLite file behind one connection: SQLite has one writer at a
// time anyway.
type sqliteServer struct {
	memory[*sqliteTable]

	db         *sql.DB
	indexes    bool
	datasource string
}

// validateSQLite refuses a datasource that is meant for another database.
func validateSQLite(datasource string) error {
	if strings.HasPrefix(datasource, "postgres://") || strings.HasPrefix(datasource, "postgresql://") ||
		strings.Contains(datasource, "host=") {
		return errors.New("datasource: the value (not shown, it may hold a password) is meant for PostgreSQL, but driver is \"sqlite\": set driver: postgres")
	}
	if strings.Contains(datasource, "@tcp(") || strings.Contains(datasource, "@unix(") {
		return errors.New("datasource: the value (not shown, it may hold a password) is meant for MySQL, but driver is \"sqlite\": set driver: mysql")
	}
	return nil
}

// newSQLiteServer opens the file when it is first used.
func newSQLiteServer(set settings) server {
	db := sql.OpenDB(&sqliteConnector{driver: &sqlite.Driver{}, datasource: set.datasource})
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1) // kept for ever: a database in memory lives as long as its connection
	return &sqliteServer{db: db, datasource: set.datasource, indexes: set.indexes}
}

// sqliteConnector opens connections with the pragmas.
type sqliteConnector struct {
	driver     *sqlite.Driver
	datasource string
}

func (c *sqliteConnector) Driver() driver.Driver { return c.driver }

func (c *sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.datasource)
	if err != nil {
		return nil, err
	}
	execer, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot execute statements"), conn.Close())
	}
	for _, pragma := range sqlitePragmas {
		if _, err := execer.ExecContext(ctx, pragma, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", pragma, err), conn.Close())
		}
	}
	return conn, nil
}

// sqliteFile is the path in a datasource, empty for a database in memory.
func sqliteFile(datasource string) string {
	if strings.Contains(datasource, ":memory:") || strings.Contains(datasource, "mode=memory") {
		return ""
	}
	if !strings.HasPrefix(datasource, "file:") {
		path, _, _ := strings.Cut(datasource, "?")
		return path
	}
	uri, err := url.Parse(datasource)
	if err != nil {
		return ""
	}
	if uri.Opaque != "" { // file:name.db
		path, err := url.PathUnescape(uri.Opaque)
		if err != nil {
			return uri.Opaque
		}
		return path
	}
	return uri.Path
}

func (s *sqliteServer) close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the SQLite database: %w", err)
	}
	return nil
}

func (*sqliteServer) reconnect() {} // a file stays where it is

func (*sqliteServer) classify(err error) (action, sink.Reason) { return classifySQLite(err) }

func (*sqliteServer) serverText(err error) string { return err.Error() }

// find makes the file's directory and the tables where they are missing.
func (s *sqliteServer) find(ctx context.Context, shards []shard) error {
	if file := sqliteFile(s.datasource); file != "" {
		const onlyOwnerAndGroup = 0o750
		if err := os.MkdirAll(filepath.Dir(file), onlyOwnerAndGroup); err != nil {
			return schemaErrorf("datasource: the directory of the SQLite file cannot be made: %v: make it, or give another path", err)
		}
	}
	tables := make(map[string]*sqliteTable, len(shards))
	for _, of := range shards {
		tables[of.relation()] = newSQLiteTable(of, s.indexes)
	}
	err := s.transact(ctx, func(conn *sql.Conn) error { return openSQLiteTables(ctx, conn, tables) })
	if err == nil {
		s.add(tables)
	}
	return err
}

// transact runs do in a transaction that may write from its beginning, so that
// what do reads cannot be outdated when it writes.
func (s *sqliteServer) transact(ctx context.Context, do func(*sql.Conn) error) error {
	session, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer session.release(ctx)
	if err := session.start(ctx); err != nil {
		return err
	}
	if err := do(session.conn); err != nil {
		return err
	}
	return session.commit(ctx)
}

// open waits for its turn.
func (s *sqliteServer) open(ctx context.Context) (*sqliteSession, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the SQLite database: %w", err)
	}
	return &sqliteSession{conn: conn, server: s}, nil
}

func (s *sqliteServer) connect(ctx context.Context) (session, error) { return s.open(ctx) }

func (s *sqliteServer) relations(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, "select name from sqlite_master where type = 'table'")
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

func (s *sqliteServer) drop(ctx context.Context, relation string) error {
	return s.transact(ctx, func(conn *sql.Conn) error {
		return execEach(ctx, conn, "drop table if exists "+quoteSQLite(relation))
	})
}

func (s *sqliteServer) prune(ctx context.Context, age time.Duration, limit int) (int64, error) {
	result, err := s.db.ExecContext(ctx, sqlitePrune, fmt.Sprintf("%+.3f seconds", -age.Seconds()), limit)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
