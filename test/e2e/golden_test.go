//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// drainTimeout is how long a few hundred records may take on a busy machine.
const drainTimeout = 10 * time.Minute

// table is where the records go by default.
const table = "tyk_analytics"

// encoding is one of the gateway's two serialisers.
type encoding string

const (
	msgpack  encoding = "msgpack"
	protobuf encoding = "protobuf"
)

// list is the list with the n-th suffix of multiple keys, -1 for none.
func (e encoding) list(n int) string {
	name := msgpackList
	if n >= 0 {
		name += fmt.Sprintf("_%d", n)
	}
	if e == protobuf {
		name += "_protobuf"
	}
	return name
}

// golden is a configuration of the real Tyk Pump and the same in ours.
type golden struct {
	// pump names the configuration, and the file with the rows that it wrote.
	pump string
	rows string // where another configuration wrote the very same rows
	encoding
	oneBatch bool   // all records in one list, else twelve batches over eleven lists
	receiver object // our configuration
	filter   object
}

// unredacted keeps credentials in recorded requests and responses, as Tyk Pump does.
var unredacted = object{"fields": object{"redact_headers_only": []string{}}}

// goldens translate Tyk Pump's configurations. What is not the same is listed in
// the differences below.
var goldens = []golden{
	{pump: "sql-postgres", encoding: msgpack, filter: unredacted},
	{pump: "sql-postgres-protobuf", encoding: protobuf, filter: unredacted},
	{
		pump: "sql-postgres-one-batch-size-50", rows: "sql-postgres", encoding: msgpack, oneBatch: true,
		receiver: object{"chunk_size": 50}, filter: unredacted,
	},
	{pump: "sql-postgres-filter-allow", encoding: msgpack, filter: object{
		"api_ids": []string{"users", "b84fe1a04e5648927971c0557971565c", "graph-countries", "tcp-redis"},
		"org_ids": []string{"5e9d9544a1dcd60001d0ed20", "globex"},
		"fields":  object{"redact_headers_only": []string{}},
	}},
	{pump: "sql-postgres-filter-codes", encoding: msgpack, filter: object{
		"response_codes": []int{200, -1, 503},
		"fields":         object{"redact_headers_only": []string{}},
	}},
	{pump: "sql-postgres-filter-skip", encoding: msgpack, filter: object{
		"skip_api_ids":        []string{"7d1f", "mcp-weather"},
		"skip_org_ids":        []string{"globex"},
		"skip_response_codes": []int{200, 404, 500},
		"fields":              object{"redact_headers_only": []string{}},
	}},
	// Tyk Pump's global omit_detailed_recording has no effect, so it is not set here.
	{pump: "sql-postgres-global-omit-and-size", encoding: msgpack, filter: object{
		"fields": object{"max_record_size": 64, "redact_headers_only": []string{}},
	}},
	// Tyk Pump's list has a name that it does not know, which is an error here.
	{pump: "sql-postgres-ignore-fields", encoding: msgpack, filter: object{
		"fields": object{
			"ignore":              []string{"raw_request", "raw_response", "api_key", "ip_address", "geo", "tags", "latency", "timestamp"},
			"redact_headers_only": []string{},
		},
	}},
	{pump: "sql-postgres-max-record-size", encoding: msgpack, filter: object{
		"fields": object{"max_record_size": 100, "redact_headers_only": []string{}},
	}},
	{pump: "sql-postgres-omit-detailed", encoding: msgpack, filter: object{
		"fields": object{"omit_detailed_recording": true},
	}},
}

// goldenOf finds a configuration.
func goldenOf(tb testing.TB, pump string) golden {
	tb.Helper()
	i := slices.IndexFunc(goldens, func(g golden) bool { return g.pump == pump })
	require.GreaterOrEqual(tb, i, 0, "there are no rows of %s to compare with", pump)
	return goldens[i]
}

// wantRows are the rows that Tyk Pump wrote, changed as the differences say.
func (g golden) wantRows(tb testing.TB) []row {
	tb.Helper()
	name := g.pump
	if g.rows != "" {
		name = g.rows
	}
	rows := parseRows(tb, testdata(tb, "pump/"+name+".jsonl.gz"))
	require.NotEmpty(tb, rows)
	for _, d := range differences {
		if d.encoding == g.encoding {
			d.apply(tb, d, rows)
		}
	}
	return rows
}

// push fills the lists with the records that Tyk Pump was given.
func (g golden) push(tb testing.TB, rdb *redis.Client) {
	tb.Helper()
	all := entries(tb, "pump/records-"+string(g.encoding)+".bin.gz")
	if g.oneBatch {
		push(tb, rdb, g.list(-1), all)
		return
	}
	var batches struct{ Mixed [][]int }
	decodeJSON(tb, "pump/batches.json", &batches)
	require.Len(tb, batches.Mixed, 12)
	const lists = 11
	pushed := 0
	for i, batch := range batches.Mixed {
		var some [][]byte
		for _, record := range batch {
			some = append(some, all[record])
		}
		push(tb, rdb, g.list(i%lists-1), some)
		pushed += len(some)
	}
	require.Len(tb, all, pushed)
}

