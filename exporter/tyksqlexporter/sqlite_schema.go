package tyksqlexporter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sqliteTypes is how SQLite spells the classes (contract: records and raw stores,
// section 2.3).
var sqliteTypes = map[class]string{
	classText:     "text",
	classInteger:  "integer",
	classUnsigned: "integer",
	classFloat:    "real",
	classBool:     "numeric",
	classTime:     "datetime",
	classJSON:     "text",
}

// sqliteAffinities are those with which a column keeps the values of its class as
// they are; see affinity. A column without a type ("blob") keeps everything.
var sqliteAffinities = map[class][]string{
	classText:     {"text", "blob"},
	classInteger:  {"integer", "numeric", "blob"},
	classUnsigned: {"integer", "numeric", "blob"},
	classFloat:    {"real", "numeric", "blob"},
	classBool:     {"numeric", "integer", "blob"},
	classTime:     {"numeric", "text", "blob"},
	classJSON:     {"text", "blob"},
}

// The statements for the ledger.
const (
	sqliteCreateLedger = "create table if not exists " + ledgerTable + ` (
  sink text not null,
  segment text not null,
  first_index integer not null,
  last_index integer not null,
  members blob,
  applied_at text not null default (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  primary key (sink, segment, first_index))`
	sqliteIndexLedger = "create index if not exists otelcol_tyk_ledger_applied_at on " + ledgerTable + " (applied_at)"
	sqliteLook        = "select first_index, last_index, members from " + ledgerTable +
		" where sink = ? and segment = ? and first_index > ? and first_index <= ? and last_index >= ?"
	sqliteRecord = "insert into " + ledgerTable + " (sink, segment, first_index, last_index, members) values (?, ?, ?, ?, ?)"
	sqlitePrune  = "delete from " + ledgerTable + " where rowid in (select rowid from " + ledgerTable +
		" where applied_at < strftime('%Y-%m-%d %H:%M:%f', 'now', ?) order by applied_at limit ?)"
)

// sqliteTable is one table and its statements.
type sqliteTable struct {
	shard
	create []string
	insert string   // ends before the first row, in a table of records
	blanks []string // of the columns, in a table of records
	shape  shape    // what inserts took values for lately; whoever has the connection uses it
}

func newSQLiteTable(of shard, indexes bool) *sqliteTable {
	relation := of.relation()
	columns := of.layout.columns
	names, definitions := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoteSQLite(c.name)
		definitions[i] = names[i] + " " + sqliteTypes[c.class]
	}
	if of.layout.primary != "" {
		definitions = append(definitions, "primary key ("+quoteSQLite(of.layout.primary)+")")
	}
	t := &sqliteTable{
		shard:  of,
		create: []string{"create table if not exists " + quoteSQLite(relation) + " (\n  " + strings.Join(definitions, ",\n  ") + ")"},
		insert: "insert into " + quoteSQLite(relation) + " (" + strings.Join(names, ", ") + ") values ",
	}
	for _, index := range of.layout.indexes(of, indexes) {
		t.create = append(t.create, "create index if not exists "+quoteSQLite(index.name)+
			" on "+quoteSQLite(relation)+` ("`+strings.Join(index.columns, `", "`)+`")`)
	}
	if of.layout.rollups != nil {
		t.insert = sqliteAdd(relation, of.layout.rollups)
	} else {
		t.blanks = blanksOf(columns)
	}
	return t
}

func quoteSQLite(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// openSQLiteTables checks the tables and makes what is missing.
func openSQLiteTables(ctx context.Context, conn *sql.Conn, tables map[string]*sqliteTable) error {
	var wrong []error
	for _, relation := range slices.Sorted(maps.Keys(tables)) {
		t := tables[relation]
		err := t.open(ctx, conn)
		if _, ok := errors.AsType[*schemaError](err); ok {
			wrong = append(wrong, err)
		} else if err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return &schemaError{text: errors.Join(wrong...).Error()}
	}
	if err := execEach(ctx, conn, sqliteCreateLedger, sqliteIndexLedger); err != nil {
		return err
	}
	return checkSQLiteLedger(ctx, conn)
}

func execEach(ctx context.Context, conn *sql.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", firstLine(statement), err)
		}
	}
	return nil
}

