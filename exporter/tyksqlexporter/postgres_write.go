package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresSession is a session of PostgreSQL. A batch whose records the database
// takes, which nearly all are, costs four round trips: begin and ledger, COPY,
// ledger, commit; one more for each further table that gets records.
type postgresSession struct {
	pooled *pgxpool.Conn
	server *postgresServer
	ledger *postgresLedger
}

func (s *postgresSession) conn() *pgx.Conn { return s.pooled.Conn() }

func (s *postgresSession) closed() bool { return s.conn().IsClosed() }

// release closes a connection with an open transaction, which the pool does.
func (s *postgresSession) release(context.Context) { s.pooled.Release() }

func (s *postgresSession) exec(ctx context.Context, statements ...string) error {
	_, err := s.conn().Exec(ctx, strings.Join(statements, "; "))
	return err
}

// idleLimit is after how long the server ends a transaction that waits for us. The
// session of a machine that is gone would hold its locks for hours otherwise.
const idleLimit = "30s"

// begin takes read committed, whatever the server's default.
func (s *postgresSession) begin(ctx context.Context, sinks []string, segments []segment) ([][]span, error) {
	queries := &pgx.Batch{}
	queries.Queue("begin isolation level read committed")
	queries.Queue("set local idle_in_transaction_session_timeout = '" + idleLimit + "'")
	rows := make([][]span, len(sinks))
	for i, sink := range sinks {
		s.queueLook(queries, sink, segments, &rows[i])
	}
	return rows, s.conn().SendBatch(ctx, queries).Close()
}

// queueLook asks for the ledger's rows that may hold records of the segments.
func (s *postgresSession) queueLook(queries *pgx.Batch, sink string, segments []segment, rows *[]span) {
	if len(segments) == 0 {
		return
	}
	names := make([]string, len(segments))
	firsts, lasts := make([]int64, len(segments)), make([]int64, len(segments))
	for i, segment := range segments {
		names[i], firsts[i], lasts[i] = segment.name, segment.first, segment.last
	}
	queries.Queue(s.ledger.look, sink, names, firsts, lasts, int64(maxSpan)).Query(func(found pgx.Rows) error {
		var err error
		*rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (span, error) {
			var s span
			err := row.Scan(&s.segment, &s.first, &s.last, &s.members)
			return s, err
		})
		return err
	})
}

// send writes a portion with one COPY. Where the server refuses a record, it gives
// the place in the list that the server names, or -1.
func (s *postgresSession) send(ctx context.Context, p portion) (int, error) {
	t, known := s.server.get(p.shard)
	if !known { // forgotten meanwhile
		return -1, &missingShards{shards: []shard{p.shard}}
	}
	source := newCopySource(t.encodings, p.part, p.list)
	tag, err := s.conn().PgConn().CopyFrom(ctx, source, t.copy)
	rows := source.stop() // the driver may still be reading when it has failed
	if err != nil {
		return refusedPlace(err, t.bare, p), fmt.Errorf("copy into %s: %w", t.quoted, err)
	}
	if tag.RowsAffected() != rows {
		return -1, fmt.Errorf("copy into %s: sent %d rows, the server took %d", t.quoted, rows, tag.RowsAffected())
	}
	return -1, nil
}

// refusedPlace reads from the server's error which row it refused: "COPY t, line
// 17, column path: ..." in the server's language. It is only a hint of where to
// look first.
func refusedPlace(err error, bare string, p portion) int {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return -1
	}
	_, rest, found := strings.Cut(pgErr.Where, "COPY "+bare+",")
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

// record takes the locks, looks and writes in one round trip.
func (s *postgresSession) record(ctx context.Context, keys []int64, entries []ledgerEntry, segments []segment) ([][]span, error) {
	queries := &pgx.Batch{}
	queries.Queue("select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key", keys)
	rows := make([][]span, len(entries))
	for i, entry := range entries {
		s.queueLook(queries, entry.sink, segments, &rows[i])
	}
	for _, entry := range entries {
		s.queueInsert(queries, entry)
	}
	return rows, s.conn().SendBatch(ctx, queries).Close()
}

// queueInsert adds rows to the ledger.
func (s *postgresSession) queueInsert(queries *pgx.Batch, entry ledgerEntry) {
	n := len(entry.spans)
	segments := make([]string, n)
	firsts, lasts, members := make([]int64, n), make([]int64, n), make([][]byte, n)
	for i, span := range entry.spans {
		segments[i], firsts[i], lasts[i], members[i] = span.segment, span.first, span.last, span.members
	}
	queries.Queue(s.ledger.insert, entry.sink, segments, firsts, lasts, members)
}

// commit makes it so. A server that rolls back instead says so only in the tag.
func (s *postgresSession) commit(ctx context.Context) error {
	tag, err := s.conn().Exec(ctx, "commit")
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("commit: the server answered %s", tag)
	}
	return nil
}
