package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
)

// types is how MySQL spells the classes (contract: records and raw stores,
// section 2.3).
var types = map[layout.Class]string{
	layout.ClassText:     "longtext",
	layout.ClassInteger:  "bigint",
	layout.ClassUnsigned: "bigint unsigned",
	layout.ClassFloat:    "double",
	layout.ClassBool:     "boolean",
	layout.ClassTime:     "datetime(3)",
	layout.ClassJSON:     "longtext",
}

// mysqlHolds are the types, as information_schema names them, that a column of a
// class may have.
var mysqlHolds = map[layout.Class][]string{
	layout.ClassText:     {"longtext", "mediumtext", "text", "tinytext", "varchar", "char"},
	layout.ClassInteger:  {"bigint", "int", "mediumint", "smallint", "tinyint", "decimal", "double"},
	layout.ClassUnsigned: {"bigint", "int", "mediumint", "smallint", "tinyint", "decimal", "double"},
	layout.ClassFloat:    {"double", "float", "decimal"},
	layout.ClassBool:     {"tinyint", "smallint", "mediumint", "int", "bigint"},
	layout.ClassTime:     {"datetime"},
	layout.ClassJSON:     {"longtext", "mediumtext", "text", "tinytext", "varchar", "char", "json"},
}

// mysqlKeyLength is how many characters of a text an index holds, whatever the row
// format: 191 of four bytes.
const mysqlKeyLength = 191

// mysqlMillis is how many digits of a second Tyk Pump's columns of times hold.
const mysqlMillis = 3

// locksTable holds what transactions lock before they write to the ledger.
const locksTable = push.LedgerTable + "_locks"

// mysqlOptions end the statement that makes a table.
const mysqlOptions = ") engine = InnoDB default character set utf8mb4"

// The statements for the ledger. Names are binary, since texts that differ only in
// capitals or in spaces at their end are equal otherwise.
const (
	mysqlCreateLedger = "create table if not exists " + push.LedgerTable + ` (
  sink varbinary(64) not null,
  segment varbinary(200) not null,
  first_index bigint not null,
  last_index bigint not null,
  members blob,
  applied_at datetime(3) not null default current_timestamp(3),
  primary key (sink, segment, first_index),
  index otelcol_tyk_ledger_applied_at (applied_at)
` + mysqlOptions
	mysqlCreateLocks = "create table if not exists " + locksTable + ` (
  id bigint not null,
  taken bigint not null default 0,
  primary key (id)
` + mysqlOptions
	mysqlPrune = "delete from " + push.LedgerTable + " where applied_at < current_timestamp(3) - interval ? microsecond" +
		" and (sink = ? or left(sink, ?) = ?) order by applied_at limit ?"
)

// ledgerTables are the tables of the ledger: how they are made, and their columns.
var ledgerTables = []struct {
	name, create string
	columns      map[string]string
}{
	{push.LedgerTable, mysqlCreateLedger, map[string]string{
		"sink": "varbinary", "segment": "varbinary", "first_index": "bigint", "last_index": "bigint", "members": "blob", "applied_at": "datetime",
	}},
	{locksTable, mysqlCreateLocks, map[string]string{"id": "bigint", "taken": "bigint"}},
}

// table is one table and what is found of it.
type table struct {
	*stdsql.Table

	quoted, create string
	columns        []layout.FoundColumn // as the layout's
}

// schema finds and makes tables over one connection.
type schema struct {
	conn    *sql.Conn
	indexes bool
	clock   *time.Location // whose clock the columns of times show
	logger  *zap.Logger
}

func quote(name string) string { return datasource.QuoteMySQL(name) }

// typeOf is the type of a column in a table of ours: that of Tyk Pump.
func typeOf(of *layout.Layout, c layout.Column) string {
	if of.Kind == layout.KindRollup && c.Name == of.Primary {
		return "varchar(" + strconv.Itoa(layout.MaxRowID) + ")" // Tyk Pump's 191 characters hold few ids
	}
	if of.Kind == layout.KindUptime && c.Class == layout.ClassText && (c.Name == of.Primary || slices.Contains(layout.UptimeIndex, c.Name)) {
		return "varchar(" + strconv.Itoa(mysqlKeyLength) + ")"
	}
	return types[c.Class]
}

