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

// pooledTests are the tests that go through poolers. With a pool of sessions, each connection
// of an exporter needs one of the server; with one of transactions all exporters of a test
// share very few, and nothing may be left in a session.
func pooledTests(t *testing.T, server *peers.Postgres) map[string]func(*testing.T, *peers.Postgres) {
	t.Helper()
	const forSessions, forTransactions = 20, 3
	tests := map[string]func(*testing.T, *peers.Postgres){}
	for pooling, size := range map[peers.Pooling]int{peers.SessionPooling: forSessions, peers.TransactionPooling: forTransactions} {
		pooler := peers.StartPgBouncer(t, server, pooling, size)
		for protocol, simple := range map[string]bool{"extended": false, "simple": true} {
			pooled := map[string]func(*testing.T, newTarget){
				"writers at once store each record once": testPooledWriters,
				"long and dirty rollups are stored":      testRollupsLongValues,
				"rollups that wait are stored together":  testRollupsTogether,
			}
			if pooling == peers.TransactionPooling {
				pooled["rows are those of Tyk Pump"] = goldenRows("msgpack")
				pooled["rollups of an hour are Tyk Pump's"] = testRollupsByHour
			}
			if pooling == peers.TransactionPooling && !simple {
				maps.Copy(pooled, betweenTransactions())
			}
			for name, test := range pooled {
				tests[fmt.Sprintf("%s pooling, %s protocol: %s", pooling, protocol, name)] = func(t *testing.T, server *peers.Postgres) {
					test(t, pooledTarget(server, pooler, simple))
				}
			}
		}
	}
	return tests
}

// betweenTransactions are the tests with statements of each kind, and with writers that
// meet.
func betweenTransactions() map[string]func(*testing.T, newTarget) {
	tests := chosen(exactlyOnceTests, "a chunk delivered again is skipped", "several segments travel in one push", "the same chunk delivered at once is stored once",
		"overlapping pushes at once store each record once", "old ledger rows are deleted in bounded steps")
	maps.Copy(tests, chosen(refusedTests, "refused records anywhere are found", "a refused record is stored once it is taken"))
	maps.Copy(tests, chosen(tableTests, "each table gets its records once", "a record that two tables refuse is named once", "a wrong type in any table is told"))
	maps.Copy(tests, chosen(uptimeTests, "uptime rows are those of Tyk Pump", "uptime checks of many writers are all counted", "an uptime check that is refused is named"))
	maps.Copy(tests, chosen(shardingTests, "writers that need the same new days do not fail", "a refused record among days is named", "a table of a day that exists is used as it is",
		"a dropped table of a day is made again", "today's and tomorrow's tables are there first", "indexes for tables of many days", "more days than one transaction writes"))
	return tests
}

// Several exporters push chunks at once, each of several days that have no tables
// yet, and of which some are delivered to two of them. Meanwhile the server ends all
// sessions now and then, which so the pooler loses in the midst of transactions.
func testPooledWriters(t *testing.T, fresh newTarget) {
	d := withDefaults(sharded(withUptime(withAllTables(fresh(t)))))
	const exporters, chunks, days, ofEach, cuts = 3, 12, 3, 30, 2
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
		require.Eventually(t, func() bool { return stored.Load() > (cut+1)*2*chunks/(cuts+2) }, 5*time.Minute, time.Millisecond)
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
