package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
)

// types is how PostgreSQL spells the classes (contract: records and raw
// stores, section 2.3).
var types = map[layout.Class]string{
	layout.ClassText:     "text",
	layout.ClassInteger:  "bigint",
	layout.ClassUnsigned: "bigint",
	layout.ClassFloat:    "decimal",
	layout.ClassBool:     "boolean",
	layout.ClassTime:     "timestamptz",
	layout.ClassJSON:     "text",
}

// schemaLock is the advisory lock under which tables are made: two sessions that
// create the same table at once can fail even with "if not exists".
var schemaLock = int64(xxhash.Sum64String("otelcol-tyk schema")) //nolint:gosec // any 64 bits will do

// foundTables is what was found out of some tables.
type foundTables struct {
	known map[string]*table // by relation
	home  string            // the schema of the ledger
}

// ledgerStatements is the ledger's name and statements.
type ledgerStatements struct {
	schema, quoted             string // the latter with schema
	look, insert, touch, prune string
}

// table is one table, and how each of its columns is encoded.
type table struct {
	layout.Shard
	bare      string // the name as the server prints it
	quoted    string // with schema
	columns   string // as lists have them
	secured   bool   // row-level security is active for our role
	create    []string
	encodings []encoding
	// The columns of rollups that have been sent, and those of which rows have differed.
	sent, varies atomic.Uint64
}

// openTables finds the tables, or makes what is missing: each with its
// indexes in one transaction, so that nobody finds a table without them or waits
// until they are built over rows.
func openTables(ctx context.Context, conn *pgx.Conn, wanted []layout.Shard, ledger *ledgerStatements, indexes bool, logger *zap.Logger) (*foundTables, error) {
	tables, missing, err := findTables(ctx, conn, wanted, ledger, indexes)
	if err != nil || len(missing) == 0 {
		return tables, err
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin making tables: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // after the commit it does nothing
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", schemaLock); err != nil {
		return nil, fmt.Errorf("wait for others that make tables: %w", err)
	}
	if _, err := tx.Exec(ctx, "set local lock_timeout = '"+tablePatience+"'"); err != nil {
		return nil, fmt.Errorf("bound the wait for locks: %w", err)
	}
	// Somebody else may have made them while this one waited.
	if _, missing, err = findTables(ctx, conn, wanted, ledger, indexes); err != nil {
		return nil, err
	}
	for _, statement := range missing {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", engine.FirstLine(statement), err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, fmt.Errorf("commit the tables: %w", err)
	}
	for _, statement := range missing {
		logger.Info("changed the database's schema", zap.String("statement", engine.FirstLine(statement)))
	}
	tables, missing, err = findTables(ctx, conn, wanted, ledger, indexes)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("tables were made, but are not there: %s", engine.FirstLine(missing[0]))
	}
	return tables, err
}

// findTables describes the tables, and gives the statements that make what
// is missing of them.
func findTables(ctx context.Context, conn *pgx.Conn, wanted []layout.Shard, ledger *ledgerStatements, indexes bool) (*foundTables, []string, error) {
	var tables *foundTables
	var missing []string
	var wrong []error
	for _, want := range wanted {
		schema, kind, err := findRelation(ctx, conn, "", want.Relation())
		if err != nil {
			return nil, nil, err
		}
		if tables == nil {
			tables = &foundTables{known: make(map[string]*table, len(wanted)), home: schema}
		}
		t := newTable(schema, want, indexes)
		tables.known[t.bare] = t
		statements, err := t.find(ctx, conn, schema, kind)
		if _, ok := errors.AsType[*layout.SchemaError](err); ok {
			wrong = append(wrong, err)
		} else if err != nil {
			return nil, nil, err
		}
		missing = append(missing, statements...)
	}
	if len(wrong) > 0 {
		return nil, nil, &layout.SchemaError{Text: errors.Join(wrong...).Error()}
	}
	kind, err := tables.findLedger(ctx, conn, ledger)
	if err != nil {
		return nil, nil, err
	}
	if kind == "" {
		missing = append(missing, createLedger(newLedger(tables.home).quoted)...)
		return tables, missing, nil
	}
	return tables, missing, checkLedger(ctx, conn, tables.home)
}

// findLedger looks where the ledger is, and is to be: where it was found before, along
// the search path, or beside the first table. It must not move with the tables of days,
// since what another one remembers would be stored again.
func (t *foundTables) findLedger(ctx context.Context, conn *pgx.Conn, pinned *ledgerStatements) (string, error) {
	if pinned != nil {
		t.home = pinned.schema
	} else if schema, kind, err := findRelation(ctx, conn, "", push.LedgerTable); err != nil || kind != "" {
		t.home = schema
		return kind, err
	}
	_, kind, err := findRelation(ctx, conn, t.home, push.LedgerTable)
	return kind, err
}

