package tyksqlexporter

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// upgradeTests hold for each database. The tables of an installation of Tyk Pump, with
// its rows, go on being used: as its last version made them, and as older ones did, which
// knew fewer columns.
var upgradeTests = map[string]func(*testing.T, newTarget){
	"tables of Tyk Pump's older versions go on being used": upgradeOf(false, lackedByOlderVersions),
}

// serverUpgradeTests hold for each server. To SQLite tables of days are tables as others.
var serverUpgradeTests = map[string]func(*testing.T, newTarget){
	"tables of days of Tyk Pump's last version go on being used": upgradeOf(true, lackedByNone),
}

// postgresUpgradeTests are the other ways to put both together.
var postgresUpgradeTests = map[string]func(*testing.T, newTarget){
	"tables of Tyk Pump's last version go on being used":           upgradeOf(false, lackedByNone),
	"tables of days of Tyk Pump's older versions go on being used": upgradeOf(true, lackedByOlderVersions),
}

func upgradeOf(isSharded bool, lacks func(string) bool) func(*testing.T, newTarget) {
	return func(t *testing.T, fresh newTarget) {
		d := withUptime(withAllTables(fresh(t)))
		d.config.TableSharding = isSharded
		testUpgrade(t, d, lacks)
	}
}

func lackedByNone(string) bool { return false }

// lackedByOlderVersions are columns of fields that gateways record since 5.3 or later
// (contract: records and raw stores, section 2.3), and some of uptime.
func lackedByOlderVersions(column string) bool {
	name := strings.TrimPrefix(column, "analytics_")
	return strings.HasPrefix(name, "graphql_stats_") || strings.HasPrefix(name, "mcp_stats_") ||
		slices.Contains([]string{
			"latency_gateway", "originalpath", "listenpath",
			"counter_last_time", "counter_error_map", "counter_error_list", "code_403", "code_429", "code_5x",
		}, name)
}

// pumpTable is a table that Tyk Pump has made.
type pumpTable struct {
	layout.Shard
	columns   []columnDDL
	indexes   []string // their definitions
	rows      []string
	precision time.Duration // of times in the database
}

// columnDDL is a column of the golden data.
type columnDDL struct {
	Name    string  `json:"name"`
	Type    string  `json:"type"`
	NotNull bool    `json:"not_null"`
	Default *string `json:"default"`
}

// indexDDL is an index of the golden data.
type indexDDL struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

// tableDDL is a table of the golden data.
type tableDDL struct {
	Columns []columnDDL `json:"columns"`
	Indexes []indexDDL  `json:"indexes"`
}

func goldenJSON[T any](t *testing.T, name string) T {
	t.Helper()
	content, err := os.ReadFile("testdata/golden/" + name)
	require.NoError(t, err)
	var value T
	require.NoError(t, json.Unmarshal(content, &value))
	return value
}

// organisationOf finds that of a row.
var organisationOf = regexp.MustCompile(`"(?:analytics_orgid|orgid|org_id)":"(.*?)"`)

// pumpTables are those of the golden data.
func pumpTables(t *testing.T, d target) []pumpTable {
	t.Helper()
	var tables []pumpTable
	layouts := goldenJSON[map[string]tableDDL](t, "columns.json")
	for _, of := range d.config.enabledTables() {
		file := "rows-uptime.jsonl.gz"
		if of.Layout.Kind != layout.KindUptime {
			file = goldenTables[of.Name] + "msgpack.jsonl.gz"
		}
		whole := pumpTable{Shard: layout.Shard{Table: of}, columns: layouts[of.Name].Columns, rows: goldenLines(t, file), precision: precisionOf(d)}
		whole.rows = slices.DeleteFunc(whole.rows, func(row string) bool { return !d.takes(organisationOf.FindStringSubmatch(row)[1]) })
		for _, index := range layouts[of.Name].Indexes {
			whole.indexes = append(whole.indexes, index.Definition)
		}
		if d.config.TableSharding {
			tables = append(tables, whole.byDay(t)...)
		} else {
			tables = append(tables, whole)
		}
	}
	return tables
}

