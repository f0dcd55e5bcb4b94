package tyksqlexporter

import (
	"maps"
	"testing"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// TestPostgres runs what shares one server, each test in a database of its own.
func TestPostgres(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t, peers.PostgresConfig("shared_preload_libraries=pg_stat_statements", "max_connections=300"))
	tests := map[string]func(*testing.T, *peers.Postgres){
		"tables are those of Tyk Pump":                        testPostgresTablesAreThoseOfTykPump,
		"a record too large for an index is refused":          testPostgresRefusesByIndex,
		"a record too long for a column is refused":           testPostgresRefusesTooLong,
		"a missing partition is waited for":                   testPostgresWaitsForPartition,
		"tables with other types take the same values":        testPostgresOtherTypes,
		"a type that does not fit is told":                    testPostgresTypeThatDoesNotFit,
		"a type that is stricter is found":                    testPostgresStricterTypeMeanwhile,
		"any text and any instant is stored as it is":         testPostgresTakesAnything,
		"tables are found along the search path":              testPostgresSchema,
		"a search path to nowhere is told":                    testPostgresNoSchema,
		"rights to write are enough":                          testPostgresOnlyWrites,
		"missing rights are waited for":                       testPostgresNoRights,
		"a type that changes meanwhile":                       testPostgresTypeChangesMeanwhile,
		"a commit without an answer is looked up":             testPostgresCommitWithoutAnswer,
		"a connection lost in a COPY is one more attempt":     testPostgresCutInCopy,
		"sessions ended by an operator are more attempts":     testPostgresSessionEnded,
		"a read-only database is waited for":                  testPostgresReadOnly,
		"uptime without its primary key is told":              onPostgres(testUptimeWithoutKey),
		"uptime with a unique index goes on":                  onPostgres(testUptimeWithUniqueIndex),
		"an uptime row too large for the index is cut":        testPostgresUptimeTooLarge,
		"writes go on while tables are made":                  testPostgresWritesWhileTablesAreMade,
		"rows over the simple protocol are those of Tyk Pump": testPostgresSimpleProtocolRows,
		"a table that cannot be dropped does not keep others": testPostgresDropsOthers,
		"the ledger stays where it is":                        testPostgresLedgerStays,
		"a record without a partition is refused":             testPostgresPartitionForAllButOne,
		"a deferred constraint is heard":                      testPostgresDeferredConstraint,
		"a trigger may take rows elsewhere":                   testPostgresTriggerTakesRows,
		"row-level security refuses one by one":               testPostgresRowSecurity,
		"row-level security of the ledger is told":            testPostgresRowSecurityOfLedger,
		"many refused records end over a slow line":           testPostgresManyRefusedSlowly,
		"statements are few":                                  testPostgresFewStatements,
		"commits are on disk":                                 testPostgresCommitsAreOnDisk,
		"a locked table is waited for":                        testPostgresLocked,
		"a locked table is waited for by rollups too":         testPostgresRollupsLocked,
		"a serialization failure is one more attempt":         testPostgresSerializationFailure,
		"what came before a failure is not done again":        testPostgresFailureBetweenTransactions,
		"serializable by default makes no difference":         testPostgresSerializableByDefault,
		"a deadlock with others is one more attempt":          testPostgresDeadlock,
		"rollups of other tables are those of Tyk Pump":       onPostgres(testRollupsGolden(otherGoldenRollups)),
		"rollups of a purge of one hour are rows of Tyk Pump": onPostgres(testRollupsByHour),
	}
	for name, test := range anyDatabase() {
		tests[name] = onPostgres(test)
	}
	for _, others := range []map[string]func(*testing.T, newTarget){evidenceTests, goldenRecordTests, serverUpgradeTests, postgresUpgradeTests} {
		for name, test := range others {
			tests[name] = onPostgres(test)
		}
	}
	maps.Copy(tests, pooledTests(t, server))
	for name, test := range overSimpleProtocol() {
		tests[name+", over the simple protocol"] = func(t *testing.T, server *peers.Postgres) { test(t, simpleProtocolTarget(server)) }
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

// onPostgres runs a test of any database.
func onPostgres(test func(*testing.T, newTarget)) func(*testing.T, *peers.Postgres) {
	return func(t *testing.T, server *peers.Postgres) { test(t, postgresTarget(server)) }
}

// anyDatabase are the tests that hold for each driver.
func anyDatabase() map[string]func(*testing.T, newTarget) {
	tests := map[string]func(*testing.T, newTarget){}
	maps.Copy(tests, goldenTests)
	maps.Copy(tests, exactlyOnceTests)
	maps.Copy(tests, durableTests)
	maps.Copy(tests, refusedTests)
	maps.Copy(tests, shapeTests)
	maps.Copy(tests, schemaTests)
	maps.Copy(tests, tableTests)
	maps.Copy(tests, uptimeTests)
	maps.Copy(tests, shardingTests)
	maps.Copy(tests, retentionTests)
	maps.Copy(tests, rollupTests)
	maps.Copy(tests, upgradeTests)
	return tests
}

// chosen are some of tests.
func chosen(tests map[string]func(*testing.T, newTarget), names ...string) map[string]func(*testing.T, newTarget) {
	some := map[string]func(*testing.T, newTarget){}
	for _, name := range names {
		if some[name] = tests[name]; some[name] == nil {
			panic("no test has the name " + name)
		}
	}
	return some
}

// overSimpleProtocol are the tests with statements and values of each kind; records travel
// in COPY there too.
func overSimpleProtocol() map[string]func(*testing.T, newTarget) {
	tests := chosen(refusedTests, "refused records anywhere are found", "a refused record is stored once it is taken")
	maps.Copy(tests, tableTests)
	maps.Copy(tests, chosen(exactlyOnceTests, "identities of others are identities", "disjoint subsets of a chunk are both stored", "old ledger rows are deleted in bounded steps"))
	tests["rollups of a purge of one hour are rows of Tyk Pump"] = testRollupsByHour
	maps.Copy(tests, chosen(rollupTests, "rollups are applied once in any cut", "rollups with long and dirty values are stored", "percentiles come from the table of latencies"))
	maps.Copy(tests, chosen(uptimeTests, "uptime rows are those of Tyk Pump", "uptime checks are counted once", "an uptime check that is refused is named", "text in uptime checks is cleaned"))
	maps.Copy(tests, chosen(shardingTests, "days come in one chunk and are stored once", "a table of a day that exists is used as it is",
		"today's and tomorrow's tables are there first", "indexes for tables of many days"))
	return tests
}

func simpleProtocolTarget(server *peers.Postgres) newTarget {
	return func(t testing.TB) target {
		d := postgresTarget(server)(t)
		d.config.Postgres.PreferSimpleProtocol = true
		return d
	}
}
