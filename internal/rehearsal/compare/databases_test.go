package compare

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rehearsaltest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sqlrows"
)

// Of one row, in a way that both databases understand; rows have no address there.
const (
	aRecord = " where path = '/x-one'"
	aRollup = " where id = 'x-one'"
)

// prepared makes one record and one rollup findable, on both sides.
var prepared = map[string]string{
	"tyk_analytics":  `update tyk_analytics set path = '/x-one' where timestamp = (select max(timestamp) from tyk_analytics) and path = (select min(path) from tyk_analytics where timestamp = (select max(timestamp) from tyk_analytics))`,
	"tyk_aggregated": `update tyk_aggregated set id = 'x-one' where id = (select id from tyk_aggregated where dimension = 'apiid' order by counter_hits desc, id limit 1)`,
}

// elsewhere are single changes in the words that MySQL and SQLite share.
var elsewhere = []struct {
	name        string
	there, here string
	verdict     Verdict
	table       string
	kind        Kind
	column      string
	explained   string
}{
	{name: "a record less here", here: "delete from tyk_analytics" + aRecord, verdict: Different, table: "tyk_analytics", kind: MissingHere},
	{name: "a record less there", there: "delete from tyk_analytics" + aRecord, verdict: Lost, table: "tyk_analytics", kind: MissingThere},
	{name: "a record twice here", here: "insert into tyk_analytics select * from tyk_analytics" + aRecord, verdict: Different, table: "tyk_analytics", kind: RepeatedHere},
	{name: "a status", here: "update tyk_analytics set responsecode = 299" + aRecord, verdict: Different, table: "tyk_analytics", kind: Changed, column: "responsecode"},
	{name: "letters of a header", here: "update tyk_analytics set useragent = 'A'" + aRecord, there: "update tyk_analytics set useragent = 'a'" + aRecord, verdict: Different, table: "tyk_analytics", kind: Changed, column: "useragent"},
	{name: "a blank at the end", here: "update tyk_analytics set useragent = 'a '" + aRecord, there: "update tyk_analytics set useragent = 'a'" + aRecord, verdict: Different, table: "tyk_analytics", kind: Changed, column: "useragent"},
	{name: "a null", here: "update tyk_analytics set alias = null" + aRecord, verdict: Different, table: "tyk_analytics", kind: Changed, column: "alias"},
	{name: "a boolean", here: "update tyk_analytics set trackpath = 1 - trackpath" + aRecord, verdict: Different, table: "tyk_analytics", kind: Changed, column: "trackpath"},
	{name: "a millisecond", here: "update tyk_analytics set timestamp = '2026-01-01 00:00:00.002'" + aRecord, there: "update tyk_analytics set timestamp = '2026-01-01 00:00:00.001'" + aRecord, verdict: Different, table: "tyk_analytics", kind: Changed, column: "timestamp"},
	{name: "two milliseconds", here: "update tyk_analytics set timestamp = '2026-01-01 00:00:00.001'" + aRecord, there: "update tyk_analytics set timestamp = '2026-01-01 00:00:00.003'" + aRecord, verdict: Different, table: "tyk_analytics", kind: Changed, column: "timestamp"},
	{name: "a column less", here: "alter table tyk_analytics drop column tags", verdict: Different, table: "tyk_analytics", kind: ColumnHere, column: "tags"},
	{name: "a counter", here: "update tyk_aggregated set counter_hits = counter_hits + 1" + aRollup, verdict: Different, table: "tyk_aggregated", kind: Changed, column: "counter_hits"},
	{name: "a mean", here: "update tyk_aggregated set counter_latency = counter_latency * 1.001" + aRollup, verdict: Different, table: "tyk_aggregated", kind: Changed, column: "counter_latency"},
	{name: "a rollup less here", here: "delete from tyk_aggregated" + aRollup, verdict: Different, table: "tyk_aggregated", kind: MissingHere},
	{name: "a bucket shifted", there: "update tyk_aggregated set timestamp = timestamp - 3600" + aRollup, verdict: Equivalent, table: "tyk_aggregated", kind: Shifted, explained: deviation.Bucket},
	{name: "a bucket shifted far", there: "update tyk_aggregated set timestamp = timestamp - 7200" + aRollup, verdict: Different, table: "tyk_aggregated", kind: MissingHere},
	{name: "a check less", here: "delete from tyk_uptime_analytics where id = (select id from (select min(id) as id from tyk_uptime_analytics) x)", verdict: Different, table: "tyk_uptime_analytics", kind: MissingHere},
}

