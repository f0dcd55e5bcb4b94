package mysql

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
)

// dialect inserts as many rows at once as make it fast. More segments than a few
// thousand in one look the server would not use the index for.
var dialect = &stdsql.Dialect{Rows: 64, Segments: 250, Unsigned: true, Lost: mysql.ErrInvalidConn, RefusedRow: refusedRow}

// refusedRow reads from the server's error which row of the statement it refused: "Data
// too long for column 'path' at row 17", in the server's language.
func refusedRow(err error) int {
	mysqlErr, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return 0
	}
	digits := mysqlErr.Message[len(strings.TrimRight(mysqlErr.Message, "0123456789")):]
	row, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return row
}

// session is a session of MySQL. A batch whose records the database takes costs
// some round trips for the ledger, and one for each statement that inserts.
type session struct {
	stdsql.Session
}

// Begin relies on the isolation level that each connection has.
func (s *session) Begin(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error) {
	if err := s.Exec(ctx, "start transaction"); err != nil {
		return nil, err
	}
	return s.Look(ctx, sinks, segments)
}

// Record takes the locks by writing to their rows, which works over all nodes of a
// cluster too. Unlike GET_LOCK, a lock is held until the commit is visible to others.
func (s *session) Record(ctx context.Context, keys []int64, entries []push.LedgerEntry, segments []push.Segment) ([][]push.Span, error) {
	arguments := make([]any, len(keys))
	for i, key := range keys {
		arguments[i] = key
	}
	_, err := s.Conn.ExecContext(ctx, "insert into "+locksTable+" (id) values (?)"+strings.Repeat(", (?)", len(keys)-1)+
		" on duplicate key update taken = taken + 1", arguments...)
	if err != nil {
		return nil, s.Note(err)
	}
	sinks := make([]string, len(entries))
	for i, entry := range entries {
		sinks[i] = entry.Sink
	}
	rows, err := s.Look(ctx, sinks, segments)
	if err != nil {
		return nil, err
	}
	for i, entry := range entries {
		if push.Overlap(entry.Spans, rows[i]) {
			return rows, nil // the caller starts anew
		}
	}
	return rows, s.WriteLedger(ctx, "insert", entries)
}
