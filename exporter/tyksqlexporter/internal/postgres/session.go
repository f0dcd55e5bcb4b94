package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// session is a session of PostgreSQL. A batch whose records the database
// takes, which nearly all are, costs four round trips: begin and ledger, COPY,
// ledger, commit; one more for each further table that gets records.
type session struct {
	pooled *pgxpool.Conn
	server *server
	ledger *ledgerStatements
}

func (s *session) conn() *pgx.Conn { return s.pooled.Conn() }

func (s *session) Closed() bool { return s.conn().IsClosed() }

// Release closes a connection with an open transaction, which the pool does.
func (s *session) Release(context.Context) { s.pooled.Release() }

func (s *session) Exec(ctx context.Context, statements ...string) error {
	_, err := s.conn().Exec(ctx, strings.Join(statements, "; "))
	return err
}

// idleLimit is after how long the server ends a transaction that waits for us. The
// session of a machine that is gone would hold its locks for hours otherwise.
const idleLimit = "30s"

// settings has locks waited for no longer than until the server would look for a
// deadlock, of which the other side could become the victim; and commits that return
// when they are on disk, which is what an acknowledged record is promised.
const settings = `select set_config('lock_timeout', least(800, extract(epoch from current_setting('deadlock_timeout')::interval) * 800)::int::text, true),
	set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, true)`

// Begin takes read committed, whatever the server's default.
func (s *session) Begin(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error) {
	queries := &pgx.Batch{}
	queries.Queue("begin isolation level read committed")
	queries.Queue("set local idle_in_transaction_session_timeout = '" + idleLimit + "'")
	queries.Queue(settings)
	rows := make([][]push.Span, len(sinks))
	for i, sink := range sinks {
		s.queueLook(queries, sink, segments, &rows[i])
	}
	return rows, s.conn().SendBatch(ctx, queries).Close()
}

// queueLook asks for the ledger's rows that may hold records of the segments.
func (s *session) queueLook(queries *pgx.Batch, sink string, segments []push.Segment, rows *[]push.Span) {
	if len(segments) == 0 {
		return
	}
	names := make([]string, len(segments))
	firsts, lasts := make([]int64, len(segments)), make([]int64, len(segments))
	for i, segment := range segments {
		names[i], firsts[i], lasts[i] = segment.Name, segment.First, segment.Last
	}
	queries.Queue(s.ledger.look, sink, names, firsts, lasts, int64(push.MaxSpan)).Query(func(found pgx.Rows) error {
		var err error
		*rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (push.Span, error) {
			var s push.Span
			err := row.Scan(&s.Segment, &s.First, &s.Last, &s.Members)
			return s, err
		})
		return err
	})
}

// Send writes a portion with one COPY. Where the server refuses a record, it gives
// the place in the list that the server names, or sink.Unplaced.
func (s *session) Send(ctx context.Context, p engine.Portion) (int, error) {
	t, err := s.server.Need(p.Shard)
	if err != nil {
		return sink.Unplaced, err
	}
	if t.secured {
		return sink.Unplaced, s.sendSecured(ctx, t, p)
	}
	if err := s.copy(ctx, t, t.quoted, p); err != nil {
		return refusedPlace(err, t.Relation(), p), err
	}
	return sink.Unplaced, nil
}

func (s *session) copy(ctx context.Context, t *table, to string, p engine.Portion) error {
	source := newCopySource(t.encodings, p.Part, p.List)
	_, err := s.conn().PgConn().CopyFrom(ctx, source, "copy "+to+" ("+t.columns+") from stdin")
	source.stop() // the driver may still be reading when it has failed
	if err != nil {
		return fmt.Errorf("copy into %s: %w", to, withoutValue(err))
	}
	return nil
}

// quoted is what the server quotes of a row: all between the first and the last quotation mark, since the value may
// have some itself.
var quoted = regexp.MustCompile(`(?s)".*"`)

