package tyksqlexporter

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
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
		return "max(" + name + ", " + others + ")"
	case leastByRank:
		there, comes := sqliteRank(""), sqliteRank("excluded.")
		return "case when (" + there + ") > (" + comes + ") then " + name + " when (" + there + ") < (" + comes + ") then " + others +
			" else min(" + name + ", " + others + ") end"
	case meanOfSums:
		sum := quoteSQLite(c.sum)
		return "case when counter_hits + excluded.counter_hits = 0 then 0 else (" + sum + " + excluded." + sum +
			") / cast(counter_hits + excluded.counter_hits as real) end"
	case latest:
		return "case when excluded.counter_last_time >= counter_last_time then " + others + " else " + name + " end"
	case keepFirst:
	}
	return name
}

// writeRollups stores the groups of the batch in one transaction.
func (s *sqliteStore) writeRollups(ctx context.Context, b *rollupBatch) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx) // waits for its turn
	if err != nil {
		return fmt.Errorf("open the SQLite database: %w", err)
	}
	defer func() { _ = conn.Close() }() // only gives it back
	found := maps.Clone(s.tables)
	b.rewind()
	err = s.transact(ctx, conn, func() error { return s.applyRollups(ctx, conn, found, b) })
	if err == nil {
		s.tables = found
	}
	if action, _ := classifySQLite(err); err != nil && action == actionInspect {
		s.ready.Store(false)
	}
	return err
}

func (s *sqliteStore) applyRollups(ctx context.Context, conn *sql.Conn, tables map[string]*sqliteTable, b *rollupBatch) error {
	rows := make([][]span, len(b.sinks))
	for i, sink := range b.sinks {
		for j := range b.segments {
			found, err := look(ctx, conn, sink, &b.segments[j])
			if err != nil {
				return fmt.Errorf("read %s: %w", ledgerTable, err)
			}
			rows[i] = append(rows[i], found...)
		}
	}
	b.look(rows)
	if err := s.addGroups(ctx, conn, tables, b); err != nil {
		return err
	}
	for _, entry := range b.ledger() {
		for _, row := range entry.spans {
			if _, err := conn.ExecContext(ctx, sqliteRecord, entry.sink, row.segment, row.first, row.last, row.members); err != nil {
				return fmt.Errorf("write %s: %w", ledgerTable, err)
			}
		}
	}
	return nil
}

// addGroups adds the rows of all groups at once, or each by itself where SQLite
// refuses one of them.
func (s *sqliteStore) addGroups(ctx context.Context, conn *sql.Conn, tables map[string]*sqliteTable, b *rollupBatch) error {
	pending := b.pending()
	err := s.within(ctx, conn, func() error { return s.addRows(ctx, conn, tables, b, pending) })
	if action, _ := classifySQLite(err); err == nil || action != actionRefuse {
		return err
	}
	for _, i := range pending {
		err := s.within(ctx, conn, func() error { return s.addRows(ctx, conn, tables, b, []int{i}) })
		action, reason := classifySQLite(err)
		switch {
		case err == nil:
		case action == actionRefuse:
			b.refuse(i, reason, err.Error())
		default:
			return err
		}
	}
	return nil
}

// within undoes what do did where SQLite refuses it.
func (*sqliteStore) within(ctx context.Context, conn *sql.Conn, do func() error) error {
	if err := execEach(ctx, conn, "savepoint piece"); err != nil {
		return err
	}
	err := do()
	if action, _ := classifySQLite(err); err != nil && action == actionRefuse {
		if undo := execEach(ctx, conn, "rollback to piece", "release piece"); undo != nil {
			return undo
		}
		return err
	}
	if err != nil {
		return err
	}
	return execEach(ctx, conn, "release piece")
}

// addRows adds the rows of groups.
func (s *sqliteStore) addRows(ctx context.Context, conn *sql.Conn, tables map[string]*sqliteTable, b *rollupBatch, groups []int) error {
	for _, p := range b.portions(groups, s.calendar) {
		t, err := s.shard(ctx, conn, tables, p.shard)
		if err != nil {
			return err
		}
		if err := t.add(ctx, conn, p.rows); err != nil {
			return err
		}
	}
	return nil
}

// add adds rows with one prepared statement.
func (t *sqliteTable) add(ctx context.Context, conn *sql.Conn, rows []*rollupRow) error {
	statement, err := conn.PrepareContext(ctx, t.insert)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() { _ = statement.Close() }() // nothing is left to do with it
	columns := t.layout.rollups
	values := make([]any, len(columns))
	for _, row := range rows {
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
			return fmt.Errorf("add to %s: %w", t.relation(), err)
		}
	}
	return nil
}
