package tyksqlexporter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// TestMySQL runs what shares one server, each test in a database of its own. The
// server's defaults are the worst that an operator may have chosen: the smallest
// packets of all versions, values that are changed to fit, and transactions that do
// not see what others commit.
func TestMySQL(t *testing.T) {
	t.Parallel()
	server := peers.StartMariaDB(t, peers.MariaDBConfig("max-allowed-packet=1M", "sql-mode=", "transaction-isolation=REPEATABLE-READ", "lower-case-table-names=0"))
	tests := map[string]func(*testing.T, *peers.MariaDB){
		"tables are those of Tyk Pump":                     testMySQLTablesAreThoseOfTykPump,
		"tables of days have Tyk Pump's indexes":           testMySQLDayIndexes,
		"a session has its settings whatever the DSN says": testMySQLSettings,
		"times are those of the DSN's place":               testMySQLPlace,
		"times are cut to what a column holds":             testMySQLTimesAreCut,
		"tables with other types take the same values":     testMySQLOtherTypes,
		"a record that a column does not hold is refused":  testMySQLRefusesByColumn,
		"a record that is there already is refused":        testMySQLRefusesDuplicates,
		"a record larger than a packet is refused":         testMySQLRefusesTooLarge,
		"records larger than a packet together are stored": testMySQLLargeRecords,
		"a table without transactions is told":             testMySQLEngine,
		"an unsigned column is told":                       testMySQLUnsigned,
		"long addresses of uptime are counted":             testMySQLLongAddresses,
		"a short id of uptime is told":                     testMySQLShortID,
		"rights to write are enough":                       testMySQLOnlyWrites,
		"missing rights are waited for":                    testMySQLNoRights,
		"a commit without an answer is looked up":          testMySQLCommitWithoutAnswer,
		"a connection lost in rows is one more attempt":    testMySQLCutInRows,
		"sessions ended by an operator are more attempts":  testMySQLSessionEnded,
		"a locked table is waited for":                     testMySQLLocked,
		"the locks of a session that died are free":        testMySQLLockHolderDies,
		"a table that is read is dropped later":            testMySQLDropsOthers,
		"segments beyond one look are all found":           testMySQLManySegments,
		"uptime without its primary key is told":           onMySQL(testUptimeWithoutKey),
		"uptime with a unique index goes on":               onMySQL(testUptimeWithUniqueIndex),
	}
	for _, others := range []map[string]func(*testing.T, newTarget){anyDatabase(), evidenceTests, serverUpgradeTests} {
		for name, test := range others {
			tests[name] = onMySQL(test)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

// onMySQL runs a test of any database.
func onMySQL(test func(*testing.T, newTarget)) func(*testing.T, *peers.MariaDB) {
	return func(t *testing.T, server *peers.MariaDB) { test(t, mysqlTarget(server)) }
}

// withParameters changes a target's DSN.
func withParameters(d target, parameters string) target {
	d.config.Datasource += configopaque.String("?" + parameters)
	return d
}

func testMySQLTablesAreThoseOfTykPump(t *testing.T, server *peers.MariaDB) {
	d := withUptime(withAllTables(mysqlTarget(server)(t)))
	d.start(t)
	for _, of := range d.config.enabledTables() {
		var want []string
		for _, c := range goldenJSON[map[string]tableDDL](t, "columns.json")[of.Name].Columns {
			nullable := "YES"
			if c.NotNull {
				nullable = "NO"
			}
			want = append(want, c.Name+" "+mysqlTypeOf(of.Layout.Kind, c)+" "+nullable+" without default")
		}
		assert.Equal(t, want, d.texts(t, `select concat(column_name, ' ', column_type, ' ', is_nullable, ' ',
			case when coalesce(column_default, 'NULL') = 'NULL' then 'without default' else column_default end)
			from information_schema.columns where table_schema = database() and table_name = '`+of.Name+"' order by ordinal_position"))
		assert.Equal(t, []string{"InnoDB utf8mb4"}, d.texts(t, `select concat(engine, ' ', substring_index(table_collation, '_', 1))
			from information_schema.tables where table_schema = database() and table_name = '`+of.Name+"'"))
		var indexes []string
		if of.Layout.Kind == layout.KindUptime {
			indexes = []string{"dimension: timestamp, org_id, dimension, dimension_value", "PRIMARY: id"}
		}
		assert.Equal(t, indexes, mysqlIndexes(t, d, of.Name))
	}
}

// mysqlIndexes describes a table's indexes.
func mysqlIndexes(t *testing.T, d target, relation string) []string {
	t.Helper()
	return d.texts(t, `select concat(index_name, ': ', group_concat(concat(column_name, coalesce(concat('(', sub_part, ')'), '')) order by seq_in_index separator ', '))
		from information_schema.statistics where table_schema = database() and table_name = '`+relation+"' group by index_name order by index_name")
}

func testMySQLDayIndexes(t *testing.T, server *peers.MariaDB) {
	d := sharded(mysqlTarget(server)(t))
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 0)))
	const name = "tyk_analytics_20260820"
	assert.Equal(t, []string{
		name + "_idx_apiid: apiid(191)", name + "_idx_apikey: apikey(191)", name + "_idx_oauthid: oauthid(191)",
		name + "_idx_orgid: orgid(191)", name + "_idx_responsecode: responsecode", name + "_idx_timestamp: timestamp",
	}, mysqlIndexes(t, d, name))
}

