package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// sqlitePatience is how long a write waits for another process' write before that
// is reported. SQLite itself waits only a little at a time, since it does not
// look at the context meanwhile.
const sqlitePatience = 5 * time.Second

// options are of each connection. Readers are never in the way (WAL); a commit is on disk
// when it returns.
var options = url.Values{"_pragma": {"busy_timeout(100)", "journal_mode(wal)", "synchronous(full)"}}

// server is an SQLite file behind one connection: SQLite has one writer at a
// time anyway.
type server struct {
	engine.Cache[*stdsql.Table]

	db         *sql.DB
	indexes    bool
	datasource string
}

// Validate refuses a datasource that is meant for another database.
func Validate(text string) error {
	if strings.Contains(text, ":memory:") || strings.Contains(text, "mode=memory") {
		return errors.New("datasource: a database in memory forgets all records when the collector ends, and they have left Redis by then: give the path of a file")
	}
	if strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") ||
		strings.Contains(text, "host=") {
		return errors.New("datasource: the value (not shown, it may hold a password) is meant for PostgreSQL, but driver is \"sqlite\": set driver: postgres")
	}
	if strings.Contains(text, "@tcp(") || strings.Contains(text, "@unix(") {
		return errors.New("datasource: the value (not shown, it may hold a password) is meant for MySQL, but driver is \"sqlite\": set driver: mysql")
	}
	_, err := datasource.SQLite(text, options)
	return err
}

// New opens the file when it is first used.
func New(set engine.Settings) (engine.Driver, error) {
	uri, err := datasource.SQLite(set.Datasource, options)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, fmt.Errorf("open the SQLite database: %w", err)
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return &server{db: db, datasource: set.Datasource, indexes: set.Indexes}, nil
}

func (s *server) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the SQLite database: %w", err)
	}
	return nil
}

func (*server) Reconnect() {} // a file stays where it is

func (*server) Classify(err error) (engine.Action, sink.Reason) { return classify(err) }

func (*server) ServerText(err error) string { return err.Error() }

// Find makes the file's directory and the tables where they are missing.
func (s *server) Find(ctx context.Context, shards []layout.Shard) error {
	if file := datasource.FileOf(s.datasource); file != "" && file != ":memory:" { // which only tests have
		const onlyOwnerAndGroup = 0o750
		if err := os.MkdirAll(filepath.Dir(file), onlyOwnerAndGroup); err != nil {
			return layout.Errorf("datasource: the directory of the SQLite file cannot be made: %v: make it, or give another path", err)
		}
		if err := makePrivate(file, s.datasource); err != nil {
			return layout.Errorf("datasource: the SQLite file cannot be made: %v: give another path, or rights", err)
		}
	}
	tables := make(map[string]*table, len(shards))
	for _, of := range shards {
		tables[of.Relation()] = newTable(of, s.indexes)
	}
	if err := s.transact(ctx, func(session *session) error { return openTables(ctx, session, tables) }); err != nil {
		return err
	}
	found := make(map[string]*stdsql.Table, len(tables))
	for relation, t := range tables {
		found[relation] = t.Table
	}
	s.Add(found)
	return nil
}

// makePrivate makes the file for its owner only, where it is missing: it holds what requests held. SQLite
// gives its siblings the same rights.
func makePrivate(file, text string) error {
	if strings.Contains(text, "mode=") && strings.HasPrefix(text, "file:") {
		return nil // which says whether SQLite may make it
	}
	const onlyOwner = 0o600
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, onlyOwner)
	if errors.Is(err, os.ErrExist) {
		return nil // whose rights are somebody's decision
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// transact runs do in a transaction that may write from its beginning, so that
// what do reads cannot be outdated when it writes.
func (s *server) transact(ctx context.Context, do func(*session) error) error {
	session, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer session.Release(ctx)
	if err := session.start(ctx); err != nil {
		return err
	}
	if err := do(session); err != nil {
		return err
	}
	return session.Commit(ctx)
}

// open waits for its turn.
func (s *server) open(ctx context.Context) (*session, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the SQLite database: %w", err)
	}
	return &session{stdsql.Session{Conn: conn, Dialect: dialect, Table: s.Need}}, nil
}

func (s *server) Connect(ctx context.Context) (engine.Session, error) { return s.open(ctx) }

func (s *server) Relations(ctx context.Context) ([]string, time.Time, error) {
	relations, err := stdsql.Texts(ctx, s.db, "select name from sqlite_master where type = 'table'")
	return relations, time.Now(), err // whose clock is this host's
}

func (s *server) Columns(ctx context.Context, relation string) ([]layout.FoundColumn, error) {
	return findColumns(ctx, s.db, relation)
}

// Isolating needs nothing: only foreign keys are deferred.
func (*server) Isolating() []string { return nil }

func (s *server) Drop(ctx context.Context, relation string) error {
	return s.transact(ctx, func(session *session) error { return session.Exec(ctx, "drop table if exists "+quote(relation)) })
}

func (s *server) Prune(ctx context.Context, table string, age time.Duration, limit int) (int64, error) {
	result, err := s.db.ExecContext(ctx, sqlitePrune, fmt.Sprintf("%+.3f seconds", -age.Seconds()), table, len(table)+1, table+"/", limit)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
