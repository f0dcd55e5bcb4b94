package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
)

// groups is the work of rollups of one push, or of several.
type groups struct {
	store *Store
	batch *rollups.Batch
}

func (g *groups) ledger() ([]string, []push.Segment) { return g.batch.Sinks, g.batch.Segments }

func (g *groups) look(rows [][]push.Span) { g.batch.Look(rows) }

func (g *groups) rewind() { g.batch.Rewind() }

func (g *groups) entries() []push.LedgerEntry { return g.batch.Ledger() }

func (g *groups) known() []push.LedgerEntry { return g.batch.Known() }

// portions gives the rows of groups, by table.
func (g *groups) portions(list []int) ([]rollups.Portion, error) {
	portions := g.batch.Portions(list, g.store.calendar)
	var missing []layout.Shard
	for _, p := range portions {
		if !g.store.server.Knows(p.Shard) {
			missing = append(missing, p.Shard)
		}
	}
	if len(missing) > 0 {
		return nil, &MissingShards{Shards: missing}
	}
	return portions, nil
}

// send adds the rows of a table with one statement.
func (g *groups) send(ctx context.Context, t *transaction) (int32, error) {
	portions, err := g.portions(g.batch.Pending())
	if err != nil {
		return push.Nobody, err
	}
	for _, p := range portions {
		if err := t.add(ctx, p.Shard, p.Rows); err != nil {
			return push.Nobody, err
		}
	}
	return push.Nobody, nil
}

func (t *transaction) add(ctx context.Context, to layout.Shard, rows []*layout.Row) error {
	if err := t.session.Add(ctx, rollups.Portion{Shard: to, Rows: rows}); err != nil {
		return fmt.Errorf("add to %s: %w", to.Relation(), err)
	}
	return nil
}

// isolate adds each group by itself, and refuses those of which the database does not
// take a row in any form.
func (g *groups) isolate(ctx context.Context, t *transaction, _ int32) error {
	var suspected error
	accepted := false
	for _, i := range g.batch.Pending() {
		err := t.within(ctx, "piece", func() error { return g.addGroup(ctx, t, i) })
		if err == nil {
			accepted = true
			continue
		}
		action, reason := t.judge(err)
		if action != ActionRefuse || t.session.Closed() {
			return err
		}
		if certain, _ := g.store.server.Classify(err); certain != action {
			suspected = err
		}
		g.batch.Refuse(i, reason, g.store.server.ServerText(err))
	}
	if suspected != nil && !accepted && slices.ContainsFunc(g.batch.Sinks, func(sink string) bool { return !t.evidence(sink) }) {
		return suspected
	}
	return nil
}

// addGroup adds the rows of a group.
func (g *groups) addGroup(ctx context.Context, t *transaction, group int) error {
	portions, err := g.portions([]int{group})
	for _, p := range portions {
		if err == nil {
			err = t.addAround(ctx, p.Shard, p.Rows)
		}
	}
	return err
}

// addAround adds rows around those that the database refuses, which it halves the rows to
// find. A refused row gets a value that every database holds, which keeps the count.
func (t *transaction) addAround(ctx context.Context, to layout.Shard, rows []*layout.Row) error {
	err := t.within(ctx, "some_rows", func() error { return t.add(ctx, to, rows) })
	if action, _ := t.judge(err); err == nil || action != ActionRefuse || t.session.Closed() {
		return err
	}
	if len(rows) > 1 {
		half := len(rows) / 2
		if err := t.addAround(ctx, to, rows[:half]); err != nil {
			return err
		}
		return t.addAround(ctx, to, rows[half:])
	}
	for _, other := range rows[0].Replacements() {
		err = t.within(ctx, "one_row", func() error { return t.add(ctx, to, []*layout.Row{other}) })
		if err == nil {
			return nil
		}
	}
	return err
}
