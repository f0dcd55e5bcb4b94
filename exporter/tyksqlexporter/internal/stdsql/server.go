package stdsql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// Server finds, makes and drops the tables of a database, of which a driver knows T.
type Server[T any] struct {
	engine.Cache[T]

	DB      *sql.DB
	Dialect *Dialect
	Logger  *zap.Logger
	Catalog Catalog[T]
}

// Catalog is what a database knows of tables in its own way.
type Catalog[T any] interface {
	// Look looks for a table, and refuses what records cannot be stored in. It gives the
	// name by which Dialect.Columns finds the table that is there, or is to be made.
	Look(ctx context.Context, from Queryer, of layout.Shard) (name string, there bool, err error)
	// Table describes a table of ours, and gives the statements that make it.
	Table(name string, of layout.Shard) (t T, create []string)
	// Holds tells whether a column that was found holds the values of the table's column
	// at a place, and notes how.
	Holds(t T, place int, found layout.FoundColumn) bool
	// Match looks at the rest of a table that is there, and gives the statements that add
	// the columns that it lacks.
	Match(ctx context.Context, from Queryer, t T, missing []layout.Column) ([]string, error)
	// Ledger gives the tables of the ledger, which tables use.
	Ledger(ctx context.Context, from Queryer, tables []layout.Shard) ([]LedgerTable, error)
	// Prune is the statement that deletes rows of the ledger: it takes their age in
	// microseconds, a table, the beginning of its other sinks, and how many rows at most.
	Prune() string
}

// LedgerTable is a table of the ledger.
type LedgerTable struct {
	Name    string
	Find    string // the name by which Dialect.Columns finds it
	Columns map[string]string
	Create  []string
}

// Isolating are the dialect's statements.
func (s *Server[T]) Isolating() []string { return s.Dialect.Isolating }

// Close ends all connections.
func (s *Server[T]) Close() error {
	if err := s.DB.Close(); err != nil {
		return fmt.Errorf("close the connections to the database: %w", err)
	}
	return nil
}

// Find finds the tables, or makes what is missing in one transaction, so that nobody finds
// a table without its indexes or waits until they are built over rows.
func (s *Server[T]) Find(ctx context.Context, shards []layout.Shard) error {
	const attempts = 3 // others may make the same at once
	for attempt := 1; ; attempt++ {
		tables, missing, err := s.look(ctx, shards)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			s.Add(tables)
			return nil
		}
		if attempt > attempts {
			return fmt.Errorf("tables were made, but are not there: %s", engine.FirstLine(missing[0]))
		}
		if err := s.transact(ctx, func(session *Session) error {
			if _, missing, err = s.find(ctx, session.Conn, shards); err != nil { // others may have made them meanwhile
				return err
			}
			return s.change(ctx, session, missing)
		}); err != nil {
			return err
		}
		for _, statement := range missing {
			s.Logger.Info("changed the database's schema", zap.String("statement", engine.FirstLine(statement)))
		}
	}
}

func (s *Server[T]) change(ctx context.Context, session *Session, statements []string) error {
	for _, statement := range statements {
		if err := session.Exec(ctx, statement); err != nil && (s.Dialect.Made == nil || !s.Dialect.Made(err)) {
			return err
		}
	}
	return nil
}

// transact runs do in a transaction.
func (s *Server[T]) transact(ctx context.Context, do func(*Session) error) error {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	session := &Session{Conn: conn, Dialect: s.Dialect}
	defer session.Release(ctx)
	if err := s.Dialect.Begin(ctx, session); err != nil {
		return err
	}
	if err := do(session); err != nil {
		return err
	}
	return session.Commit(ctx)
}

func (s *Server[T]) look(ctx context.Context, shards []layout.Shard) (map[string]T, []string, error) {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }() // only gives it back
	return s.find(ctx, conn, shards)
}

