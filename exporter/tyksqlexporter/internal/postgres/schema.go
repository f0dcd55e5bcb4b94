package postgres

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

// types is how PostgreSQL spells the classes (contract: records and raw
// stores, section 2.3), how a column of that type is encoded, and how those of other types,
// by the names of pg_type.
var types = map[layout.Class]struct {
	name     string
	encoding encoding
	holds    map[string]encoding
}{
	layout.ClassText: {"text", encodeText, map[string]encoding{"text": encodeText, "varchar": encodeText, "bpchar": encodeText, "citext": encodeText}},
	layout.ClassJSON: {"text", encodeText, map[string]encoding{
		"text": encodeText, "varchar": encodeText, "bpchar": encodeText, "citext": encodeText, "json": encodeText, "jsonb": encodeJSONB,
	}},
	layout.ClassInteger:  {"bigint", encodeInt8, numbers},
	layout.ClassUnsigned: {"bigint", encodeInt8, numbers},
	layout.ClassFloat:    {"decimal", encodeNumeric, map[string]encoding{"numeric": encodeNumeric, "float8": encodeFloat8, "float4": encodeFloat4}},
	layout.ClassBool:     {"boolean", encodeBool, map[string]encoding{"bool": encodeBool}},
	layout.ClassTime:     {"timestamptz", encodeTime, map[string]encoding{"timestamptz": encodeTime, "timestamp": encodeTime}},
}

var numbers = map[string]encoding{"int8": encodeInt8, "int4": encodeInt4, "int2": encodeInt2, "numeric": encodeNumeric, "float8": encodeFloat8}

// tablePatience is for how long the making or dropping of a table waits for those who
// use it: whoever comes meanwhile waits too. It is tried again later.
const tablePatience = "500ms"

// dialect is of what tables need; records have a session of their own.
var dialect = &stdsql.Dialect{
	Rules: layout.Rules{
		Type: func(_ *layout.Layout, c layout.Column) string { return types[c.Class].name },
		Same: func(a, b string) bool { return a == b },
		Remedy: func(table string, c layout.Column, typ string) string {
			return "change it (alter table " + table + " alter column " + quote(c.Name) + " type " + typ + " using ...)"
		},
	},
	Quote: quote,
	Columns: `select a.attname::text, coalesce(base.typname, t.typname)::text,
			format_type(a.atttypid, a.atttypmod), a.attnotnull and not a.atthasdef and a.attidentity = '', a.attgenerated <> '',
			exists (select from pg_index i where i.indrelid = a.attrelid and a.attnum = any(i.indkey)),
			exists (select from pg_index i where i.indrelid = a.attrelid and a.attnum = i.indkey[0]
				and i.indisunique and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null),
			0, 0, ''
		from pg_attribute a
		join pg_type t on t.oid = a.atttypid
		left join pg_type base on base.oid = t.typbasetype
		where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
		order by a.attnum`,
	Relations: `select relname::text from pg_class
		where relkind in ('r', 'p') and pg_table_is_visible(oid) and relname ~ '_[0-9]{8}$'`,
	Now: "select extract(epoch from now())::bigint",
	// Deferred constraints are to speak of the statement that violates them.
	Isolating: []string{"set constraints all immediate"},
	Begin: func(ctx context.Context, s *stdsql.Session) error {
		return s.Exec(ctx, "begin", "select pg_advisory_xact_lock("+schemaLock+")", "set local lock_timeout = '"+tablePatience+"'")
	},
}

// schemaLock is the advisory lock under which tables are made: two sessions that
// create the same table at once can fail even with "if not exists".
var schemaLock = strconv.FormatInt(int64(xxhash.Sum64String("otelcol-tyk schema")), 10) //nolint:gosec // any 64 bits will do

// ledgerStatements is the ledger's schema and statements.
type ledgerStatements struct {
	schema                     string
	look, insert, touch, prune string
}

// table is one table, and how each of its columns is encoded.
type table struct {
	layout.Shard
	quoted    string // with schema
	columns   string // as lists have them
	secured   bool   // row-level security is active for our role
	encodings []encoding
	// The columns of rollups that have been sent, and those of which rows have differed.
	sent, varies atomic.Uint64
	rowSize      atomic.Int64 // bytes of a row's arguments in the last statement for rollups
}

// catalog looks for tables and describes them.
type catalog struct {
	indexes bool
	ledger  *atomic.Pointer[ledgerStatements] // nil until it was found first
}

func (*catalog) Look(ctx context.Context, from stdsql.Queryer, of layout.Shard) (string, bool, error) {
	schema, kind, err := findRelation(ctx, from, "", of.Relation())
	switch kind {
	case "", "r", "p", "f":
		return datasource.QuotePostgres(schema, of.Relation()), kind != "", err
	}
	return "", false, layout.Errorf("table %q: is a view or the like, records cannot be copied into it: set tables::%s::name to a table", of.Relation(), of.Layout.Key)
}

