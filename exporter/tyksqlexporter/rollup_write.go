package tyksqlexporter

import (
	"context"
	"fmt"
	"slices"
)

// writeRollups stores the groups of the batch in one transaction, together with
// their ledger rows, as write does records.
func (s *serverStore) writeRollups(ctx context.Context, b *rollupBatch) error {
	return s.persist(ctx, func() error { return s.applyRollups(ctx, b) }, b.rewind)
}

// applyRollups makes one attempt.
func (s *serverStore) applyRollups(ctx context.Context, b *rollupBatch) error {
	connected, err := s.server.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer connected.release(ctx)
	t := &rollupTransaction{store: s, session: connected, batch: b}
	if err := t.begin(ctx); err != nil {
		return err
	}
	err = t.addAll(ctx, b.pending())
	if action, _ := s.server.classify(err); err != nil && action == actionRefuse {
		err = t.isolate(ctx)
	}
	if err != nil {
		return err
	}
	if err := t.record(ctx); err != nil {
		return err
	}
	return connected.commit(ctx)
}

// rollupTransaction stores one batch of rollups over one session.
type rollupTransaction struct {
	store   *serverStore
	session session
	batch   *rollupBatch
}

// begin opens the transaction and marks what the ledger says was stored before.
func (t *rollupTransaction) begin(ctx context.Context) error {
	rows, err := t.session.begin(ctx, t.batch.sinks, t.batch.segments)
	if err != nil {
		return fmt.Errorf("begin and read %s: %w", ledgerTable, err)
	}
	t.batch.look(rows)
	return nil
}

// addAll adds the rows of groups, those of a table with one statement.
func (t *rollupTransaction) addAll(ctx context.Context, groups []int) error {
	portions := t.batch.portions(groups, t.store.calendar)
	var missing []shard
	for _, p := range portions {
		if !t.store.server.knows(p.shard) {
			missing = append(missing, p.shard)
		}
	}
	if len(missing) > 0 {
		return &missingShards{shards: missing}
	}
	for _, p := range portions {
		if err := t.session.add(ctx, p); err != nil {
			return fmt.Errorf("add to %s: %w", p.relation(), err)
		}
	}
	return nil
}

// isolate stores the batch around the groups that the server refuses: it starts the
// transaction anew and adds each by itself.
func (t *rollupTransaction) isolate(ctx context.Context) error {
	if err := t.session.exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	t.batch.rewind()
	if err := t.begin(ctx); err != nil {
		return err
	}
	for _, i := range t.batch.pending() {
		err := t.within(ctx, "piece", func() error { return t.addAround(ctx, i) })
		action, reason := t.store.server.classify(err)
		switch {
		case err == nil:
		case action == actionRefuse && !t.session.closed():
			t.batch.refuse(i, reason, t.store.server.serverText(err))
		default:
			return err
		}
	}
	return nil
}

// within undoes what do did where that fails.
func (t *rollupTransaction) within(ctx context.Context, savepoint string, do func() error) error {
	if err := t.session.exec(ctx, "savepoint "+savepoint); err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	err := do()
	switch {
	case err == nil:
		if err := t.session.exec(ctx, "release savepoint "+savepoint); err != nil {
			return fmt.Errorf("release a savepoint: %w", err)
		}
	case !t.session.closed():
		if undo := t.session.exec(ctx, "rollback to savepoint "+savepoint, "release savepoint "+savepoint); undo != nil {
			return fmt.Errorf("roll back to a savepoint: %w", undo)
		}
	}
	return err
}

// addAround adds the rows of a group, those whose values are too long for an index
// with shorter ones.
func (t *rollupTransaction) addAround(ctx context.Context, group int) error {
	for _, p := range t.batch.portions([]int{group}, t.store.calendar) {
		if !t.store.server.knows(p.shard) {
			return &missingShards{shards: []shard{p.shard}}
		}
		rows := p.rows
		p.rows = slices.DeleteFunc(slices.Clone(rows), (*rollupRow).long)
		if err := t.session.add(ctx, p); err != nil {
			return fmt.Errorf("add to %s: %w", p.relation(), err)
		}
		for _, row := range rows {
			if !row.long() {
				continue
			}
			err := t.within(ctx, "long", func() error { return t.addOne(ctx, p.shard, row) })
			if _, reason := t.store.server.classify(err); err != nil && reason == reasonTooLarge {
				err = t.addOne(ctx, p.shard, row.shortened())
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *rollupTransaction) addOne(ctx context.Context, to shard, row *rollupRow) error {
	if err := t.session.add(ctx, rollupPortion{shard: to, rows: []*rollupRow{row}}); err != nil {
		return fmt.Errorf("add to %s: %w", to.relation(), err)
	}
	return nil
}

// record writes the ledger rows under the locks of the segments, see
// transaction.record.
func (t *rollupTransaction) record(ctx context.Context) error {
	entries := t.batch.ledger()
	if len(entries) == 0 {
		return nil
	}
	sinks := make([]string, len(entries))
	for i, entry := range entries {
		sinks[i] = entry.sink
	}
	rows, err := t.session.record(ctx, lockKeysOf(sinks, t.batch.segments), entries, t.batch.segments)
	for i := range rows {
		if overlap(entries[i].spans, rows[i]) {
			return errRaced // the insert failed too, if both begin with the same record
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", ledgerTable, err)
	}
	return nil
}
