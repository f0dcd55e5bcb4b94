package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

// types is how SQLite spells the classes (contract: records and raw stores,
// section 2.3).
var types = map[layout.Class]string{
	layout.ClassText:     "text",
	layout.ClassInteger:  "integer",
	layout.ClassUnsigned: "integer",
	layout.ClassFloat:    "real",
	layout.ClassBool:     "numeric",
	layout.ClassTime:     "datetime",
	layout.ClassJSON:     "text",
}

// sqliteAffinities are those with which a column keeps the values of its class as
// they are; see affinity. A column without a type ("blob") keeps everything.
var sqliteAffinities = map[layout.Class][]string{
	layout.ClassText:     {"text", "blob"},
	layout.ClassInteger:  {"integer", "numeric", "blob"},
	layout.ClassUnsigned: {"integer", "numeric", "blob"},
	layout.ClassFloat:    {"real", "numeric", "blob"},
	layout.ClassBool:     {"numeric", "integer", "blob"},
	layout.ClassTime:     {"numeric", "text", "blob"},
	layout.ClassJSON:     {"text", "blob"},
}

// The statements for the ledger.
const (
	sqliteCreateLedger = "create table if not exists " + push.LedgerTable + ` (
  sink text not null,
  segment text not null,
  first_index integer not null,
  last_index integer not null,
  members blob,
  applied_at text not null default (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  primary key (sink, segment, first_index))`
	sqliteIndexLedger = "create index if not exists otelcol_tyk_ledger_applied_at on " + push.LedgerTable + " (applied_at)"
	sqlitePrune       = "delete from " + push.LedgerTable + " where rowid in (select rowid from " + push.LedgerTable +
		" where applied_at < strftime('%Y-%m-%d %H:%M:%f', 'now', ?) and (sink = ? or substr(sink, 1, ?) = ?) order by applied_at limit ?)"
)

// table is one table, and how it is made.
type table struct {
	*stdsql.Table

	create []string
}

func newTable(of layout.Shard, indexes bool) *table {
	relation := of.Relation()
	columns := of.Layout.Columns
	names, definitions := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i] = quote(c.Name)
		definitions[i] = names[i] + " " + types[c.Class]
	}
	if of.Layout.Primary != "" {
		definitions = append(definitions, "primary key ("+quote(of.Layout.Primary)+")")
	}
	after := ""
	if of.Layout.Rollups != nil {
		after = addClause(of.Layout.Rollups)
	}
	t := &table{
		Table:  stdsql.NewTable(of, "insert into "+quote(relation)+" ("+strings.Join(names, ", ")+") values ", after),
		create: []string{"create table if not exists " + quote(relation) + " (\n  " + strings.Join(definitions, ",\n  ") + ")"},
	}
	t.Time = appendTime
	for _, index := range of.Layout.Indexes(of, indexes) {
		t.create = append(t.create, "create index if not exists "+quote(index.Name)+
			" on "+quote(relation)+` ("`+strings.Join(index.Columns, `", "`)+`")`)
	}
	return t
}

func quote(name string) string { return datasource.QuoteSQLite(name) }

// openTables checks the tables and makes what is missing.
func openTables(ctx context.Context, session *session, tables map[string]*table) error {
	var wrong []error
	for _, relation := range slices.Sorted(maps.Keys(tables)) {
		t := tables[relation]
		err := t.open(ctx, session)
		if _, ok := errors.AsType[*layout.SchemaError](err); ok {
			wrong = append(wrong, err)
		} else if err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return &layout.SchemaError{Text: errors.Join(wrong...).Error()}
	}
	if err := session.Exec(ctx, sqliteCreateLedger, sqliteIndexLedger); err != nil {
		return err
	}
	return checkLedger(ctx, session.Conn)
}

// open checks the table and makes what is missing.
func (t *table) open(ctx context.Context, session *session) error {
	conn := session.Conn
	relation := t.Relation()
	var kind string
	err := conn.QueryRowContext(ctx, "select type from sqlite_master where type in ('table', 'view') and name = ? collate nocase", relation).Scan(&kind)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return session.Exec(ctx, t.create...)
	case err != nil:
		return fmt.Errorf("look for table %q: %w", relation, err)
	case kind != "table":
		return layout.Errorf("table %q: is a view, records cannot be inserted into it: set tables::%s::name to a table", relation, t.Layout.Key)
	}
	missing, err := t.match(ctx, conn)
	if err == nil && t.Layout.Primary != "" {
		err = t.matchPrimary(ctx, conn)
	}
	if err != nil {
		return err
	}
	return session.Exec(ctx, missing...)
}

// matchPrimary refuses a table in which rows could not be found again.
func (t *table) matchPrimary(ctx context.Context, conn *sql.Conn) error {
	var unique bool
	err := conn.QueryRowContext(ctx, `select exists (select 1 from pragma_index_list(?) as l where l."unique" and not l.partial
		and (select count(*) = 1 and min(name) = ? collate nocase and min(coll) = 'BINARY' from pragma_index_xinfo(l.name) where key))`,
		t.Relation(), t.Layout.Primary).Scan(&unique)
	if err != nil {
		return fmt.Errorf("read the indexes of table %q: %w", t.Relation(), err)
	}
	if !unique {
		return layout.NoPrimary(t.Shard)
	}
	return nil
}

// match compares the table with what it must be, and gives the statements that add
// what is missing.
func (t *table) match(ctx context.Context, conn *sql.Conn) ([]string, error) {
	found, err := findColumns(ctx, conn, t.Relation())
	if err != nil {
		return nil, err
	}
	rules := layout.Rules{
		Spell: func(c layout.Column) string { return types[c.Class] },
		Same:  strings.EqualFold,
		Holds: func(place int, found layout.FoundColumn) bool {
			return slices.Contains(sqliteAffinities[t.Layout.Columns[place].Class], affinity(found.Declared))
		},
		Remedy: func(layout.Column) string { return "rebuild the table with that type" },
	}
	missing, err := rules.Missing(t.Shard, found)
	statements := make([]string, len(missing))
	for i, c := range missing {
		statements[i] = "alter table " + quote(t.Relation()) + " add column " + quote(c.Name) + " " + types[c.Class]
	}
	return statements, err
}

func findColumns(ctx context.Context, from stdsql.Queryer, name string) ([]layout.FoundColumn, error) {
	const generatedFrom = 2 // table_xinfo's hidden: 2 and 3 are generated columns
	scan := func(rows *sql.Rows, f *layout.FoundColumn) error {
		var hidden int
		err := rows.Scan(&f.Name, &f.Declared, &f.Mandatory, &hidden, &f.Indexed)
		f.Generated = hidden >= generatedFrom
		return err
	}
	return stdsql.Columns(ctx, from, name, scan, `select name, type, "notnull" and dflt_value is null and pk = 0, hidden,
			pk > 0 or exists (select 1 from pragma_index_list(?) as l, pragma_index_info(l.name) as i where i.name = x.name)
		from pragma_table_xinfo(?) as x`, name, name)
}

// checkLedger refuses a table of the ledger's name that is something else.
func checkLedger(ctx context.Context, conn *sql.Conn) error {
	found, err := findColumns(ctx, conn, push.LedgerTable)
	if err != nil {
		return err
	}
	for _, name := range []string{"sink", "segment", "first_index", "last_index", "members", "applied_at"} {
		if !slices.ContainsFunc(found, func(f layout.FoundColumn) bool { return f.Name == name }) {
			return layout.Errorf("table %q: has no column %q, so it is not the ledger: rename it, and the ledger is made", push.LedgerTable, name)
		}
	}
	return nil
}

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
