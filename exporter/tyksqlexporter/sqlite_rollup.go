package tyksqlexporter

import (
	"context"
	"fmt"
	"strings"
)

// sqliteRank is rollup.Counter.MinRank of a row.
func sqliteRank(row string) string {
	return "case when " + row + "counter_hits = 0 then 0 when case " + row + "dimension when '' then " + row + "counter_success > 0 else " +
		row + "counter_hits > " + row + "counter_error end then 2 else 1 end"
}

// sqliteAdd is the statement that adds one row to a table.
func sqliteAdd(name string, columns []rollupColumn) string {
	names, values, changes := make([]string, len(columns)), make([]string, len(columns)), []string{}
	for i := range columns {
		c := &columns[i]
		names[i], values[i] = quoteSQLite(c.name), "?"
		if c.changes() {
			changes = append(changes, names[i]+" = "+sqliteChange(c, names[i]))
		}
	}
	return "insert into " + quoteSQLite(name) + " (" + strings.Join(names, ", ") + ") values (" + strings.Join(values, ", ") +
		")\non conflict (id) do update set " + strings.Join(changes, ", ")
}

func sqliteChange(c *rollupColumn, name string) string {
	others := "excluded." + name
	switch c.merging {
	case addUp:
		return "coalesce(" + name + ", 0) + " + others
	case greatest:
		return "max(coalesce(" + name + ", " + others + "), " + others + ")"
	case leastByRank:
		there, comes := sqliteRank(""), sqliteRank("excluded.")
		return "case when (" + there + ") > (" + comes + ") then " + name + " when (" + there + ") < (" + comes + ") then " + others +
			" else min(" + name + ", " + others + ") end"
	case meanOfSums:
		sum := quoteSQLite(c.sum)
		hits := "coalesce(counter_hits, 0) + excluded.counter_hits"
		return "case when " + hits + " = 0 then 0 else (coalesce(" + sum + ", 0) + excluded." + sum + ") / cast(" + hits + " as real) end"
	case latest:
		return "case when counter_last_time > excluded.counter_last_time then " + name + " else " + others + " end"
	case keepFirst:
	}
	return name
}

// add adds rows with one prepared statement.
func (s *sqliteSession) add(ctx context.Context, p rollupPortion) error {
	t, known := s.server.get(p.shard)
	if !known { // forgotten meanwhile
		return &missingShards{shards: []shard{p.shard}}
	}
	statement, err := s.conn.PrepareContext(ctx, t.insert)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() { _ = statement.Close() }() // nothing is left to do with it
	columns := p.layout.rollups
	values := make([]any, len(columns))
	for _, row := range p.rows {
		for i := range columns {
			switch c := &columns[i]; c.class {
			case classInteger:
				values[i] = c.integer(row)
			case classFloat:
				values[i] = c.float(row)
			case classTime:
				values[i] = storedTime(c.instant(row))
			default:
				values[i] = c.text(row)
			}
		}
		if _, err := statement.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return nil
}
