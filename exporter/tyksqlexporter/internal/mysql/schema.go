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

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
)

// types is how MySQL spells the classes (contract: records and raw stores,
// section 2.3), and the types, as information_schema names them, that a column of a
// class may have.
var types = map[layout.Class]struct {
	name  string
	holds []string
}{
	layout.ClassText:     {"longtext", texts},
	layout.ClassInteger:  {"bigint", numbers},
	layout.ClassUnsigned: {"bigint unsigned", numbers},
	layout.ClassFloat:    {"double", []string{"double", "float", "decimal"}},
	layout.ClassBool:     {"boolean", []string{"tinyint", "smallint", "mediumint", "int", "bigint"}},
	layout.ClassTime:     {"datetime(3)", []string{"datetime"}},
	layout.ClassJSON:     {"longtext", append([]string{"json"}, texts...)},
}

var (
	texts   = []string{"longtext", "mediumtext", "text", "tinytext", "varchar", "char"}
	numbers = []string{"bigint", "int", "mediumint", "smallint", "tinyint", "decimal", "double"}
)

// keyLength is how many characters of a text an index holds, whatever the row
// format: 191 of four bytes.
const keyLength = 191

// millis is how many digits of a second Tyk Pump's columns of times hold.
const millis = 3

// locksTable holds what transactions lock before they write to the ledger.
const locksTable = push.LedgerTable + "_locks"

// tableOptions end the statement that makes a table.
const tableOptions = " engine = InnoDB default character set utf8mb4"

// The statements for the ledger. Names are binary, since texts that differ only in
// capitals or in spaces at their end are equal otherwise.
const (
	createLedger = "create table if not exists " + push.LedgerTable + ` (
  sink varbinary(64) not null,
  segment varbinary(200) not null,
  first_index bigint not null,
  last_index bigint not null,
  members blob,
  applied_at datetime(3) not null default current_timestamp(3),
  primary key (sink, segment, first_index),
  index otelcol_tyk_ledger_applied_at (applied_at))` + tableOptions
	createLocks = "create table if not exists " + locksTable + ` (
  id bigint not null,
  taken bigint not null default 0,
  primary key (id))` + tableOptions
	prune = "delete from " + push.LedgerTable + " where applied_at < current_timestamp(3) - interval ? microsecond" +
		" and (sink = ? or locate(?, sink) = 1) order by applied_at limit ?"
)

var ledger = []stdsql.LedgerTable{
	{
		Name: push.LedgerTable, Find: push.LedgerTable, Create: []string{createLedger},
		Columns: map[string]string{
			"sink": "varbinary", "segment": "varbinary", "first_index": "bigint", "last_index": "bigint", "members": "blob", "applied_at": "datetime",
		},
	},
	{Name: locksTable, Find: locksTable, Create: []string{createLocks}, Columns: map[string]string{"id": "bigint", "taken": "bigint"}},
}

// columns asks for those of a table.
const columns = `select column_name, data_type, column_type,
		is_nullable = 'NO' and column_default is null and extra not like '%auto_increment%' and coalesce(generation_expression, '') = '',
		coalesce(generation_expression, '') <> '', column_key <> '',
		column_name in (select max(column_name) from information_schema.statistics where table_schema = database() and table_name = ?
			group by index_name having count(*) = 1 and max(non_unique) = 0 and max(sub_part) is null),
		coalesce(least(character_maximum_length, 4294967295), 0), coalesce(datetime_precision, 0), coalesce(character_set_name, '')
	from information_schema.columns where table_schema = database() and table_name = ? order by ordinal_position`

// catalog looks for tables and describes them.
type catalog struct {
	indexes bool
	clock   *time.Location // whose clock the columns of times show
	logger  *zap.Logger
}

// typeOf is the type of a column in a table of ours: that of Tyk Pump.
func typeOf(of *layout.Layout, c layout.Column) string {
	if of.Kind == layout.KindRollup && c.Name == of.Primary {
		return "varchar(" + strconv.Itoa(layout.MaxRowID) + ")" // Tyk Pump's 191 characters hold few ids
	}
	if of.Kind == layout.KindUptime && c.Class == layout.ClassText && (c.Name == of.Primary || slices.Contains(layout.UptimeIndex, c.Name)) {
		return "varchar(" + strconv.Itoa(keyLength) + ")"
	}
	return types[c.Class].name
}

