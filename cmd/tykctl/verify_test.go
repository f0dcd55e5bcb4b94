package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rehearsaltest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/report"
)

// ofTykPump is a database that the real Tyk Pump filled: records, and rollups of purges that never mixed hours.
func ofTykPump(t *testing.T) string {
	t.Helper()
	dsn := peers.StartPostgres(t).FreshDatabase(t)
	for table, file := range map[string][]string{
		"tyk_analytics":        {"test", "e2e", "testdata", "pump", "sql-postgres.jsonl.gz"},
		"tyk_analytics_mcp":    {"test", "e2e", "testdata", "pump", "sql-mcp-postgres.jsonl.gz"},
		"tyk_aggregated":       {"internal", "rollup", "testdata", "golden", "sql", "sql_aggregate-postgres-by-hour.jsonl.gz"},
		"tyk_graph_aggregated": {"internal", "rollup", "testdata", "golden", "sql", "sql-graph-aggregate-postgres.jsonl.gz"},
		"tyk_mcp_aggregated":   {"internal", "rollup", "testdata", "golden", "sql", "sql-mcp-aggregate-postgres.jsonl.gz"},
	} {
		rehearsaltest.LoadPostgres(t, dsn, table, table, rehearsaltest.Lines(t, rehearsaltest.Repository(t, file...)))
	}
	return dsn
}

func (o *operator) verify(dsn string, args ...string) (report.Report, answer) {
	o.t.Helper()
	a := o.run("verify-rollups", append([]string{"-db", "postgres:" + dsn, "-skip-apis", "tcp-redis", "-json"}, args...)...)
	var r report.Report
	require.NoError(o.t, json.Unmarshal([]byte(a.stdout), &r), a.stderr)
	return r, a
}

func TestRollupsFollowFromTheRecords(t *testing.T) {
	o, dsn := newOperator(t, nil), ofTykPump(t)
	r, a := o.verify(dsn, "-shift", "8760h")
	assert.Equal(t, exitOK, a.status, a.stdout)
	assert.Equal(t, compare.Equivalent, r.Verdict)
	assert.Len(t, r.Tables, 3)
	for _, table := range r.Tables {
		assert.NotZero(t, table.There, table.Name)
	}
}

func TestMissingRollupsAreWritten(t *testing.T) {
	o, dsn := newOperator(t, nil), ofTykPump(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	hits := func() (n int64) {
		require.NoError(t, conn.QueryRow(t.Context(), "select coalesce(sum(counter_hits), 0) from tyk_aggregated").Scan(&n))
		return n
	}
	before := hits()
	only := []string{"-tables", "tyk_aggregated", "-graph-aggregated", "none", "-mcp-aggregated", "none", "-shift", "0s"}
	for name, damage := range map[string]string{
		"a day is gone":           "delete from tyk_aggregated where timestamp >= extract(epoch from timestamptz '2026-03-29 00:00Z')",
		"rows are gone":           "delete from tyk_aggregated where ctid in (select ctid from tyk_aggregated order by id limit 100)",
		"a purge was lost":        "update tyk_aggregated set counter_hits = counter_hits - 1, counter_success = counter_success - 1, counter_total_latency = counter_total_latency - 1 where counter_success > 0",
		"everything has vanished": "delete from tyk_aggregated",
	} {
		_, err := conn.Exec(t.Context(), damage)
		require.NoError(t, err)
		require.NotEqual(t, before, hits(), name)
		_, a := o.verify(dsn, only...)
		assert.Equal(t, exitTrouble, a.status, name)
		r, a := o.verify(dsn, append([]string{"-repair", "-lag", "2h"}, only...)...)
		assert.Equal(t, exitOK, a.status, "%s: %s", name, a.stdout)
		assert.Contains(t, []compare.Verdict{compare.Equivalent, compare.Identical}, r.Verdict, name)
		assert.Equal(t, before, hits(), name)
	}
}

// A series that has more than the records say may have requests of another bucket: adding what that bucket lacks would count them twice.
func TestWhatIsInAnotherBucketIsNotWrittenTwice(t *testing.T) {
	o, dsn := newOperator(t, nil), ofTykPump(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	tag, err := conn.Exec(t.Context(), "update tyk_aggregated set timestamp = timestamp + 1800 where dimension = 'apiid'")
	require.NoError(t, err)
	var before, after int64
	const all = "select sum(counter_hits) from tyk_aggregated"
	require.NoError(t, conn.QueryRow(t.Context(), all).Scan(&before))
	_, a := o.verify(dsn, "-repair", "-to", time.Now().Format(time.RFC3339), "-graph-aggregated", "none", "-mcp-aggregated", "none")
	assert.Contains(t, a.stderr, "left as they are")
	require.NoError(t, conn.QueryRow(t.Context(), all).Scan(&after))
	assert.Equal(t, before, after)
	assert.Positive(t, tag.RowsAffected())
}

func TestARepairNeedsBucketsThatAreOver(t *testing.T) {
	o := newOperator(t, nil)
	a := o.run("verify-rollups", "-db", "sqlite:nowhere", "-repair")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "-lag 2h")
}
