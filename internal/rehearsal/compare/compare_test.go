package compare

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rehearsaltest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sqlrows"
)

// recorded are rows of Tyk Pump by table.
var recorded = map[string][]string{
	"tyk_analytics":        {"test", "e2e", "testdata", "pump", "sql-postgres.jsonl.gz"},
	"tyk_analytics_graph":  {"test", "e2e", "testdata", "pump", "sql-graph-postgres.jsonl.gz"},
	"tyk_analytics_mcp":    {"test", "e2e", "testdata", "pump", "sql-mcp-postgres.jsonl.gz"},
	"tyk_uptime_analytics": {"test", "e2e", "testdata", "pump", "uptime-sql-postgres.jsonl.gz"},
	"tyk_aggregated":       {"internal", "rollup", "testdata", "golden", "sql", "sql_aggregate-postgres-by-hour.jsonl.gz"},
	"tyk_graph_aggregated": {"internal", "rollup", "testdata", "golden", "sql", "sql-graph-aggregate-postgres.jsonl.gz"},
	"tyk_mcp_aggregated":   {"internal", "rollup", "testdata", "golden", "sql", "sql-mcp-aggregate-postgres.jsonl.gz"},
}

// twins are two databases with what Tyk Pump wrote.
func twins(t *testing.T, server *peers.Postgres, tables ...string) (there, here string) {
	t.Helper()
	there, here = server.FreshDatabase(t), server.FreshDatabase(t)
	for _, table := range tables {
		lines := rehearsaltest.Lines(t, rehearsaltest.Repository(t, recorded[table]...))
		rehearsaltest.LoadPostgres(t, there, table, table, lines)
		rehearsaltest.LoadPostgres(t, here, table, table, lines)
	}
	return there, here
}

func change(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, statement := range statements {
		tag, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
		if !strings.HasPrefix(statement, "alter") {
			require.NotZero(t, tag.RowsAffected(), statement)
		}
	}
}

func options() Options {
	o := Defaults()
	o.MinRecords = 1
	return o
}

func compared(t *testing.T, there, here string, o Options) *Result {
	t.Helper()
	return comparedIn(t, sqlrows.Postgres, there, here, o)
}

func comparedIn(t *testing.T, driver, there, here string, o Options) *Result {
	t.Helper()
	a, err := sqlrows.Open(t.Context(), driver, there)
	require.NoError(t, err)
	defer a.Close()
	b, err := sqlrows.Open(t.Context(), driver, here)
	require.NoError(t, err)
	defer b.Close()
	r, err := Stores(t.Context(), a, b, o)
	require.NoError(t, err)
	return r
}

func TestEqualStoresAreIdentical(t *testing.T) {
	t.Parallel()
	var tables []string
	for table := range recorded {
		tables = append(tables, table)
	}
	there, here := twins(t, peers.StartPostgres(t), tables...)
	r := compared(t, there, here, options())
	verdict, _ := r.Verdict()
	assert.Equal(t, Identical, verdict)
	require.Len(t, r.Tables, len(recorded))
	for _, table := range r.Tables {
		assert.NotZero(t, table.There, table.Name)
		assert.Equal(t, table.There, table.Same, table.Name)
		assert.Equal(t, table.Here, table.Same, table.Name)
	}
	few := compared(t, there, here, Defaults())
	verdict, _ = few.Verdict()
	assert.Equal(t, Identical, verdict, "1838 rows of rollups are enough")
	few = compared(t, there, here, Options{Step: time.Hour, MinRecords: 5000, MaxUnit: 1000})
	verdict, _ = few.Verdict()
	assert.Equal(t, Inconclusive, verdict)
}

// one is a row of the table that others do not equal.
const one = " where ctid = (select ctid from tyk_analytics where method <> '' and latency_total > 3 order by timestamp desc limit 1)"

// oneRollup is the busiest hour of an API.
const oneRollup = " where ctid = (select ctid from tyk_aggregated where dimension = 'apiid' order by counter_hits desc, id limit 1)"

