package tyksqlexporter

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// pooledTarget reaches the database through a pooler; the test's own connection does not.
func pooledTarget(server *peers.Postgres, pooler *peers.PgBouncer, simple bool) newTarget {
	return func(t testing.TB) target {
		d := postgresTarget(server)(t)
		d.config.Datasource = configopaque.String(pooler.Through(string(d.config.Datasource)))
		d.config.Postgres.PreferSimpleProtocol = simple
		return d
	}
}

// TestPgBouncer runs what shares one server behind two poolers.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t, peers.PostgresConfig("max_connections=300"))
	// With sessions, each connection of an exporter needs one of the server; with
	// transactions all exporters of a test share very few.
	const forSessions, forTransactions = 20, 3
	poolers := map[peers.Pooling]*peers.PgBouncer{
		peers.SessionPooling:     peers.StartPgBouncer(t, server, peers.SessionPooling, forSessions),
		peers.TransactionPooling: peers.StartPgBouncer(t, server, peers.TransactionPooling, forTransactions),
	}
	for pooling, pooler := range poolers {
		for protocol, simple := range map[string]bool{"extended": false, "simple": true} {
			tests := map[string]func(*testing.T, newTarget){
				"writers at once store each record once": testPooledWriters,
				"rows are those of Tyk Pump":             func(t *testing.T, fresh newTarget) { testGoldenRows(t, fresh, "msgpack") },
				"rollups of an hour are Tyk Pump's":      testRollupsByHour,
				"long and dirty rollups are stored":      testRollupsLongValues,
				"rollups that wait are stored together":  testRollupsTogether,
			}
			if pooling == peers.TransactionPooling && !simple {
				maps.Copy(tests, exactlyOnceTests)
				maps.Copy(tests, refusedTests)
				maps.Copy(tests, tableTests)
				maps.Copy(tests, uptimeTests)
				maps.Copy(tests, shardingTests)
			}
			for name, test := range tests {
				t.Run(fmt.Sprintf("%s pooling, %s protocol: %s", pooling, protocol, name), func(t *testing.T) {
					t.Parallel()
					test(t, pooledTarget(server, pooler, simple))
				})
			}
		}
	}
}

// Several exporters push chunks at once, each of several days that have no tables
// yet, and of which some are delivered to two of them. Meanwhile the server ends all
// sessions now and then, which so the pooler loses in the midst of transactions.
func testPooledWriters(t *testing.T, fresh newTarget) {
	d := withDefaults(sharded(withUptime(withAllTables(fresh(t)))))
	const exporters, chunks, days, ofEach, cuts = 3, 24, 4, 50, 3
	var wg sync.WaitGroup
	var stored atomic.Int64
	for i := range exporters {
		e := d.start(t)
		for chunk := range chunks {
			if chunk%exporters != i && chunk%exporters != (i+1)%exporters {
				continue // each chunk comes to two of the three
			}
			wg.Go(func() {
				segment := fmt.Sprint("seg", chunk)
				untilStored(t, func() error { return e.ConsumeLogs(t.Context(), onDays(segment, days, ofEach)) })
				untilStored(t, func() error { return e.ConsumeLogs(t.Context(), checksOf(segment+"u", 0, aCheck(chunk))) })
				stored.Add(1)
			})
		}
	}
	for cut := range int64(cuts) {
		require.Eventually(t, func() bool { return stored.Load() > (cut+1)*2*chunks/(cuts+2) }, time.Minute, time.Millisecond)
		d.exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'otelcol-tyk' and datname = current_database()")
	}
	wg.Wait()
	names := relations(t, d, "tyk_analytics")
	require.Len(t, names, days)
	for _, name := range names {
		assert.EqualValues(t, chunks*ofEach, d.number(t, "select count(*) from "+name))
		assert.EqualValues(t, ofEach, d.number(t, "select count(distinct path) from "+name))
		assert.EqualValues(t, chunks, d.number(t, "select min(n) from (select count(*) as n from "+name+" group by path) as each"))
	}
	assert.EqualValues(t, chunks, d.number(t, "select sum(counter_hits)::bigint from tyk_uptime_analytics_20260820 where dimension = ''"))
}
