package engine

import (
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