func testMySQLSettings(t *testing.T, server *peers.MariaDB) {
	d := withParameters(mysqlTarget(server)(t), "sql_mode=%27NO_BACKSLASH_ESCAPES%27&autocommit=0&time_zone=%27%2B05:00%27&charset=latin1"+
		"&collation=latin1_swedish_ci&tx_isolation=%27SERIALIZABLE%27&parseTime=true&maxAllowedPacket=100&interpolateParams=false&wait_timeout=100000")
	e := d.start(t)
	record := sinktest.Sample(0)
	record.Path, record.APIName = `/it's "a" \ path/`, "Überblick \U0001F600"
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Push("seg", 0, record)))
	assert.Equal(t, []string{record.Path + " " + record.APIName}, d.texts(t, "select concat(path, ' ', api_name) from tyk_analytics"))
	assert.Zero(t, d.number(t, "select count(*) from otelcol_tyk_ledger where abs(timestampdiff(second, applied_at, utc_timestamp())) > 600"), "in UTC")

	d.exec(t, "create table seen (settings varchar(200))")
	d.exec(t, `create trigger watch after insert on tyk_analytics for each row insert into seen select concat_ws(' ', @@autocommit, @@time_zone,
		@@tx_isolation, @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@wait_timeout)`)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 1, 1)))
	assert.Equal(t, []string{"ON +00:00 READ-COMMITTED 1 1 60"}, d.texts(t, "select settings from seen"))
}

func testMySQLPlace(t *testing.T, server *peers.MariaDB) {
	d := withUptime(withParameters(mysqlTarget(server)(t), "loc=Asia%2FKolkata&parseTime=true"))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 0)))
	require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("checks", 0, aCheck(0))))
	assert.Equal(t, []string{"2026-08-20 15:41:12.123"}, d.texts(t, "select timestamp from tyk_analytics"))
	assert.Equal(t, []string{"2026-08-20 15:41:12.123"}, d.texts(t, "select distinct counter_last_time from tyk_uptime_analytics"))
}

func testMySQLTimesAreCut(t *testing.T, server *peers.MariaDB) {
	for precision, want := range map[string]string{
		"": "2026-08-20 23:59:59", "(1)": "2026-08-20 23:59:59.9", "(3)": "2026-08-20 23:59:59.999", "(6)": "2026-08-20 23:59:59.999999",
	} {
		d := mysqlTarget(server)(t)
		d.exec(t, "create table tyk_analytics (timestamp datetime"+precision+")") // without precision with disable_datetime_precision
		record := sinktest.Sample(0)
		record.TimeStamp = time.Date(2026, 8, 20, 23, 59, 59, 999_999_999, time.UTC)
		require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, record)))
		assert.Equal(t, []string{want}, d.texts(t, "select timestamp from tyk_analytics"))
	}
}

