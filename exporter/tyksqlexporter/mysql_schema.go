package tyksqlexporter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/zap"
)

// mysqlTypes is how MySQL spells the classes (contract: records and raw stores,
// section 2.3).
var mysqlTypes = map[class]string{
	classText:     "longtext",
	classInteger:  "bigint",
	classUnsigned: "bigint unsigned",
	classFloat:    "double",
	classBool:     "boolean",
	classTime:     "datetime(3)",
	classJSON:     "longtext",
}

// mysqlHolds are the types, as information_schema names them, that a column of a
// class may have.
var mysqlHolds = map[class][]string{
	classText:     {"longtext", "mediumtext", "text", "tinytext", "varchar", "char"},
	classInteger:  {"bigint", "int", "mediumint", "smallint", "tinyint", "decimal", "double"},
	classUnsigned: {"bigint", "int", "mediumint", "smallint", "tinyint", "decimal", "double"},
	classFloat:    {"double", "float", "decimal"},
	classBool:     {"tinyint", "smallint", "mediumint", "int", "bigint"},
	classTime:     {"datetime"},
	classJSON:     {"longtext", "mediumtext", "text", "tinytext", "varchar", "char", "json"},
}

// mysqlKeyLength is how many characters of a text an index holds, whatever the row
// format: 191 of four bytes.
const mysqlKeyLength = 191

// mysqlMillis is how many digits of a second Tyk Pump's columns of times hold.
const mysqlMillis = 3

// locksTable holds what transactions lock before they write to the ledger.
const locksTable = ledgerTable + "_locks"

// mysqlOptions end the statement that makes a table.
const mysqlOptions = ") engine = InnoDB default character set utf8mb4"

