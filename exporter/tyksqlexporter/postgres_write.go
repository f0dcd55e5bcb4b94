package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresWrite is one transaction that stores one batch.
type postgresWrite struct {
	conn     *pgx.Conn
	tables   *postgresTables
	batch    *batch
	calendar calendar
}

// missingShards says that a write met tables of days that are not known yet.
type missingShards struct{ shards []shard }

func (e *missingShards) Error() string {
	return "no table yet for " + e.shards[0].relation()
}

// portion is what a batch has for one table.
type portion struct {
	table *postgresTable
	part  *part
	list  []int32 // the entries to be stored
}

// portions gives what is to be stored. That of a table is made when the one before
// is stored, since that finds out what kinds of records there are.
func (w *postgresWrite) portions() iter.Seq2[portion, error] {
	return func(yield func(portion, error) bool) {
		for i := range w.tables.sinks {
			of, err := w.divide(i)
			if err != nil {
				yield(portion{}, err)
				return
			}
			for _, p := range of {
				if !yield(p, nil) {
					return
				}
			}
		}
	}
}

// divide gives the portions of a sink.
func (w *postgresWrite) divide(sink int) ([]portion, error) {
	p := &w.batch.parts[sink]
	list := p.pending()
	if len(list) == 0 {
		return nil, nil
	}
	var portions []portion
	var missing []shard
	for _, day := range w.calendar.split(w.batch, list) {
		of := shard{table: w.tables.sinks[sink], day: day.day}
		table := w.tables.get(of)
		if table == nil {
			missing = append(missing, of)
		}
		portions = append(portions, portion{table: table, part: p, list: day.list})
	}
	if len(missing) > 0 {
		return nil, &missingShards{shards: missing}
	}
	return portions, nil
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
	rows := make([][]span, len(w.tables.sinks))
	for i, table := range w.tables.sinks {
		w.queueLook(queries, table.name, &rows[i])
	}
	if err := w.conn.SendBatch(ctx, queries).Close(); err != nil {
		return fmt.Errorf("begin and read %s: %w", w.tables.ledger, err)
	}
	for i := range rows {
		w.batch.parts[i].skipApplied(rows[i])
	}
	return nil
}

// queueLook asks for the ledger's rows that may hold records of the batch.
func (w *postgresWrite) queueLook(queries *pgx.Batch, sink string, rows *[]span) {
	segments := w.batch.segments
	if len(segments) == 0 {
		return
	}
	names := make([]string, len(segments))
	firsts, lasts := make([]int64, len(segments)), make([]int64, len(segments))
	for i, segment := range segments {
		names[i], firsts[i], lasts[i] = segment.name, segment.first, segment.last
	}
	queries.Queue(w.tables.look, sink, names, firsts, lasts, int64(maxSpan)).Query(func(found pgx.Rows) error {
		var err error
		*rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (span, error) {
			var s span
			err := row.Scan(&s.segment, &s.first, &s.last, &s.members)
			return s, err
		})
		return err
	})
}

// store writes everything. Where the server refuses a record, it gives the entry
// that the server names, or nobody.
func (w *postgresWrite) store(ctx context.Context) (int32, error) {
	for p, err := range w.portions() {
		place := -1
		if err == nil {
			place, err = w.send(ctx, p)
		}
		switch {
		case err == nil:
		case place >= 0:
			return p.list[place], err
		default:
			return nobody, err
		}
	}
	return nobody, nil
}

// send writes a portion with one statement. Where the server refuses a record, it
// gives the place in the list that the server names, or -1.
func (w *postgresWrite) send(ctx context.Context, p portion) (int, error) {
	if p.table.layout.kind == kindUptime {
		return -1, w.upsert(ctx, p)
	}
	return w.copy(ctx, p)
}

// copy writes a portion with one COPY. Where the server refuses a record, it gives
// the place in the list that the server names, or -1.
func (w *postgresWrite) copy(ctx context.Context, p portion) (int, error) {
	source := newCopySource(p.table.encodings, p.part, p.list)
	tag, err := w.conn.PgConn().CopyFrom(ctx, source, p.table.copy)
	rows := source.stop() // the driver may still be reading when it has failed
	if err != nil {
		return p.refusedPlace(err), fmt.Errorf("copy into %s: %w", p.table.quoted, err)
	}
	if tag.RowsAffected() != rows {
		return -1, fmt.Errorf("copy into %s: sent %d rows, the server took %d", p.table.quoted, rows, tag.RowsAffected())
	}
	return -1, nil
}

