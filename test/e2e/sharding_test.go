//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// The records of the test of tables of days, and what happens meanwhile.
const (
	shardedRecords = 1_000_000
	shardedDays    = 30
	// shardedKills come at equal parts of the backlog: of one writer, of the other, of both.
	shardedKills = 9
	// shardedDrain is how long a part of the backlog may take on a busy machine.
	shardedDrain = 3 * time.Minute
)

// firstDay lets the days span the end of a month, and of a February in a leap year.
var firstDay = time.Date(2024, 2, 15, 0, 0, 0, 0, time.UTC)

// timeOfNumber spreads the records so that those next to each other are more than
// half of the span apart: each chunk has all days.
func timeOfNumber(n int) time.Time {
	const (
		span    = shardedDays * 24 * time.Hour / time.Millisecond
		section = 1_601_936_095 // of the span, the golden one, in milliseconds
	)
	return firstDay.Add(time.Duration(n) * section % span * time.Millisecond)
}

// daily are the numbers of the records of one day and organisation, ascending, and a
// sum over what they hold.
type daily struct {
	numbers     []int32
	requestTime int64
}

// days are the tables that a test wants or finds, by their names, each by organisation.
type days map[string]map[string]*daily

func (d days) of(relation, organisation string) *daily {
	if d[relation] == nil {
		d[relation] = map[string]*daily{}
	}
	if d[relation][organisation] == nil {
		d[relation][organisation] = &daily{}
	}
	return d[relation][organisation]
}

// pushDays pushes the records as gateways do, over several lists, half of them as
// protobuf, and gives the tables they belong into. Each record's alias is its number.
func pushDays(tb testing.TB, rdb *redis.Client) days {
	tb.Helper()
	settings := traffic.DefaultSettings()
	settings.OmitMCP, settings.APIs = true, 11 // MCP records are stored in another table
	generator, err := traffic.New(settings)
	require.NoError(tb, err)
	wanted := days{}
	const flush = 2000
	for n := 0; n < shardedRecords; {
		form := msgpack
		if n/flush%2 == 1 {
			form = protobuf
		}
		entries := make([][]byte, flush)
		for i := range entries {
			at := timeOfNumber(n)
			r := generator.Next(at)
			r.Alias = strconv.Itoa(n)
			if form == protobuf {
				entries[i] = analytics.AppendProtobuf(nil, r)
			} else {
				entries[i] = analytics.AppendMsgpack(nil, r)
			}
			of := wanted.of(table+"_"+at.Format("20060102"), r.OrgID)
			of.numbers = append(of.numbers, int32(n)) //nolint:gosec // a million
			of.requestTime += r.RequestTime
			n++
		}
		push(tb, rdb, form.list(n/flush/2%3-1), entries)
	}
	return wanted
}

// storedDays reads the tables of days that have rows, and names those without.
func storedDays(tb testing.TB, conn *pgx.Conn) (stored days, empty []string) {
	tb.Helper()
	stored = days{}
	found, err := conn.Query(tb.Context(), "select tablename::text from pg_tables where tablename like 'tyk%' order by 1")
	require.NoError(tb, err)
	names, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(tb, err)
	for _, name := range names {
		rows, err := conn.Query(tb.Context(), `select orgid, array_agg(alias::int order by alias::int), sum(requesttime)::bigint
			from `+pgx.Identifier{name}.Sanitize()+` group by orgid`)
		require.NoError(tb, err)
		var organisation string
		var of daily
		tag, err := pgx.ForEachRow(rows, []any{&organisation, &of.numbers, &of.requestTime}, func() error {
			*stored.of(name, organisation) = of
			of.numbers = nil
			return nil
		})
		require.NoError(tb, err)
		if tag.RowsAffected() == 0 {
			empty = append(empty, name)
		}
	}
	return stored, empty
}

// requireSameDays tells of each table what differs, and not all of its numbers.
func requireSameDays(tb testing.TB, want, got days) {
	tb.Helper()
	var wrong strings.Builder
	for _, relation := range sortedKeys(want, got) {
		for _, organisation := range sortedKeys(want[relation], got[relation]) {
			w, g := want.of(relation, organisation), got.of(relation, organisation)
			if slices.Equal(w.numbers, g.numbers) && w.requestTime == g.requestTime {
				continue
			}
			fmt.Fprintf(&wrong, "%s, organisation %s: %d records, want %d; the sums of their times are %d, want %d\n",
				relation, organisation, len(g.numbers), len(w.numbers), g.requestTime, w.requestTime)
		}
	}
	if wrong.Len() > 0 {
		require.FailNow(tb, "records are missing, doubled, or in the table of another day", wrong.String())
	}
}