// byDay are the tables of days that Tyk Pump made of the same records.
func (p pumpTable) byDay(t *testing.T) []pumpTable {
	t.Helper()
	config := map[layout.Kind]string{
		layout.KindRequest: "sql-postgres-sharded", layout.KindGraph: "sql-graph-postgres-sharded", layout.KindMCP: "sql-mcp-postgres-sharded",
		layout.KindUptime: "uptime-sql-postgres-sharded",
	}[p.Layout.Kind]
	rows := map[string][]string{}
	if p.Layout.Kind == layout.KindUptime {
		for _, line := range goldenLines(t, "rows-uptime-days.jsonl.gz") {
			var row struct{ Timestamp int64 }
			require.NoError(t, json.Unmarshal([]byte(line), &row))
			day := time.Unix(row.Timestamp, 0).UTC().Format("20060102")
			rows[day] = append(rows[day], line)
		}
	}
	for day, lines := range goldenDays(t)[config] {
		for _, line := range lines {
			rows[day] = append(rows[day], p.rows[line])
		}
	}
	indexes := goldenJSON[map[string]map[string][]string](t, "indexes-days.json")[config]
	require.Len(t, rows, len(indexes))
	var tables []pumpTable
	for relation, definitions := range indexes {
		of := p
		of.Day = relation[strings.LastIndex(relation, "_")+1:]
		of.rows, of.indexes = rows[of.Day], definitions
		tables = append(tables, of)
	}
	return tables
}

// sqliteTypeOf is what Tyk Pump's earlier versions made of a type of PostgreSQL in SQLite.
var sqliteTypeOf = map[string]string{
	"text": "text", "bigint": "integer", "numeric": "real", "boolean": "numeric", "timestamp with time zone": "datetime",
}

// mysqlTypeOf is what Tyk Pump makes of a type of PostgreSQL in MySQL (contract:
// records and raw stores, sections 2.3 and 4.5).
func mysqlTypeOf(of layout.Kind, c columnDDL) string {
	keys := []string{"id", "org_id", "dimension", "dimension_value"}
	switch {
	case strings.HasSuffix(c.Name, "geo_city_geoname_id"):
		return "bigint(20) unsigned"
	case of == layout.KindUptime && slices.Contains(keys, c.Name):
		return "varchar(191)"
	}
	return map[string]string{
		"text": "longtext", "bigint": "bigint(20)", "numeric": "double", "boolean": "tinyint(1)", "timestamp with time zone": "datetime(3)",
	}[c.Type]
}

// mysqlKeys gives the columns of text in a definition of an index their lengths.
var mysqlKeys = strings.NewReplacer("(apiid)", "(apiid(191))", "(apikey)", "(apikey(191))", "(oauthid)", "(oauthid(191))", "(orgid)", "(orgid(191))")

// make makes the table and fills it.
func (p pumpTable) make(t *testing.T, d target) {
	t.Helper()
	definitions := make([]string, len(p.columns))
	for i, c := range p.columns {
		definitions[i] = fmt.Sprintf("%q %s", c.Name, ofDriver(d, c.Type, mysqlTypeOf(p.Layout.Kind, c), sqliteTypeOf[c.Type]))
		if c.NotNull {
			definitions[i] += " not null"
		}
	}
	if p.Layout.Primary != "" {
		definitions = append(definitions, fmt.Sprintf("primary key (%q)", p.Layout.Primary))
	}
	d.exec(t, "create table "+p.Relation()+" ("+strings.Join(definitions, ", ")+")")
	for _, definition := range p.indexes {
		if strings.HasPrefix(definition, "CREATE UNIQUE INDEX") { // the primary key
			continue
		}
		definition = strings.NewReplacer("public.", "", " USING btree", "").Replace(definition)
		d.exec(t, ofDriver(d, definition, mysqlKeys.Replace(definition), definition))
	}
	p.fill(t, d)
}

