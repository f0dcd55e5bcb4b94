package stdsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
)

// Session is a session over a connection of database/sql.
type Session struct {
	Conn    *sql.Conn
	Dialect *Dialect
	// Table gives what is known of a shard's table, or an engine.MissingShards.
	Table func(of layout.Shard) (*Table, error)

	committed bool
	lost      bool
}

// Closed tells that the connection is lost.
func (s *Session) Closed() bool { return s.lost }

// Release closes a connection that does not answer any more: the database rolls back
// what it has not committed.
func (s *Session) Release(ctx context.Context) {
	if !s.committed && (s.lost || s.Exec(ctx, "rollback") != nil) {
		_ = s.Conn.Raw(func(any) error { return driver.ErrBadConn }) // which has the pool close it
	}
	_ = s.Conn.Close() // only gives it back
}

// Note looks whether an error means that the connection is lost.
func (s *Session) Note(err error) error {
	for _, lost := range []error{driver.ErrBadConn, s.Dialect.Lost, context.Canceled, context.DeadlineExceeded} {
		s.lost = s.lost || err != nil && errors.Is(err, lost)
	}
	return err
}

// Exec runs statements without a result.
func (s *Session) Exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.Conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", engine.FirstLine(statement), s.Note(err))
		}
	}
	return nil
}

// Commit makes it so.
func (s *Session) Commit(ctx context.Context) error {
	err := s.Exec(ctx, "commit")
	s.committed = err == nil
	return err
}

// Look gives for each sink the ledger's rows that may hold records of the segments.
func (s *Session) Look(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error) {
	const segment = "(segment = ? and first_index > ? and first_index <= ? and last_index >= ?)"
	spans := make([][]push.Span, len(sinks))
	for some := range slices.Chunk(segments, s.Dialect.Segments) {
		arguments := make([]any, 0, len(sinks)+4*len(some))
		for _, sink := range sinks {
			arguments = append(arguments, sink)
		}
		for _, of := range some {
			arguments = append(arguments, of.Name, of.First-push.MaxSpan, of.Last, of.First)
		}
		err := scan(ctx, s.Conn, func(rows *sql.Rows) error {
			var sink string
			var found push.Span
			if err := rows.Scan(&sink, &found.Segment, &found.First, &found.Last, &found.Members); err != nil {
				return err
			}
			if at := slices.Index(sinks, sink); at >= 0 {
				spans[at] = append(spans[at], found)
			}
			return nil
		}, "select sink, segment, first_index, last_index, members from "+push.LedgerTable+
			" where sink in (?"+strings.Repeat(", ?", len(sinks)-1)+") and ("+segment+strings.Repeat(" or "+segment, len(some)-1)+")", arguments...)
		if err != nil {
			return nil, s.Note(err)
		}
	}
	return spans, nil
}

// Begin opens a transaction that sees what others have committed until each of its
// statements.
func (s *Session) Begin(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error) {
	if err := s.Dialect.Begin(ctx, s); err != nil {
		return nil, err
	}
	return s.Look(ctx, sinks, segments)
}

// Record writes to the ledger. Where others may write meanwhile it takes the locks, and
// looks again, first.
func (s *Session) Record(ctx context.Context, keys []int64, entries []push.LedgerEntry, segments []push.Segment) (rows [][]push.Span, err error) {
	if s.Dialect.Lock != nil {
		if err := s.Note(s.Dialect.Lock(ctx, s, keys)); err != nil {
			return nil, err
		}
		if rows, err = s.Look(ctx, push.SinksOf(entries), segments); err != nil {
			return nil, err
		}
		for i, entry := range entries {
			if push.Overlap(entry.Spans, rows[i]) {
				return rows, nil // the caller starts anew
			}
		}
	}
	return rows, s.writeLedger(ctx, "insert", entries)
}

// Touch replaces rows of the ledger, which needs no more rights than all else does.
func (s *Session) Touch(ctx context.Context, entries []push.LedgerEntry) error {
	return s.writeLedger(ctx, "replace", entries)
}

// spansAtOnce is how many rows one statement adds to the ledger: even the largest
// stay within what the smallest server takes as one packet.
const spansAtOnce = 100

// writeLedger adds rows to the ledger.
func (s *Session) writeLedger(ctx context.Context, verb string, entries []push.LedgerEntry) error {
	for _, entry := range entries {
		for some := range slices.Chunk(entry.Spans, spansAtOnce) {
			arguments := make([]any, 0, 5*len(some))
			for _, span := range some {
				arguments = append(arguments, entry.Sink, span.Segment, span.First, span.Last, span.Members)
			}
			_, err := s.Conn.ExecContext(ctx, verb+" into "+push.LedgerTable+" (sink, segment, first_index, last_index, members) values (?, ?, ?, ?, ?)"+
				strings.Repeat(", (?, ?, ?, ?, ?)", len(some)-1), arguments...)
			if err != nil {
				return s.Note(err)
			}
		}
	}
	return nil
}

// Send writes a portion with statements that insert many rows each; when one of them
// fails the transaction, or what was done since a savepoint, has to be rolled back.
func (s *Session) Send(ctx context.Context, p engine.Portion) (place int, err error) {
	err = s.insert(p.Shard, func(w *inserter) (err error) {
		place, err = w.records(ctx, p)
		return err
	})
	return place, err
}

// Add adds rows of rollups, many with each statement.
func (s *Session) Add(ctx context.Context, p rollups.Portion) error {
	return s.insert(p.Shard, func(w *inserter) error { return w.rollups(ctx, p.Rows) })
}

// insert has do insert into a shard's table.
func (s *Session) insert(of layout.Shard, do func(*inserter) error) error {
	t, err := s.Table(of)
	if err != nil {
		return err
	}
	err = s.Conn.Raw(func(conn any) error {
		w, err := newInserter(conn, t, s.Dialect)
		if err != nil {
			return err
		}
		return errors.Join(do(w), w.close())
	})
	if err != nil {
		return fmt.Errorf("insert into %s: %w", of.Relation(), s.Note(err))
	}
	return nil
}

// Connect makes a session over a connection of its own.
func Connect(ctx context.Context, s *Server[*Table]) (*Session, error) {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &Session{Conn: conn, Dialect: s.Dialect, Table: s.Need}, nil
}
