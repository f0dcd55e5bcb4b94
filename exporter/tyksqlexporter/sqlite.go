package tyksqlexporter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
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

// sqliteStore writes to an SQLite file over one connection: SQLite has one writer
// at a time anyway.
type sqliteStore struct {
	db         *sql.DB
	wanted     []table                 // all that are written
	sinks      []table                 // those of records, as the batch's parts
	tables     map[string]*sqliteTable // known, by relation; whoever has the connection uses it
	calendar   calendar
	indexes    bool
	datasource string
	logger     *zap.Logger
	ready      atomic.Bool // the tables were found or made, and did not change since
}

func newSQLiteStore(config *Config, logger *zap.Logger) *sqliteStore {
	datasource := string(config.Datasource)
	db := sql.OpenDB(&sqliteConnector{driver: &sqlite.Driver{}, datasource: datasource})
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1) // kept for ever: a database in memory lives as long as its connection
	return &sqliteStore{
		db: db, datasource: datasource, logger: logger,
		wanted: config.enabledTables(), sinks: ofRecords(config.enabledTables()), calendar: config.calendar(), indexes: config.Indexes,
	}
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

func (s *sqliteStore) close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the SQLite database: %w", err)
	}
	return nil
}

// open makes the file's directory and the tables where they are missing.
func (s *sqliteStore) open(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	if file := sqliteFile(s.datasource); file != "" {
		const onlyOwnerAndGroup = 0o750
		if err := os.MkdirAll(filepath.Dir(file), onlyOwnerAndGroup); err != nil {
			return schemaErrorf("datasource: the directory of the SQLite file cannot be made: %v: make it, or give another path", err)
		}
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open the SQLite database: %w", err)
	}
	defer func() { _ = conn.Close() }() // only gives it back
	tables := map[string]*sqliteTable{}
	for _, of := range s.calendar.current(s.wanted, time.Now()) {
		tables[of.relation()] = newSQLiteTable(of, s.indexes)
	}
	err = s.transact(ctx, conn, func() error { return openSQLiteTables(ctx, conn, tables) })
	if err != nil {
		return err
	}
	s.tables = tables
	s.ready.Store(true)
	return nil
}

// transact runs do in a transaction that may write from its beginning, so that
// what do reads cannot be outdated when it writes.
func (s *sqliteStore) transact(ctx context.Context, conn *sql.Conn, do func() error) error {
	if err := begin(ctx, conn); err != nil {
		return err
	}
	err := do()
	if err == nil {
		if _, err = conn.ExecContext(ctx, "commit"); err == nil {
			return nil
		}
		err = fmt.Errorf("commit: %w", err)
	}
	// The context may be what failed. After some errors SQLite has rolled back
	// already; then, as whenever its state is in doubt, the connection goes.
	if _, undo := conn.ExecContext(context.WithoutCancel(ctx), "rollback"); undo != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // which is what it returns
	}
	return err
}

// begin waits for its turn to write.
func begin(ctx context.Context, conn *sql.Conn) error {
	for patient := time.Now().Add(sqlitePatience); ; {
		_, err := conn.ExecContext(ctx, "begin immediate")
		if err == nil {
			return nil
		}
		sqliteErr, ok := errors.AsType[*sqlite.Error](err)
		if !ok || sqliteErr.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil || time.Now().After(patient) {
			return fmt.Errorf("begin: %w", err)
		}
	}
}

func (s *sqliteStore) write(ctx context.Context, b *batch) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx) // waits for its turn
	if err != nil {
		return fmt.Errorf("open the SQLite database: %w", err)
	}
	defer func() { _ = conn.Close() }() // only gives it back
	found := maps.Clone(s.tables)
	err = s.transact(ctx, conn, func() error { return s.apply(ctx, conn, found, b) })
	if err == nil {
		s.tables = found
	}
	if action, _ := classifySQLite(err); err != nil && action == actionInspect {
		s.ready.Store(false)
	}
	return err
}

// apply stores the batch within the transaction, and adds to tables what it makes.
// Nobody else writes meanwhile.
func (s *sqliteStore) apply(ctx context.Context, conn *sql.Conn, tables map[string]*sqliteTable, b *batch) error {
	for i, sink := range s.sinks {
		p := &b.parts[i]
		for j := range b.segments {
			rows, err := look(ctx, conn, sink.name, &b.segments[j])
			if err != nil {
				return fmt.Errorf("read %s: %w", ledgerTable, err)
			}
			p.skipApplied(rows)
		}
		if pending := p.pending(); len(pending) > 0 {
			for _, day := range s.calendar.split(b, pending) {
				t, err := s.shard(ctx, conn, tables, shard{table: sink, day: day.day})
				if err != nil {
					return err
				}
				if err := t.store(ctx, conn, p, day.list, s.calendar.zone); err != nil {
					return err
				}
			}
		}
		for _, row := range p.applied() {
			if _, err := conn.ExecContext(ctx, sqliteRecord, sink.name, row.segment, row.first, row.last, row.members); err != nil {
				return fmt.Errorf("write %s: %w", ledgerTable, err)
			}
		}
	}
	return nil
}

// shard gives a table, and finds or makes it first where it is not known.
func (s *sqliteStore) shard(ctx context.Context, conn *sql.Conn, tables map[string]*sqliteTable, of shard) (*sqliteTable, error) {
	if t := tables[of.relation()]; t != nil {
		return t, nil
	}
	t := newSQLiteTable(of, s.indexes)
	if err := t.open(ctx, conn); err != nil {
		return nil, err
	}
	tables[of.relation()] = t
	return t, nil
}

// ahead does nothing: a table is made in no time by the write that needs it.
func (*sqliteStore) ahead(context.Context, time.Time) error { return nil }

// store writes the entries.
func (t *sqliteTable) store(ctx context.Context, conn *sql.Conn, p *part, list []int32, zone *time.Location) error {
	if t.layout.kind == kindUptime {
		return t.upsert(ctx, conn, p, list, zone)
	}
	err := conn.Raw(func(driverConn any) error {
		w, err := newSQLiteWrite(driverConn, t, p)
		if err != nil {
			return err
		}
		return errors.Join(w.insert(ctx, list), w.close())
	})
	if err != nil {
		return fmt.Errorf("insert into %s: %w", t.relation(), err)
	}
	return nil
}

// look reads the ledger's rows that may hold records of the segment.
func look(ctx context.Context, conn *sql.Conn, sink string, of *segment) ([]span, error) {
	rows, err := conn.QueryContext(ctx, sqliteLook, sink, of.name, of.first-maxSpan, of.last, of.first)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	var spans []span
	for rows.Next() {
		found := span{segment: of.name}
		if err := rows.Scan(&found.first, &found.last, &found.members); err != nil {
			return nil, err
		}
		spans = append(spans, found)
	}
	return spans, rows.Err()
}

func (s *sqliteStore) prune(ctx context.Context, age time.Duration, limit int) (int64, error) {
	if err := s.open(ctx); err != nil {
		return 0, err
	}
	result, err := s.db.ExecContext(ctx, sqlitePrune, fmt.Sprintf("%+.3f seconds", -age.Seconds()), limit)
	if err != nil {
		return 0, fmt.Errorf("delete old rows of %s: %w", ledgerTable, err)
	}
	return result.RowsAffected()
}