func testMySQLOtherTypes(t *testing.T, server *peers.MariaDB) {
	for name, types := range map[string]map[layout.Class]string{
		"widest":                    {layout.ClassText: "mediumtext", layout.ClassInteger: "decimal(30,0)", layout.ClassUnsigned: "decimal(30,0)", layout.ClassFloat: "double", layout.ClassBool: "int", layout.ClassTime: "datetime(6)", layout.ClassJSON: "json"},
		"other":                     {layout.ClassText: "text", layout.ClassInteger: "double", layout.ClassUnsigned: "bigint", layout.ClassFloat: "decimal(20,10)", layout.ClassBool: "bigint", layout.ClassTime: "datetime(4)", layout.ClassJSON: "mediumtext"},
		"with default_string_size":  {layout.ClassText: "varchar(250)", layout.ClassInteger: "bigint", layout.ClassUnsigned: "bigint unsigned", layout.ClassFloat: "double", layout.ClassBool: "boolean", layout.ClassTime: "datetime(3)", layout.ClassJSON: "text"},
		"of MySQL 5.5 and its time": {layout.ClassText: "longtext", layout.ClassInteger: "bigint", layout.ClassUnsigned: "bigint unsigned", layout.ClassFloat: "float", layout.ClassBool: "tinyint(1)", layout.ClassTime: "datetime", layout.ClassJSON: "longtext"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := mysqlTarget(server)(t)
			reversed := slices.Clone(layout.RequestColumns)
			slices.Reverse(reversed)
			var definitions, compared []string
			for _, c := range reversed {
				typ := types[c.Class]
				if typ == "varchar(250)" && slices.Contains([]string{"path", "rawpath", "originalpath", "rawrequest", "rawresponse", "useragent", "graphql_stats_variables"}, c.Name) {
					typ = "longtext" // which some golden rows need
				}
				definitions = append(definitions, fmt.Sprintf("%q %s", c.Name, typ))
				compared = append(compared, ofClass(c))
			}
			d.exec(t, "create table tyk_analytics ("+strings.Join(definitions, ", ")+") character set utf8mb4 row_format = dynamic")
			require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.GoldenRecordsOf(t, "msgpack")...)))

			plain := mysqlTarget(server)(t)
			require.NoError(t, plain.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, sinktest.GoldenRecordsOf(t, "msgpack")...)))
			query := "select concat_ws('|', " + strings.Join(compared, ", ") + ") from tyk_analytics"
			want, got := plain.texts(t, query), d.texts(t, query)
			slices.Sort(want)
			slices.Sort(got)
			require.Len(t, got, 531)
			assert.Equal(t, want, got)
		})
	}
}

// ofClass is an expression that is the same whatever type holds a value.
func ofClass(c layout.Column) string {
	quoted := fmt.Sprintf("%q", c.Name)
	switch c.Class {
	case layout.ClassFloat:
		return "round(" + quoted + ", 2)"
	case layout.ClassTime:
		return "left(" + quoted + ", 19)"
	case layout.ClassInteger, layout.ClassUnsigned, layout.ClassBool:
		return "cast(" + quoted + " as decimal(30))"
	case layout.ClassText, layout.ClassJSON:
	}
	return quoted
}

func testMySQLRefusesByColumn(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table tyk_analytics (path varchar(10), contentlength int, alias varchar(100) character set latin1, geo_location_latitude double not null)")
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2), sinktest.Sample(3), sinktest.Sample(4), sinktest.Sample(5)}
	records[1].Path = "/longer than ten"
	records[2].ContentLength = 1 << 40
	records[3].Alias = "secret \U0001F600"
	records[4].Geo.Latitude = -1 / zero
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.Equal(t, map[int64]string{
		1: "too_large: Data too long for column 'path' at row 1 (error 1406, SQLSTATE 22001)",
		2: "range: Out of range value for column 'contentlength' at row 1 (error 1264, SQLSTATE 22003)",
		3: "encoding: the server refuses it with error 1366 (SQLSTATE 22007)",
		4: "constraint: Column 'geo_location_latitude' cannot be null (error 1048, SQLSTATE 23000)",
	}, reasons)
	assert.EqualValues(t, 2, d.rows(t))
}