// withoutValue leaves a value out of what the server says about it: nobody is to read it in a log.
func withoutValue(err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch pgErr.Code {
	case "22003", "22007", "22008", "22P02": // out of range, no date, no such date, no value of the type
		told := *pgErr
		told.Message = quoted.ReplaceAllString(told.Message, `"..."`)
		return &told
	}
	return err
}

// sendSecured goes by way of a table of the session's own: there is no COPY into a table
// whose policies hold for this role.
func (s *session) sendSecured(ctx context.Context, t *table, p engine.Portion) error {
	const own = "pg_temp.otelcol_tyk_portion"
	if err := s.Exec(ctx, "create temporary table otelcol_tyk_portion on commit drop as select "+t.columns+" from "+t.quoted+" with no data"); err != nil {
		return fmt.Errorf("make a temporary table like %s: %w", t.quoted, err)
	}
	if err := s.copy(ctx, t, own, p); err != nil {
		return err
	}
	if err := s.Exec(ctx, "insert into "+t.quoted+" ("+t.columns+") select * from "+own, "drop table "+own); err != nil {
		return fmt.Errorf("insert into %s: %w", t.quoted, err)
	}
	return nil
}

var firstNumber = regexp.MustCompile(`\d+`)

// refusedPlace reads from the server's error which row it refused: "COPY t, line
// 17, column path: ..." in the server's language. It is only a hint of where to
// look first.
func refusedPlace(err error, bare string, p engine.Portion) int {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return sink.Unplaced
	}
	_, rest, _ := strings.Cut(pgErr.Where, "COPY "+bare+",")
	line, err := strconv.Atoi(firstNumber.FindString(rest))
	if err != nil {
		return sink.Unplaced
	}
	for place, i := range p.List { // lines count only what was sent
		if p.Part.States[i] != push.StatePending {
			continue
		}
		if line--; line == 0 {
			return place
		}
	}
	return sink.Unplaced
}

// Record takes the locks, looks and writes in one round trip.
func (s *session) Record(ctx context.Context, keys []int64, entries []push.LedgerEntry, segments []push.Segment) ([][]push.Span, error) {
	queries := &pgx.Batch{}
	queries.Queue("select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key", keys)
	rows := make([][]push.Span, len(entries))
	for i, entry := range entries {
		s.queueLook(queries, entry.Sink, segments, &rows[i])
	}
	for _, entry := range entries {
		s.queueInsert(queries, entry)
	}
	return rows, s.conn().SendBatch(ctx, queries).Close()
}

// Touch replaces rows of the ledger, which needs no more rights than all else does.
func (s *session) Touch(ctx context.Context, entries []push.LedgerEntry) error {
	queries := &pgx.Batch{}
	for _, entry := range entries {
		segments, firsts, _, _ := arraysOf(entry.Spans)
		queries.Queue(s.ledger.touch, entry.Sink, segments, firsts)
		s.queueInsert(queries, entry)
	}
	return s.conn().SendBatch(ctx, queries).Close()
}

// queueInsert adds rows to the ledger.
func (s *session) queueInsert(queries *pgx.Batch, entry push.LedgerEntry) {
	segments, firsts, lasts, members := arraysOf(entry.Spans)
	queries.Queue(s.ledger.insert, entry.Sink, segments, firsts, lasts, members)
}

func arraysOf(spans []push.Span) (segments []string, firsts, lasts []int64, members [][]byte) {
	for _, s := range spans {
		segments, firsts, lasts, members = append(segments, s.Segment), append(firsts, s.First), append(lasts, s.Last), append(members, s.Members)
	}
	return segments, firsts, lasts, members
}

// Commit makes it so. A server that rolls back instead says so only in the tag.
func (s *session) Commit(ctx context.Context) error {
	tag, err := s.conn().Exec(ctx, "commit")
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("commit: the server answered %s", tag)
	}
	return nil
}
