package tyksqlexporter

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// sqliteUpsert is the statement that adds one counter to a table.
func sqliteUpsert(name string) string {
	columns, values := make([]string, len(uptimeLayout.columns)), make([]string, len(uptimeLayout.columns))
	for i, c := range uptimeLayout.columns {
		columns[i], values[i] = quoteSQLite(c.name), "?"
	}
	// A row that is older than a column has null in it.
	sum := func(name string) string { return "coalesce(" + name + ", 0) + excluded." + name }
	changes := []string{
		"counter_last_time = max(coalesce(counter_last_time, ''), excluded.counter_last_time)",
		"counter_request_time = case when " + sum("counter_hits") + " = 0 then 0 else (" +
			sum("counter_total_request_time") + ") / cast(" + sum("counter_hits") + " as real) end",
	}
	for _, name := range uptimeSums() {
		changes = append(changes, name+" = "+sum(name))
	}
	return "insert into " + quoteSQLite(name) + " (" + strings.Join(columns, ", ") + ") values (" + strings.Join(values, ", ") +
		")\non conflict (id) do update set " + strings.Join(changes, ", ")
}

// upsert adds the checks to their rows, around those that SQLite refuses.
func (t *sqliteTable) upsert(ctx context.Context, conn *sql.Conn, p *part, list []int32, zone *time.Location) error {
	return storeAround(list, -1, func(piece []int32) (int, error) {
		if err := execEach(ctx, conn, "savepoint piece"); err != nil {
			return -1, err
		}
		err := t.count(ctx, conn, countUptime(p, piece, zone))
		if err != nil {
			if undo := execEach(ctx, conn, "rollback to piece"); undo != nil {
				return -1, undo
			}
		}
		if release := execEach(ctx, conn, "release piece"); release != nil {
			return -1, release
		}
		return -1, err
	}, func(i int32, err error) bool {
		action, reason := classifySQLite(err)
		if action == actionRefuse && i != nobody {
			p.refuse(i, reason, err.Error())
		}
		return action == actionRefuse
	})
}

func (t *sqliteTable) count(ctx context.Context, conn *sql.Conn, rows []*uptimeCounter) error {
	for _, c := range rows {
		if _, err := conn.ExecContext(ctx, t.insert, c.values()...); err != nil {
			return fmt.Errorf("count into %s: %w", t.relation(), err)
		}
	}
	return nil
}
