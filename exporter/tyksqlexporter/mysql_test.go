package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
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
		"a table without transactions fails the start":     testMySQLEngine,
		"an unsigned column fails the start":               testMySQLUnsigned,
		"long addresses of uptime are counted":             testMySQLLongAddresses,
		"a short id of uptime fails the start":             testMySQLShortID,
		"rights to write are enough":                       testMySQLOnlyWrites,
		"missing rights are waited for":                    testMySQLNoRights,
		"a commit without an answer is looked up":          testMySQLCommitWithoutAnswer,
		"a connection lost in rows is one more attempt":    testMySQLCutInRows,
		"sessions ended by an operator are more attempts":  testMySQLSessionEnded,
		"a locked table is waited for":                     testMySQLLocked,
		"the locks of a session that died are free":        testMySQLLockHolderDies,
		"a table that is read is dropped later":            testMySQLDropsOthers,
		"segments beyond one look are all found":           testMySQLManySegments,
		"uptime without its primary key fails the start":   onMySQL(testUptimeWithoutKey),
		"uptime with a unique index goes on":               onMySQL(testUptimeWithUniqueIndex),
	}
	for name, test := range anyDatabase() {
		tests[name] = onMySQL(test)
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
		for _, c := range goldenJSON[map[string]tableDDL](t, "columns.json")[of.name].Columns {
			nullable := "YES"
			if c.NotNull {
				nullable = "NO"
			}
			want = append(want, c.Name+" "+mysqlTypeOf(of.layout.kind, c)+" "+nullable+" without default")
		}
		assert.Equal(t, want, d.texts(t, `select concat(column_name, ' ', column_type, ' ', is_nullable, ' ',
			case when coalesce(column_default, 'NULL') = 'NULL' then 'without default' else column_default end)
			from information_schema.columns where table_schema = database() and table_name = '`+of.name+"' order by ordinal_position"))
		assert.Equal(t, []string{"InnoDB utf8mb4"}, d.texts(t, `select concat(engine, ' ', substring_index(table_collation, '_', 1))
			from information_schema.tables where table_schema = database() and table_name = '`+of.name+"'"))
		var indexes []string
		if of.layout.kind == kindUptime {
			indexes = []string{"dimension: timestamp, org_id, dimension, dimension_value", "PRIMARY: id"}
		}
		assert.Equal(t, indexes, mysqlIndexes(t, d, of.name))
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
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 0)))
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
	record := sample(0)
	record.Path, record.APIName = `/it's "a" \ path/`, "Überblick \U0001F600"
	require.NoError(t, e.ConsumeLogs(t.Context(), logsOf("seg", 0, record)))
	assert.Equal(t, []string{record.Path + " " + record.APIName}, d.texts(t, "select concat(path, ' ', api_name) from tyk_analytics"))
	assert.Zero(t, d.number(t, "select count(*) from otelcol_tyk_ledger where abs(timestampdiff(second, applied_at, utc_timestamp())) > 600"), "in UTC")

	d.exec(t, "create table seen (settings varchar(200))")
	d.exec(t, `create trigger watch after insert on tyk_analytics for each row insert into seen select concat_ws(' ', @@autocommit, @@time_zone,
		@@tx_isolation, @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@wait_timeout)`)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 1, 1)))
	assert.Equal(t, []string{"1 +00:00 READ-COMMITTED 10 10 60"}, d.texts(t, "select settings from seen"))
}

func testMySQLPlace(t *testing.T, server *peers.MariaDB) {
	d := withUptime(withParameters(mysqlTarget(server)(t), "loc=Asia%2FKolkata&parseTime=true"))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 0)))
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
		record := sample(0)
		record.TimeStamp = time.Date(2026, 8, 20, 23, 59, 59, 999_999_999, time.UTC)
		require.NoError(t, d.start(t).ConsumeLogs(t.Context(), logsOf("seg", 0, record)))
		assert.Equal(t, []string{want}, d.texts(t, "select timestamp from tyk_analytics"))
	}
}