// fill inserts Tyk Pump's rows.
func (p pumpTable) fill(t *testing.T, d target) {
	t.Helper()
	rows := "[" + strings.Join(p.rows, ",") + "]"
	if d.config.Driver == driverPostgres {
		_, err := d.db.ExecContext(t.Context(), "insert into "+p.Relation()+" select * from json_populate_recordset(null::"+p.Relation()+", $1::json)", rows)
		require.NoError(t, err)
		return
	}
	values, read := make([]string, len(p.columns)), make([]string, len(p.columns))
	if d.config.Driver == driverMySQL {
		for i, c := range p.columns {
			typ := mysqlTypeOf(p.Layout.Kind, c)
			values[i] = fmt.Sprintf("%q", c.Name)
			if c.Type == "timestamp with time zone" {
				values[i], typ = "replace(replace("+values[i]+", 'T', ' '), '+00:00', '')", "varchar(40)"
			}
			read[i] = fmt.Sprintf("%q %s path '$.%s'", c.Name, typ, c.Name)
		}
		_, err := d.db.ExecContext(t.Context(), "insert into "+p.Relation()+" select "+strings.Join(values, ", ")+
			" from json_table(?, '$[*]' columns ("+strings.Join(read, ", ")+")) as r", rows)
		require.NoError(t, err)
		return
	}
	tx, err := d.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	insert, err := tx.PrepareContext(t.Context(), "insert into "+p.Relation()+" values (?"+strings.Repeat(", ?", len(p.columns)-1)+")")
	require.NoError(t, err)
	defer func() { require.NoError(t, insert.Close()) }()
	for _, row := range p.rows {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(row), &object))
		arguments := make([]any, len(p.columns))
		for i, c := range p.columns {
			arguments[i] = object[c.Name]
			if text, ok := object[c.Name].(string); ok && c.Type == "timestamp with time zone" { // as Tyk Pump's driver wrote times
				arguments[i] = strings.Replace(text, "T", " ", 1)
			}
		}
		_, err := insert.ExecContext(t.Context(), arguments...)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
}

// schema is what the database says of the table's columns and indexes.
func (p pumpTable) schema(t *testing.T, d target) (columns, indexes []string) {
	t.Helper()
	if d.config.Driver == driverPostgres {
		return d.texts(t, `select attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull from pg_attribute
				where attrelid = '`+p.Relation()+`'::regclass and attnum > 0 order by attnum`),
			d.texts(t, "select indexdef::text from pg_indexes where tablename = '"+p.Relation()+"' order by 1")
	}
	if d.config.Driver == driverMySQL {
		return d.texts(t, `select concat(column_name, ' ', column_type, ' ', is_nullable) from information_schema.columns
				where table_schema = database() and table_name = '`+p.Relation()+"' order by ordinal_position"),
			d.texts(t, `select concat(index_name, ' ', seq_in_index, ' ', column_name) from information_schema.statistics
				where table_schema = database() and table_name = '`+p.Relation()+"' order by 1")
	}
	return d.texts(t, "select name || ' ' || lower(type) || ' ' || \"notnull\" from pragma_table_info('"+p.Relation()+"')"),
		d.texts(t, "select name || coalesce(sql, '') from sqlite_master where type = 'index' and tbl_name = '"+p.Relation()+"' order by 1")
}

// read gives all rows, each in JSON with sorted keys.
func (p pumpTable) read(t *testing.T, d target) []string {
	t.Helper()
	names, pairs := make([]string, len(p.Layout.Columns)), make([]string, len(p.Layout.Columns))
	for i, c := range p.Layout.Columns {
		names[i] = fmt.Sprintf("%q", c.Name)
		pairs[i] = fmt.Sprintf("'%s', %s%q", c.Name, ofDriver(d, "", "", "+"), c.Name)
	}
	query := "select row_to_json(r)::text from (select " + strings.Join(names, ", ") + " from " + p.Relation() + ") r"
	if d.config.Driver != driverPostgres {
		query = "select json_object(" + strings.Join(pairs, ", ") + ") from " + p.Relation()
	}
	rows := d.texts(t, query)
	for i := range rows {
		rows[i] = p.canonical(t, rows[i])
	}
	return rows
}