var zero float64 // in a variable, since constants are not divided by it

func testMySQLRefusesDuplicates(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table tyk_analytics (path varchar(100) unique)")
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("first", 150, 150)))
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 299)))
	assert.Equal(t, map[int64]string{150: "constraint: the server refuses it with error 1062 (SQLSTATE 23000)"}, reasons)
	assertPaths(t, d, 0, 299)
}

func testMySQLRefusesTooLarge(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2)}
	records[1].RawResponse = strings.Repeat("x", 3<<20)
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[1], "too_large: ")
	assert.EqualValues(t, 2, d.rows(t))
}

func testMySQLLargeRecords(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	records := make([]analytics.Record, 30)
	for i := range records {
		records[i] = sinktest.Sample(i)
		records[i].RawRequest, records[i].RawResponse = strings.Repeat("r", 20_000*i), strings.Repeat("s", 900_000)
	}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, records...)))
	assert.EqualValues(t, 30*900_000, d.number(t, "select sum(length(rawresponse)) from tyk_analytics"))
	assert.EqualValues(t, 20_000*29*30/2, d.number(t, "select sum(length(rawrequest)) from tyk_analytics"))
}

func testMySQLEngine(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table tyk_analytics (path text) engine = MyISAM")
	require.EqualError(t, startError(t, d), "table \"tyk_analytics\": its engine MyISAM knows no transactions, so records could be lost or stored twice: "+
		"change it (alter table `tyk_analytics` engine = InnoDB), or set tables::requests::name to another table")
}

func testMySQLUnsigned(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table tyk_analytics (contentlength bigint unsigned, geo_city_geoname_id int unsigned)")
	require.EqualError(t, startError(t, d), "table \"tyk_analytics\", column \"contentlength\": has type bigint(20) unsigned, want bigint: "+
		"change it (alter table `tyk_analytics` modify `contentlength` bigint), or set tables::requests::name to another table")
}

// Addresses longer than Tyk Pump's columns are rows of their own all the same.
func testMySQLLongAddresses(t *testing.T, server *peers.MariaDB) {
	d := withUptime(mysqlTarget(server)(t))
	e := d.start(t)
	long := "http://upstream.example/" + strings.Repeat("ä", 300)
	checks := []analytics.Uptime{aCheck(0), aCheck(5), aCheck(10), aCheck(15)}
	checks[1].URL, checks[2].URL, checks[3].URL = long+"/1", long+"/2", long+"/1"
	for i := range checks {
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("seg", i, checks[i])))
	}
	assert.Equal(t, []string{"http://upstream-0.example/ 1", long + "/1 2", long + "/2 1"},
		d.texts(t, "select concat(counter_identifier, ' ', counter_hits) from tyk_uptime_analytics where dimension = 'url' order by counter_identifier"))
	assert.EqualValues(t, 2, d.number(t, "select count(*) from tyk_uptime_analytics where length(id) = 191 and char_length(dimension_value) = 191"))
}

func testMySQLShortID(t *testing.T, server *peers.MariaDB) {
	d := withUptime(mysqlTarget(server)(t))
	d.exec(t, "create table tyk_uptime_analytics (id varchar(50) primary key)")
	require.ErrorContains(t, startError(t, d), `table "tyk_uptime_analytics", column "id": has type varchar(50), which is too short to tell rows apart`)
}

// mysqlUser makes a user of a database without rights, and changes the target's DSN.
func mysqlUser(t *testing.T, d target) string {
	t.Helper()
	config, err := mysql.ParseDSN(string(d.config.Datasource))
	require.NoError(t, err)
	user := "u_" + config.DBName
	d.exec(t, "create user "+user+" identified by 'pass/word'")
	config.User, config.Passwd = user, "pass/word"
	d.config.Datasource = configopaque.String(config.FormatDSN())
	return user
}