// find gives the statements that make what is missing of a table of some kind.
func (t *table) find(ctx context.Context, conn *pgx.Conn, schema, kind string) ([]string, error) {
	switch kind {
	case "":
		return t.create, nil
	case "r", "p", "f":
		missing, err := t.match(ctx, conn, schema)
		if err == nil && t.Layout.Primary != "" {
			err = t.matchPrimary(ctx, conn)
		}
		if err == nil {
			t.secured, err = isSecured(ctx, conn, t.quoted)
		}
		return missing, err
	}
	return nil, layout.Errorf("table %q: is a view or the like, records cannot be copied into it: set tables::%s::name to a table", t.bare, t.Layout.Key)
}

// findRelation looks for a table, along the search path where schema is empty, and
// gives its schema and its kind (pg_class.relkind). A table that is not there has
// no kind; its schema is the one in which it would be made.
func findRelation(ctx context.Context, conn *pgx.Conn, schema, name string) (string, string, error) {
	quoted := pgx.Identifier{name}.Sanitize()
	if schema != "" {
		quoted = pgx.Identifier{schema, name}.Sanitize()
	}
	var kind string
	err := conn.QueryRow(ctx, `select n.nspname::text, c.relkind::text
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.oid = to_regclass($1)`, quoted).Scan(&schema, &kind)
	if err == nil {
		return schema, kind, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return "", "", fmt.Errorf("look for table %q: %w", name, err)
	}
	if schema != "" {
		return schema, "", nil
	}
	var current *string
	if err := conn.QueryRow(ctx, "select current_schema()::text").Scan(&current); err != nil {
		return "", "", fmt.Errorf("look for the current schema: %w", err)
	}
	if current == nil {
		return "", "", layout.Errorf("table %q: no schema of the search path exists: create one, or set search_path in the datasource", name)
	}
	return *current, "", nil
}

func newLedger(schema string) *ledgerStatements {
	quoted := pgx.Identifier{schema, push.LedgerTable}.Sanitize()
	return &ledgerStatements{
		schema: schema, quoted: quoted,
		look: `select l.segment, l.first_index, l.last_index, l.members
		from unnest($2::text[], $3::bigint[], $4::bigint[]) as d (segment, first_index, last_index)
		join ` + quoted + ` l on l.sink = $1 and l.segment = d.segment
		 and l.first_index > d.first_index - $5::bigint and l.first_index <= d.last_index and l.last_index >= d.first_index`,
		insert: "insert into " + quoted + ` (sink, segment, first_index, last_index, members)
		select $1, u.* from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) as u`,
		touch: "delete from " + quoted + " where sink = $1 and (segment, first_index) in (select * from unnest($2::text[], $3::bigint[]))",
		prune: "delete from " + quoted + " where ctid = any(array(select ctid from " + quoted +
			" where applied_at < now() - make_interval(secs => $1) and (sink = $3 or left(sink, length($4)) = $4) order by applied_at limit $2 for update skip locked))",
	}
}

func newTable(schema string, of layout.Shard, indexes bool) *table {
	t := &table{Shard: of, bare: of.Relation(), quoted: pgx.Identifier{schema, of.Relation()}.Sanitize()}
	columns := of.Layout.Columns
	names, definitions := make([]string, len(columns)), make([]string, len(columns))
	t.encodings = make([]encoding, len(columns))
	for i, c := range columns {
		names[i] = quote(c.Name)
		definitions[i] = names[i] + " " + types[c.Class]
		t.encodings[i], _ = encodingFor(c.Class, canonicalType(c.Class))
	}
	if of.Layout.Primary != "" {
		definitions = append(definitions, "primary key ("+pgx.Identifier{of.Layout.Primary}.Sanitize()+")")
	}
	t.create = []string{"create table if not exists " + t.quoted + " (\n  " + strings.Join(definitions, ",\n  ") + ")" + storage(of.Layout)}
	for _, index := range of.Layout.Indexes(of, indexes) {
		t.create = append(t.create, "create index if not exists "+pgx.Identifier{index.Name}.Sanitize()+
			" on "+t.quoted+` ("`+strings.Join(index.Columns, `", "`)+`")`)
	}
	t.columns = strings.Join(names, ", ")
	return t
}

// storage leaves half of each page of a table whose rows each push changes to
// their next versions, which then need no new index entries. Other tables only grow.
func storage(l *layout.Layout) string {
	if l.Rollups != nil {
		return " with (fillfactor = 50)"
	}
	return ""
}