// refusedPlace reads from the server's error which row it refused: "COPY t, line
// 17, column path: ..." in the server's language. It is only a hint of where to
// look first.
func (p portion) refusedPlace(err error) int {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return -1
	}
	_, rest, found := strings.Cut(pgErr.Where, "COPY "+p.table.bare+",")
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
	for place, i := range p.list { // lines count only what was sent
		if p.part.states[i] != statePending {
			continue
		}
		if line--; line == 0 {
			return place
		}
	}
	return -1
}

// isolate stores the batch around the records that the server refuses. It starts
// the transaction anew and works with savepoints. A refused record so costs two or
// three statements, or two for each halving where the server does not name it. The
// entry named first is cut out before anything is tried, unless it is nobody.
func (w *postgresWrite) isolate(ctx context.Context, named int32) error {
	if _, err := w.conn.Exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	for p, err := range w.portions() {
		if err != nil {
			return err
		}
		if err := w.storeAround(ctx, p, slices.Index(p.list, named)); err != nil {
			return err
		}
	}
	return nil
}

// storeAround stores a portion around the records that the server refuses.
func (w *postgresWrite) storeAround(ctx context.Context, p portion, place int) error {
	return storeAround(p.list, place, func(list []int32) (int, error) {
		piece := p
		piece.list = list
		return w.try(ctx, piece)
	}, func(i int32, err error) bool {
		action, reason := classifyPostgres(err)
		if action == actionRefuse && i != nobody {
			p.part.refuse(i, reason, serverText(err))
		}
		return action == actionRefuse
	})
}

// serverText is what the server says about a refused record, without what the
// record holds, which the server's details would quote.
func serverText(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Message + " (SQLSTATE " + pgErr.Code + ")"
	}
	return err.Error()
}

// try writes a piece, and takes it back where that fails.
func (w *postgresWrite) try(ctx context.Context, piece portion) (int, error) {
	if _, err := w.conn.Exec(ctx, "savepoint piece"); err != nil {
		return -1, fmt.Errorf("set a savepoint: %w", err)
	}
	place, err := w.send(ctx, piece)
	if err == nil {
		if _, err := w.conn.Exec(ctx, "release savepoint piece"); err != nil {
			return -1, fmt.Errorf("release a savepoint: %w", err)
		}
		return -1, nil
	}
	if w.conn.IsClosed() {
		return -1, err
	}
	if _, undo := w.conn.Exec(ctx, "rollback to savepoint piece; release savepoint piece"); undo != nil {
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
	spans := make([][]span, len(w.tables.sinks))
	var sinks []string
	for i, table := range w.tables.sinks {
		if spans[i] = w.batch.parts[i].applied(); len(spans[i]) > 0 {
			sinks = append(sinks, table.name)
		}
	}
	if len(sinks) == 0 {
		return nil
	}
	queries := &pgx.Batch{}
	queries.Queue("select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key", w.batch.lockKeys(sinks))
	rows := make([][]span, len(spans))
	for i, table := range w.tables.sinks {
		if len(spans[i]) > 0 {
			w.queueLook(queries, table.name, &rows[i])
		}
	}
	for i, table := range w.tables.sinks {
		if len(spans[i]) > 0 {
			w.queueInsert(queries, table.name, spans[i])
		}
	}
	err := w.conn.SendBatch(ctx, queries).Close()
	for i := range spans {
		if overlap(spans[i], rows[i]) {
			return errRaced // the insert failed too, if both begin with the same record
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", w.tables.ledger, err)
	}
	return nil
}

// queueInsert adds rows to the ledger.
func (w *postgresWrite) queueInsert(queries *pgx.Batch, sink string, spans []span) {
	segments := make([]string, len(spans))
	firsts, lasts, members := make([]int64, len(spans)), make([]int64, len(spans)), make([][]byte, len(spans))
	for i, s := range spans {
		segments[i], firsts[i], lasts[i], members[i] = s.segment, s.first, s.last, s.members
	}
	queries.Queue(w.tables.insert, sink, segments, firsts, lasts, members)
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
