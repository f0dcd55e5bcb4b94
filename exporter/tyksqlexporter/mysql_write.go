package tyksqlexporter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mysqlSession is a session of MySQL. A batch whose records the database takes costs
// some round trips for the ledger, and one for each statement that inserts.
type mysqlSession struct {
	conn      *sql.Conn
	server    *mysqlServer
	committed bool
	lost      bool
}

func (s *mysqlSession) closed() bool { return s.lost }

// release closes a connection that does not answer any more: the server rolls back
// what it has not committed.
func (s *mysqlSession) release(ctx context.Context) {
	if !s.committed && (s.lost || s.exec(ctx, "rollback") != nil) {
		discard(s.conn)
		return
	}
	_ = s.conn.Close() // only gives it back
}

// note looks whether an error means that the connection is lost.
func (s *mysqlSession) note(err error) error {
	if err != nil && (errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		s.lost = true
	}
	return err
}

func (s *mysqlSession) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return s.note(err)
		}
	}
	return nil
}

// begin relies on the isolation level that each connection has.
func (s *mysqlSession) begin(ctx context.Context, sinks []string, segments []segment) ([][]span, error) {
	if err := s.exec(ctx, "start transaction"); err != nil {
		return nil, err
	}
	return s.look(ctx, sinks, segments)
}

// mysqlSegments is how many segments one look into the ledger is for: more ranges
// than a few thousand the server would not use the index for.
const mysqlSegments = 250

// look gives for each sink the ledger's rows that may hold records of the segments.
func (s *mysqlSession) look(ctx context.Context, sinks []string, segments []segment) ([][]span, error) {
	spans := make([][]span, len(sinks))
	for some := range slices.Chunk(segments, mysqlSegments) {
		arguments := make([]any, 0, len(sinks)+4*len(some))
		for _, sink := range sinks {
			arguments = append(arguments, []byte(sink))
		}
		for _, segment := range some {
			arguments = append(arguments, []byte(segment.name), segment.first-maxSpan, segment.last, segment.first)
		}
		rows, err := s.conn.QueryContext(ctx, "select sink, segment, first_index, last_index, members from "+ledgerTable+
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
func scanSpans(rows *sql.Rows, sinks []string, spans [][]span) error {
	defer func() { _ = rows.Close() }() // Err tells what matters
	for rows.Next() {
		var sink string
		var found span
		if err := rows.Scan(&sink, &found.segment, &found.first, &found.last, &found.members); err != nil {
			return err
		}
		if at := slices.Index(sinks, sink); at >= 0 {
			spans[at] = append(spans[at], found)
		}
	}
	return rows.Err()
}

// send writes a portion with statements that insert many rows each; when one of them
// fails the transaction, or what was done since a savepoint, has to be rolled back.
func (s *mysqlSession) send(ctx context.Context, p portion) (int, error) {
	t, known := s.server.get(p.shard)
	if !known { // forgotten meanwhile
		return -1, &missingShards{shards: []shard{p.shard}}
	}
	place := -1
	err := s.conn.Raw(func(conn any) error {
		w, err := newMySQLInsert(conn, t, p, s.server.clock)
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

// record takes the locks by writing to their rows, which works over all nodes of a
// cluster too. Unlike GET_LOCK, a lock is held until the commit is visible to others.
func (s *mysqlSession) record(ctx context.Context, keys []int64, entries []ledgerEntry, segments []segment) ([][]span, error) {
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
		sinks[i] = entry.sink
	}
	rows, err := s.look(ctx, sinks, segments)
	if err != nil {
		return nil, err
	}
	for i, entry := range entries {
		if overlap(entry.spans, rows[i]) {
			return rows, nil // the caller starts anew
		}
	}
	return rows, s.insert(ctx, entries)
}

// mysqlSpans is how many rows one statement adds to the ledger: even the largest
// stay within what the smallest server takes as one packet.
const mysqlSpans = 100

// insert adds rows to the ledger.
func (s *mysqlSession) insert(ctx context.Context, entries []ledgerEntry) error {
	for _, entry := range entries {
		for some := range slices.Chunk(entry.spans, mysqlSpans) {
			arguments := make([]any, 0, 5*len(some))
			for _, span := range some {
				arguments = append(arguments, []byte(entry.sink), []byte(span.segment), span.first, span.last, span.members)
			}
			_, err := s.conn.ExecContext(ctx, "insert into "+ledgerTable+" (sink, segment, first_index, last_index, members) values (?, ?, ?, ?, ?)"+
				strings.Repeat(", (?, ?, ?, ?, ?)", len(some)-1), arguments...)
			if err != nil {
				return s.note(err)
			}
		}
	}
	return nil
}

func (s *mysqlSession) commit(ctx context.Context) error {
	if err := s.exec(ctx, "commit"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.committed = true
	return nil
}