func testMySQLOtherTypes(t *testing.T, server *peers.MariaDB) {
	for name, types := range map[string]map[class]string{
		"widest":                    {classText: "mediumtext", classInteger: "decimal(30,0)", classUnsigned: "decimal(30,0)", classFloat: "double", classBool: "int", classTime: "datetime(6)", classJSON: "json"},
		"other":                     {classText: "text", classInteger: "double", classUnsigned: "bigint", classFloat: "decimal(20,10)", classBool: "bigint", classTime: "datetime(4)", classJSON: "mediumtext"},
		"with default_string_size":  {classText: "varchar(250)", classInteger: "bigint", classUnsigned: "bigint unsigned", classFloat: "double", classBool: "boolean", classTime: "datetime(3)", classJSON: "text"},
		"of MySQL 5.5 and its time": {classText: "longtext", classInteger: "bigint", classUnsigned: "bigint unsigned", classFloat: "float", classBool: "tinyint(1)", classTime: "datetime", classJSON: "longtext"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := mysqlTarget(server)(t)
			reversed := slices.Clone(columns)
			slices.Reverse(reversed)
			var definitions, compared []string
			for _, c := range reversed {
				typ := types[c.class]
				if typ == "varchar(250)" && slices.Contains([]string{"path", "rawpath", "originalpath", "rawrequest", "rawresponse", "useragent", "graphql_stats_variables"}, c.name) {
					typ = "longtext" // which some golden rows need
				}
				definitions = append(definitions, fmt.Sprintf("%q %s", c.name, typ))
				compared = append(compared, ofClass(c))
			}
			d.exec(t, "create table tyk_analytics ("+strings.Join(definitions, ", ")+") character set utf8mb4 row_format = dynamic")
			require.NoError(t, d.start(t).ConsumeLogs(t.Context(), logsOf("seg", 0, goldenRecords(t, "msgpack")...)))

			plain := mysqlTarget(server)(t)
			require.NoError(t, plain.start(t).ConsumeLogs(t.Context(), logsOf("seg", 0, goldenRecords(t, "msgpack")...)))
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
func ofClass(c column) string {
	quoted := fmt.Sprintf("%q", c.name)
	switch c.class {
	case classFloat:
		return "round(" + quoted + ", 2)"
	case classTime:
		return "left(" + quoted + ", 19)"
	case classInteger, classUnsigned, classBool:
		return "cast(" + quoted + " as decimal(30))"
	case classText, classJSON:
	}
	return quoted
}

func testMySQLRefusesByColumn(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table tyk_analytics (path varchar(10), contentlength int, alias varchar(100) character set latin1, geo_location_latitude double not null)")
	records := []analytics.Record{sample(0), sample(1), sample(2), sample(3), sample(4), sample(5)}
	records[1].Path = "/longer than ten"
	records[2].ContentLength = 1 << 40
	records[3].Alias = "secret \U0001F600"
	records[4].Geo.Latitude = -1 / zero
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), logsOf("seg", 0, records...)))
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
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("first", 150, 150)))
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 299)))
	assert.Equal(t, map[int64]string{150: "constraint: the server refuses it with error 1062 (SQLSTATE 23000)"}, reasons)
	assertPaths(t, d, 0, 299)
}

func testMySQLRefusesTooLarge(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	records := []analytics.Record{sample(0), sample(1), sample(2)}
	records[1].RawResponse = strings.Repeat("x", 3<<20)
	reasons := refusedOf(t, d.start(t).ConsumeLogs(t.Context(), logsOf("seg", 0, records...)))
	require.Len(t, reasons, 1)
	assert.Contains(t, reasons[1], "too_large: ")
	assert.EqualValues(t, 2, d.rows(t))
}

