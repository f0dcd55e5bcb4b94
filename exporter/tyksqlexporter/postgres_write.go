package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresWrite is one transaction that stores one batch.
type postgresWrite struct {
	conn  *pgx.Conn
	table *postgresTable
	batch *batch
}

// idleLimit is after how long the server ends a transaction that waits for us. The
// session of a machine that is gone would hold its locks for hours otherwise.
const idleLimit = "30s"

// begin opens the transaction and marks what the ledger says was stored before.
// Read committed, whatever the server's default: record must see what others have
// committed until then.
func (w *postgresWrite) begin(ctx context.Context) error {
	queries := &pgx.Batch{}
	queries.Queue("begin isolation level read committed")
	queries.Queue("set local idle_in_transaction_session_timeout = '" + idleLimit + "'")
	var rows []span
	w.queueLook(queries, &rows)
	if err := w.conn.SendBatch(ctx, queries).Close(); err != nil {
		return fmt.Errorf("begin and read %s: %w", w.table.ledger, err)
	}
	w.batch.skipApplied(rows)
	return nil
}

// queueLook asks for the ledger's rows that may hold records of the batch.
func (w *postgresWrite) queueLook(queries *pgx.Batch, rows *[]span) {
	segments := w.batch.segments
	if len(segments) == 0 {
		return
	}
	names := make([]string, len(segments))
	firsts, lasts := make([]int64, len(segments)), make([]int64, len(segments))
	for i, segment := range segments {
		names[i], firsts[i], lasts[i] = segment.name, segment.first, segment.last
	}
	queries.Queue(w.table.look, w.table.sink, names, firsts, lasts, int64(maxSpan)).Query(func(found pgx.Rows) error {
		var err error
		*rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (span, error) {
			var s span
			err := row.Scan(&s.segment, &s.first, &s.last, &s.members)
			return s, err
		})
		return err
	})
}

// copy writes the entries with one COPY. Where the server refuses one, it gives
// the place in the list that the server names, or -1.
func (w *postgresWrite) copy(ctx context.Context, list []int32) (int, error) {
	source := newCopySource(w.table.encodings, w.batch, list)
	tag, err := w.conn.PgConn().CopyFrom(ctx, source, w.table.copy)
	rows := source.stop() // the driver may still be reading when it has failed
	if err != nil {
		return w.refusedPlace(err, list), fmt.Errorf("copy into %s: %w", w.table.name, err)
	}
	if tag.RowsAffected() != rows {
		return -1, fmt.Errorf("copy into %s: sent %d rows, the server took %d", w.table.name, rows, tag.RowsAffected())
	}
	return -1, nil
}

// refusedPlace reads from the server's error which row it refused: "COPY t, line
// 17, column path: ..." in the server's language. It is only a hint of where to
// look first.
func (w *postgresWrite) refusedPlace(err error, list []int32) int {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return -1
	}
	_, rest, found := strings.Cut(pgErr.Where, "COPY "+w.table.bare+",")
	if !found {
		return -1
	}
	start := strings.IndexAny(rest, "0123456789")
	if start < 0 {
		return -1
	}
	end := start
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	line, err := strconv.Atoi(rest[start:end])
	if err != nil {
		return -1
	}
	for place, i := range list { // lines count only what was sent
		if w.batch.entries[i].state != statePending {
			continue
		}
		if line--; line == 0 {
			return place
		}
	}
	return -1
}

// isolate stores the batch around the records that the server refuses. It starts
// the transaction anew and works with savepoints: a part that is refused is cut at
// the row that the server named, or in the middle, until the refused record stands
// alone. A refused record so costs two or three statements, or two for each
// halving where the server does not name it.
func (w *postgresWrite) isolate(ctx context.Context, hint int) error {
	if _, err := w.conn.Exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	list := w.batch.pending()
	hint = min(hint, len(list)-1) // the list can have become shorter
	for parts := cut(list, hint, nil); len(parts) > 0; {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		place, err := w.try(ctx, part)
		if err == nil {
			continue
		}
		action, reason := classifyPostgres(err)
		if action != actionRefuse {
			return err
		}
		if len(part) == 1 {
			w.batch.refuse(part[0], reason, serverText(err))
			continue
		}
		parts = cut(part, place, parts)
	}
	return nil
}

// serverText is what the server says about a refused record, without what the
// record holds, which the server's details would quote.
func serverText(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Message + " (SQLSTATE " + pgErr.Code + ")"
	}
	return err.Error()
}

// cut pushes the parts of list before, at and after place, or its halves, so that
// the first is taken next. No part is as long as the list unless that is one long.
func cut(list []int32, place int, parts [][]int32) [][]int32 {
	before, after := len(list)/2, len(list)/2
	if place >= 0 && place < len(list) {
		before, after = place, place+1
	}
	for _, part := range [][]int32{list[after:], list[before:after], list[:before]} {
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// try copies a part, and takes it back where that fails.
func (w *postgresWrite) try(ctx context.Context, part []int32) (int, error) {
	if _, err := w.conn.Exec(ctx, "savepoint part"); err != nil {
		return -1, fmt.Errorf("set a savepoint: %w", err)
	}
	place, err := w.copy(ctx, part)
	if err == nil {
		if _, err := w.conn.Exec(ctx, "release savepoint part"); err != nil {
			return -1, fmt.Errorf("release a savepoint: %w", err)
		}
		return -1, nil
	}
	if w.conn.IsClosed() {
		return -1, err
	}
	if _, undo := w.conn.Exec(ctx, "rollback to savepoint part; release savepoint part"); undo != nil {
		return -1, fmt.Errorf("roll back to a savepoint: %w", undo)
	}
	return place, err
}

// record writes the ledger rows. It takes the locks of the segments first, which
// it keeps until the commit, and looks again: of two transactions that store the
// same record at once the later one sees the earlier one's rows here, whatever
// else they store. Locks held only from here on let chunks of one segment be
// written in parallel.
func (w *postgresWrite) record(ctx context.Context) error {
	spans := w.batch.applied()
	if len(spans) == 0 {
		return nil
	}
	segments := make([]string, len(spans))
	firsts, lasts, members := make([]int64, len(spans)), make([]int64, len(spans)), make([][]byte, len(spans))
	for i, s := range spans {
		segments[i], firsts[i], lasts[i], members[i] = s.segment, s.first, s.last, s.members
	}
	queries := &pgx.Batch{}
	queries.Queue("select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key", w.batch.lockKeys(w.table.sink))
	var rows []span
	w.queueLook(queries, &rows)
	queries.Queue(w.table.insert, w.table.sink, segments, firsts, lasts, members)
	err := w.conn.SendBatch(ctx, queries).Close()
	if overlap(spans, rows) {
		return errRaced // the insert failed too, if both begin with the same record
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", w.table.ledger, err)
	}
	return nil
}

// commit makes it so. A server that rolls back instead says so only in the tag.
func (w *postgresWrite) commit(ctx context.Context) error {
	tag, err := w.conn.Exec(ctx, "commit")
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("commit: the server answered %s", tag)
	}
	return nil
}
