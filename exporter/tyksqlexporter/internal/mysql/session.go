package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
)

// session is a session of MySQL. A batch whose records the database takes costs
// some round trips for the ledger, and one for each statement that inserts.
type session struct {
	conn      *sql.Conn
	server    *server
	committed bool
	lost      bool
}

func (s *session) Closed() bool { return s.lost }

// Release closes a connection that does not answer any more: the server rolls back
// what it has not committed.
func (s *session) Release(ctx context.Context) {
	if !s.committed && (s.lost || s.Exec(ctx, "rollback") != nil) {
		engine.Discard(s.conn)
		return
	}
	_ = s.conn.Close() // only gives it back
}

// note looks whether an error means that the connection is lost.
func (s *session) note(err error) error {
	if err != nil && (errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		s.lost = true
	}
	return err
}

func (s *session) Exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return s.note(err)
		}
	}
	return nil
}

// Begin relies on the isolation level that each connection has.
func (s *session) Begin(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error) {
	if err := s.Exec(ctx, "start transaction"); err != nil {
		return nil, err
	}
	return s.look(ctx, sinks, segments)
}

// mysqlSegments is how many segments one look into the ledger is for: more ranges
// than a few thousand the server would not use the index for.
const mysqlSegments = 250

// look gives for each sink the ledger's rows that may hold records of the segments.
func (s *session) look(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error) {
	spans := make([][]push.Span, len(sinks))
	for some := range slices.Chunk(segments, mysqlSegments) {
		arguments := make([]any, 0, len(sinks)+4*len(some))
		for _, sink := range sinks {
			arguments = append(arguments, []byte(sink))
		}
		for _, segment := range some {
			arguments = append(arguments, []byte(segment.Name), segment.First-push.MaxSpan, segment.Last, segment.First)
		}
		rows, err := s.conn.QueryContext(ctx, "select sink, segment, first_index, last_index, members from "+push.LedgerTable+
			" where sink in (?"+strings.Repeat(", ?", len(sinks)-1)+") and ("+
			strings.Repeat("(segment = ? and first_index > ? and first_index <= ? and last_index >= ?) or ", len(some)-1)+
			"(segment = ? and first_index > ? and first_index <= ? and last_index >= ?))", arguments...)
		if err != nil {
			return nil, s.note(err)
		}
		if err := scanSpans(rows, sinks, spans); err != nil {
			return nil, s.note(err)
		}
	}
	return spans, nil
}

// scanSpans adds rows to those of their sinks.
func scanSpans(rows *sql.Rows, sinks []string, spans [][]push.Span) error {
	defer func() { _ = rows.Close() }() // Err tells what matters
	for rows.Next() {
		var sink string
		var found push.Span
		if err := rows.Scan(&sink, &found.Segment, &found.First, &found.Last, &found.Members); err != nil {
			return err
		}
		if at := slices.Index(sinks, sink); at >= 0 {
			spans[at] = append(spans[at], found)
		}
	}
	return rows.Err()
}

// Send writes a portion with statements that insert many rows each; when one of them
// fails the transaction, or what was done since a savepoint, has to be rolled back.
func (s *session) Send(ctx context.Context, p engine.Portion) (int, error) {
	t, known := s.server.Get(p.Shard)
	if !known { // forgotten meanwhile
		return -1, &engine.MissingShards{Shards: []layout.Shard{p.Shard}}
	}
	place := -1
	err := s.conn.Raw(func(conn any) error {
		w, err := newInserter(conn, t, p, s.server.clock)
		if err != nil {
			return err
		}
		place, err = w.store(ctx)
		return errors.Join(err, w.close())
	})
	if err != nil {
		return place, fmt.Errorf("insert into %s: %w", t.quoted, s.note(err))
	}
	return -1, nil
}

// Record takes the locks by writing to their rows, which works over all nodes of a
// cluster too. Unlike GET_LOCK, a lock is held until the commit is visible to others.
func (s *session) Record(ctx context.Context, keys []int64, entries []push.LedgerEntry, segments []push.Segment) ([][]push.Span, error) {
	arguments := make([]any, len(keys))
	for i, key := range keys {
		arguments[i] = key
	}
	_, err := s.conn.ExecContext(ctx, "insert into "+locksTable+" (id) values (?)"+strings.Repeat(", (?)", len(keys)-1)+
		" on duplicate key update taken = taken + 1", arguments...)
	if err != nil {
		return nil, s.note(err)
	}
	sinks := make([]string, len(entries))
	for i, entry := range entries {
		sinks[i] = entry.Sink
	}
	rows, err := s.look(ctx, sinks, segments)
	if err != nil {
		return nil, err
	}
	for i, entry := range entries {
		if push.Overlap(entry.Spans, rows[i]) {
			return rows, nil // the caller starts anew
		}
	}
	return rows, s.insert(ctx, "insert", entries)
}

// Touch replaces rows of the ledger, which needs no more rights than all else does.
func (s *session) Touch(ctx context.Context, entries []push.LedgerEntry) error {
	return s.insert(ctx, "replace", entries)
}

// mysqlSpans is how many rows one statement adds to the ledger: even the largest
// stay within what the smallest server takes as one packet.
const mysqlSpans = 100

// insert adds rows to the ledger.
func (s *session) insert(ctx context.Context, verb string, entries []push.LedgerEntry) error {
	for _, entry := range entries {
		for some := range slices.Chunk(entry.Spans, mysqlSpans) {
			arguments := make([]any, 0, 5*len(some))
			for _, span := range some {
				arguments = append(arguments, []byte(entry.Sink), []byte(span.Segment), span.First, span.Last, span.Members)
			}
			_, err := s.conn.ExecContext(ctx, verb+" into "+push.LedgerTable+" (sink, segment, first_index, last_index, members) values (?, ?, ?, ?, ?)"+
				strings.Repeat(", (?, ?, ?, ?, ?)", len(some)-1), arguments...)
			if err != nil {
				return s.note(err)
			}
		}
	}
	return nil
}

func (s *session) Commit(ctx context.Context) error {
	if err := s.Exec(ctx, "commit"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.committed = true
	return nil
}