// canonical writes a row in the one way for all databases.
func (p pumpTable) canonical(t *testing.T, row string) string {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal([]byte(row), &object))
	for _, c := range p.Layout.Columns {
		switch value := object[c.Name].(type) {
		case string:
			if c.Class == layout.ClassTime {
				if value = strings.Replace(value, " ", "T", 1); !strings.HasSuffix(value, "+00:00") { // MySQL's has no zone
					value += "Z"
				}
				at, err := time.Parse(time.RFC3339Nano, value)
				require.NoError(t, err)
				object[c.Name] = at.UTC().Truncate(p.precision)
			}
		case float64:
			if c.Class == layout.ClassBool {
				object[c.Name] = value == 1
			}
		}
	}
	text, err := json.Marshal(object)
	require.NoError(t, err)
	return string(text)
}

// without gives the golden rows as the table holds them where a column is null that it
// lacked.
func (p pumpTable) without(t *testing.T, lacks func(string) bool) []string {
	t.Helper()
	rows := make([]string, len(p.rows))
	for i, row := range p.rows {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(row), &object))
		for name := range object {
			if lacks(name) {
				object[name] = nil
			}
		}
		text, err := json.Marshal(object)
		require.NoError(t, err)
		rows[i] = p.canonical(t, string(text))
	}
	return rows
}

func testUpgrade(t *testing.T, d target, lacks func(string) bool) {
	tables := pumpTables(t, d)
	columns, indexes := map[string][]string{}, map[string][]string{}
	for _, p := range tables {
		whole := p.columns
		p.columns = slices.DeleteFunc(slices.Clone(whole), func(c columnDDL) bool { return lacks(c.Name) })
		p.make(t, d)
		columns[p.Relation()], indexes[p.Relation()] = p.schema(t, d)
	}

	e := d.start(t)
	records := slices.DeleteFunc(sinktest.GoldenRecordsOf(t, "msgpack"), func(r analytics.Record) bool { return !d.takes(r.OrgID) })
	checks := slices.DeleteFunc(asPumpBooks(goldenChecks(t), d.config.TableSharding), func(c analytics.Uptime) bool { return !d.takes(c.OrgID) })
	for range 2 { // the second is a redelivery
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("checks", 0, checks...)))
	}

	for _, p := range tables {
		relation := p.Relation()
		nowColumns, nowIndexes := p.schema(t, d)
		had := len(columns[relation])
		assert.Equal(t, columns[relation], nowColumns[:had], "the columns of %s are as they were, and others come after them", relation)
		assert.Len(t, nowColumns, len(p.Layout.Columns), relation)
		assert.Equal(t, indexes[relation], nowIndexes, relation)
		if p.Layout.Kind == layout.KindUptime {
			assertCountedOn(t, uptimeSumsOf(t, p.without(t, lacks)), uptimeSumsOf(t, p.rows), uptimeSumsOf(t, p.read(t, d)))
			continue
		}
		want := slices.Concat(p.without(t, lacks), p.without(t, lackedByNone))
		got := p.read(t, d)
		slices.Sort(want)
		slices.Sort(got)
		assert.Equal(t, want, got, relation)
	}
}

// uptimeSumsOf are the counters of rows, by id; null counts as 0.
func uptimeSumsOf(t *testing.T, rows []string) map[string]map[string]float64 {
	t.Helper()
	of := map[string]map[string]float64{}
	for _, row := range rows {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(row), &object))
		sums := map[string]float64{}
		for _, name := range append(uptimeSums(), "counter_request_time") {
			sums[name], _ = object[name].(float64)
		}
		of[object["id"].(string)] = sums
	}
	return of
}

// assertCountedOn checks that each row has what it had and the checks.
func assertCountedOn(t *testing.T, had, checks, got map[string]map[string]float64) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(had)), slices.Sorted(maps.Keys(got)))
	for id, row := range got {
		for _, name := range uptimeSums() {
			assert.InDelta(t, had[id][name]+checks[id][name], row[name], 0, "%s of %s", name, id)
		}
		if row["counter_hits"] > 0 {
			assert.InDelta(t, row["counter_total_request_time"]/row["counter_hits"], row["counter_request_time"], 1e-9, id)
		}
	}
}
