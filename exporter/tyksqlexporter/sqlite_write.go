package tyksqlexporter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteSession is the connection, for one transaction. Nobody else writes meanwhile.
type sqliteSession struct {
	conn      *sql.Conn
	server    *sqliteServer
	committed bool
}

func (*sqliteSession) closed() bool { return false }

// release rolls back what is not committed. The context may be what failed. After some
// errors SQLite has rolled back already; then, as whenever its state is in doubt, the
// connection goes.
func (s *sqliteSession) release(ctx context.Context) {
	if !s.committed {
		if _, err := s.conn.ExecContext(context.WithoutCancel(ctx), "rollback"); err != nil {
			discard(s.conn)
			return
		}
	}
	_ = s.conn.Close() // only gives it back
}

func (s *sqliteSession) exec(ctx context.Context, statements ...string) error {
	return execEach(ctx, s.conn, statements...)
}

// start waits for its turn to write.
func (s *sqliteSession) start(ctx context.Context) error {
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

func (s *sqliteSession) begin(ctx context.Context, sinks []string, segments []segment) ([][]span, error) {
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	spans := make([][]span, len(sinks))
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
func (s *sqliteSession) look(ctx context.Context, sink string, of *segment) ([]span, error) {
	rows, err := s.conn.QueryContext(ctx, sqliteLook, sink, of.name, of.first-maxSpan, of.last, of.first)
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

func (s *sqliteSession) send(ctx context.Context, p portion) (int, error) {
	t, known := s.server.get(p.shard)
	if !known { // forgotten meanwhile
		return nobody, &missingShards{shards: []shard{p.shard}}
	}
	return nobody, s.conn.Raw(func(conn any) error {
		w, err := newSQLiteInsert(conn, t, p.part)
		if err != nil {
			return err
		}
		return errors.Join(w.insert(ctx, p.list), w.close())
	})
}

// record needs no locks, and what begin has read is still so.
func (s *sqliteSession) record(ctx context.Context, _ []int64, entries []ledgerEntry, _ []segment) ([][]span, error) {
	for _, entry := range entries {
		for _, row := range entry.spans {
			if _, err := s.conn.ExecContext(ctx, sqliteRecord, entry.sink, row.segment, row.first, row.last, row.members); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

func (s *sqliteSession) commit(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, "commit"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.committed = true
	return nil
}
