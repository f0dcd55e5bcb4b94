package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
)

// rank is rollup.Counter.MinRank of a row.
func rank(row string) string {
	return "case when " + row + "counter_hits = 0 then 0 when case " + row + "dimension when '' then " + row + "counter_success > 0 else " +
		row + "counter_hits > " + row + "counter_error end then 2 else 1 end"
}

// addStatement is the statement that adds one row to a table.
func addStatement(name string, columns []layout.RollupColumn) string {
	names, values, changes := make([]string, len(columns)), make([]string, len(columns)), []string{}
	for i := range columns {
		c := &columns[i]
		names[i], values[i] = quote(c.Name), "?"
		if c.Changes() {
			changes = append(changes, names[i]+" = "+change(c, names[i]))
		}
	}
	return "insert into " + quote(name) + " (" + strings.Join(names, ", ") + ") values (" + strings.Join(values, ", ") +
		")\non conflict (id) do update set " + strings.Join(changes, ", ")
}

func change(c *layout.RollupColumn, name string) string {
	others := "excluded." + name
	switch c.Merging {
	case layout.AddUp:
		return "coalesce(" + name + ", 0) + " + others
	case layout.Greatest:
		return "max(coalesce(" + name + ", " + others + "), " + others + ")"
	case layout.LeastByRank:
		there, comes := rank(""), rank("excluded.")
		return "case when (" + there + ") > (" + comes + ") then " + name + " when (" + there + ") < (" + comes + ") then " + others +
			" else min(" + name + ", " + others + ") end"
	case layout.MeanOfSums:
		sum := quote(c.Sum)
		hits := "coalesce(counter_hits, 0) + excluded.counter_hits"
		return "case when " + hits + " = 0 then 0 else (coalesce(" + sum + ", 0) + excluded." + sum + ") / cast(" + hits + " as real) end"
	case layout.Latest:
		return "case when counter_last_time > excluded.counter_last_time then " + name + " else " + others + " end"
	case layout.KeepFirst:
	}
	return name
}

// Add adds rows with one prepared statement.
func (s *session) Add(ctx context.Context, p rollups.Portion) error {
	t, known := s.server.Get(p.Shard)
	if !known { // forgotten meanwhile
		return &engine.MissingShards{Shards: []layout.Shard{p.Shard}}
	}
	statement, err := s.conn.PrepareContext(ctx, t.insert)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() { _ = statement.Close() }() // nothing is left to do with it
	columns := p.Layout.Rollups
	values := make([]any, len(columns))
	for _, row := range p.Rows {
		for i := range columns {
			switch c := &columns[i]; c.Class {
			case layout.ClassInteger:
				values[i] = c.Integer(row)
			case layout.ClassFloat:
				values[i] = c.Float(row)
			case layout.ClassTime:
				values[i] = storedTime(c.Instant(row))
			default:
				values[i] = c.Text(row)
			}
		}
		if _, err := statement.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return nil
}
