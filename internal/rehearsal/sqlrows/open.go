package sqlrows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// The drivers.
const (
	Postgres = "postgres"
	MySQL    = "mysql"
	SQLite   = "sqlite"
)

// patience is how long a connection may take where its datasource does not say.
const patience = 15 * time.Second

// Open opens a database for reading.
func Open(ctx context.Context, driver, datasource string) (rows.Store, error) {
	switch driver {
	case Postgres:
		return openPostgres(ctx, datasource)
	case MySQL:
		return openMySQL(ctx, datasource)
	case SQLite:
		return openSQLite(ctx, datasource)
	}
	return nil, fmt.Errorf("driver: %s: use postgres, mysql or sqlite", netaddr.Shown(driver))
}

// dialect is how a database wants its statements.
type dialect struct {
	quote     func(name string) string
	parameter func(n int) string
	column    func(c rows.Column) string // how a value is selected
	instant   func(at time.Time, c rows.Column) any
}

// statement reads what a scan asks for, of all relations together, so that one order spans them.
func (d *dialect) statement(scan rows.Scan) (string, []any, error) {
	if len(scan.Columns) == 0 {
		return "", nil, errors.New("no columns to read")
	}
	table := scan.Table
	at, ok := table.Column(table.TimeColumn())
	if !ok {
		return "", nil, fmt.Errorf("table %s has no column timestamp", table.Name)
	}
	selected := make([]string, len(scan.Columns))
	for i, c := range scan.Columns {
		selected[i] = d.column(c)
	}
	var args []any
	parts := make([]string, len(table.Relations))
	for i, relation := range table.Relations {
		query := "select " + strings.Join(selected, ", ")
		if scan.Sorted {
			query += ", " + d.quote(at.Name) + " as sorted_by"
		}
		query += " from " + d.quote(relation)
		var where []string
		bound := func(operator string, limit time.Time) {
			if limit.IsZero() {
				return
			}
			args = append(args, d.instant(limit, at))
			where = append(where, d.quote(at.Name)+operator+d.parameter(len(args)))
		}
		bound(" >= ", scan.Window.From)
		bound(" < ", scan.Window.To)
		if len(where) > 0 {
			query += " where " + strings.Join(where, " and ")
		}
		parts[i] = query
	}
	text := strings.Join(parts, " union all ")
	if scan.Sorted {
		text += " order by sorted_by"
	}
	return text, args, nil
}

// count counts the rows of all relations.
func (d *dialect) count(table *rows.Table) string {
	parts := make([]string, len(table.Relations))
	for i, relation := range table.Relations {
		parts[i] = "(select count(*) from " + d.quote(relation) + ")"
	}
	return "select " + strings.Join(parts, " + ")
}

// seconds is an instant where rollups have their bucket: in Unix seconds.
func seconds(at time.Time, c rows.Column) (int64, bool) {
	return at.Unix(), c.Class == rows.Integer
}
