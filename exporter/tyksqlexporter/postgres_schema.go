package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

// postgresTypes is how PostgreSQL spells the classes (contract: records and raw
// stores, section 2.3).
var postgresTypes = map[class]string{
	classText:     "text",
	classInteger:  "bigint",
	classUnsigned: "bigint",
	classFloat:    "decimal",
	classBool:     "boolean",
	classTime:     "timestamptz",
	classJSON:     "text",
}

// schemaLock is the advisory lock under which tables are made: two sessions that
// create the same table at once can fail even with "if not exists".
var schemaLock = int64(xxhash.Sum64String("otelcol-tyk schema")) //nolint:gosec // any 64 bits will do

// postgresTables is what was found out of some tables.
type postgresTables struct {
	known map[string]*postgresTable // by relation
	home  string                    // the schema of the first, where the ledger is
}

// postgresLedger is the ledger's name and statements.
type postgresLedger struct {
	quoted              string // with schema
	look, insert, prune string
}

// postgresTable is one table, and how each of its columns is encoded.
type postgresTable struct {
	shard
	bare         string // the name as the server prints it
	quoted       string // with schema
	copy         string
	create       []string
	encodings    []encoding
}

// openPostgresTables finds the tables, or makes what is missing: each with its
// indexes in one transaction, so that nobody finds a table without them or waits
// until they are built over rows.
func openPostgresTables(ctx context.Context, conn *pgx.Conn, wanted []shard, indexes bool, logger *zap.Logger) (*postgresTables, error) {
	tables, missing, err := findPostgresTables(ctx, conn, wanted, indexes)
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
	// Somebody else may have made them while this one waited.
	if _, missing, err = findPostgresTables(ctx, conn, wanted, indexes); err != nil {
		return nil, err
	}
	for _, statement := range missing {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("%s: %w", firstLine(statement), err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, fmt.Errorf("commit the tables: %w", err)
	}
	for _, statement := range missing {
		logger.Info("changed the database's schema", zap.String("statement", firstLine(statement)))
	}
	tables, missing, err = findPostgresTables(ctx, conn, wanted, indexes)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("tables were made, but are not there: %s", firstLine(missing[0]))
	}
	return tables, err
}

// findPostgresTables describes the tables, and gives the statements that make what
// is missing of them.
func findPostgresTables(ctx context.Context, conn *pgx.Conn, wanted []shard, indexes bool) (*postgresTables, []string, error) {
	var tables *postgresTables
	var missing []string
	var wrong []error
	for _, want := range wanted {
		schema, kind, err := findRelation(ctx, conn, "", want.relation())
		if err != nil {
			return nil, nil, err
		}
		if tables == nil {
			tables = &postgresTables{known: make(map[string]*postgresTable, len(wanted)), home: schema}
		}
		t := newPostgresTable(schema, want, indexes)
		tables.known[t.bare] = t
		statements, err := t.find(ctx, conn, schema, kind)
		if _, ok := errors.AsType[*schemaError](err); ok {
			wrong = append(wrong, err)
		} else if err != nil {
			return nil, nil, err
		}
		missing = append(missing, statements...)
	}
	if len(wrong) > 0 {
		return nil, nil, &schemaError{text: errors.Join(wrong...).Error()}
	}
	_, kind, err := findRelation(ctx, conn, tables.home, ledgerTable)
	if err != nil {
		return nil, nil, err
	}
	if kind == "" {
		missing = append(missing, createLedger(newPostgresLedger(tables.home).quoted)...)
		return tables, missing, nil
	}
	return tables, missing, checkLedger(ctx, conn, tables.home)
}

// find gives the statements that make what is missing of a table of some kind.
func (t *postgresTable) find(ctx context.Context, conn *pgx.Conn, schema, kind string) ([]string, error) {
	switch kind {
	case "":
		return t.create, nil
	case "r", "p", "f":
		missing, err := t.match(ctx, conn, schema)
		if err == nil && t.layout.primary != "" {
			err = t.matchPrimary(ctx, conn)
		}
		return missing, err
	}
	return nil, schemaErrorf("table %q: is a view or the like, records cannot be copied into it: set tables::%s::name to a table", t.bare, t.layout.key)
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
		return "", "", schemaErrorf("table %q: no schema of the search path exists: create one, or set search_path in the datasource", name)
	}
	return *current, "", nil
}

func newPostgresLedger(schema string) *postgresLedger {
	quoted := pgx.Identifier{schema, ledgerTable}.Sanitize()
	return &postgresLedger{
		quoted: quoted,
		look: `select l.segment, l.first_index, l.last_index, l.members
		from unnest($2::text[], $3::bigint[], $4::bigint[]) as d (segment, first_index, last_index)
		join ` + quoted + ` l on l.sink = $1 and l.segment = d.segment
		 and l.first_index > d.first_index - $5::bigint and l.first_index <= d.last_index and l.last_index >= d.first_index`,
		insert: "insert into " + quoted + ` (sink, segment, first_index, last_index, members)
		select $1, u.* from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) as u`,
		prune: "delete from " + quoted + " where ctid = any(array(select ctid from " + quoted +
			" where applied_at < now() - make_interval(secs => $1) order by applied_at limit $2))",
	}
}