// open checks the table and makes what is missing.
func (t *sqliteTable) open(ctx context.Context, conn *sql.Conn) error {
	relation := t.relation()
	var kind string
	err := conn.QueryRowContext(ctx, "select type from sqlite_master where type in ('table', 'view') and name = ? collate nocase", relation).Scan(&kind)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return execEach(ctx, conn, t.create...)
	case err != nil:
		return fmt.Errorf("look for table %q: %w", relation, err)
	case kind != "table":
		return schemaErrorf("table %q: is a view, records cannot be inserted into it: set tables::%s::name to a table", relation, t.layout.key)
	}
	missing, err := t.match(ctx, conn)
	if err == nil && t.layout.primary != "" {
		err = t.matchPrimary(ctx, conn)
	}
	if err != nil {
		return err
	}
	return execEach(ctx, conn, missing...)
}

// matchPrimary refuses a table in which rows could not be found again.
func (t *sqliteTable) matchPrimary(ctx context.Context, conn *sql.Conn) error {
	var unique bool
	err := conn.QueryRowContext(ctx, `select exists (select 1 from pragma_index_list(?) as l where l."unique" and not l.partial
		and (select count(*) = 1 and min(name) = ? collate nocase and min(coll) = 'BINARY' from pragma_index_xinfo(l.name) where key))`,
		t.relation(), t.layout.primary).Scan(&unique)
	if err != nil {
		return fmt.Errorf("read the indexes of table %q: %w", t.relation(), err)
	}
	if !unique {
		return noPrimary(t.shard)
	}
	return nil
}

// match compares the table with what it must be, and gives the statements that add
// what is missing.
func (t *sqliteTable) match(ctx context.Context, conn *sql.Conn) ([]string, error) {
	found, err := findSQLiteColumns(ctx, conn, t.relation())
	if err != nil {
		return nil, err
	}
	rules := columnRules{
		spell: func(c column) string { return sqliteTypes[c.class] },
		same:  strings.EqualFold,
		holds: func(place int, found foundColumn) bool {
			return slices.Contains(sqliteAffinities[t.layout.columns[place].class], affinity(found.declared))
		},
		remedy: func(column) string { return "rebuild the table with that type" },
	}
	missing, err := rules.missing(t.shard, found)
	statements := make([]string, len(missing))
	for i, c := range missing {
		statements[i] = "alter table " + quoteSQLite(t.relation()) + " add column " + quoteSQLite(c.name) + " " + sqliteTypes[c.class]
	}
	return statements, err
}

func findSQLiteColumns(ctx context.Context, conn *sql.Conn, name string) ([]foundColumn, error) {
	const generatedFrom = 2 // table_xinfo's hidden: 2 and 3 are generated columns
	rows, err := conn.QueryContext(ctx, `select name, type, "notnull" and dflt_value is null and pk = 0, hidden from pragma_table_xinfo(?)`, name)
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	var found []foundColumn
	for rows.Next() {
		var f foundColumn
		var hidden int
		if err := rows.Scan(&f.name, &f.declared, &f.mandatory, &hidden); err != nil {
			return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
		}
		f.generated = hidden >= generatedFrom
		found = append(found, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
	}
	return found, nil
}

// checkSQLiteLedger refuses a table of the ledger's name that is something else.
func checkSQLiteLedger(ctx context.Context, conn *sql.Conn) error {
	found, err := findSQLiteColumns(ctx, conn, ledgerTable)
	if err != nil {
		return err
	}
	for _, name := range []string{"sink", "segment", "first_index", "last_index", "members", "applied_at"} {
		if !slices.ContainsFunc(found, func(f foundColumn) bool { return f.name == name }) {
			return schemaErrorf("table %q: has no column %q, so it is not the ledger: rename it, and the ledger is made", ledgerTable, name)
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
