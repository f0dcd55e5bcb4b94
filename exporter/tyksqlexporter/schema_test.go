package tyksqlexporter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// schemaTests hold for each database.
var schemaTests = map[string]func(*testing.T, newTarget){
	"missing columns are added, others left alone":  testMissingColumns,
	"a column of another type is in the status":     testWrongType,
	"a foreign mandatory column is in the status":   testMandatoryColumn,
	"a generated column is in the status":           testGeneratedColumn,
	"a view in place of the table is in the status": testView,
	"another table named as the ledger is an error": testForeignLedger,
	"exporters that start at once make one table":   testStartAtOnce,
	"a dropped table is made again":                 testDroppedTable,
	"a column dropped meanwhile is added again":     testDroppedColumn,
	"another table name":                            testTableName,
}

// startError is what the status of an exporter says when it has started, which it does.
func startError(t *testing.T, d target) error {
	t.Helper()
	host := newStatusHost()
	e, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(metadata.Type), d.config)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), host))
	require.NoError(t, e.Shutdown(context.Background()))
	require.NotEmpty(t, host.events)
	return host.events[0].Err()
}

func columnNames(t *testing.T, d target) []string {
	t.Helper()
	return d.texts(t, ofDriver(d,
		"select attname::text from pg_attribute where attrelid = 'tyk_analytics'::regclass and attnum > 0 and not attisdropped order by attnum",
		"select column_name from information_schema.columns where table_schema = database() and table_name = 'tyk_analytics' order by ordinal_position",
		"select name from pragma_table_info('tyk_analytics')"))
}

func testMissingColumns(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.exec(t, "create table tyk_analytics (id integer, path varchar(500), tags varchar(4000), extra varchar(10) default 'kept')")
	d.exec(t, "insert into tyk_analytics (id, path) values (1, '/old')")
	d.exec(t, "create index idx_tyk_analytics_path on tyk_analytics (path)")
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	names := columnNames(t, d)
	assert.Equal(t, []string{"id", "path", "tags", "extra"}, names[:4])
	assert.Len(t, names, 4+len(layout.RequestColumns)-2)
	assert.EqualValues(t, 11, d.number(t, "select count(*) from tyk_analytics where extra = 'kept'"))
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk_analytics where apiid = 'items-api'"))
}

func testWrongType(t *testing.T, fresh newTarget) {
	d := fresh(t)
	want := ofDriver(d, "has type bytea, want text", "has type longblob, want longtext", "has type REAL, want text")
	declared := ofDriver(d, "bytea", "longblob", "real")
	d.exec(t, "create table tyk_analytics (path "+declared+", responsecode text, method text)")
	err := startError(t, d)
	require.ErrorContains(t, err, `table "tyk_analytics", column "path": `+want)
	require.ErrorContains(t, err, `table "tyk_analytics", column "responsecode": has type `)
	assert.NotContains(t, err.Error(), `"method"`)
	assert.Equal(t, []string{"path", "responsecode", "method"}, columnNames(t, d), "nothing was changed")
}

func testMandatoryColumn(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.exec(t, "create table tyk_analytics (tenant integer not null, fine integer not null default 7)")
	require.EqualError(t, startError(t, d), `table "tyk_analytics", column "tenant": is not one of Tyk's and is NOT NULL without a default, so no record can be stored: give it a default`)
}

func testGeneratedColumn(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.exec(t, "create table tyk_analytics (rawpath text, path text generated always as (rawpath || '/') stored)")
	require.ErrorContains(t, startError(t, d), `table "tyk_analytics", column "path": is generated, so records cannot be stored in it: make it an ordinary column of type `+ofDriver(d, "text", "longtext", "text"))
}

func testView(t *testing.T, fresh newTarget) {
	d := fresh(t)
	d.exec(t, "create view tyk_analytics as select 1 as path")
	require.ErrorContains(t, startError(t, d), `table "tyk_analytics": is a view`)
}

func testForeignLedger(t *testing.T, fresh newTarget) {
	d := fresh(t)
	name, at := ofDriver(d, "text", "varbinary(100)", "text"), ofDriver(d, "timestamptz", "datetime(6)", "text")
	d.exec(t, "create table otelcol_tyk_ledger (sink "+name+", segment "+name+", first_index bigint, last_index bigint, applied_at "+at+")")
	require.ErrorContains(t, startError(t, d), `table "otelcol_tyk_ledger": has no column "members"`)
}

func testStartAtOnce(t *testing.T, fresh newTarget) {
	d := fresh(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			e := newTestExporter(t, d.config)
			open := func() error { return e.store.Open(t.Context()) }
			if d.config.Driver == driverSQLite { // which is busy while somebody begins its journal
				untilStored(t, open)
			}
			assert.NoError(t, open())
			assert.NoError(t, e.store.Close())
		})
	}
	wg.Wait()
	assert.Len(t, columnNames(t, d), len(layout.RequestColumns))
}

