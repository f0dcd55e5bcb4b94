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
	// Key names the work, the same whenever it is tried again; it is empty where it cannot
	// be known again.
	Key() string
	// Asked is what the ledger is asked for.
	Asked() *push.Question
	// Look takes the ledger's rows, by sink.
	Look(rows [][]push.Span)
	// send writes everything.
	send(ctx context.Context, t *transaction) error
	// isolate writes around what the database refuses.
	isolate(ctx context.Context, t *transaction) error
	// Ledger are the ledger's rows for what was written, and Known those that told what
	// was stored before.
	Ledger() []push.LedgerEntry
	Known() []push.LedgerEntry
	// Rewind forgets what an attempt found out, before the next one.
	Rewind()
}

// errUnfinished says that a transaction has stored a part of a push, since it refused
// so many records that the attempt's time was nearly over. The next one goes on there.
var errUnfinished = errors.New("many records are refused one by one: a part is stored, the next attempt goes on with the others")

// errBroken says that a transaction is not as it was left, such as after RAISE(ROLLBACK)
// in an SQLite trigger. What failed with it says nothing of records.
var errBroken = errors.New("the transaction was ended by the database")

// transaction stores work over one session.
type transaction struct {
	store      *Store
	session    Session
	isolating  bool
	findings   map[string]sink.Finding // by sink, of errors that do not say whether a record is at fault
	accepted   []string                // the sinks into which it has brought something
	until      time.Time               // when an isolation stops; zero is never
	unfinished bool
}

// apply makes one attempt. Where a record may be at fault, it is made once more, around
// what the database does not take.
func (s *Store) apply(ctx context.Context, w work) error {
	session, err := s.server.Connect(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer session.Release(ctx)
	t := &transaction{store: s, session: session}
	if deadline, ok := ctx.Deadline(); ok {
		t.until = time.Now().Add(time.Until(deadline) * 6 / 10)
	}
	err = t.write(ctx, w)
	if err != nil && t.blames(err, w) {
		err = t.isolate(ctx, w)
	}
	if err != nil {
		return err
	}
	if t.isolating { // a column whose type was changed may be why: the next ones find it as it is
		s.server.ForgetAll()
	}
	for _, name := range t.accepted {
		s.evidence.Accepted(name)
	}
	if t.unfinished {
		return errUnfinished
	}
	return nil
}

// write makes the transaction.
func (t *transaction) write(ctx context.Context, w work) error {
	rows, err := t.session.Begin(ctx, w.Asked().Sinks, w.Asked().Segments)
	if err != nil {
		return fmt.Errorf("begin and read %s: %w", push.LedgerTable, err)
	}
	w.Look(rows)
	send := w.send
	if t.isolating {
		if err := t.session.Exec(ctx, t.store.server.Isolating()...); err != nil {
			return fmt.Errorf("prepare to isolate: %w", err)
		}
		send = w.isolate
	}
	if err := send(ctx, t); err != nil {
		return err
	}
	if err := t.record(ctx, w); err != nil {
		return err
	}
	return t.session.Commit(ctx)
}

// blames tells whether a record may be at fault for an error: the database says so, or
// the same work has failed with errors that do not say so for long enough.
func (t *transaction) blames(err error, w work) bool {
	action, _ := t.store.server.Classify(err)
	if action != ActionRefuse && !action.doubtful() {
		return false
	}
	key, sinks := w.Key(), w.Asked().Sinks
	if key != "" {
		t.findings = make(map[string]sink.Finding, len(sinks))
		for _, name := range sinks {
			t.findings[name] = t.store.evidence.Failed(sink.Failure{Place: name, Item: key, Enough: enoughFailures})
		}
	}
	return action == ActionRefuse || !t.session.Closed() && t.finding(sinks) != sink.Wait
}

// finding is what is known of all of the sinks.
func (t *transaction) finding(sinks []string) sink.Finding {
	least := sink.Blamed
	for _, name := range sinks {
		least = min(least, t.findings[name])
	}
	return least
}

// outcome judges the errors of pieces for the sinks.
func (t *transaction) outcome(sinks ...string) func(error) sink.Outcome {
	return func(err error) sink.Outcome {
		action, _ := t.store.server.Classify(err)
		switch found := t.finding(sinks); {
		case errors.Is(err, errBroken), t.session.Closed():
		case action == ActionRefuse, action.doubtful() && found == sink.Blamed:
			return sink.Refused
		case action.doubtful() && found == sink.Suspect:
			return sink.Unclear
		}
		return sink.Later
	}
}

// why is what is told of a refused record.
func (t *transaction) why(err error) (sink.Reason, string) {
	action, reason := t.store.server.Classify(err)
	if action != ActionRefuse {
		reason = push.ReasonOther
	}
	return reason, t.store.server.ServerText(err)
}

// isolate makes the transaction anew, with savepoints.
func (t *transaction) isolate(ctx context.Context, w work) error {
	if err := t.session.Exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	w.Rewind()
	t.isolating, t.accepted = true, nil
	return t.write(ctx, w)
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
	if known := w.Known(); len(known) > 0 {
		if err := t.session.Touch(ctx, known); err != nil {
			return fmt.Errorf("touch %s: %w", push.LedgerTable, err)
		}
	}
	entries := w.Ledger()
	if len(entries) == 0 {
		return nil
	}
	sinks, segments := push.SinksOf(entries), w.Asked().Segments
	rows, err := t.session.Record(ctx, push.LockKeys(sinks, segments), entries, segments)
	for i := range rows {
		if push.Overlap(entries[i].Spans, rows[i]) {
			return ErrRaced // the insert failed too, if both begin with the same record
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", push.LedgerTable, err)
	}
	t.accepted = sinks
	return nil
}
