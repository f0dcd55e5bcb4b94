package mysql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
)

// rankOf is rollup.Counter.MinRank of a row, whose columns get names.
func rankOf(of func(column string) string) string {
	return "case when " + of("counter_hits") + " = 0 then 0 when case " + of("dimension") + " when '' then " + of("counter_success") + " > 0 else " +
		of("counter_hits") + " > " + of("counter_error") + " end then 2 else 1 end"
}

// addClause is what becomes of a row of rollups that is there already. MySQL assigns
// from left to right, and reads what it has assigned: what is computed from other
// columns comes before them, and hits last.
func addClause(columns []layout.RollupColumn) string {
	order := map[layout.Merging]int{layout.MeanOfSums: 0, layout.LeastByRank: 1, layout.Latest: 2, layout.Greatest: 3, layout.AddUp: 4}
	sorted := slices.DeleteFunc(slices.Clone(columns), func(c layout.RollupColumn) bool { return !c.Changes() })
	slices.SortStableFunc(sorted, func(x, y layout.RollupColumn) int { return cmp.Compare(order[x.Merging], order[y.Merging]) })
	changes := make([]string, len(sorted))
	for i := range sorted {
		changes[i] = quote(sorted[i].Name) + " = " + change(&sorted[i])
	}
	return "\non duplicate key update " + strings.Join(changes, ", ")
}

func change(c *layout.RollupColumn) string {
	there := func(name string) string { return "coalesce(" + quote(name) + ", 0)" }
	comes := func(name string) string { return "values(" + quote(name) + ")" }
	sum := func(name string) string { return there(name) + " + " + comes(name) }
	switch mine, others := quote(c.Name), comes(c.Name); c.Merging {
	case layout.AddUp:
		return sum(c.Name)
	case layout.Greatest:
		return "greatest(coalesce(" + mine + ", " + others + "), " + others + ")"
	case layout.LeastByRank:
		rank := rankOf(quote)
		other := rankOf(comes)
		return "case when (" + rank + ") > (" + other + ") then " + mine + " when (" + rank + ") < (" + other + ") then " + others +
			" else least(" + mine + ", " + others + ") end"
	case layout.MeanOfSums:
		return "case when " + sum("counter_hits") + " = 0 then 0 else (0e0 + " + sum(c.Sum) + ") / (" + sum("counter_hits") + ") end"
	case layout.Latest:
		return "case when counter_last_time > " + comes("counter_last_time") + " then " + mine + " else " + others + " end"
	case layout.KeepFirst:
	}
	return quote(c.Name)
}

// Add adds rows, many with each statement.
func (s *session) Add(ctx context.Context, p rollups.Portion) error {
	t, known := s.server.Get(p.Shard)
	if !known { // forgotten meanwhile
		return &engine.MissingShards{Shards: []layout.Shard{p.Shard}}
	}
	err := s.conn.Raw(func(conn any) error {
		w, err := newInserter(conn, t, engine.Portion{Shard: p.Shard}, s.server.clock)
		if err != nil {
			return err
		}
		return errors.Join(w.addRollups(ctx, p.Rows), w.close())
	})
	if err != nil {
		return fmt.Errorf("insert into %s: %w", t.quoted, s.note(err))
	}
	return nil
}

func (w *inserter) addRollups(ctx context.Context, rows []*layout.Row) error {
	for at, row := range rows {
		w.rollup(row)
		if len(w.args) < mysqlRows*len(w.table.columns) || len(rows)-at <= mysqlRows {
			continue
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

// rollup adds the values of one row. An id that the column does not hold ends in a
// checksum, so that it stays one row's; other texts are cut.
func (w *inserter) rollup(row *layout.Row) {
	columns := w.portion.Layout.Rollups
	for i := range columns {
		c, column := &columns[i], w.table.columns[i]
		switch c.Class {
		case layout.ClassInteger:
			w.add(c.Integer(row))
		case layout.ClassFloat:
			w.add(c.Float(row))
		case layout.ClassTime:
			w.add(w.time(c.Instant(row), column.Precision))
		default:
			text := c.Text(row)
			switch c.Name {
			case w.portion.Layout.Primary:
				text = shortID(text, column.Length)
			case "dimension_value":
				text = cutText(text, column.Length)
			}
			w.add(text)
		}
	}
}