// sortedKeys are those of both maps.
func sortedKeys[V any](a, b map[string]V) []string {
	var keys []string
	for _, m := range []map[string]V{a, b} {
		for key := range m {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// requireLedger checks that the ledger names each record once.
func requireLedger(tb testing.TB, conn *pgx.Conn) {
	tb.Helper()
	var sinks string
	var records, overlaps, gaps int64
	require.NoError(tb, conn.QueryRow(tb.Context(), `
		select string_agg(distinct sink, ' '), sum(last_index - first_index + 1)::bigint, count(*) filter (where first_index <= before), count(members)
		from (select *, lag(last_index) over (partition by sink, segment order by first_index) as before from otelcol_tyk_ledger) as rows`).
		Scan(&sinks, &records, &overlaps, &gaps))
	assert.Equal(tb, table, sinks, "the days share a memory")
	assert.EqualValues(tb, shardedRecords, records, "records in the ledger")
	assert.Zero(tb, overlaps, "records that it names twice")
	assert.Zero(tb, gaps, "rows with gaps, although every record belongs into the tables")
}

// shardedWriters are the collectors that share the backlog.
type shardedWriters struct {
	writers []*collector
	rdb     *redis.Client
	conn    *pgx.Conn
	again   int64 // records that were stored and not acknowledged when the writers were killed
}

func (w *shardedWriters) acknowledged(tb testing.TB) int64 {
	tb.Helper()
	return receipts(tb, w.rdb)["default|acked"]
}

// unacknowledged counts the records that PostgreSQL has, and of which Redis does not
// know that. It uses only commands that do not wait while Redis takes no writes.
func (w *shardedWriters) unacknowledged(tb testing.TB) int64 {
	tb.Helper()
	var stored int64
	require.NoError(tb, w.conn.QueryRow(tb.Context(), "select coalesce(sum(last_index - first_index + 1), 0)::bigint from otelcol_tyk_ledger").Scan(&stored))
	return stored - w.acknowledged(tb)
}

// killUnacknowledged kills victims that have stored records which they could not
// acknowledge, so that these are delivered again, and starts them anew.
func (w *shardedWriters) killUnacknowledged(tb testing.TB, victims []*collector) {
	tb.Helper()
	const pause, patience = 10 * time.Second, 2 * time.Second
	require.NoError(tb, w.rdb.Do(tb.Context(), "CLIENT", "PAUSE", pause.Milliseconds(), "WRITE").Err())
	for began := time.Now(); w.unacknowledged(tb) == 0 && time.Since(began) < patience; {
		time.Sleep(time.Millisecond)
	}
	w.again += w.unacknowledged(tb)
	for _, victim := range victims {
		victim.kill()
	}
	require.NoError(tb, w.rdb.Do(tb.Context(), "CLIENT", "UNPAUSE").Err())
	for _, victim := range victims {
		require.NoError(tb, victim.launch())
	}
}

func TestAMillionRecordsOf30DaysAreEachInTheTableOfItsDayThoughWritersAreKilled(t *testing.T) {
	redis := peers.StartRedis(t)
	dsn := peers.StartPostgres(t).FreshDatabase(t)
	exporter := faultExporter("postgres", dsn)
	exporter["table_sharding"] = true
	config := pipeline(redis, object{"lease": "1s", "timeout": "1s", "shutdown_timeout": "600ms", "poll_interval": "50ms"}, object{}, map[string]object{"tyksql": exporter})
	wanted := pushDays(t, redis.Client())
	require.Len(t, wanted, shardedDays)
	for relation, organisations := range wanted {
		require.Len(t, organisations, 3, relation)
	}

	w := &shardedWriters{rdb: redis.Client(), conn: connect(t, dsn)}
	for range 2 {
		w.writers = append(w.writers, newCollector(t, config))
	}
	today := time.Now().UTC()
	for _, writer := range w.writers { // both at once, so that both want to make the tables
		require.NoError(t, writer.launch())
	}
	for kill := range shardedKills {
		due := int64(shardedRecords / (shardedKills + 1) * (kill + 1))
		eventually(t, shardedDrain, func() string {
			if n := w.acknowledged(t); n < due {
				return fmt.Sprintf("%d of %d records were acknowledged", n, due)
			}
			return ""
		})
		victims := w.writers
		if one := kill % 3; one < len(w.writers) {
			victims = w.writers[one : one+1]
		}
		w.killUnacknowledged(t, victims)
	}
	waitDrained(t, redis.Client(), shardedDrain)
	for _, writer := range w.writers {
		writer.waitReady()
		writer.stop()
	}

	t.Logf("%d records were stored and not acknowledged when a writer was killed", w.again)
	assert.Positive(t, w.again)
	stored, empty := storedDays(t, w.conn)
	requireSameDays(t, wanted, stored)
	ahead := map[string]bool{} // tables of today and tomorrow, whenever a writer looked
	for day := today; !day.After(time.Now().UTC().AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		ahead[table+"_"+day.Format("20060102")] = true
	}
	for _, name := range empty {
		assert.True(t, ahead[name], "%s has no record, and is not of today or tomorrow", name)
	}
	requireLedger(t, w.conn)
	var unindexed, deadlocks int64
	require.NoError(t, w.conn.QueryRow(t.Context(), `select count(*) from pg_tables
		where tablename ~ '^tyk_analytics_\d{8}$' and (select count(*) from pg_indexes i where i.tablename = pg_tables.tablename) <> 6`).Scan(&unindexed))
	assert.Zero(t, unindexed, "tables without their six indexes")
	require.NoError(t, w.conn.QueryRow(t.Context(), "select deadlocks from pg_stat_database where datname = current_database()").Scan(&deadlocks))
	assert.Zero(t, deadlocks)
	assert.Equal(t, map[string]int64{"claimed": shardedRecords, "default|acked": shardedRecords, "default|delivered": shardedRecords}, receipts(t, redis.Client()))
}
