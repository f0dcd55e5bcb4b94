package mysql

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

// dialect inserts as many rows at once as make it fast. More segments than a few
// thousand in one look the server would not use the index for. A batch whose records the
// database takes costs some round trips for the ledger, and one for each statement that
// inserts. Each connection has the isolation level that transactions rely on.
var dialect = &stdsql.Dialect{
	Rules: layout.Rules{
		Type: typeOf,
		Same: strings.EqualFold,
		Remedy: func(relation string, c layout.Column, typ string) string {
			return "change it (alter table " + datasource.QuoteMySQL(relation) + " modify " + datasource.QuoteMySQL(c.Name) + " " + typ + ")"
		},
	},
	Quote:   datasource.QuoteMySQL,
	Columns: columns,
	Relations: `select table_name from information_schema.tables
		where table_schema = database() and table_type = 'BASE TABLE' and table_name regexp '_[0-9]{8}$'`,
	Now:   "select unix_timestamp()",
	Begin: func(ctx context.Context, s *stdsql.Session) error { return s.Exec(ctx, "start transaction") },
	Made: func(err error) bool {
		mysqlErr, ok := errors.AsType[*mysql.MySQLError](err)
		return ok && mysqlErr.Number == 1060 // duplicate column
	},
	Lock: lock, Rows: 64, Segments: 250, Unsigned: true, Lost: mysql.ErrInvalidConn, RefusedRow: refusedRow,
}

// refusedRow reads from the server's error which row of the statement it refused: "Data
// too long for column 'path' at row 17", in the server's language.
func refusedRow(err error) int {
	mysqlErr, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return 0
	}
	digits := mysqlErr.Message[len(strings.TrimRight(mysqlErr.Message, "0123456789")):]
	row, _ := strconv.Atoi(digits) // 0 for none
	return row
}

// lock takes locks by writing to their rows, which works over all nodes of a cluster too.
// Unlike GET_LOCK, a lock is held until the commit is visible to others.
func lock(ctx context.Context, s *stdsql.Session, keys []int64) error {
	arguments := make([]any, len(keys))
	for i, key := range keys {
		arguments[i] = key
	}
	_, err := s.Conn.ExecContext(ctx, "insert into "+locksTable+" (id) values (?)"+strings.Repeat(", (?)", len(keys)-1)+
		" on duplicate key update taken = taken + 1", arguments...)
	return err
}