// rounded is the one that is explained in MySQL only, whose columns have no microseconds.
var rounded = []string{
	"update tyk_analytics set timestamp = '2026-01-01 00:00:00.002'" + aRecord,
	"update tyk_analytics set timestamp = '2026-01-01 00:00:00.001'" + aRecord,
}

// TestWholeComparisonsInMySQLAndSQLite compares all tables, of which each has the types that Tyk Pump's have in that database.
func TestWholeComparisonsInMySQLAndSQLite(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	var tables []string
	for table := range recorded {
		tables = append(tables, table)
	}
	source, _ := twins(t, server, tables...)
	mariaDB := peers.StartMariaDB(t)
	for driver, fresh := range map[string]func(*testing.T) string{
		sqlrows.MySQL:  func(t *testing.T) string { return mariaDB.FreshDatabase(t) },
		sqlrows.SQLite: func(t *testing.T) string { return filepath.Join(t.TempDir(), "tyk.db") },
	} {
		t.Run(driver, func(t *testing.T) {
			run := func(t *testing.T, dsn string, statements ...string) {
				t.Helper()
				db, err := sql.Open(driver, dsn)
				require.NoError(t, err)
				defer db.Close()
				for _, statement := range statements {
					if statement == "" {
						continue
					}
					_, err := db.ExecContext(t.Context(), statement)
					require.NoError(t, err, statement)
				}
			}
			there, here := fresh(t), fresh(t)
			for _, dsn := range []string{there, here} {
				rehearsaltest.Copy(t, source, driver, dsn)
			}
			r := comparedIn(t, driver, there, here, options())
			verdict, _ := r.Verdict()
			assert.Equal(t, Identical, verdict)
			require.Len(t, r.Tables, len(recorded))
			for _, table := range r.Tables {
				assert.NotZero(t, table.There, table.Name)
				assert.Equal(t, table.There, table.Same, table.Name)
			}
			run(t, there, prepared["tyk_analytics"], rounded[0])
			run(t, here, prepared["tyk_analytics"], rounded[1])
			r = comparedIn(t, driver, there, here, options())
			verdict, _ = r.Verdict()
			assert.Equal(t, map[string]Verdict{sqlrows.MySQL: Equivalent, sqlrows.SQLite: Different}[driver], verdict)
			for _, tc := range elsewhere {
				t.Run(tc.name, func(t *testing.T) {
					there, here := fresh(t), fresh(t)
					for dsn, change := range map[string]string{there: tc.there, here: tc.here} {
						rehearsaltest.Copy(t, source, driver, dsn, tc.table)
						run(t, dsn, prepared[tc.table], change)
					}
					r := comparedIn(t, driver, there, here, options())
					verdict, _ := r.Verdict()
					assert.Equal(t, tc.verdict, verdict)
					table := r.Tables[0]
					at := slices.IndexFunc(table.Samples, func(d Difference) bool { return d.Kind == tc.kind })
					require.GreaterOrEqual(t, at, 0, "%+v", table.Samples)
					if tc.column != "" {
						require.Len(t, table.Samples[at].Columns, 1, "%+v", table.Samples[at])
						assert.Equal(t, tc.column, table.Samples[at].Columns[0].Name)
					}
					if tc.explained != "" {
						assert.Equal(t, []string{tc.explained}, table.Samples[at].Explained)
						return
					}
					assert.EqualValues(t, 1, table.Unexplained[tc.kind])
				})
			}
		})
	}
}
