package sqlite

import (
	"context"
	"errors"
	"time"

	"modernc.org/sqlite"
	"modernc.org/sqlite/lib"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
)

// dialect inserts as many rows at once as make it fast, and looks for one segment after
// the other, for which SQLite uses the ledger's key.
var dialect = &stdsql.Dialect{Rows: 16, Segments: 1, Uncancelled: true}

// session is the connection, for one transaction. Nobody else writes meanwhile.
type session struct {
	stdsql.Session
}

// start waits for its turn to write.
func (s *session) start(ctx context.Context) error {
	for patient := time.Now().Add(sqlitePatience); ; {
		err := s.Exec(ctx, "begin immediate")
		sqliteErr, ok := errors.AsType[*sqlite.Error](err)
		if !ok || sqliteErr.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil || time.Now().After(patient) {
			return err
		}
	}
}

// Begin opens a transaction that may write from its beginning, so that what it reads
// cannot be outdated when it writes.
func (s *session) Begin(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error) {
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s.Look(ctx, sinks, segments)
}

// Record needs no locks, and what begin has read is still so.
func (s *session) Record(ctx context.Context, _ []int64, entries []push.LedgerEntry, _ []push.Segment) ([][]push.Span, error) {
	return nil, s.WriteLedger(ctx, "insert", entries)
}