func newPostgresTable(schema string, of shard, indexes bool) *postgresTable {
	t := &postgresTable{shard: of, bare: of.relation(), quoted: pgx.Identifier{schema, of.relation()}.Sanitize()}
	columns := of.layout.columns
	names, definitions := make([]string, len(columns)), make([]string, len(columns))
	t.encodings = make([]encoding, len(columns))
	for i, c := range columns {
		names[i] = pgx.Identifier{c.name}.Sanitize()
		definitions[i] = names[i] + " " + postgresTypes[c.class]
		t.encodings[i], _ = encodingFor(c.class, canonicalType(c.class))
	}
	if of.layout.primary != "" {
		definitions = append(definitions, "primary key ("+pgx.Identifier{of.layout.primary}.Sanitize()+")")
	}
	t.create = []string{"create table if not exists " + t.quoted + " (\n  " + strings.Join(definitions, ",\n  ") + ")" + postgresStorage(of.layout)}
	for _, index := range of.layout.indexes(of, indexes) {
		t.create = append(t.create, "create index if not exists "+pgx.Identifier{index.name}.Sanitize()+
			" on "+t.quoted+` ("`+strings.Join(index.columns, `", "`)+`")`)
	}
	t.copy = "copy " + t.quoted + " (" + strings.Join(names, ", ") + ") from stdin (format binary)"
	return t
}

// postgresStorage leaves half of each page of a table whose rows each push changes to
// their next versions, which then need no new index entries. Other tables only grow.
func postgresStorage(l *layout) string {
	if l.rollups != nil {
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
func (t *postgresTable) match(ctx context.Context, conn *pgx.Conn, schema string) ([]string, error) {
	found, err := findColumns(ctx, conn, schema, t.bare)
	if err != nil {
		return nil, err
	}
	rules := columnRules{
		spell: func(c column) string { return postgresTypes[c.class] },
		same:  func(a, b string) bool { return a == b },
		holds: func(place int, found foundColumn) bool {
			encoding, ok := encodingFor(t.layout.columns[place].class, found.typ)
			t.encodings[place] = encoding
			return ok
		},
		remedy: func(c column) string {
			return "change it (alter table " + t.quoted + " alter column " + pgx.Identifier{c.name}.Sanitize() + " type " + postgresTypes[c.class] + " using ...)"
		},
	}
	missing, err := rules.missing(t.shard, found)
	statements := make([]string, len(missing))
	for i, c := range missing {
		statements[i] = "alter table " + t.quoted + " add column if not exists " + pgx.Identifier{c.name}.Sanitize() + " " + postgresTypes[c.class]
	}
	return statements, err
}

// matchPrimary refuses a table in which rows could not be found again.
func (t *postgresTable) matchPrimary(ctx context.Context, conn *pgx.Conn) error {
	var unique bool
	err := conn.QueryRow(ctx, `select exists (select from pg_index i
		join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
		where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null and a.attname = $2)`,
		t.quoted, t.layout.primary).Scan(&unique)
	if err != nil {
		return fmt.Errorf("read the indexes of table %q: %w", t.bare, err)
	}
	if !unique {
		return noPrimary(t.shard)
	}
	return nil
}

// findColumns lists the columns of a table.
func findColumns(ctx context.Context, conn *pgx.Conn, schema, name string) ([]foundColumn, error) {
	rows, err := conn.Query(ctx, `select a.attname::text, coalesce(base.typname, t.typname)::text,
			format_type(a.atttypid, a.atttypmod), a.attnotnull and not a.atthasdef and a.attidentity = '', a.attgenerated <> ''
		from pg_attribute a
		join pg_type t on t.oid = a.atttypid
		left join pg_type base on base.oid = t.typbasetype
		where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
		order by a.attnum`, pgx.Identifier{schema, name}.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (foundColumn, error) {
		var f foundColumn
		err := row.Scan(&f.name, &f.typ, &f.declared, &f.mandatory, &f.generated)
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
	}
	return found, nil
}

// checkLedger refuses a table of the ledger's name that is something else.
func checkLedger(ctx context.Context, conn *pgx.Conn, schema string) error {
	found, err := findColumns(ctx, conn, schema, ledgerTable)
	if err != nil {
		return err
	}
	for name, typ := range map[string]string{
		"sink": "text", "segment": "text", "first_index": "int8", "last_index": "int8", "members": "bytea", "applied_at": "timestamptz",
	} {
		if !slices.ContainsFunc(found, func(f foundColumn) bool { return f.name == name && f.typ == typ }) {
			return schemaErrorf("table %q: has no column %q of type %s, so it is not the ledger: rename it, and the ledger is made", ledgerTable, name, typ)
		}
	}
	return nil
}

func firstLine(statement string) string {
	line, _, _ := strings.Cut(statement, "\n")
	return strings.TrimSuffix(line, " (")
}
