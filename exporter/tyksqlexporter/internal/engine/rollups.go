package engine

import (
	"cmp"
	"context"
	"fmt"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// groups is the work of rollups of one push, or of several.
type groups struct {
	*rollups.Batch

	store *Store
}

// send adds the rows of all groups, table by table.
func (g *groups) send(ctx context.Context, t *transaction) error {
	return g.add(g.Pending(), func(p rollups.Portion) error { return t.add(ctx, p.Shard, p.Rows) })
}

// add gives the portions of groups to put.
func (g *groups) add(list []int, put func(rollups.Portion) error) error {
	portions := g.Portions(list, g.store.calendar)
	shards := make([]layout.Shard, len(portions))
	for i, p := range portions {
		shards[i] = p.Shard
	}
	if err := g.store.needs(shards); err != nil {
		return err
	}
	for _, p := range portions {
		if err := put(p); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) add(ctx context.Context, to layout.Shard, rows []*layout.Row) error {
	if err := t.session.Add(ctx, rollups.Portion{Shard: to, Rows: rows}); err != nil {
		return fmt.Errorf("add to %s: %w", to.Relation(), err)
	}
	return nil
}

// isolate adds groups around those of which the database does not take a row in any
// form, which are refused.
func (g *groups) isolate(ctx context.Context, t *transaction) error {
	judge := t.outcome(g.Sinks...)
	return sink.Isolator[int]{
		Try: func(list []int) (int, error) {
			put := func(p rollups.Portion) error { return t.add(ctx, p.Shard, p.Rows) }
			if len(list) == 1 {
				put = func(p rollups.Portion) error { return t.addAround(ctx, p.Shard, p.Rows, judge) }
			}
			return sink.Unplaced, t.within(ctx, "piece", func() error { return g.add(list, put) })
		},
		Judge: judge,
		Refuse: func(group int, err error) {
			reason, text := t.why(err)
			g.Refuse(group, reason, text)
		},
	}.Store(g.Pending())
}

// addAround adds rows around those that the database does not take. Such a row gets a
// value that every database holds, which keeps the count; the error is of one that is
// not taken even so.
func (t *transaction) addAround(ctx context.Context, to layout.Shard, rows []*layout.Row, judge func(error) sink.Outcome) error {
	add := func(savepoint string, rows ...*layout.Row) error {
		return t.within(ctx, savepoint, func() error { return t.add(ctx, to, rows) })
	}
	var refused error
	err := sink.Isolator[*layout.Row]{
		Try:   func(piece []*layout.Row) (int, error) { return sink.Unplaced, add("some_rows", piece...) },
		Judge: judge,
		Refuse: func(row *layout.Row, err error) {
			for _, other := range row.Replacements() {
				if err = add("one_row", other); err == nil {
					return
				}
			}
			refused = err
		},
	}.Store(rows)
	return cmp.Or(err, refused)
}