func testDroppedTable(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.exec(t, "drop table tyk_analytics")
	require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)), "the next attempt")
	assert.EqualValues(t, 10, d.rows(t))
}

func testDroppedColumn(t *testing.T, fresh newTarget) {
	d := fresh(t)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.exec(t, "alter table tyk_analytics drop column alias")
	require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)), "the next attempt")
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk_analytics where alias = 'mobile'"))
}

func testTableName(t *testing.T, fresh newTarget) {
	d := fresh(t)
	first := d.start(t)
	second := *d.config
	second.Tables.Requests.Name = "Select"
	e := startExporter(t, &second, exportertest.NewNopSettings(metadata.Type), componenttest.NewNopHost())
	for range 2 {
		require.NoError(t, first.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)), "another table has a memory of its own")
	}
	assert.EqualValues(t, 10, d.rows(t))
	assert.EqualValues(t, 10, d.number(t, `select count(*) from "Select"`))
}

// An existing table may have other types that hold the same values.
func testPostgresOtherTypes(t *testing.T, server *peers.Postgres) {
	for name, types := range map[string]map[layout.Class]string{
		"widest":     {layout.ClassText: "varchar", layout.ClassInteger: "numeric", layout.ClassUnsigned: "numeric", layout.ClassFloat: "double precision", layout.ClassBool: "boolean", layout.ClassTime: "timestamp", layout.ClassJSON: "json"},
		"smallest":   {layout.ClassText: "varchar(200000)", layout.ClassInteger: "bigint", layout.ClassUnsigned: "int", layout.ClassFloat: "real", layout.ClassBool: "boolean", layout.ClassTime: "timestamptz(6)", layout.ClassJSON: "varchar"},
		"as floats":  {layout.ClassText: "text", layout.ClassInteger: "double precision", layout.ClassUnsigned: "double precision", layout.ClassFloat: "decimal(20,10)", layout.ClassBool: "boolean", layout.ClassTime: "timestamptz", layout.ClassJSON: "jsonb"},
		"of domains": {layout.ClassText: "a_text", layout.ClassInteger: "an_integer", layout.ClassUnsigned: "an_integer", layout.ClassFloat: "decimal", layout.ClassBool: "boolean", layout.ClassTime: "timestamptz", layout.ClassJSON: "a_text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := postgresTarget(server)(t)
			d.exec(t, "create domain a_text as varchar; create domain an_integer as bigint")
			reversed := slices.Clone(layout.RequestColumns)
			slices.Reverse(reversed)
			var definitions []string
			for _, c := range reversed {
				definitions = append(definitions, fmt.Sprintf("%q %s", c.Name, types[c.Class]))
			}
			d.exec(t, "create table tyk_analytics ("+strings.Join(definitions, ", ")+")")
			require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.GoldenRecordsOf(t, "msgpack")...)))

			// The same records in a table of ours, seen through the same types.
			plain := postgresTarget(server)(t)
			require.NoError(t, plain.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.GoldenRecordsOf(t, "msgpack")...)))
			plain.exec(t, "create domain a_text as varchar; create domain an_integer as bigint")
			casts := make([]string, 0, len(layout.RequestColumns))
			for _, c := range layout.RequestColumns {
				casts = append(casts, fmt.Sprintf("%q::%s", c.Name, types[c.Class]))
			}
			query := "select row(" + strings.Join(casts, ", ") + ")::text from tyk_analytics order by 1"
			want, got := plain.texts(t, query), d.texts(t, query)
			require.Len(t, got, 531)
			assert.Equal(t, want, got)
		})
	}
}

func testPostgresSchema(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	d.exec(t, "create schema tyk")
	d.config.Datasource += "&search_path=tyk,public"
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.Equal(t, []string{"tyk.otelcol_tyk_ledger", "tyk.tyk_analytics"},
		d.texts(t, "select schemaname || '.' || tablename from pg_tables where schemaname in ('tyk', 'public') order by 1"))

	// A table that is there already is used where it is, and its ledger beside it.
	d.config.Datasource = configopaque.String(strings.Replace(string(d.config.Datasource), "tyk,public", "public,tyk", 1))
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk.tyk_analytics"))
	assert.EqualValues(t, 2, d.number(t, "select count(*) from pg_tables where schemaname in ('tyk', 'public')"))
}

func testPostgresNoSchema(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	d.config.Datasource += "&search_path=nowhere"
	require.ErrorContains(t, startError(t, d), "no schema of the search path exists")
}