// seeded are single changes of the one or the other side, and what must be said of them.
var seeded = []struct {
	name        string
	table       string
	there, here []string
	verdict     Verdict
	kind        Kind
	columns     []string
	explained   string
}{
	{name: "a row less here", table: "tyk_analytics", here: []string{"delete from tyk_analytics" + one}, verdict: Different, kind: MissingHere},
	{name: "a row less there", table: "tyk_analytics", there: []string{"delete from tyk_analytics" + one}, verdict: Lost, kind: MissingThere},
	{name: "a row twice here", table: "tyk_analytics", here: []string{"insert into tyk_analytics select * from tyk_analytics" + one}, verdict: Different, kind: RepeatedHere},
	{name: "a row twice there", table: "tyk_analytics", there: []string{"insert into tyk_analytics select * from tyk_analytics" + one}, verdict: Different, kind: RepeatedThere},
	{name: "a status changed", table: "tyk_analytics", here: []string{"update tyk_analytics set responsecode = 299" + one}, verdict: Different, kind: Changed, columns: []string{"responsecode"}},
	{name: "a path changed", table: "tyk_analytics", here: []string{"update tyk_analytics set path = '/elsewhere'" + one}, verdict: Different, kind: Changed, columns: []string{"path"}},
	{name: "a key changed", table: "tyk_analytics", there: []string{"update tyk_analytics set apikey = 'sekrit-1'" + one}, verdict: Different, kind: Changed, columns: []string{"apikey"}},
	{name: "a time changed", table: "tyk_analytics", here: []string{"update tyk_analytics set timestamp = timestamp + interval '3 hours', hour = 99" + one}, verdict: Different, kind: Changed, columns: []string{"hour", "timestamp"}},
	{name: "a microsecond", table: "tyk_analytics", here: []string{"update tyk_analytics set timestamp = timestamp + interval '1 microsecond'" + one}, verdict: Different, kind: Changed, columns: []string{"timestamp"}},
	{name: "a null", table: "tyk_analytics", here: []string{"update tyk_analytics set alias = null" + one}, verdict: Different, kind: Changed, columns: []string{"alias"}},
	{name: "city names invented", table: "tyk_analytics", there: []string{`update tyk_analytics set geo_city_names = '{"en":"X"}'` + one}, verdict: Different, kind: Changed, columns: []string{"geo_city_names"}},
	{name: "city names of protobuf", table: "tyk_analytics", there: []string{`update tyk_analytics set geo_city_names = '{}'`}, here: []string{`update tyk_analytics set geo_city_names = '{"en":"X"}'`}, verdict: Equivalent, kind: Changed, columns: []string{"geo_city_names"}, explained: deviation.CityNames},
	{name: "the gateway's latency of protobuf", table: "tyk_analytics", there: []string{"update tyk_analytics set latency_gateway = 0"}, here: []string{"update tyk_analytics set latency_gateway = latency_total - latency_upstream"}, verdict: Equivalent, kind: Changed, columns: []string{"latency_gateway"}, explained: deviation.LatencyGateway},
	{name: "another latency of the gateway", table: "tyk_analytics", there: []string{"update tyk_analytics set latency_gateway = 0" + one}, here: []string{"update tyk_analytics set latency_gateway = latency_total - latency_upstream + 1" + one}, verdict: Different, kind: Changed, columns: []string{"latency_gateway"}},
	{name: "a type changed", table: "tyk_analytics", here: []string{"alter table tyk_analytics alter column responsecode type text"}, verdict: Different, kind: OtherType, columns: []string{"responsecode"}},
	{name: "a column less", table: "tyk_analytics", here: []string{"alter table tyk_analytics drop column tags"}, verdict: Different, kind: ColumnHere, columns: []string{"tags"}},
	{name: "a column more", table: "tyk_analytics", here: []string{"alter table tyk_analytics add column more text"}, verdict: Different, kind: ColumnThere, columns: []string{"more"}},
	{name: "a graph row less", table: "tyk_analytics_graph", here: []string{"delete from tyk_analytics_graph where ctid = (select max(ctid) from tyk_analytics_graph)"}, verdict: Different, kind: MissingHere},
	{name: "a graph operation changed", table: "tyk_analytics_graph", here: []string{"update tyk_analytics_graph set operation_type = 'Other' where ctid = (select max(ctid) from tyk_analytics_graph)"}, verdict: Different, kind: Changed, columns: []string{"operation_type"}},
	{name: "an MCP method changed", table: "tyk_analytics_mcp", here: []string{"update tyk_analytics_mcp set analytics_method = 'X' where ctid = (select max(ctid) from tyk_analytics_mcp)"}, verdict: Different, kind: Changed, columns: []string{"analytics_method"}},
	{name: "a counter off by one", table: "tyk_aggregated", here: []string{"update tyk_aggregated set counter_hits = counter_hits + 1" + oneRollup}, verdict: Different, kind: Changed, columns: []string{"counter_hits"}},
	{name: "a status' counter off by one", table: "tyk_aggregated", here: []string{"update tyk_aggregated set code_404 = code_404 + 1" + oneRollup}, verdict: Different, kind: Changed, columns: []string{"code_404"}},
	{name: "a maximum changed", table: "tyk_aggregated", here: []string{"update tyk_aggregated set counter_max_latency = counter_max_latency + 1" + oneRollup}, verdict: Different, kind: Changed, columns: []string{"counter_max_latency"}},
	{name: "a mean changed", table: "tyk_aggregated", here: []string{"update tyk_aggregated set counter_request_time = counter_request_time * 1.00001" + oneRollup}, verdict: Different, kind: Changed, columns: []string{"counter_request_time"}},
	{name: "a mean's last digits", table: "tyk_aggregated", here: []string{"update tyk_aggregated set counter_request_time = counter_request_time * (1 + 1e-14)" + oneRollup}, verdict: Equivalent, kind: Changed, columns: []string{"counter_request_time"}, explained: deviation.Mean},
	{name: "a last time", table: "tyk_aggregated", here: []string{"update tyk_aggregated set counter_last_time = counter_last_time + interval '1 s'" + oneRollup}, verdict: Equivalent, kind: Changed, columns: []string{"counter_last_time"}, explained: deviation.LastTime},
	{name: "a rollup less here", table: "tyk_aggregated", here: []string{"delete from tyk_aggregated" + oneRollup}, verdict: Different, kind: MissingHere},
	{name: "a rollup less there", table: "tyk_aggregated", there: []string{"delete from tyk_aggregated" + oneRollup}, verdict: Lost, kind: MissingThere},
	{name: "a bucket shifted to its neighbour", table: "tyk_aggregated", there: []string{"update tyk_aggregated set timestamp = timestamp - 3600" + oneRollup}, verdict: Equivalent, kind: Shifted, explained: deviation.Bucket},
	{name: "a bucket shifted far", table: "tyk_aggregated", there: []string{"update tyk_aggregated set timestamp = timestamp - 7200" + oneRollup}, verdict: Different, kind: MissingHere},
	{name: "a trace's tag", table: "tyk_aggregated", there: []string{"insert into tyk_aggregated (id, org_id, timestamp, dimension, dimension_value, counter_hits) values ('x', 'acme-corp', 1767200400, 'tags', 'trace-id-1', 1)"}, verdict: Equivalent, kind: MissingHere, explained: deviation.TraceTags},
	{name: "values that are folded", table: "tyk_aggregated", there: []string{"insert into tyk_aggregated (id, org_id, timestamp, dimension, dimension_value, counter_hits) values ('x', 'acme-corp', 1767200400, 'endpoints', '/1', 1), ('y', 'acme-corp', 1767200400, 'endpoints', '/2', 4)"}, here: []string{"insert into tyk_aggregated (id, org_id, timestamp, dimension, dimension_value, counter_hits) values ('x', 'acme-corp', 1767200400, 'endpoints', '__other__', 5)"}, verdict: Equivalent, kind: MissingHere, explained: deviation.MaxValues},
	{name: "a graph counter off by one", table: "tyk_graph_aggregated", here: []string{"update tyk_graph_aggregated set counter_error = counter_error + 1 where ctid = (select max(ctid) from tyk_graph_aggregated)"}, verdict: Different, kind: Changed, columns: []string{"counter_error"}},
	{name: "an MCP counter off by one", table: "tyk_mcp_aggregated", here: []string{"update tyk_mcp_aggregated set counter_hits = counter_hits + 1 where ctid = (select max(ctid) from tyk_mcp_aggregated)"}, verdict: Different, kind: Changed, columns: []string{"counter_hits"}},
	{name: "an uptime counter off by one", table: "tyk_uptime_analytics", here: []string{"update tyk_uptime_analytics set counter_error = counter_error + 1 where ctid = (select max(ctid) from tyk_uptime_analytics)"}, verdict: Different, kind: Changed, columns: []string{"counter_error"}},
	{name: "an uptime check less", table: "tyk_uptime_analytics", here: []string{"delete from tyk_uptime_analytics where ctid = (select max(ctid) from tyk_uptime_analytics)"}, verdict: Different, kind: MissingHere},
}

func TestEachSeededChangeIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	for _, tc := range seeded {
		t.Run(tc.name, func(t *testing.T) {
			there, here := twins(t, server, tc.table)
			change(t, there, tc.there...)
			change(t, here, tc.here...)
			r := compared(t, there, here, options())
			verdict, _ := r.Verdict()
			assert.Equal(t, tc.verdict, verdict)
			require.Len(t, r.Tables, 1)
			table := r.Tables[0]
			at := slices.IndexFunc(table.Samples, func(d Difference) bool { return d.Kind == tc.kind })
			require.GreaterOrEqual(t, at, 0, "%+v", table.Samples)
			d := table.Samples[at]
			if tc.columns != nil {
				var names []string
				for _, c := range d.Columns {
					names = append(names, c.Name)
				}
				assert.Equal(t, tc.columns, names)
			}
			if tc.explained == "" {
				assert.Empty(t, d.Explained)
				assert.Equal(t, int64(1), table.Unexplained[tc.kind])
				return
			}
			assert.Equal(t, []string{tc.explained}, d.Explained)
			assert.NotZero(t, table.Explained[tc.explained])
			assert.Empty(t, table.Unexplained)
		})
	}
}

func TestSecretsAreCovered(t *testing.T) {
	t.Parallel()
	there, here := twins(t, peers.StartPostgres(t), "tyk_analytics")
	change(t, here, "update tyk_analytics set apikey = 'sekrit-1', rawrequest = 'sekrit-2', oauthid = 'sekrit-3', alias = 'sekrit-4', rawpath = '/x?access_token=sekrit-5'"+one)
	r := compared(t, there, here, options())
	require.Len(t, r.Tables[0].Samples, 1)
	d := r.Tables[0].Samples[0]
	require.Len(t, d.Columns, 5)
	for _, c := range d.Columns {
		assert.NotContains(t, c.Here, "sekrit", c.Name)
		assert.NotEqual(t, c.There, c.Here, c.Name)
	}
	assert.NotContains(t, d.Row, "sekrit")
}

func TestOnlyTheWindowIsCompared(t *testing.T) {
	t.Parallel()
	there, here := twins(t, peers.StartPostgres(t), "tyk_analytics")
	change(t, here, "delete from tyk_analytics where timestamp < '2026-03-29'")
	o := options()
	o.Window = rows.Window{From: time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC)}
	r := compared(t, there, here, o)
	verdict, _ := r.Verdict()
	assert.Equal(t, Identical, verdict)
	assert.Equal(t, r.Tables[0].There, r.Tables[0].Same)
	r = compared(t, there, here, options())
	assert.Positive(t, r.Tables[0].Unexplained[MissingHere])
}