// createLedger gives the statements that make the ledger.
func createLedger(ledger string) []string {
	return []string{
		"create table if not exists " + ledger + ` (
  sink text not null,
  segment text not null,
  first_index bigint not null,
  last_index bigint not null,
  members bytea,
  applied_at timestamptz not null default now(),
  primary key (sink, segment, first_index))`,
		"create index if not exists otelcol_tyk_ledger_applied_at on " + ledger + " (applied_at)",
	}
}

// match compares an existing table with what it must be. It gives the statements
// that add what is missing, and chooses each column's encoding by its type.
func (t *table) match(ctx context.Context, conn *pgx.Conn, schema string) ([]string, error) {
	found, err := findColumns(ctx, conn, pgx.Identifier{schema, t.bare})
	if err != nil {
		return nil, err
	}
	rules := layout.Rules{
		Spell: func(c layout.Column) string { return types[c.Class] },
		Same:  func(a, b string) bool { return a == b },
		Holds: func(place int, found layout.FoundColumn) bool {
			encoding, ok := encodingFor(t.Layout.Columns[place].Class, found.Typ)
			t.encodings[place] = encoding
			return ok
		},
		Remedy: func(c layout.Column) string {
			return "change it (alter table " + t.quoted + " alter column " + quote(c.Name) + " type " + types[c.Class] + " using ...)"
		},
	}
	missing, err := rules.Missing(t.Shard, found)
	statements := make([]string, len(missing))
	for i, c := range missing {
		statements[i] = "alter table " + t.quoted + " add column if not exists " + quote(c.Name) + " " + types[c.Class]
	}
	return statements, err
}

// matchPrimary refuses a table in which rows could not be found again.
func (t *table) matchPrimary(ctx context.Context, conn *pgx.Conn) error {
	var unique bool
	err := conn.QueryRow(ctx, `select exists (select from pg_index i
		join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
		where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null and a.attname = $2)`,
		t.quoted, t.Layout.Primary).Scan(&unique)
	if err != nil {
		return fmt.Errorf("read the indexes of table %q: %w", t.bare, err)
	}
	if !unique {
		return layout.NoPrimary(t.Shard)
	}
	return nil
}

// isSecured tells whether a table's policies hold for our role.
func isSecured(ctx context.Context, conn *pgx.Conn, quoted string) (secured bool, err error) {
	if err := conn.QueryRow(ctx, "select row_security_active(to_regclass($1)::oid)", quoted).Scan(&secured); err != nil {
		return false, fmt.Errorf("look whether row-level security of %s is active: %w", quoted, err)
	}
	return secured, nil
}

// findColumns lists the columns of a table.
func findColumns(ctx context.Context, conn *pgx.Conn, name pgx.Identifier) ([]layout.FoundColumn, error) {
	rows, err := conn.Query(ctx, `select a.attname::text, coalesce(base.typname, t.typname)::text,
			format_type(a.atttypid, a.atttypmod), a.attnotnull and not a.atthasdef and a.attidentity = '', a.attgenerated <> '',
			exists (select from pg_index i where i.indrelid = a.attrelid and a.attnum = any(i.indkey))
		from pg_attribute a
		join pg_type t on t.oid = a.atttypid
		left join pg_type base on base.oid = t.typbasetype
		where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
		order by a.attnum`, name.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name[len(name)-1], err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (layout.FoundColumn, error) {
		var f layout.FoundColumn
		err := row.Scan(&f.Name, &f.Typ, &f.Declared, &f.Mandatory, &f.Generated, &f.Indexed)
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name[len(name)-1], err)
	}
	return found, nil
}

// checkLedger refuses a table of the ledger's name that is something else.
func checkLedger(ctx context.Context, conn *pgx.Conn, schema string) error {
	found, err := findColumns(ctx, conn, pgx.Identifier{schema, push.LedgerTable})
	if err != nil {
		return err
	}
	for name, typ := range map[string]string{
		"sink": "text", "segment": "text", "first_index": "int8", "last_index": "int8", "members": "bytea", "applied_at": "timestamptz",
	} {
		if !slices.ContainsFunc(found, func(f layout.FoundColumn) bool { return f.Name == name && f.Typ == typ }) {
			return layout.Errorf("table %q: has no column %q of type %s, so it is not the ledger: rename it, and the ledger is made", push.LedgerTable, name, typ)
		}
	}
	if secured, err := isSecured(ctx, conn, pgx.Identifier{schema, push.LedgerTable}.Sanitize()); err != nil || !secured {
		return err
	}
	return layout.Errorf("table %q: row-level security is active for the datasource's role, and may hide what is stored already: "+
		"switch it off for this table (alter table ... disable row level security), or give the role bypassrls", push.LedgerTable)
}
