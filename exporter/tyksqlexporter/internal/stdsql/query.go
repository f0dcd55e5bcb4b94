package stdsql

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// Queryer is a connection, or a pool of them.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls do for each row.
func each(rows *sql.Rows, do func() error) error {
	for rows.Next() {
		if err := do(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Texts reads one column of texts.
func Texts(ctx context.Context, from Queryer, query string) ([]string, error) {
	rows, err := from.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	var texts []string
	err = each(rows, func() error {
		var text string
		err := rows.Scan(&text)
		texts = append(texts, text)
		return err
	})
	return texts, err
}

// Columns lists the columns of a table, none where it is not there, by a query of the
// database.
func Columns(ctx context.Context, from Queryer, table string, scan func(*sql.Rows, *layout.FoundColumn) error, query string, args ...any) ([]layout.FoundColumn, error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", table, err)
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	var found []layout.FoundColumn
	err = each(rows, func() error {
		var f layout.FoundColumn
		err := scan(rows, &f)
		found = append(found, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", table, err)
	}
	return found, nil
}
