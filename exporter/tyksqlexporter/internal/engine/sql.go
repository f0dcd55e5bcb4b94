package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
)

// Discard closes a connection instead of giving it back.
func Discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // which is what it returns
	_ = conn.Close()                                           // which has happened
}

// FirstLine is what logs and errors show of a statement.
func FirstLine(statement string) string {
	line, _, _ := strings.Cut(statement, "\n")
	return strings.TrimSuffix(line, " (")
}

// PreparedInsert is what is used of a prepared statement.
type PreparedInsert interface {
	driver.StmtExecContext
	Close() error
}

// Queryer is a connection, or a pool of them.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Texts reads one column of texts.
func Texts(ctx context.Context, from Queryer, query string) ([]string, error) {
	rows, err := from.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	var texts []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}