func testMySQLOnlyWrites(t *testing.T, server *peers.MariaDB) {
	d := withUptime(mysqlTarget(server)(t))
	d.start(t)
	user := mysqlUser(t, d)
	for table, rights := range map[string]string{
		"tyk_analytics": "insert", "tyk_uptime_analytics": "select, insert, update",
		"otelcol_tyk_ledger": "select, insert, delete", "otelcol_tyk_ledger_locks": "select, insert, update",
	} {
		d.exec(t, "grant "+rights+" on "+table+" to "+user)
	}
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("checks", 0, aCheck(0))))
	}
	assert.EqualValues(t, 10, d.rows(t))
	refusePaths(t, d, "/items/15")
	assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19))), 1)
	_, _, err := openStore(t, d.config).Prune(t.Context(), -time.Hour, 10)
	require.NoError(t, err)
}

func testMySQLNoRights(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table other (id int)")
	user := mysqlUser(t, d)
	d.exec(t, "grant select on other to "+user)
	host := newStatusHost()
	e := startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), host)
	err := e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9))
	require.ErrorContains(t, err, "command denied to user")
	assert.NotContains(t, err.Error(), "pass/word")
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, host.statuses())
	d.exec(t, "grant all on "+d.texts(t, "select database()")[0]+".* to "+user)
	require.Eventually(t, func() bool { // rights to a database are those of new connections
		return e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)) == nil
	}, sinktest.Long, 100*time.Millisecond)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, host.statuses())
	assertPaths(t, d, 0, 9)
}

// segments are looked for 250 at a time.
func testMySQLManySegments(t *testing.T, server *peers.MariaDB) {
	d := withAllTables(mysqlTarget(server)(t))
	e := d.start(t)
	push := sinktest.Samples("seg0", 0, 0)
	for i := 1; i < 500+3; i++ {
		sinktest.Samples(fmt.Sprint("seg", i), i, i).ResourceLogs().MoveAndAppendTo(push.ResourceLogs())
	}
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), push))
	}
	assertPaths(t, d, 0, 500+2)
}

func TestMySQLOverTLS(t *testing.T) {
	t.Parallel()
	server := peers.StartMariaDB(t, peers.MariaDBTLS())
	trusting := func(datasource string) *Config {
		config := testConfig(driverMySQL, strings.TrimSuffix(datasource, "?tls=true"))
		config.MySQL.TLS = configoptional.Some(configtls.ClientConfig{Config: configtls.Config{CAFile: server.Certificates().CAFile}})
		return config
	}
	datasource := server.FreshDatabase(t)
	d := target{config: trusting(datasource)}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)), "with the authority's certificate")

	unverified := testConfig(driverMySQL, strings.Replace(datasource, "tls=true", "tls=skip-verify", 1))
	require.NoError(t, target{config: unverified}.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 10, 19)))

	unknown := testConfig(driverMySQL, datasource)
	require.ErrorContains(t, target{config: unknown}.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 20, 29)), "certificate signed by unknown authority")

	missing := trusting(datasource)
	missing.MySQL.TLS.Get().CAFile = "testdata/none.pem"
	_, err := newStore(missing, nil)
	require.ErrorContains(t, err, "mysql::tls: ")
}

// A server that became read-only, as a primary does when another takes its place, is
// asked again over new connections.
func testMySQLReadOnly(t *testing.T, server *peers.MariaDB) {
	d := withDefaults(mysqlTarget(server)(t))
	user := mysqlUser(t, d)
	d.exec(t, "grant all on "+d.texts(t, "select database()")[0]+".* to "+user)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	d.exec(t, "set global read_only = on")
	pushed := make(chan error, 1)
	go func() { pushed <- e.ConsumeLogs(context.Background(), sinktest.Samples("seg", 10, 19)) }()
	select {
	case err := <-pushed:
		require.Fail(t, "answered while the server was read-only", err)
	case <-time.After(300 * time.Millisecond):
	}
	d.exec(t, "set global read_only = off")
	require.NoError(t, <-pushed)
	assertPaths(t, d, 0, 19)
}