// The statements for the ledger. Names are binary, since texts that differ only in
// capitals or in spaces at their end are equal otherwise.
const (
	mysqlCreateLedger = "create table if not exists " + ledgerTable + ` (
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
	mysqlPrune = "delete from " + ledgerTable + " where applied_at < current_timestamp(3) - interval ? microsecond order by applied_at limit ?"
)

// mysqlLedger are the tables of the ledger: how they are made, and their columns.
var mysqlLedger = []struct {
	name, create string
	columns      map[string]string
}{
	{ledgerTable, mysqlCreateLedger, map[string]string{
		"sink": "varbinary", "segment": "varbinary", "first_index": "bigint", "last_index": "bigint", "members": "blob", "applied_at": "datetime",
	}},
	{locksTable, mysqlCreateLocks, map[string]string{"id": "bigint", "taken": "bigint"}},
}

// mysqlTable is one table and its statements.
type mysqlTable struct {
	shard

	quoted              string
	create              string
	insert, row, update string        // of an insert: what stands before the rows, for each, and after them
	columns             []foundColumn // as the layout's
	blanks              []string      // of the columns, in a table of records
	shape               atomic.Uint64 // what inserts of records took values for lately
}

// mysqlSchema finds and makes tables over one connection.
type mysqlSchema struct {
	conn    *sql.Conn
	indexes bool
	logger  *zap.Logger
}

func quoteMySQL(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// mysqlType is the type of a column in a table of ours: that of Tyk Pump.
func mysqlType(of *layout, c column) string {
	if of.kind == kindRollup && c.name == of.primary {
		return "varchar(" + strconv.Itoa(maxRowID) + ")" // Tyk Pump's 191 characters hold few ids
	}
	if of.kind == kindUptime && c.class == classText && (c.name == of.primary || slices.Contains(uptimeIndex, c.name)) {
		return "varchar(" + strconv.Itoa(mysqlKeyLength) + ")"
	}
	return mysqlTypes[c.class]
}

func newMySQLTable(of shard, indexes bool) *mysqlTable {
	t := &mysqlTable{shard: of, quoted: quoteMySQL(of.relation()), columns: make([]foundColumn, len(of.layout.columns))}
	names, definitions := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range of.layout.columns {
		names[i] = quoteMySQL(c.name)
		definitions[i] = names[i] + " " + mysqlType(of.layout, c)
		t.columns[i] = foundColumn{name: c.name, precision: mysqlMillis, length: mysqlKeyLength}
	}
	if of.layout.primary != "" {
		definitions = append(definitions, "primary key ("+quoteMySQL(of.layout.primary)+")")
	}
	for _, index := range of.layout.indexes(of, indexes) {
		parts := make([]string, len(index.columns))
		for i, name := range index.columns {
			parts[i] = quoteMySQL(name)
			at := slices.IndexFunc(of.layout.columns, func(c column) bool { return c.name == name })
			if mysqlType(of.layout, of.layout.columns[at]) == mysqlTypes[classText] {
				parts[i] += "(" + strconv.Itoa(mysqlKeyLength) + ")"
			}
		}
		definitions = append(definitions, "index "+quoteMySQL(index.name)+" ("+strings.Join(parts, ", ")+")")
	}
	t.create = "create table if not exists " + t.quoted + " (\n  " + strings.Join(definitions, ",\n  ") + "\n" + mysqlOptions
	t.insert = "insert into " + t.quoted + " (" + strings.Join(names, ", ") + ") values "
	t.row = "(?" + strings.Repeat(",?", len(names)-1) + ")"
	if of.layout.rollups != nil {
		t.update = mysqlAdd(of.layout.rollups)
	} else {
		t.blanks = blanksOf(of.layout.columns)
	}
	return t
}

// open finds the tables, or makes what is missing: each with its indexes in one
// statement, so that nobody finds a table without them or waits until they are built
// over rows. Others may make the same at once: who comes second finds it done.
func (s *mysqlSchema) open(ctx context.Context, wanted []shard) (map[string]*mysqlTable, error) {
	const attempts = 3 // another process may have made some of what is missing
	for attempt := 1; ; attempt++ {
		tables, missing, err := s.find(ctx, wanted)
		if err != nil || len(missing) == 0 {
			return tables, err
		}
		if attempt > attempts {
			return nil, fmt.Errorf("tables were made, but are not there: %s", firstLine(missing[0]))
		}
		for _, statement := range missing {
			_, err := s.conn.ExecContext(ctx, statement)
			if mysqlErr, ok := errors.AsType[*mysql.MySQLError](err); ok && mysqlErr.Number == mysqlDuplicateColumn {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", firstLine(statement), err)
			}
			s.logger.Info("changed the database's schema", zap.String("statement", firstLine(statement)))
		}
	}
}

// find describes the tables, and gives the statements that make what is missing.
func (s *mysqlSchema) find(ctx context.Context, wanted []shard) (map[string]*mysqlTable, []string, error) {
	tables := make(map[string]*mysqlTable, len(wanted))
	var missing []string
	var wrong []error
	for _, of := range wanted {
		t := newMySQLTable(of, s.indexes)
		tables[of.relation()] = t
		statement, err := s.match(ctx, t)
		if _, ok := errors.AsType[*schemaError](err); ok {
			wrong = append(wrong, err)
		} else if err != nil {
			return nil, nil, err
		}
		if statement != "" {
			missing = append(missing, statement)
		}
	}
	if len(wrong) > 0 {
		return nil, nil, &schemaError{text: errors.Join(wrong...).Error()}
	}
	for _, ledger := range mysqlLedger {
		found, err := s.columns(ctx, ledger.name)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			missing = append(missing, ledger.create)
			continue
		}
		for name, typ := range ledger.columns {
			if !slices.ContainsFunc(found, func(f foundColumn) bool { return f.name == name && f.typ == typ }) {
				return nil, nil, schemaErrorf("table %q: has no column %q of type %s, so it is not the ledger: rename it, and the ledger is made", ledger.name, name, typ)
			}
		}
	}
	return tables, missing, nil
}

// match compares a table with what it must be. It gives the statement that makes
// what is missing, and notes what each column holds.
func (s *mysqlSchema) match(ctx context.Context, t *mysqlTable) (string, error) {
	if err := s.matchKind(ctx, t); err != nil {
		return "", err
	}
	found, err := s.columns(ctx, t.relation())
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return t.create, nil
	}
	rules := columnRules{
		spell: func(c column) string { return mysqlType(t.layout, c) },
		same:  strings.EqualFold,
		holds: func(place int, found foundColumn) bool {
			t.columns[place] = found
			class := t.layout.columns[place].class
			return slices.Contains(mysqlHolds[class], found.typ) && (class != classInteger || !strings.Contains(found.declared, "unsigned"))
		},
		remedy: func(c column) string {
			return "change it (alter table " + t.quoted + " modify " + quoteMySQL(c.name) + " " + mysqlType(t.layout, c) + ")"
		},
	}
	missing, err := rules.missing(t.shard, found)
	if err != nil {
		return "", err
	}
	if t.layout.primary != "" {
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
		added[i] = "add column " + quoteMySQL(c.name) + " " + mysqlType(t.layout, c)
		if c.class == classText || c.class == classJSON {
			added[i] += " character set utf8mb4"
		}
	}
	return "alter table " + t.quoted + "\n  " + strings.Join(added, ",\n  "), nil
}

// matchKind refuses what is no table, and a table that knows no transactions.
func (s *mysqlSchema) matchKind(ctx context.Context, t *mysqlTable) error {
	var kind, engine, transactions string
	err := s.conn.QueryRowContext(ctx, `select t.table_type, coalesce(t.engine, ''), coalesce(e.transactions, '')
		from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
		where t.table_schema = database() and t.table_name = ?`, t.relation()).Scan(&kind, &engine, &transactions)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for table %q: %w", t.relation(), err)
	case strings.Contains(kind, "VIEW"):
		return schemaErrorf("table %q: is a view, records cannot be inserted into it: set tables::%s::name to a table", t.relation(), t.layout.key)
	case transactions != "YES":
		return schemaErrorf("table %q: its engine %s knows no transactions, so records could be lost or stored twice: change it (alter table %s engine = InnoDB), or set tables::%s::name to another table",
			t.relation(), engine, t.quoted, t.layout.key)
	}
	return nil
}

// matchPrimary refuses a table in which rows could not be found again.
func (s *mysqlSchema) matchPrimary(ctx context.Context, t *mysqlTable) error {
	var unique int
	err := s.conn.QueryRowContext(ctx, `select count(*) from (select index_name from information_schema.statistics
		where table_schema = database() and table_name = ? group by index_name
		having count(*) = 1 and max(non_unique) = 0 and max(column_name) = ? and max(sub_part) is null) as found`, t.relation(), t.layout.primary).Scan(&unique)
	if err != nil {
		return fmt.Errorf("read the indexes of table %q: %w", t.relation(), err)
	}
	if unique == 0 {
		return noPrimary(t.shard)
	}
	if c := t.columns[0]; c.length < mysqlShortest {
		return schemaErrorf("table %q, column %q: has type %s, which is too short to tell rows apart: change it (alter table %s modify %s varchar(%d))",
			t.relation(), c.name, c.declared, t.quoted, quoteMySQL(c.name), mysqlKeyLength)
	}
	return nil
}

// warnOfCharsets says which columns cannot hold the text of any language.
func (s *mysqlSchema) warnOfCharsets(t *mysqlTable) {
	var narrow []string
	for _, c := range t.columns {
		if c.charset != "" && c.charset != "utf8mb4" {
			narrow = append(narrow, c.name)
		}
	}
	if len(narrow) > 0 {
		s.logger.Warn("columns have a character set that does not hold all text; records with other text are refused until the table is converted",
			zap.String("table", t.relation()), zap.Strings("columns", narrow), zap.String("statement", "alter table "+t.quoted+" convert to character set utf8mb4"))
	}
}

// columns lists the columns of a table, none where it is not there.
func (s *mysqlSchema) columns(ctx context.Context, name string) ([]foundColumn, error) {
	rows, err := s.conn.QueryContext(ctx, `select column_name, data_type, column_type,
			is_nullable = 'NO' and column_default is null and extra not like '%auto_increment%' and coalesce(generation_expression, '') = '',
			coalesce(generation_expression, '') <> '', coalesce(least(character_maximum_length, 4294967295), 0), coalesce(datetime_precision, 0), coalesce(character_set_name, '')
		from information_schema.columns where table_schema = database() and table_name = ? order by ordinal_position`, name)
	if err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	var found []foundColumn
	for rows.Next() {
		var f foundColumn
		if err := rows.Scan(&f.name, &f.typ, &f.declared, &f.mandatory, &f.generated, &f.length, &f.precision, &f.charset); err != nil {
			return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
		}
		found = append(found, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the columns of table %q: %w", name, err)
	}
	return found, nil
}