// Table has the indexes made with the table.
func (c catalog) Table(relation string, of layout.Shard) (*stdsql.Table, []string) {
	var indexes []string
	for _, index := range of.Layout.Indexes(of, c.indexes) {
		parts := make([]string, len(index.Columns))
		for i, name := range index.Columns {
			parts[i] = dialect.Quote(name)
			at := slices.IndexFunc(of.Layout.Columns, func(c layout.Column) bool { return c.Name == name })
			if typeOf(of.Layout, of.Layout.Columns[at]) == types[layout.ClassText].name {
				parts[i] += "(" + strconv.Itoa(keyLength) + ")"
			}
		}
		indexes = append(indexes, "index "+dialect.Quote(index.Name)+" ("+strings.Join(parts, ", ")+")")
	}
	t := stdsql.NewTable(of, dialect, add)
	for i := range t.Found {
		t.Found[i] = layout.FoundColumn{Precision: millis, Length: keyLength}
	}
	t.Time = func(b []byte, day *layout.DayText, at time.Time, column int) []byte {
		return appendTime(b, day, at, c.clock, t.Found[column].Precision)
	}
	t.Text = func(text string, column int) string {
		switch of.Layout.Columns[column].Name {
		case of.Layout.Primary: // which stays one row's
			return shortID(text, t.Found[column].Length)
		case "dimension_value":
			return cutText(text, t.Found[column].Length)
		}
		return text
	}
	return t, []string{dialect.Create(dialect.Quote(relation), of.Layout, indexes, tableOptions)}
}

func (catalog) Holds(t *stdsql.Table, place int, found layout.FoundColumn) bool {
	t.Found[place] = found
	class := t.Layout.Columns[place].Class
	return slices.Contains(types[class].holds, found.Typ) && (class != layout.ClassInteger || !strings.Contains(found.Declared, "unsigned"))
}

func (c catalog) Match(_ context.Context, _ stdsql.Queryer, t *stdsql.Table, missing []layout.Column) ([]string, error) {
	name := dialect.Quote(t.Relation())
	if id := t.Found[0]; t.Layout.Primary != "" && id.Length < shortestID {
		return nil, layout.Errorf("table %q, column %q: has type %s, which is too short to tell rows apart: change it (alter table %s modify %s varchar(%d))",
			t.Relation(), id.Name, id.Declared, name, dialect.Quote(id.Name), keyLength)
	}
	c.warnOfCharsets(t)
	if len(missing) == 0 {
		return nil, nil
	}
	added := dialect.Define(t.Layout, "add column ", missing)
	for i, c := range missing {
		if c.Class == layout.ClassText || c.Class == layout.ClassJSON {
			added[i] += " character set utf8mb4"
		}
	}
	return []string{"alter table " + name + "\n  " + strings.Join(added, ",\n  ")}, nil
}

func (catalog) Ledger(context.Context, stdsql.Queryer, []layout.Shard) ([]stdsql.LedgerTable, error) {
	return ledger, nil
}

func (catalog) Prune() string { return prune }

// Look refuses what is no table, and a table that knows no transactions.
func (catalog) Look(ctx context.Context, from stdsql.Queryer, of layout.Shard) (string, bool, error) {
	relation := of.Relation()
	var kind, engine, transactions string
	err := from.QueryRowContext(ctx, `select t.table_type, coalesce(t.engine, ''), coalesce(e.transactions, '')
		from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
		where t.table_schema = database() and t.table_name = ?`, relation).Scan(&kind, &engine, &transactions)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return relation, false, nil
	case err != nil:
		return "", false, fmt.Errorf("look for table %q: %w", relation, err)
	case strings.Contains(kind, "VIEW"):
		return "", false, layout.Errorf("table %q: is a view, records cannot be inserted into it: set tables::%s::name to a table", relation, of.Layout.Key)
	case transactions != "YES":
		return "", false, layout.Errorf("table %q: its engine %s knows no transactions, so records could be lost or stored twice: change it (alter table %s engine = InnoDB), or set tables::%s::name to another table",
			relation, engine, dialect.Quote(relation), of.Layout.Key)
	}
	return relation, true, nil
}

// warnOfCharsets says which columns cannot hold the text of any language.
func (c catalog) warnOfCharsets(t *stdsql.Table) {
	var narrow []string
	for _, found := range t.Found {
		if found.Charset != "" && found.Charset != "utf8mb4" {
			narrow = append(narrow, found.Name)
		}
	}
	if len(narrow) > 0 {
		c.logger.Warn("columns have a character set that does not hold all text; records with other text are refused until the table is converted",
			zap.String("table", t.Relation()), zap.Strings("columns", narrow), zap.String("statement", "alter table "+dialect.Quote(t.Relation())+" convert to character set utf8mb4"))
	}
}
