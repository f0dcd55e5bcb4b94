package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// work is what one transaction stores: the records of a push, or the rollups of several.
type work interface {
	// ledger names what the ledger is asked for.
	ledger() (sinks []string, segments []push.Segment)
	// look takes the ledger's rows, by sink.
	look(rows [][]push.Span)
	// send writes everything. Where the database refuses a record, it gives the entry
	// that the database names, or nobody.
	send(ctx context.Context, t *transaction) (int32, error)
	// isolate writes around what the database refuses. The entry named first is cut out
	// before anything is tried, unless it is nobody.
	isolate(ctx context.Context, t *transaction, named int32) error
	// entries are the ledger's rows for what was written, and known those that told what
	// was stored before.
	entries() []push.LedgerEntry
	known() []push.LedgerEntry
	// rewind forgets what an attempt found out, before the next one.
	rewind()
}

// errUnfinished says that a transaction has stored a part of a push, since it refused
// so many records that the attempt's time was nearly over. The next one goes on there.
var errUnfinished = errors.New("many records are refused one by one: a part is stored, the next attempt goes on with the others")

// errBroken says that a transaction is not as it was left, such as after RAISE(ROLLBACK)
// in an SQLite trigger. What failed with it says nothing of records.
var errBroken = errors.New("the transaction was ended by the database")

// transaction stores work over one session.
type transaction struct {
	store   *Store
	session Session
	// suspect has each error of a statement taken for one of the record that it was for:
	// the same push has failed before with errors that say nothing of records.
	suspect    bool
	evidence   func(sink string) bool // others were accepted meanwhile
	accepted   []string               // the sinks into which this push has brought something
	isolating  bool
	until      time.Time // when an isolation stops; zero is never
	unfinished bool
}

// apply makes one attempt.
func (s *Store) apply(ctx context.Context, w work, doubt *doubt) error {
	session, err := s.server.Connect(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer session.Release(ctx)
	t := &transaction{store: s, session: session, suspect: doubt.strong(), evidence: func(sink string) bool { return s.acceptedSince(sink, doubt) }}
	if deadline, ok := ctx.Deadline(); ok {
		t.until = time.Now().Add(time.Until(deadline) * 6 / 10)
	}
	if err := t.begin(ctx, w); err != nil {
		return err
	}
	named := int32(push.Nobody)
	if !t.suspect {
		named, err = w.send(ctx, t)
	}
	if action, _ := t.judge(err); t.suspect || err != nil && action == ActionRefuse {
		err = t.isolate(ctx, w, named)
	}
	if err == nil {
		err = t.record(ctx, w)
	}
	if err == nil {
		err = session.Commit(ctx)
	}
	if err != nil {
		return err
	}
	s.accept(t.accepted)
	if t.unfinished {
		return errUnfinished
	}
	return nil
}

// judge classifies an error, and takes what says nothing of records for a refusal where
// the push is suspect.
func (t *transaction) judge(err error) (Action, sink.Reason) {
	if errors.Is(err, errBroken) {
		return ActionRetry, ""
	}
	action, reason := t.store.server.Classify(err)
	if t.suspect && (action == ActionDoubt || action == ActionInspect) && !t.session.Closed() {
		return ActionRefuse, push.ReasonOther
	}
	return action, reason
}

// begin opens the transaction and marks what the ledger says was stored before.
func (t *transaction) begin(ctx context.Context, w work) error {
	sinks, segments := w.ledger()
	rows, err := t.session.Begin(ctx, sinks, segments)
	if err != nil {
		return fmt.Errorf("begin and read %s: %w", push.LedgerTable, err)
	}
	w.look(rows)
	return nil
}

// isolate starts the transaction anew and works with savepoints.
func (t *transaction) isolate(ctx context.Context, w work, named int32) error {
	if err := t.session.Exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	w.rewind()
	t.isolating = true
	if err := t.begin(ctx, w); err != nil {
		return err
	}
	if err := t.session.Exec(ctx, t.store.server.Isolating()...); err != nil {
		return fmt.Errorf("prepare to isolate: %w", err)
	}
	return w.isolate(ctx, t, named)
}

// within undoes what do did where that fails.
func (t *transaction) within(ctx context.Context, savepoint string, do func() error) error {
	if err := t.session.Exec(ctx, "savepoint "+savepoint); err != nil {
		return fmt.Errorf("set a savepoint: %w: %w", errBroken, err)
	}
	err := do()
	switch {
	case err == nil:
		if err := t.session.Exec(ctx, "release savepoint "+savepoint); err != nil {
			return fmt.Errorf("release a savepoint: %w: %w", errBroken, err)
		}
	case !t.session.Closed():
		if undo := t.session.Exec(ctx, "rollback to savepoint "+savepoint, "release savepoint "+savepoint); undo != nil {
			return fmt.Errorf("roll back to a savepoint: %w: %w, after %w", errBroken, undo, err)
		}
	}
	return err
}

// record writes the ledger rows. It takes the locks of the segments first, which
// it keeps until the commit, and looks again: of two transactions that store the
// same record at once the later one sees the earlier one's rows here, whatever
// else they store. Locks held only from here on let chunks of one segment be
// written in parallel. Rows that were found are written again: what they say is then
// as durable as what this transaction writes, and is kept as long as it is asked for.
func (t *transaction) record(ctx context.Context, w work) error {
	if known := w.known(); len(known) > 0 {
		if err := t.session.Touch(ctx, known); err != nil {
			return fmt.Errorf("touch %s: %w", push.LedgerTable, err)
		}
	}
	entries := w.entries()
	if len(entries) == 0 {
		return nil
	}
	sinks := make([]string, len(entries))
	for i, entry := range entries {
		sinks[i] = entry.Sink
	}
	_, segments := w.ledger()
	rows, err := t.session.Record(ctx, push.LockKeys(sinks, segments), entries, segments)
	for i := range rows {
		if push.Overlap(entries[i].Spans, rows[i]) {
			return ErrRaced // the insert failed too, if both begin with the same record
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", push.LedgerTable, err)
	}
	t.accepted = append(t.accepted, sinks...)
	return nil
}
