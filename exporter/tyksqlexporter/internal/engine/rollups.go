package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
)

// WriteRollups stores the groups of the batch in one transaction, together with
// their ledger rows, as write does records.
func (s *Store) WriteRollups(ctx context.Context, b *rollups.Batch) error {
	return s.persist(ctx, func() error { return s.applyRollups(ctx, b) }, b.Rewind)
}

// applyRollups makes one attempt.
func (s *Store) applyRollups(ctx context.Context, b *rollups.Batch) error {
	connected, err := s.server.Connect(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer connected.Release(ctx)
	t := &rollupTransaction{store: s, session: connected, batch: b}
	if err := t.begin(ctx); err != nil {
		return err
	}
	err = t.addAll(ctx, b.Pending())
	if action, _ := s.server.Classify(err); err != nil && action == ActionRefuse {
		err = t.isolate(ctx)
	}
	if err != nil {
		return err
	}
	if err := t.record(ctx); err != nil {
		return err
	}
	return connected.Commit(ctx)
}

// rollupTransaction stores one batch of rollups over one session.
type rollupTransaction struct {
	store   *Store
	session Session
	batch   *rollups.Batch
}

// begin opens the transaction and marks what the ledger says was stored before.
func (t *rollupTransaction) begin(ctx context.Context) error {
	rows, err := t.session.Begin(ctx, t.batch.Sinks, t.batch.Segments)
	if err != nil {
		return fmt.Errorf("begin and read %s: %w", push.LedgerTable, err)
	}
	t.batch.Look(rows)
	return nil
}

// addAll adds the rows of groups, those of a table with one statement.
func (t *rollupTransaction) addAll(ctx context.Context, groups []int) error {
	portions := t.batch.Portions(groups, t.store.calendar)
	var missing []layout.Shard
	for _, p := range portions {
		if !t.store.server.Knows(p.Shard) {
			missing = append(missing, p.Shard)
		}
	}
	if len(missing) > 0 {
		return &MissingShards{Shards: missing}
	}
	for _, p := range portions {
		if err := t.session.Add(ctx, p); err != nil {
			return fmt.Errorf("add to %s: %w", p.Relation(), err)
		}
	}
	return nil
}

// isolate stores the batch around the groups that the server refuses: it starts the
// transaction anew and adds each by itself.
func (t *rollupTransaction) isolate(ctx context.Context) error {
	if err := t.session.Exec(ctx, "rollback"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	t.batch.Rewind()
	if err := t.begin(ctx); err != nil {
		return err
	}
	for _, i := range t.batch.Pending() {
		err := t.within(ctx, "piece", func() error { return t.addAround(ctx, i) })
		action, reason := t.store.server.Classify(err)
		switch {
		case err == nil:
		case action == ActionRefuse && !t.session.Closed():
			t.batch.Refuse(i, reason, t.store.server.ServerText(err))
		default:
			return err
		}
	}
	return nil
}

// within undoes what do did where that fails.
func (t *rollupTransaction) within(ctx context.Context, savepoint string, do func() error) error {
	if err := t.session.Exec(ctx, "savepoint "+savepoint); err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	err := do()
	switch {
	case err == nil:
		if err := t.session.Exec(ctx, "release savepoint "+savepoint); err != nil {
			return fmt.Errorf("release a savepoint: %w", err)
		}
	case !t.session.Closed():
		if undo := t.session.Exec(ctx, "rollback to savepoint "+savepoint, "release savepoint "+savepoint); undo != nil {
			return fmt.Errorf("roll back to a savepoint: %w", undo)
		}
	}
	return err
}

// addAround adds the rows of a group, those whose values are too long for an index
// with shorter ones.
func (t *rollupTransaction) addAround(ctx context.Context, group int) error {
	for _, p := range t.batch.Portions([]int{group}, t.store.calendar) {
		if !t.store.server.Knows(p.Shard) {
			return &MissingShards{Shards: []layout.Shard{p.Shard}}
		}
		rows := p.Rows
		p.Rows = slices.DeleteFunc(slices.Clone(rows), (*layout.Row).Long)
		if err := t.session.Add(ctx, p); err != nil {
			return fmt.Errorf("add to %s: %w", p.Relation(), err)
		}
		for _, row := range rows {
			if !row.Long() {
				continue
			}
			err := t.within(ctx, "long", func() error { return t.addOne(ctx, p.Shard, row) })
			if _, reason := t.store.server.Classify(err); err != nil && reason == push.ReasonTooLarge {
				err = t.addOne(ctx, p.Shard, row.Shortened())
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *rollupTransaction) addOne(ctx context.Context, to layout.Shard, row *layout.Row) error {
	if err := t.session.Add(ctx, rollups.Portion{Shard: to, Rows: []*layout.Row{row}}); err != nil {
		return fmt.Errorf("add to %s: %w", to.Relation(), err)
	}
	return nil
}

// record writes the ledger rows under the locks of the segments, see
// transaction.record.
func (t *rollupTransaction) record(ctx context.Context) error {
	entries := t.batch.Ledger()
	if len(entries) == 0 {
		return nil
	}
	sinks := make([]string, len(entries))
	for i, entry := range entries {
		sinks[i] = entry.Sink
	}
	rows, err := t.session.Record(ctx, push.LockKeysOf(sinks, t.batch.Segments), entries, t.batch.Segments)
	for i := range rows {
		if push.Overlap(entries[i].Spans, rows[i]) {
			return ErrRaced // the insert failed too, if both begin with the same record
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", push.LedgerTable, err)
	}
	return nil
}