func testMySQLLargeRecords(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	records := make([]analytics.Record, 30)
	for i := range records {
		records[i] = sample(i)
		records[i].RawRequest, records[i].RawResponse = strings.Repeat("r", 20_000*i), strings.Repeat("s", 900_000)
	}
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), logsOf("seg", 0, records...)))
	assert.EqualValues(t, 30*900_000, d.number(t, "select sum(length(rawresponse)) from tyk_analytics"))
	assert.EqualValues(t, 20_000*29*30/2, d.number(t, "select sum(length(rawrequest)) from tyk_analytics"))
}

func testMySQLEngine(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table tyk_analytics (path text) engine = MyISAM")
	require.EqualError(t, startError(t, d), "start the tyksql exporter: table \"tyk_analytics\": its engine MyISAM knows no transactions, so records could be lost or stored twice: "+
		"change it (alter table `tyk_analytics` engine = InnoDB), or set tables::requests::name to another table")
}

func testMySQLUnsigned(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table tyk_analytics (contentlength bigint unsigned, geo_city_geoname_id int unsigned)")
	require.EqualError(t, startError(t, d), "start the tyksql exporter: table \"tyk_analytics\", column \"contentlength\": has type bigint(20) unsigned, want bigint: "+
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
		require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
		require.NoError(t, e.ConsumeLogs(t.Context(), checksOf("checks", 0, aCheck(0))))
	}
	assert.EqualValues(t, 10, d.rows(t))
	refusePaths(t, d, "/items/15")
	assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), samples("seg", 10, 19))), 1)
	_, err := openStore(t, d.config).prune(t.Context(), -time.Hour, 10)
	require.NoError(t, err)
}

func testMySQLNoRights(t *testing.T, server *peers.MariaDB) {
	d := mysqlTarget(server)(t)
	d.exec(t, "create table other (id int)")
	user := mysqlUser(t, d)
	d.exec(t, "grant select on other to "+user)
	host := newStatusHost()
	e := startExporter(t, d.config, exportertest.NewNopSettings(metadata.Type), host)
	err := e.ConsumeLogs(t.Context(), samples("seg", 0, 9))
	require.ErrorContains(t, err, "command denied to user")
	assert.NotContains(t, err.Error(), "pass/word")
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, host.statuses())
	d.exec(t, "grant all on "+d.texts(t, "select database()")[0]+".* to "+user)
	require.Eventually(t, func() bool { // rights to a database are those of new connections
		return e.ConsumeLogs(t.Context(), samples("seg", 0, 9)) == nil
	}, 30*time.Second, 100*time.Millisecond)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, host.statuses())
	assertPaths(t, d, 0, 9)
}

// segments are looked for 250 at a time.
func testMySQLManySegments(t *testing.T, server *peers.MariaDB) {
	d := withAllTables(mysqlTarget(server)(t))
	e := d.start(t)
	push := samples("seg0", 0, 0)
	for i := 1; i < 2*mysqlSegments+3; i++ {
		samples(fmt.Sprint("seg", i), i, i).ResourceLogs().MoveAndAppendTo(push.ResourceLogs())
	}
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), push))
	}
	assertPaths(t, d, 0, 2*mysqlSegments+2)
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
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 9)), "with the authority's certificate")

	unverified := testConfig(driverMySQL, strings.Replace(datasource, "tls=true", "tls=skip-verify", 1))
	require.NoError(t, target{config: unverified}.start(t).ConsumeLogs(t.Context(), samples("seg", 10, 19)))

	unknown := testConfig(driverMySQL, datasource)
	require.ErrorContains(t, target{config: unknown}.start(t).ConsumeLogs(t.Context(), samples("seg", 20, 29)), "certificate signed by unknown authority")

	missing := trusting(datasource)
	missing.MySQL.TLS.Get().CAFile = "testdata/none.pem"
	_, err := newStore(missing, nil)
	require.ErrorContains(t, err, "mysql::tls: ")
}