func (s *schema) newTable(of layout.Shard) *table {
	t := &table{quoted: quote(of.Relation()), columns: make([]layout.FoundColumn, len(of.Layout.Columns))}
	names, definitions := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range of.Layout.Columns {
		names[i] = quote(c.Name)
		definitions[i] = names[i] + " " + typeOf(of.Layout, c)
		t.columns[i] = layout.FoundColumn{Name: c.Name, Precision: mysqlMillis, Length: mysqlKeyLength}
	}
	if of.Layout.Primary != "" {
		definitions = append(definitions, "primary key ("+quote(of.Layout.Primary)+")")
	}
	for _, index := range of.Layout.Indexes(of, s.indexes) {
		parts := make([]string, len(index.Columns))
		for i, name := range index.Columns {
			parts[i] = quote(name)
			at := slices.IndexFunc(of.Layout.Columns, func(c layout.Column) bool { return c.Name == name })
			if typeOf(of.Layout, of.Layout.Columns[at]) == types[layout.ClassText] {
				parts[i] += "(" + strconv.Itoa(mysqlKeyLength) + ")"
			}
		}
		definitions = append(definitions, "index "+quote(index.Name)+" ("+strings.Join(parts, ", ")+")")
	}
	t.create = "create table if not exists " + t.quoted + " (\n  " + strings.Join(definitions, ",\n  ") + "\n" + mysqlOptions
	after := ""
	if of.Layout.Rollups != nil {
		after = addClause(of.Layout.Rollups)
	}
	t.Table = stdsql.NewTable(of, "insert into "+t.quoted+" ("+strings.Join(names, ", ")+") values ", after)
	t.Time = func(b []byte, day *layout.DayText, at time.Time, column int) []byte {
		return appendTime(b, day, at, s.clock, t.columns[column].Precision)
	}
	t.Text = func(text string, column int) string {
		switch of.Layout.Columns[column].Name {
		case of.Layout.Primary: // which stays one row's
			return shortID(text, t.columns[column].Length)
		case "dimension_value":
			return cutText(text, t.columns[column].Length)
		}
		return text
	}
	return t
}

// open finds the tables, or makes what is missing: each with its indexes in one
// statement, so that nobody finds a table without them or waits until they are built
// over rows. Others may make the same at once: who comes second finds it done.
func (s *schema) open(ctx context.Context, wanted []layout.Shard) (map[string]*stdsql.Table, error) {
	const attempts = 3 // another process may have made some of what is missing
	for attempt := 1; ; attempt++ {
		tables, missing, err := s.find(ctx, wanted)
		if err != nil || len(missing) == 0 {
			return tables, err
		}
		if attempt > attempts {
			return nil, fmt.Errorf("tables were made, but are not there: %s", engine.FirstLine(missing[0]))
		}
		for _, statement := range missing {
			_, err := s.conn.ExecContext(ctx, statement)
			if mysqlErr, ok := errors.AsType[*mysql.MySQLError](err); ok && mysqlErr.Number == mysqlDuplicateColumn {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", engine.FirstLine(statement), err)
			}
			s.logger.Info("changed the database's schema", zap.String("statement", engine.FirstLine(statement)))
		}
	}
}

// find describes the tables, and gives the statements that make what is missing.
func (s *schema) find(ctx context.Context, wanted []layout.Shard) (map[string]*stdsql.Table, []string, error) {
	tables := make(map[string]*stdsql.Table, len(wanted))
	var missing []string
	var wrong []error
	for _, of := range wanted {
		t := s.newTable(of)
		tables[of.Relation()] = t.Table
		statement, err := s.match(ctx, t)
		if _, ok := errors.AsType[*layout.SchemaError](err); ok {
			wrong = append(wrong, err)
		} else if err != nil {
			return nil, nil, err
		}
		if statement != "" {
			missing = append(missing, statement)
		}
	}
	if len(wrong) > 0 {
		return nil, nil, &layout.SchemaError{Text: errors.Join(wrong...).Error()}
	}
	for _, ledger := range ledgerTables {
		found, err := columns(ctx, s.conn, ledger.name)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			missing = append(missing, ledger.create)
			continue
		}
		for name, typ := range ledger.columns {
			if !slices.ContainsFunc(found, func(f layout.FoundColumn) bool { return f.Name == name && f.Typ == typ }) {
				return nil, nil, layout.Errorf("table %q: has no column %q of type %s, so it is not the ledger: rename it, and the ledger is made", ledger.name, name, typ)
			}
		}
	}
	return tables, missing, nil
}