// A user who may write but not create works on tables that an operator made.
func testPostgresOnlyWrites(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	d.start(t)
	role := strings.ReplaceAll(strings.ToLower(t.Name()), "/", "_")
	d.exec(t, fmt.Sprintf(`create role %q login; grant insert on tyk_analytics to %q; grant select, insert, delete on otelcol_tyk_ledger to %q`, role, role, role))
	d.config.Datasource = configopaque.String(strings.Replace(string(d.config.Datasource), "postgres@", role+"@", 1))
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	}
	assert.EqualValues(t, 10, d.rows(t))
	refusePaths(t, d, "/items/15")
	assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19))), 1)
}

func testPostgresNoRights(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	role := strings.ReplaceAll(strings.ToLower(t.Name()), "/", "_")
	d.exec(t, fmt.Sprintf(`create role %q login`, role))
	own := d.config.Datasource
	d.config.Datasource = configopaque.String(strings.Replace(string(own), "postgres@", role+"@", 1))
	host := newStatusHost()
	e := startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), host)
	err := e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9))
	require.ErrorContains(t, err, "permission denied for schema public")
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, host.statuses())
	d.exec(t, fmt.Sprintf(`grant create on schema public to %q`, role))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, host.statuses())
}

// A type changed under the exporter's feet takes the same texts.
func testPostgresTypeChangesMeanwhile(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.exec(t, "alter table tyk_analytics alter contentlength type int, alter tags type jsonb using tags::jsonb, alter geo_location_latitude type real")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)))
	assertPaths(t, d, 0, 19)
}

// What the server says about a value of a type that does not fit is told without the value, and waited for.
func testPostgresTypeThatDoesNotFit(t *testing.T, server *peers.Postgres) {
	for _, kind := range []string{"timestamptz", "int"} {
		d := postgresTarget(server)(t)
		e := d.start(t)
		d.exec(t, "alter table tyk_analytics alter alias type "+kind+" using null")
		record := sinktest.Sample(1)
		record.Alias = `a "secret"`
		err := e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, record))
		require.Error(t, err)
		assert.False(t, consumererror.IsPermanent(err), "%v", err)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// A column that became stricter refuses a record once; then what goes into it suits it.
func testPostgresStricterTypeMeanwhile(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	e := d.start(t)
	d.exec(t, "alter table tyk_analytics alter tags type jsonb using tags::jsonb")
	odd := sinktest.Sample(1)
	odd.Tags = []string{"a\x00b"}
	assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.Sample(0), odd))), 1)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 2, odd)))
	assert.Equal(t, []string{"a\uFFFDb"}, d.texts(t, "select tags->>0 from tyk_analytics where path = '/items/1'"))
}

// What would end a field, a row or the whole COPY is text like any other.
func testPostgresTakesAnything(t *testing.T, server *peers.Postgres) {
	d := postgresTarget(server)(t)
	texts := []string{
		`\N`, `\.`, "\\.\n", "a\tb", "a\nb", "a\r\nb", `\`, `\\`, `C:\new\table\`, "\a\b\f\v\x01\x1f\x7f", `'"$1`, "äöü\t\u2028\U0001F600",
		strings.Repeat("\\\t", 50_000),
	}
	instants := map[time.Time]string{
		time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC):                 "4714-11-24 00:00:00 BC",
		time.Date(0, 2, 29, 1, 2, 3, 0, time.UTC):                      "0001-02-29 01:02:03 BC",
		time.Date(2026, 8, 20, 1, 30, 0, 1999, time.FixedZone("", 60)): "2026-08-20 01:29:00.000001",
		time.Date(12_345, 6, 7, 8, 9, 10, 0, time.UTC):                 "12345-06-07 08:09:10",
		time.Date(294276, 12, 31, 23, 59, 59, 999_999_000, time.UTC):   "294276-12-31 23:59:59.999999",
	}
	var records []analytics.Record
	var paths, times []string
	for _, text := range texts {
		r := sinktest.Sample(1)
		r.RawPath, r.Tags, r.Geo.CityNames = text, []string{text}, map[string]string{text: text}
		records, paths = append(records, r), append(paths, text)
	}
	for at, want := range instants {
		r := sinktest.Sample(1)
		r.ExpireAt, r.Alias = at, "instant"
		records, times = append(records, r), append(times, want)
	}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.ElementsMatch(t, paths, d.texts(t, "select rawpath from tyk_analytics where alias <> 'instant'"))
	assert.ElementsMatch(t, paths, d.texts(t, "select tags::json->>0 from tyk_analytics where alias <> 'instant'"))
	assert.ElementsMatch(t, paths, d.texts(t, "select (json_each_text(geo_city_names::json)).value from tyk_analytics where alias <> 'instant'"))
	assert.ElementsMatch(t, times, d.texts(t, "select (\"expireAt\" at time zone 'UTC')::text from tyk_analytics where alias = 'instant'"))
}