// find describes the tables, and gives the statements that make what is missing.
func (s *Server[T]) find(ctx context.Context, from Queryer, shards []layout.Shard) (map[string]T, []string, error) {
	tables := make(map[string]T, len(shards))
	var missing []string
	var wrong []error
	for _, of := range shards {
		t, statements, err := s.match(ctx, from, of)
		if _, ok := errors.AsType[*layout.SchemaError](err); ok {
			wrong = append(wrong, err)
		} else if err != nil {
			return nil, nil, err
		}
		tables[of.Relation()] = t
		missing = append(missing, statements...)
	}
	if len(wrong) > 0 {
		return nil, nil, &layout.SchemaError{Text: errors.Join(wrong...).Error()}
	}
	ledger, err := s.Catalog.Ledger(ctx, from, shards)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range ledger {
		found, err := s.columns(ctx, from, l.Find, l.Name)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			missing = append(missing, l.Create...)
		} else if err := l.check(found); err != nil {
			return nil, nil, err
		}
	}
	return tables, missing, nil
}

// match compares a table with what it must be, and gives the statements that make what is
// missing.
func (s *Server[T]) match(ctx context.Context, from Queryer, of layout.Shard) (t T, statements []string, err error) {
	name, there, err := s.Catalog.Look(ctx, from, of)
	if err != nil {
		return t, nil, err
	}
	t, create := s.Catalog.Table(name, of)
	if !there {
		return t, create, nil
	}
	found, err := s.columns(ctx, from, name, of.Relation())
	if err != nil {
		return t, nil, err
	}
	missing, err := s.Dialect.Missing(of, name, found, func(place int, f layout.FoundColumn) bool { return s.Catalog.Holds(t, place, f) })
	if err != nil {
		return t, nil, err
	}
	statements, err = s.Catalog.Match(ctx, from, t, missing)
	return t, statements, err
}

// check refuses a table of the ledger's name that is something else. A column without a
// type may have any.
func (l LedgerTable) check(found []layout.FoundColumn) error {
	for name, typ := range l.Columns {
		if slices.ContainsFunc(found, func(f layout.FoundColumn) bool { return f.Name == name && (typ == "" || f.Typ == typ) }) {
			continue
		}
		if typ != "" {
			typ = " of type " + typ
		}
		return layout.Errorf("table %q: has no column %q%s, so it is not the ledger: rename it, and the ledger is made", l.Name, name, typ)
	}
	return nil
}

// columns lists the columns of a table, none where it is not there.
func (s *Server[T]) columns(ctx context.Context, from Queryer, find, name string) (found []layout.FoundColumn, err error) {
	names := slices.Repeat([]any{find}, max(1, strings.Count(s.Dialect.Columns, "?")))
	err = scan(ctx, from, func(rows *sql.Rows) error {
		var f layout.FoundColumn
		err := rows.Scan(&f.Name, &f.Typ, &f.Declared, &f.Mandatory, &f.Generated, &f.Indexed, &f.Unique, &f.Length, &f.Precision, &f.Charset)
		found = append(found, f)
		return err
	}, s.Dialect.Columns, names...)
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
	}
	return found, nil
}

// Relations lists the tables whose names may end in a day, and tells the time.
func (s *Server[T]) Relations(ctx context.Context) (names []string, now time.Time, err error) {
	err = scan(ctx, s.DB, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, s.Dialect.Relations)
	var seconds int64
	if err == nil {
		err = s.DB.QueryRowContext(ctx, s.Dialect.Now).Scan(&seconds)
	}
	return names, time.Unix(seconds, 0), err
}

// Columns lists the columns of a table by the name by which Dialect.Columns finds it.
func (s *Server[T]) Columns(ctx context.Context, name string) ([]layout.FoundColumn, error) {
	return s.columns(ctx, s.DB, name, name)
}

// Drop drops a table, unless others keep it from that for longer than a moment.
func (s *Server[T]) Drop(ctx context.Context, relation string) error {
	return s.transact(ctx, func(session *Session) error {
		return session.Exec(ctx, "drop table if exists "+s.Dialect.Quote(relation))
	})
}

// Prune deletes old rows of the ledger.
func (s *Server[T]) Prune(ctx context.Context, table string, age time.Duration, limit int) (int64, error) {
	result, err := s.DB.ExecContext(ctx, s.Catalog.Prune(), age.Microseconds(), table, table+"/", limit)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
