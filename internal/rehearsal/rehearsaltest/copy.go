package rehearsaltest

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sqlrows"
)

// types are those that Tyk Pump's columns have in MySQL and SQLite, by PostgreSQL's.
var types = map[string]map[string]string{
	sqlrows.MySQL: {
		"text": "longtext", "bigint": "bigint", "numeric": "double", "boolean": "boolean", "timestamp with time zone": "datetime(3) null",
		"geo_city_geoname_id": "bigint unsigned",
	},
	sqlrows.SQLite: {"text": "text", "bigint": "integer", "numeric": "real", "boolean": "numeric", "timestamp with time zone": "datetime"},
}

// Copy makes tables of a PostgreSQL in a MySQL or SQLite, as Tyk Pump makes them there, with their rows. Without names it makes all.
// Ids have no bound, since those that Tyk Pump gives MySQL do not fit.
func Copy(tb testing.TB, from, driver, datasource string, names ...string) {
	tb.Helper()
	source, err := sqlrows.Open(tb.Context(), sqlrows.Postgres, from)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, source.Close()) }()
	db, err := sql.Open(driver, datasource)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, db.Close()) }()
	tables, err := source.Tables(tb.Context())
	require.NoError(tb, err)
	for i := range tables {
		if len(names) > 0 && !slices.Contains(names, tables[i].Name) {
			continue
		}
		require.NoError(tb, copyTable(tb.Context(), source, &tables[i], db, driver), tables[i].Name)
	}
}

func copyTable(ctx context.Context, source rows.Store, table *rows.Table, db *sql.DB, driver string) error {
	quote := func(name string) string { return "`" + name + "`" }
	names, definitions := make([]string, len(table.Columns)), make([]string, len(table.Columns))
	for i, c := range table.Columns {
		kind, special := types[driver][rows.Bare(c.Name)]
		if !special {
			kind = types[driver][c.Type]
		}
		names[i], definitions[i] = quote(c.Name), quote(c.Name)+" "+kind
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // which does nothing once all is there
	if _, err := tx.ExecContext(ctx, "create table "+quote(table.Name)+" ("+strings.Join(definitions, ", ")+")"); err != nil {
		return err
	}
	insert, err := tx.PrepareContext(ctx, "insert into "+quote(table.Name)+" ("+strings.Join(names, ", ")+") values (?"+strings.Repeat(", ?", len(names)-1)+")")
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	err = source.Scan(ctx, rows.Scan{Table: table, Columns: table.Columns}, func(row []rows.Value) error {
		values := make([]any, len(row))
		for i, v := range row {
			values[i] = written(driver, table.Columns[i], v)
		}
		_, err := insert.ExecContext(ctx, values...)
		return err
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

// written is a value as Tyk Pump's drivers write it.
func written(driver string, c rows.Column, v rows.Value) any {
	if v == nil {
		return nil
	}
	switch c.Class {
	case rows.Boolean:
		return string(v) == "true"
	case rows.Instant:
		at, ok := rows.ParseTime(v)
		switch {
		case !ok:
		case driver == sqlrows.MySQL:
			return at.Round(time.Millisecond).Format("2006-01-02 15:04:05.000") // which is what the column holds
		default:
			return at.Format("2006-01-02 15:04:05.000000+00:00")
		}
	default:
	}
	return string(v)
}
