package tyksqlexporter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// mysqlRank is rollup.Counter.MinRank of a row, whose columns get names.
func mysqlRank(of func(column string) string) string {
	return "case when " + of("counter_hits") + " = 0 then 0 when case " + of("dimension") + " when '' then " + of("counter_success") + " > 0 else " +
		of("counter_hits") + " > " + of("counter_error") + " end then 2 else 1 end"
}

// mysqlAdd is what becomes of a row of rollups that is there already. MySQL assigns
// from left to right, and reads what it has assigned: what is computed from other
// columns comes before them, and hits last.
func mysqlAdd(columns []rollupColumn) string {
	order := map[merging]int{meanOfSums: 0, leastByRank: 1, latest: 2, greatest: 3, addUp: 4}
	sorted := slices.DeleteFunc(slices.Clone(columns), func(c rollupColumn) bool { return !c.changes() })
	slices.SortStableFunc(sorted, func(x, y rollupColumn) int { return cmp.Compare(order[x.merging], order[y.merging]) })
	changes := make([]string, len(sorted))
	for i := range sorted {
		changes[i] = quoteMySQL(sorted[i].name) + " = " + mysqlChange(&sorted[i])
	}
	return "\non duplicate key update " + strings.Join(changes, ", ")
}

func mysqlChange(c *rollupColumn) string {
	there := func(name string) string { return "coalesce(" + quoteMySQL(name) + ", 0)" }
	comes := func(name string) string { return "values(" + quoteMySQL(name) + ")" }
	sum := func(name string) string { return there(name) + " + " + comes(name) }
	switch mine, others := quoteMySQL(c.name), comes(c.name); c.merging {
	case addUp:
		return sum(c.name)
	case greatest:
		return "greatest(coalesce(" + mine + ", " + others + "), " + others + ")"
	case leastByRank:
		rank := mysqlRank(quoteMySQL)
		other := mysqlRank(comes)
		return "case when (" + rank + ") > (" + other + ") then " + mine + " when (" + rank + ") < (" + other + ") then " + others +
			" else least(" + mine + ", " + others + ") end"
	case meanOfSums:
		return "case when " + sum("counter_hits") + " = 0 then 0 else (0e0 + " + sum(c.sum) + ") / (" + sum("counter_hits") + ") end"
	case latest:
		return "case when counter_last_time > " + comes("counter_last_time") + " then " + mine + " else " + others + " end"
	case keepFirst:
	}
	return quoteMySQL(c.name)
}

// add adds rows, many with each statement.
func (s *mysqlSession) add(ctx context.Context, p rollupPortion) error {
	t, known := s.server.get(p.shard)
	if !known { // forgotten meanwhile
		return &missingShards{shards: []shard{p.shard}}
	}
	err := s.conn.Raw(func(conn any) error {
		w, err := newMySQLInsert(conn, t, portion{shard: p.shard}, s.server.clock)
		if err != nil {
			return err
		}
		return errors.Join(w.addRollups(ctx, p.rows), w.close())
	})
	if err != nil {
		return fmt.Errorf("insert into %s: %w", t.quoted, s.note(err))
	}
	return nil
}

func (w *mysqlInsert) addRollups(ctx context.Context, rows []*rollupRow) error {
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
func (w *mysqlInsert) rollup(row *rollupRow) {
	columns := w.portion.layout.rollups
	for i := range columns {
		c, column := &columns[i], w.table.columns[i]
		switch c.class {
		case classInteger:
			w.add(c.integer(row))
		case classFloat:
			w.add(c.float(row))
		case classTime:
			w.add(w.time(c.instant(row), column.precision))
		default:
			text := c.text(row)
			switch c.name {
			case w.portion.layout.primary:
				text = shortID(text, column.length)
			case "dimension_value":
				text = cutText(text, column.length)
			}
			w.add(text)
		}
	}
}