// A server that became read-only, as a primary does when another takes its place, is
// asked again over new connections.
func TestMySQLReadOnlyIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := peers.StartMariaDB(t)
	d := withDefaults(mysqlTarget(server)(t))
	user := mysqlUser(t, d)
	d.exec(t, "grant all on "+d.texts(t, "select database()")[0]+".* to "+user)
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	d.exec(t, "set global read_only = on")
	pushed := make(chan error, 1)
	go func() { pushed <- e.ConsumeLogs(context.Background(), samples("seg", 10, 19)) }()
	select {
	case err := <-pushed:
		require.Fail(t, "answered while the server was read-only", err)
	case <-time.After(300 * time.Millisecond):
	}
	d.exec(t, "set global read_only = off")
	require.NoError(t, <-pushed)
	assertPaths(t, d, 0, 19)
}

func TestOnlyWhatMySQLSaysOfAValueRefusesARecord(t *testing.T) {
	t.Parallel()
	number := func(n uint16) error { return &mysql.MySQLError{Number: n, Message: "m"} }
	type want struct {
		action action
		reason sink.Reason
	}
	refused := func(reason sink.Reason) want { return want{actionRefuse, reason} }
	for name, c := range map[string]struct {
		err error
		want
	}{
		"connection refused":               {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, want{action: actionRetry}},
		"connection lost":                  {mysql.ErrInvalidConn, want{action: actionRetry}},
		"cut short":                        {io.ErrUnexpectedEOF, want{action: actionRetry}},
		"timeout":                          {context.DeadlineExceeded, want{action: actionRetry}},
		"raced":                            {errRaced, want{action: actionRetry}},
		"wrong table":                      {schemaErrorf("no"), want{action: actionRetry}},
		"unknown number":                   {number(65000), want{action: actionRetry}},
		"unknown error":                    {number(mysqlUnknown), want{action: actionRetry}},
		"disk full":                        {number(1021), want{action: actionRetry}},
		"out of memory":                    {number(1037), want{action: actionRetry}},
		"too many connections":             {number(1040), want{action: actionRetry}},
		"no right to the database":         {number(1044), want{action: actionRetry}},
		"wrong password":                   {number(1045), want{action: actionRetry}},
		"no such database":                 {number(1049), want{action: actionRetry}},
		"server shuts down":                {number(1053), want{action: actionRetry}},
		"table full":                       {number(1114), want{action: actionRetry}},
		"host blocked":                     {number(1129), want{action: actionRetry}},
		"too many connections of one":      {number(1203), want{action: actionRetry}},
		"lock wait timeout":                {number(1205), want{action: actionRetry}},
		"too much of a resource":           {number(1226), want{action: actionRetry}},
		"interrupted":                      {number(1317), want{action: actionRetry}},
		"table definition has changed":     {number(1412), want{action: actionRetry}},
		"no partition":                     {number(1526), want{action: actionRetry}},
		"statement to be prepared anew":    {number(1615), want{action: actionRetry}},
		"a trigger's signal":               {number(1644), want{action: actionRetry}},
		"not in STATEMENT's binary log":    {number(1665), want{action: actionRetry}},
		"connection killed":                {number(1927), want{action: actionRetry}},
		"statement too long":               {number(1969), want{action: actionRetry}},
		"deadlock":                         {number(mysqlDeadlock), want{action: actionAgain}},
		"Galera's node not ready":          {number(mysqlUnknownCommand), want{action: actionReconnect}},
		"read-only option":                 {number(mysqlNotWhileOption), want{action: actionReconnect}},
		"read-only transaction":            {number(mysqlReadOnlySession), want{action: actionReconnect}},
		"read-only mode":                   {number(mysqlReadOnlyMode), want{action: actionReconnect}},
		"no such table":                    {number(mysqlNoTable), want{action: actionInspect}},
		"no such column":                   {number(mysqlUnknownColumn), want{action: actionInspect}},
		"no right to the table":            {number(mysqlTableDenied), want{action: actionReconnect}},
		"no right to the column":           {number(mysqlColumnDenied), want{action: actionReconnect}},
		"a foreign column without default": {number(mysqlNoDefault), want{action: actionInspect}},
		"not insertable":                   {number(mysqlNotInsertable), want{action: actionInspect}},
		"null":                             {number(mysqlNull), refused(reasonConstraint)},
		"duplicate":                        {number(mysqlDuplicate), refused(reasonConstraint)},
		"no parent row":                    {number(mysqlForeignKey), refused(reasonConstraint)},
		"MySQL's check":                    {number(mysqlCheck), refused(reasonConstraint)},
		"MariaDB's check":                  {number(mariaDBCheck), refused(reasonConstraint)},
		"too long":                         {number(mysqlTooLong), refused(reasonTooLarge)},
		"row too large":                    {number(mysqlRowTooLarge), refused(reasonTooLarge)},
		"packet too large":                 {number(mysqlPacketTooLarge), refused(reasonTooLarge)},
		"packet too large for the driver":  {mysql.ErrPktTooLarge, refused(reasonTooLarge)},
		"value larger than a packet":       {&mysql.MySQLError{Number: mysqlUnknown, Message: "set through mysql_send_long_data() is longer"}, refused(reasonTooLarge)},
		"number out of range":              {number(mysqlRange), refused(reasonRange)},
		"wrong time":                       {number(mysqlWrongValue), refused(reasonRange)},
		"sum out of range":                 {number(mysqlOutOfRange), refused(reasonRange)},
		"text that the column cannot hold": {number(mysqlWrongTypeValue), refused(reasonEncoding)},
		"text that is invalid":             {number(mysqlBadString), refused(reasonEncoding)},
		"text that cannot be converted":    {number(mysqlCannotConvertText), refused(reasonEncoding)},
		"truncated":                        {number(mysqlTruncated), refused(reasonOther)},
		"text that is no JSON":             {number(mysqlInvalidJSON), refused(reasonOther)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			action, reason := classifyMySQL(fmt.Errorf("wrapped: %w", c.err))
			assert.Equal(t, c.want, want{action, reason})
		})
	}
}