func (c *catalog) Table(name string, of layout.Shard) (*table, []string) {
	t := &table{Shard: of, quoted: name, columns: dialect.Names(of.Layout), encodings: make([]encoding, len(of.Layout.Columns))}
	for i, c := range of.Layout.Columns {
		t.encodings[i] = types[c.Class].encoding
	}
	storage := ""
	if of.Layout.Rollups != nil {
		// Each push changes rows: half of each page is left to their next versions, which then
		// need no new index entries. Other tables only grow.
		storage = " with (fillfactor = 50)"
	}
	return t, append([]string{dialect.Create(name, of.Layout, nil, storage)}, dialect.CreateIndexes(name, of.Layout.Indexes(of, c.indexes))...)
}

func (*catalog) Holds(t *table, place int, found layout.FoundColumn) (ok bool) {
	t.encodings[place], ok = types[t.Layout.Columns[place].Class].holds[found.Typ]
	return ok
}

func (*catalog) Match(ctx context.Context, from stdsql.Queryer, t *table, missing []layout.Column) (added []string, err error) {
	t.secured, err = isSecured(ctx, from, t.quoted)
	return dialect.Define(t.Layout, "alter table "+t.quoted+" add column if not exists ", missing), err
}

// Ledger looks where the ledger is, and is to be: where it was found before, along the
// search path, or beside the first table. It must not move with the tables of days, since
// what another one remembers would be stored again.
func (c *catalog) Ledger(ctx context.Context, from stdsql.Queryer, tables []layout.Shard) ([]stdsql.LedgerTable, error) {
	at := ""
	if pinned := c.ledger.Load(); pinned != nil {
		at = pinned.schema
	}
	home, kind, err := findRelation(ctx, from, at, push.LedgerTable)
	if err == nil && at == "" && kind == "" {
		home, _, err = findRelation(ctx, from, "", tables[0].Relation())
	}
	if err != nil {
		return nil, err
	}
	name := datasource.QuotePostgres(home, push.LedgerTable)
	if kind != "" {
		if secured, err := isSecured(ctx, from, name); err != nil {
			return nil, err
		} else if secured {
			return nil, layout.Errorf("table %q: row-level security is active for the datasource's role, and may hide what is stored already: "+
				"switch it off for this table (alter table ... disable row level security), or give the role bypassrls", push.LedgerTable)
		}
		c.ledger.CompareAndSwap(nil, newLedger(home)) // which stays, wherever tables are found
	}
	return []stdsql.LedgerTable{{Name: push.LedgerTable, Find: name, Create: createLedger(name), Columns: map[string]string{
		"sink": "text", "segment": "text", "first_index": "int8", "last_index": "int8", "members": "bytea", "applied_at": "timestamptz",
	}}}, nil
}

func (c *catalog) Prune() string { return c.ledger.Load().prune }

// findRelation looks for a table, along the search path where schema is empty, and
// gives its schema and its kind (pg_class.relkind). A table that is not there has
// no kind; its schema is the one in which it would be made.
func findRelation(ctx context.Context, from stdsql.Queryer, schema, name string) (found, kind string, err error) {
	quoted := datasource.QuotePostgres(name)
	if schema != "" {
		quoted = datasource.QuotePostgres(schema, name)
	}
	err = from.QueryRowContext(ctx, `select coalesce(n.nspname, nullif($2::text, ''), current_schema(), '')::text, coalesce(c.relkind, '')::text
		from (select to_regclass($1) as oid) as named
		left join pg_class c on c.oid = named.oid left join pg_namespace n on n.oid = c.relnamespace`, quoted, schema).Scan(&found, &kind)
	if err != nil {
		return "", "", fmt.Errorf("look for table %q: %w", name, err)
	}
	if found == "" {
		return "", "", layout.Errorf("table %q: no schema of the search path exists: create one, or set search_path in the datasource", name)
	}
	return found, kind, nil
}

func newLedger(schema string) *ledgerStatements {
	quoted := datasource.QuotePostgres(schema, push.LedgerTable)
	return &ledgerStatements{
		schema: schema,
		look: `select l.segment, l.first_index, l.last_index, l.members
		from unnest($2::text[], $3::bigint[], $4::bigint[]) as d (segment, first_index, last_index)
		join ` + quoted + ` l on l.sink = $1 and l.segment = d.segment
		 and l.first_index > d.first_index - $5::bigint and l.first_index <= d.last_index and l.last_index >= d.first_index`,
		insert: "insert into " + quoted + ` (sink, segment, first_index, last_index, members)
		select $1, u.* from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) as u`,
		touch: "delete from " + quoted + " where sink = $1 and (segment, first_index) in (select * from unnest($2::text[], $3::bigint[]))",
		prune: "delete from " + quoted + " where ctid = any(array(select ctid from " + quoted +
			" where applied_at < now() - make_interval(secs => $1::bigint / 1e6) and (sink = $2 or left(sink, length($3)) = $3) order by applied_at limit $4 for update skip locked))",
	}
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

// isSecured tells whether a table's policies hold for our role.
func isSecured(ctx context.Context, from stdsql.Queryer, quoted string) (secured bool, err error) {
	if err := from.QueryRowContext(ctx, "select row_security_active(to_regclass($1)::oid)", quoted).Scan(&secured); err != nil {
		return false, fmt.Errorf("look whether row-level security of %s is active: %w", quoted, err)
	}
	return secured, nil
}
