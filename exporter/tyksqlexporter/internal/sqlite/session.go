package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	"modernc.org/sqlite/lib"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
)

// session is the connection, for one transaction. Nobody else writes meanwhile.
type session struct {
	conn      *sql.Conn
	server    *server
	committed bool
}

func (*session) Closed() bool { return false }

// Release rolls back what is not committed. The context may be what failed. After some
// errors SQLite has rolled back already; then, as whenever its state is in doubt, the
// connection goes.
func (s *session) Release(ctx context.Context) {
	if !s.committed {
		if _, err := s.conn.ExecContext(context.WithoutCancel(ctx), "rollback"); err != nil {
			engine.Discard(s.conn)
			return
		}
	}
	_ = s.conn.Close() // only gives it back
}

func (s *session) Exec(ctx context.Context, statements ...string) error {
	return execEach(ctx, s.conn, statements...)
}

// start waits for its turn to write.
func (s *session) start(ctx context.Context) error {
	for patient := time.Now().Add(sqlitePatience); ; {
		_, err := s.conn.ExecContext(ctx, "begin immediate")
		if err == nil {
			return nil
		}
		sqliteErr, ok := errors.AsType[*sqlite.Error](err)
		if !ok || sqliteErr.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil || time.Now().After(patient) {
			return fmt.Errorf("begin: %w", err)
		}
	}
}

func (s *session) Begin(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error) {
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	spans := make([][]push.Span, len(sinks))
	for i, sink := range sinks {
		for j := range segments {
			found, err := s.look(ctx, sink, &segments[j])
			if err != nil {
				return nil, err
			}
			spans[i] = append(spans[i], found...)
		}
	}
	return spans, nil
}

// look reads the ledger's rows that may hold records of the segment.
func (s *session) look(ctx context.Context, sink string, of *push.Segment) ([]push.Span, error) {
	rows, err := s.conn.QueryContext(ctx, sqliteLook, sink, of.Name, of.First-push.MaxSpan, of.Last, of.First)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	var spans []push.Span
	for rows.Next() {
		found := push.Span{Segment: of.Name}
		if err := rows.Scan(&found.First, &found.Last, &found.Members); err != nil {
			return nil, err
		}
		spans = append(spans, found)
	}
	return spans, rows.Err()
}

func (s *session) Send(ctx context.Context, p engine.Portion) (int, error) {
	t, known := s.server.Get(p.Shard)
	if !known { // forgotten meanwhile
		return push.Nobody, &engine.MissingShards{Shards: []layout.Shard{p.Shard}}
	}
	return push.Nobody, s.conn.Raw(func(conn any) error {
		w, err := newInserter(conn, t, p.Part)
		if err != nil {
			return err
		}
		return errors.Join(w.insert(ctx, p.List), w.close())
	})
}

// Touch replaces rows of the ledger.
func (s *session) Touch(ctx context.Context, entries []push.LedgerEntry) error {
	return s.write(ctx, "replace", entries)
}

func (s *session) write(ctx context.Context, verb string, entries []push.LedgerEntry) error {
	for _, entry := range entries {
		for _, row := range entry.Spans {
			if _, err := s.conn.ExecContext(ctx, verb+sqliteRecord, entry.Sink, row.Segment, row.First, row.Last, row.Members); err != nil {
				return err
			}
		}
	}
	return nil
}

// Record needs no locks, and what begin has read is still so.
func (s *session) Record(ctx context.Context, _ []int64, entries []push.LedgerEntry, _ []push.Segment) ([][]push.Span, error) {
	return nil, s.write(ctx, "insert", entries)
}

func (s *session) Commit(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, "commit"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.committed = true
	return nil
}