func TestMySQLTimesAreCutAndKeptInItsYears(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 20, 10, 11, 12, 987_654_321, time.UTC)
	for digits, want := range map[int]string{0: "2026-08-20 10:11:12", 1: "2026-08-20 10:11:12.9", 3: "2026-08-20 10:11:12.987", 6: "2026-08-20 10:11:12.987654"} {
		assert.Equal(t, want, string(appendMySQLTime(nil, &dayText{}, at, time.UTC, digits)))
	}
	assert.Equal(t, "2026-08-20 12:11:12.987", string(appendMySQLTime(nil, &dayText{}, at, time.FixedZone("", 7200), 3)))
	assert.Equal(t, "0001-01-01 00:00:00.000", string(appendMySQLTime(nil, &dayText{}, time.Time{}, time.FixedZone("", -7200), 3)))
	assert.Equal(t, "9999-12-31 23:59:59.999", string(appendMySQLTime(nil, &dayText{}, time.Date(400_000, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC, 3)))
}

func TestLongIDsEndInAChecksumAndTextsAtACharacter(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "abc", shortID("abc", 191))
	one, other := shortID(strings.Repeat("a", 300)+"1", 191), shortID(strings.Repeat("a", 300)+"2", 191)
	assert.Len(t, one, 191)
	assert.Len(t, other, 191)
	assert.NotEqual(t, one, other)
	assert.Equal(t, strings.Repeat("a", 127), one[:127])
	assert.Len(t, shortID(strings.Repeat("a", 300), mysqlShortest), mysqlShortest)
	for text, want := range map[string]string{"abcd": "abc", "äöüß": "äöü", "äöü": "äöü", "": ""} {
		assert.Equal(t, want, cutText(text, 3))
	}
}
