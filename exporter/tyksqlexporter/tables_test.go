package tyksqlexporter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// tableTests hold for each database.
var tableTests = map[string]func(*testing.T, newTarget){
	"each table gets its records once":                  testEachTableOnce,
	"a table enabled later gets what it lacks":          testTableEnabledLater,
	"tables without the one of requests":                testOnlyOtherTables,
	"what one table refuses the other ones store":       testRefusedByOneTable,
	"a record that two tables refuse is named once":     testRefusedByTwoTables,
	"a table that gets nothing leaves no ledger row":    testNoLedgerRowForNothing,
	"a wrong type in any table is told":                 testWrongTypeInOtherTable,
	"other names for each of the tables":                testOtherTableNames,
	"MCP that is also GraphQL is in the tables of both": testBothKinds,
}

// mixture is a push of 30 requests: every third is GraphQL, every third MCP.
func mixture(segment string) plog.Logs {
	records := make([]analytics.Record, 30)
	for i := range records {
		records[i] = sinktest.Sample(i)
		switch i % 3 {
		case 1:
			records[i].GraphQL = analytics.GraphQLStats{IsGraphQL: true, OperationType: analytics.OperationQuery, RootFields: []string{"items"}}
		case 2:
			records[i].MCP = analytics.MCPStats{IsMCP: true, JSONRPCMethod: "tools/call"}
		}
	}
	return sinktest.Push(segment, 0, records...)
}

// assertTables checks how many rows each table has.
func assertTables(t *testing.T, d target, requests, graph, mcp int64) {
	t.Helper()
	assert.Equal(t, requests, d.number(t, "select count(*) from tyk_analytics"))
	assert.Equal(t, graph, d.number(t, "select count(*) from tyk_analytics_graph"))
	assert.Equal(t, mcp, d.number(t, "select count(*) from tyk_analytics_mcp"))
}

func testEachTableOnce(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), mixture("seg")))
		assertTables(t, d, 20, 10, 10)
	}
	assert.EqualValues(t, 20, d.number(t, "select count(distinct path) from tyk_analytics"))
	assert.EqualValues(t, 10, d.number(t, "select count(distinct analytics_path) from tyk_analytics_graph where operation_type = 'Query'"))
	assert.EqualValues(t, 10, d.number(t, "select count(distinct analytics_path) from tyk_analytics_mcp where jsonrpc_method = 'tools/call'"))
	assert.Equal(t, []string{"tyk_analytics", "tyk_analytics_graph", "tyk_analytics_mcp"}, d.texts(t, "select sink from otelcol_tyk_ledger order by sink"))
}

func testTableEnabledLater(t *testing.T, fresh newTarget) {
	d := fresh(t)
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), mixture("seg")))
	assert.EqualValues(t, 20, d.rows(t))
	d = withAllTables(d)
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), mixture("seg")))
	assertTables(t, d, 20, 10, 10)
}

func testOnlyOtherTables(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	d.config.Tables.Requests.Enabled = false
	e := d.start(t)
	for range 2 {
		require.NoError(t, e.ConsumeLogs(t.Context(), mixture("seg")))
	}
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk_analytics_graph"))
	assert.EqualValues(t, 10, d.number(t, "select count(*) from tyk_analytics_mcp"))
	d.exec(t, "create table tyk_analytics (path text)") // which is not there
}

func testRefusedByOneTable(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	e := d.start(t)
	refuseColumn(t, d, "tyk_analytics_graph", "analytics_path", "/items/4", "/items/13")
	for range 2 {
		reasons := refusedOf(t, e.ConsumeLogs(t.Context(), mixture("seg")))
		require.Len(t, reasons, 2)
		assert.Contains(t, reasons[4], "constraint: ")
		assert.Contains(t, reasons, int64(13))
		assertTables(t, d, 20, 8, 10)
	}
}

func testRefusedByTwoTables(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	e := d.start(t)
	refuseColumn(t, d, "tyk_analytics_graph", "analytics_path", "/items/1", "/items/7")
	refuseColumn(t, d, "tyk_analytics", "path", "/items/3", "/items/7")
	reasons := refusedOf(t, e.ConsumeLogs(t.Context(), mixture("seg")))
	require.Len(t, reasons, 3)
	assert.Equal(t, 2, strings.Count(reasons[7], "constraint: "), reasons[7])
	assert.Equal(t, 1, strings.Count(reasons[3], "constraint: "), reasons[3])
	assertTables(t, d, 18, 8, 10)
}

func testNoLedgerRowForNothing(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9)))
	assert.Equal(t, []string{"tyk_analytics"}, d.texts(t, "select sink from otelcol_tyk_ledger"))
}

func testWrongTypeInOtherTable(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	d.exec(t, "create table tyk_analytics_graph (variables real)")
	d.exec(t, "create table tyk_analytics_mcp (analytics_path real)")
	err := startError(t, d)
	require.ErrorContains(t, err, `table "tyk_analytics_graph", column "variables": has type `)
	require.ErrorContains(t, err, `table "tyk_analytics_mcp", column "analytics_path": has type `)
	require.ErrorContains(t, err, `or set tables::mcp::name to another table`)
}

func testOtherTableNames(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	d.config.Tables.Requests.Name, d.config.Tables.Graph.Name, d.config.Tables.MCP.Name = "Select", "my_graph", "table"
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), mixture("seg")))
	assert.EqualValues(t, 20, d.number(t, `select count(*) from "Select"`))
	assert.EqualValues(t, 10, d.number(t, `select count(*) from my_graph`))
	assert.EqualValues(t, 10, d.number(t, `select count(*) from "table"`))
}

func testBothKinds(t *testing.T, fresh newTarget) {
	d := withAllTables(fresh(t))
	record := sinktest.Sample(0)
	record.GraphQL.IsGraphQL, record.MCP.IsMCP = true, true
	require.NoError(t, d.start(t).ConsumeLogs(t.Context(), sinktest.Push("seg", 0, record)))
	assertTables(t, d, 0, 1, 1)
}
