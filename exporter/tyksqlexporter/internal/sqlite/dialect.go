package sqlite

import (
	"context"
	"errors"
	"strings"
	"time"

	"modernc.org/sqlite"
	"modernc.org/sqlite/lib"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

// dialect inserts as many rows at once as make it fast, and looks for one segment after
// the other, for which SQLite uses the ledger's key. Nothing is locked: nobody else writes
// during a transaction.
var dialect = &stdsql.Dialect{
	Rules: layout.Rules{
		Type:   func(_ *layout.Layout, c layout.Column) string { return types[c.Class].name },
		Same:   strings.EqualFold,
		Remedy: func(string, layout.Column, string) string { return "rebuild the table with that type" },
	},
	Quote:     datasource.QuoteSQLite,
	Columns:   columns,
	Relations: "select name from sqlite_master where type = 'table'",
	Now:       "select cast(strftime('%s', 'now') as integer)", // this host's clock
	Begin:     begin,
	Rows:      16, Segments: 1, Uncancelled: true,
}

// patience is how long a write waits for another process' write before that is reported.
// SQLite itself waits only a little at a time, since it does not look at the context
// meanwhile.
const patience = 5 * time.Second

// begin opens a transaction that may write from its beginning, so that what it reads
// cannot be outdated when it writes.
func begin(ctx context.Context, s *stdsql.Session) error {
	for patient := time.Now().Add(patience); ; {
		err := s.Exec(ctx, "begin immediate")
		sqliteErr, ok := errors.AsType[*sqlite.Error](err)
		if !ok || sqliteErr.Code()&0xff != sqlite3.SQLITE_BUSY || ctx.Err() != nil || time.Now().After(patient) {
			return err
		}
	}
}
