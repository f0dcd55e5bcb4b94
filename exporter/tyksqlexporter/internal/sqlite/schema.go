package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
)

// types is how SQLite spells the classes (contract: records and raw stores,
// section 2.3), and the affinities with which a column keeps the values of its class as
// they are; see affinity. A column without a type ("blob") keeps everything.
var types = map[layout.Class]struct {
	name       string
	affinities []string
}{
	layout.ClassText:     {"text", []string{"text", "blob"}},
	layout.ClassInteger:  {"integer", []string{"integer", "numeric", "blob"}},
	layout.ClassUnsigned: {"integer", []string{"integer", "numeric", "blob"}},
	layout.ClassFloat:    {"real", []string{"real", "numeric", "blob"}},
	layout.ClassBool:     {"numeric", []string{"numeric", "integer", "blob"}},
	layout.ClassTime:     {"datetime", []string{"numeric", "text", "blob"}},
	layout.ClassJSON:     {"text", []string{"text", "blob"}},
}

// columns asks for those of a table. Of the hidden ones, 2 and 3 are generated.
const columns = `select name, '', type, "notnull" and dflt_value is null and pk = 0, hidden >= 2,
		pk > 0 or name in (select i.name from pragma_index_list(?) as l, pragma_index_info(l.name) as i),
		name in (select min(i.name) from pragma_index_list(?) as l, pragma_index_xinfo(l.name) as i
			where l."unique" and not l.partial and i.key group by l.name having count(*) = 1 and min(i.coll) = 'BINARY'),
		0, 0, ''
	from pragma_table_xinfo(?)`

// The ledger.
const (
	createLedger = "create table if not exists " + push.LedgerTable + ` (
  sink text not null,
  segment text not null,
  first_index integer not null,
  last_index integer not null,
  members blob,
  applied_at text not null default (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  primary key (sink, segment, first_index))`
	indexLedger = "create index if not exists otelcol_tyk_ledger_applied_at on " + push.LedgerTable + " (applied_at)"
	prune       = "delete from " + push.LedgerTable + " where rowid in (select rowid from " + push.LedgerTable +
		" where applied_at < strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+.3f seconds', -? / 1e6)) and (sink = ? or instr(sink, ?) = 1) order by applied_at limit ?)"
)

var ledger = []stdsql.LedgerTable{{
	Name: push.LedgerTable, Find: push.LedgerTable, Create: []string{createLedger, indexLedger},
	Columns: map[string]string{"sink": "", "segment": "", "first_index": "", "last_index": "", "members": "", "applied_at": ""},
}}

// catalog looks for tables and describes them.
type catalog struct{ indexes bool }

func (catalog) Look(ctx context.Context, from stdsql.Queryer, of layout.Shard) (string, bool, error) {
	relation := of.Relation()
	var kind string
	err := from.QueryRowContext(ctx, "select type from sqlite_master where type in ('table', 'view') and name = ? collate nocase", relation).Scan(&kind)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return relation, false, nil
	case err != nil:
		return "", false, fmt.Errorf("look for table %q: %w", relation, err)
	case kind != "table":
		return "", false, layout.Errorf("table %q: is a view, records cannot be inserted into it: set tables::%s::name to a table", relation, of.Layout.Key)
	}
	return relation, true, nil
}

func (c catalog) Table(relation string, of layout.Shard) (*stdsql.Table, []string) {
	t := stdsql.NewTable(of, dialect, add)
	t.Time = appendTime
	name := dialect.Quote(relation)
	return t, append([]string{dialect.Create(name, of.Layout, nil, "")}, dialect.CreateIndexes(name, of.Layout.Indexes(of, c.indexes))...)
}

func (catalog) Holds(t *stdsql.Table, place int, found layout.FoundColumn) bool {
	return slices.Contains(types[t.Layout.Columns[place].Class].affinities, affinity(found.Declared))
}

func (catalog) Match(_ context.Context, _ stdsql.Queryer, t *stdsql.Table, missing []layout.Column) ([]string, error) {
	return dialect.Define(t.Layout, "alter table "+dialect.Quote(t.Relation())+" add column ", missing), nil
}

func (catalog) Ledger(context.Context, stdsql.Queryer, []layout.Shard) ([]stdsql.LedgerTable, error) {
	return ledger, nil
}

func (catalog) Prune() string { return prune }

// affinity is what SQLite makes of a declared type (its documentation, "Datatypes
// in SQLite", section 3.1).
func affinity(declared string) string {
	upper := strings.ToUpper(declared)
	contains := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(upper, part) })
	}
	switch {
	case contains("INT"):
		return "integer"
	case contains("CHAR", "CLOB", "TEXT"):
		return "text"
	case upper == "" || contains("BLOB"):
		return "blob"
	case contains("REAL", "FLOA", "DOUB"):
		return "real"
	}
	return "numeric"
}
