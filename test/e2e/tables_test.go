//go:build e2e

package e2e

import (
	"database/sql"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// The tables beside that of requests, by the configurations of Tyk Pump that write them.
var otherTables = map[string]string{"tyk_analytics_graph": "sql-graph-postgres", "tyk_analytics_mcp": "sql-mcp-postgres"}

const uptimeTable = "tyk_uptime_analytics"

// One delivery of requests and of uptime checks goes into all tables of four stores:
// of PostgreSQL, with one table and with tables of days, of MariaDB and of SQLite.
func TestEachKindOfRecordIsInTheTablesThatTykPumpWrites(t *testing.T) {
	t.Parallel()
	redis, postgres := peers.StartRedis(t), peers.StartPostgres(t)
	dsn, sharded := postgres.FreshDatabase(t), postgres.FreshDatabase(t)
	mariaDB := peers.StartMariaDB(t).FreshDatabase(t)
	file := filepath.Join(t.TempDir(), "analytics.db")
	exporter := func(driver, datasource string) object {
		enabled := object{"enabled": true}
		return object{"driver": driver, "datasource": datasource, "tables": object{"graph": enabled, "mcp": enabled, "uptime": enabled}}
	}
	byDay := exporter("postgres", sharded)
	byDay["table_sharding"] = true
	c := newCollector(t, pipeline(redis, object{"uptime": object{"enabled": true}}, unredacted, map[string]object{
		"tyksql/postgres": exporter("postgres", dsn), "tyksql/days": byDay,
		"tyksql/mariadb": exporter("mysql", mariaDB), "tyksql/sqlite": exporter("sqlite", file),
	}))
	requests := goldens[0]
	requests.push(t, redis.Client())
	push(t, redis.Client(), uptimeList, entries(t, "pump/uptime-msgpack.bin.gz"))
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()
	assert.Empty(t, deadLetters(t, redis.Client()))

	wanted := map[string][]row{table: requests.wantRows(t)}
	for name, configuration := range otherTables {
		wanted[name] = parseRows(t, testdata(t, "pump/"+configuration+".jsonl.gz"))
	}
	db, err := sql.Open("mysql", mariaDB)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for name, want := range wanted {
		t.Run(name, func(t *testing.T) {
			requireSameRows(t, want, postgresRows(t, dsn, name))
			requireSameRows(t, want, postgresDays(t, sharded, name))
			requireSameRows(t, want, sqliteRows(t, file, name))
			var rows int
			require.NoError(t, db.QueryRowContext(t.Context(), "select count(*) from "+name).Scan(&rows))
			assert.Len(t, want, rows)
		})
	}
	t.Run(uptimeTable, func(t *testing.T) {
		want := uptimeSums(t, parseRows(t, testdata(t, "pump/uptime-sql-postgres.jsonl.gz")))
		assert.Equal(t, want, uptimeSums(t, postgresRows(t, dsn, uptimeTable)))
		assert.Equal(t, want, uptimeSums(t, postgresDays(t, sharded, uptimeTable)))
		const hits = "select cast(sum(counter_hits) as char(20)) from " + uptimeTable + " where dimension = ''"
		var inPostgres, inMariaDB, inSQLite string
		require.NoError(t, connect(t, dsn).QueryRow(t.Context(), hits).Scan(&inPostgres))
		require.NoError(t, db.QueryRowContext(t.Context(), hits).Scan(&inMariaDB))
		require.NoError(t, openSQLite(t, file).QueryRowContext(t.Context(), hits).Scan(&inSQLite))
		assert.Equal(t, strings.TrimSpace(inPostgres), inMariaDB)
		assert.Equal(t, strings.TrimSpace(inPostgres), inSQLite)
	})
}

// postgresDays reads the tables of days of a table, each of which must have rows of
// its own day only.
func postgresDays(tb testing.TB, dsn, name string) []row {
	tb.Helper()
	found, err := connect(tb, dsn).Query(tb.Context(), "select tablename::text from pg_tables where tablename ~ ('^' || $1 || '_[0-9]{8}$')", name)
	require.NoError(tb, err)
	var relations []string
	for found.Next() {
		var relation string
		require.NoError(tb, found.Scan(&relation))
		relations = append(relations, relation)
	}
	require.NoError(tb, found.Err())
	var rows []row
	for _, relation := range relations {
		day := strings.TrimPrefix(relation, name+"_")
		for _, r := range postgresRows(tb, dsn, relation) {
			if at, ok := r["analytics_timestamp"]; ok {
				assert.Equal(tb, day, strings.ReplaceAll(at[1:11], "-", ""), relation)
			} else if name == table {
				assert.Equal(tb, day, strings.ReplaceAll(r["timestamp"][1:11], "-", ""), relation)
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// uptimeSums adds the counters up over all hours, in which Tyk Pump books checks
// otherwise (docs/differences.md, "Uptime").
func uptimeSums(tb testing.TB, rows []row) map[string]float64 {
	tb.Helper()
	sums := map[string]float64{}
	for _, r := range rows {
		of := r["org_id"] + r["dimension"] + r["dimension_value"]
		for column, text := range r {
			if !strings.HasPrefix(column, "code_") && column != "counter_hits" && column != "counter_success" &&
				column != "counter_error" && column != "counter_total_request_time" {
				continue
			}
			value, err := strconv.ParseFloat(text, 64)
			require.NoError(tb, err, column)
			sums[of+column] += value
		}
	}
	require.NotEmpty(tb, sums)
	return sums
}