func TestTheGatewaysRecordsBecomeTheRowsThatTykPumpWrites(t *testing.T) {
	t.Parallel()
	postgres := peers.StartPostgres(t)
	for _, g := range goldens {
		t.Run(g.pump, func(t *testing.T) {
			redis := peers.StartRedis(t)
			dsn := postgres.FreshDatabase(t)
			file := filepath.Join(t.TempDir(), "analytics.db")
			c := newCollector(t, pipeline(redis, g.receiver, g.filter, map[string]object{
				"tyksql/postgres": {"driver": "postgres", "datasource": dsn},
				"tyksql/sqlite":   {"driver": "sqlite", "datasource": file},
			}))
			g.push(t, redis.Client())
			c.start()
			waitDrained(t, redis.Client(), drainTimeout)
			c.stop()
			assert.Empty(t, deadLetters(t, redis.Client()))

			want := g.wantRows(t)
			t.Run("PostgreSQL", func(t *testing.T) { requireSameRows(t, want, postgresRows(t, dsn, table)) })
			t.Run("SQLite", func(t *testing.T) { requireSameRows(t, want, sqliteRows(t, file, table)) })
		})
	}
}

// One delivery then feeds all pipelines, which share its memory.
func TestPipelinesWithDifferentFiltersDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	redis, dsn := peers.StartRedis(t), peers.StartPostgres(t).FreshDatabase(t)
	file := filepath.Join(t.TempDir(), "analytics.db")
	shared := slices.DeleteFunc(slices.Clone(goldens), func(g golden) bool { return g.encoding != msgpack || g.rows != "" })
	config := pipeline(redis, object{"chunk_size": 100}, object{}, map[string]object{})
	processors, exporters, pipelines := object{}, object{}, object{}
	tableOf := func(i int) string { return fmt.Sprintf("%s_%d", table, i) }
	for i, g := range shared {
		filter, pg, lite := "tykfilter/"+g.pump, "tyksql/postgres-"+g.pump, "tyksql/sqlite-"+g.pump
		processors[filter] = g.filter
		exporters[pg] = object{"driver": "postgres", "datasource": dsn, "tables": object{"requests": object{"name": tableOf(i)}}, "max_open_conns": 4}
		exporters[lite] = object{"driver": "sqlite", "datasource": file, "tables": object{"requests": object{"name": tableOf(i)}}}
		pipelines["logs/"+g.pump] = object{
			"receivers": []string{"tykredis"}, "processors": []string{filter}, "exporters": []string{pg, lite},
		}
	}
	config["processors"], config["exporters"] = processors, exporters
	config["service"].(object)["pipelines"] = pipelines
	c := newCollector(t, config)
	shared[0].push(t, redis.Client())
	c.start()
	waitDrained(t, redis.Client(), drainTimeout)
	c.stop()
	assert.Empty(t, deadLetters(t, redis.Client()))
	for i, g := range shared {
		want := g.wantRows(t)
		t.Run(g.pump+"/PostgreSQL", func(t *testing.T) { requireSameRows(t, want, postgresRows(t, dsn, tableOf(i))) })
		t.Run(g.pump+"/SQLite", func(t *testing.T) { requireSameRows(t, want, sqliteRows(t, file, tableOf(i))) })
	}
}

// columnDefinition is a column as Tyk Pump's reference describes it.
type columnDefinition struct {
	Name    string  `json:"name"`
	Type    string  `json:"type"`
	NotNull bool    `json:"not_null"`
	Default *string `json:"default"`
}

func TestTheTableIsMadeAsTykPumpMakesIt(t *testing.T) {
	t.Parallel()
	redis, dsn := peers.StartRedis(t), peers.StartPostgres(t).FreshDatabase(t)
	c := newCollector(t, pipeline(redis, nil, object{}, map[string]object{
		"tyksql": {"driver": "postgres", "datasource": dsn},
	}))
	c.start() // the table is made at the start
	var reference map[string]struct {
		Columns []columnDefinition `json:"columns"`
		Indexes []string           `json:"indexes"`
	}
	decodeJSON(t, "pump/ddl.json", &reference)
	require.Equal(t, []string{table}, slices.Collect(maps.Keys(reference)))

	conn := connect(t, dsn)
	found, err := conn.Query(t.Context(), `
		select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
		from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
		where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`, table)
	require.NoError(t, err)
	columns, err := pgx.CollectRows(found, pgx.RowToStructByPos[columnDefinition])
	require.NoError(t, err)
	assert.Equal(t, reference[table].Columns, columns)

	found, err = conn.Query(t.Context(), "select indexdef from pg_indexes where tablename = $1", table)
	require.NoError(t, err)
	indexes, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	assert.ElementsMatch(t, reference[table].Indexes, indexes)
}