// match compares a table with what it must be. It gives the statement that makes
// what is missing, and notes what each column holds.
func (s *schema) match(ctx context.Context, t *table) (string, error) {
	if err := s.matchKind(ctx, t); err != nil {
		return "", err
	}
	found, err := columns(ctx, s.conn, t.Relation())
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return t.create, nil
	}
	rules := layout.Rules{
		Spell: func(c layout.Column) string { return typeOf(t.Layout, c) },
		Same:  strings.EqualFold,
		Holds: func(place int, found layout.FoundColumn) bool {
			t.columns[place] = found
			class := t.Layout.Columns[place].Class
			return slices.Contains(mysqlHolds[class], found.Typ) && (class != layout.ClassInteger || !strings.Contains(found.Declared, "unsigned"))
		},
		Remedy: func(c layout.Column) string {
			return "change it (alter table " + t.quoted + " modify " + quote(c.Name) + " " + typeOf(t.Layout, c) + ")"
		},
	}
	missing, err := rules.Missing(t.Shard, found)
	if err != nil {
		return "", err
	}
	if t.Layout.Primary != "" {
		if err := s.matchPrimary(ctx, t); err != nil {
			return "", err
		}
	}
	s.warnOfCharsets(t)
	if len(missing) == 0 {
		return "", nil
	}
	added := make([]string, len(missing))
	for i, c := range missing {
		added[i] = "add column " + quote(c.Name) + " " + typeOf(t.Layout, c)
		if c.Class == layout.ClassText || c.Class == layout.ClassJSON {
			added[i] += " character set utf8mb4"
		}
	}
	return "alter table " + t.quoted + "\n  " + strings.Join(added, ",\n  "), nil
}

// matchKind refuses what is no table, and a table that knows no transactions.
func (s *schema) matchKind(ctx context.Context, t *table) error {
	var kind, engine, transactions string
	err := s.conn.QueryRowContext(ctx, `select t.table_type, coalesce(t.engine, ''), coalesce(e.transactions, '')
		from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
		where t.table_schema = database() and t.table_name = ?`, t.Relation()).Scan(&kind, &engine, &transactions)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for table %q: %w", t.Relation(), err)
	case strings.Contains(kind, "VIEW"):
		return layout.Errorf("table %q: is a view, records cannot be inserted into it: set tables::%s::name to a table", t.Relation(), t.Layout.Key)
	case transactions != "YES":
		return layout.Errorf("table %q: its engine %s knows no transactions, so records could be lost or stored twice: change it (alter table %s engine = InnoDB), or set tables::%s::name to another table",
			t.Relation(), engine, t.quoted, t.Layout.Key)
	}
	return nil
}

// matchPrimary refuses a table in which rows could not be found again.
func (s *schema) matchPrimary(ctx context.Context, t *table) error {
	var unique int
	err := s.conn.QueryRowContext(ctx, `select count(*) from (select index_name from information_schema.statistics
		where table_schema = database() and table_name = ? group by index_name
		having count(*) = 1 and max(non_unique) = 0 and max(column_name) = ? and max(sub_part) is null) as found`, t.Relation(), t.Layout.Primary).Scan(&unique)
	if err != nil {
		return fmt.Errorf("read the indexes of table %q: %w", t.Relation(), err)
	}
	if unique == 0 {
		return layout.NoPrimary(t.Shard)
	}
	if c := t.columns[0]; c.Length < mysqlShortest {
		return layout.Errorf("table %q, column %q: has type %s, which is too short to tell rows apart: change it (alter table %s modify %s varchar(%d))",
			t.Relation(), c.Name, c.Declared, t.quoted, quote(c.Name), mysqlKeyLength)
	}
	return nil
}

// warnOfCharsets says which columns cannot hold the text of any language.
func (s *schema) warnOfCharsets(t *table) {
	var narrow []string
	for _, c := range t.columns {
		if c.Charset != "" && c.Charset != "utf8mb4" {
			narrow = append(narrow, c.Name)
		}
	}
	if len(narrow) > 0 {
		s.logger.Warn("columns have a character set that does not hold all text; records with other text are refused until the table is converted",
			zap.String("table", t.Relation()), zap.Strings("columns", narrow), zap.String("statement", "alter table "+t.quoted+" convert to character set utf8mb4"))
	}
}

// columns lists the columns of a table, none where it is not there.
func columns(ctx context.Context, from stdsql.Queryer, name string) ([]layout.FoundColumn, error) {
	scan := func(rows *sql.Rows, f *layout.FoundColumn) error {
		return rows.Scan(&f.Name, &f.Typ, &f.Declared, &f.Mandatory, &f.Generated, &f.Length, &f.Precision, &f.Charset, &f.Indexed)
	}
	return stdsql.Columns(ctx, from, name, scan, `select column_name, data_type, column_type,
			is_nullable = 'NO' and column_default is null and extra not like '%auto_increment%' and coalesce(generation_expression, '') = '',
			coalesce(generation_expression, '') <> '', coalesce(least(character_maximum_length, 4294967295), 0), coalesce(datetime_precision, 0), coalesce(character_set_name, ''), column_key <> ''
		from information_schema.columns where table_schema = database() and table_name = ? order by ordinal_position`, name)
}
