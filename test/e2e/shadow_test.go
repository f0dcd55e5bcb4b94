//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

const (
	// shadowRecords are pushed while both sides are killed.
	shadowRecords = 100_000
	shadowRate    = 8_000 // records a second
	shadowKills   = 5     // of each side
	// relayRecords are pushed from one Redis to another.
	relayRecords = 20_000
)

// shadowLists are what a gateway's entries are pushed to.
var shadowLists = []string{msgpackList, msgpackList + "_4", protobufList, protobufList[:len(protobufList)-len("_protobuf")] + "_7_protobuf"}

// shadowLoad pushes numbered records to several lists, and gives each entry to seen.
func shadowLoad(ctx context.Context, rdb *redis.Client, random *chaos, records, rate int, seen func(list string, entry []byte)) error {
	settings := traffic.DefaultSettings()
	settings.Seed, settings.OmitMCP, settings.APIs, settings.DetailedShare = random.Uint64(), true, 11, 0.05
	generator, err := traffic.New(settings)
	if err != nil {
		return err
	}
	for start, pushed := time.Now(), 0; pushed < records; {
		list := shadowLists[random.IntN(len(shadowLists))]
		encode := analytics.AppendMsgpack
		if len(list) > len("_protobuf") && list[len(list)-len("_protobuf"):] == "_protobuf" {
			encode = analytics.AppendProtobuf
		}
		pipe := rdb.Pipeline()
		for due := min(records, int(time.Since(start).Seconds()*float64(rate))); pushed < due; pushed++ {
			r := generator.Next(time.Now())
			r.Alias = strconv.Itoa(pushed)
			entry := encode(nil, r)
			seen(list, entry)
			pipe.RPush(ctx, list, entry)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		select {
		case <-time.After(random.between(time.Millisecond, 100*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// killAgain kills a collector some times at any moment of its life, and leaves it running.
func killAgain(c *collector, random *chaos, before func()) error {
	for range shadowKills {
		if err := c.launch(); err != nil {
			return err
		}
		time.Sleep(random.between(50*time.Millisecond, 3*time.Second))
		before()
		c.kill()
		time.Sleep(random.between(0, 300*time.Millisecond))
	}
	return c.launch()
}

// shadowReport tells what two stores of the same traffic have: repeated are rows that one of them has more
// than once, and the rest are differences.
type shadowReport struct{ both, repeated, onlyHere, onlyThere, changed int }

// compareStores compares two stores, row by row, but for the numbers of rows.
func compareStores(t *testing.T, here, there string) (r shadowReport) {
	t.Helper()
	a, b := storedRows(t, here), storedRows(t, there)
	for alias, rows := range a {
		others := b[alias]
		r.repeated += len(rows) - 1 + max(len(others)-1, 0)
		switch {
		case len(others) == 0:
			r.onlyHere++
		case rows[0] == others[0]:
			r.both++
		default:
			r.changed++
		}
	}
	for alias, rows := range b {
		if len(a[alias]) == 0 {
			r.onlyThere++
			r.repeated += len(rows) - 1
		}
	}
	return r
}

// storedRows are fingerprints of a store's rows, by alias.
func storedRows(t *testing.T, file string) map[string][][sha256.Size]byte {
	t.Helper()
	db := openSQLite(t, file)
	names := columnNames(t, db, table)
	found, err := db.QueryContext(t.Context(), "select alias, * from "+table)
	require.NoError(t, err)
	defer found.Close()
	values, into := make([]any, 1+len(names)), make([]any, 1+len(names))
	for i := range values {
		into[i] = &values[i]
	}
	rows := map[string][][sha256.Size]byte{}
	for found.Next() {
		require.NoError(t, found.Scan(into...))
		alias := fmt.Sprint(values[0])
		for i, name := range names {
			if name == "id" {
				values[1+i] = nil
			}
		}
		rows[alias] = append(rows[alias], sha256.Sum256(fmt.Appendf(nil, "%v", values)))
	}
	require.NoError(t, found.Err())
	return rows
}

// A shadow: one collector stores the records, and pushes the entries to another prefix, from where another process
// takes and stores them. Both are killed, and both stores have each record once.
func TestALiveShadowHasEachRecordOnce(t *testing.T) {
	random, r := newChaos(t), peers.StartRedis(t)
	here, there := filepath.Join(t.TempDir(), "here.db"), filepath.Join(t.TempDir(), "there.db")
	receiver := func(more object) object {
		all := faultReceiver(random)
		all["addresses"] = []string{r.Addr()}
		for key, value := range more {
			all[key] = value
		}
		return all
	}
	telemetry := object{"metrics": object{"level": "none"}}
	main := newCollector(t, object{
		"receivers":  object{"tykredis/store": receiver(object{"group": "store"}), "tykredis/shadow": receiver(object{"group": "shadow"})},
		"processors": object{"tykfilter": object{}},
		"exporters": object{
			"tyksql":   object{"driver": "sqlite", "datasource": here},
			"tykredis": object{"addresses": []string{r.Addr()}, "key_prefix": "pump-", "expiry": "10m", "retry_on_failure": object{"initial_interval": "50ms"}},
		},
		"service": object{"telemetry": telemetry, "pipelines": object{
			"logs/store":  object{"receivers": []string{"tykredis/store"}, "processors": []string{"tykfilter"}, "exporters": []string{"tyksql"}},
			"logs/shadow": object{"receivers": []string{"tykredis/shadow"}, "exporters": []string{"tykredis"}},
		}},
	})
	pump := newCollector(t, pipeline(r, receiver(object{"key_prefix": "pump-"}), object{}, map[string]object{
		"tyksql": {"driver": "sqlite", "datasource": there},
	}))
	main.start() // so that both groups are there, and both tables
	main.stop()
	pump.start()
	pump.stop()

	var faults sync.WaitGroup
	for _, c := range []*collector{main, pump} {
		child := random.child()
		faults.Go(func() { assert.NoError(t, killAgain(c, child, func() {})) })
	}
	require.NoError(t, shadowLoad(t.Context(), r.Client(), random.child(), shadowRecords, shadowRate, func(string, []byte) {}))
	faults.Wait()
	waitDrained(t, r.Client(), 2*faultDrain)
	require.Empty(t, deadLetters(t, r.Client()))
	assert.Equal(t, shadowReport{both: shadowRecords}, compareStores(t, here, there))
}

// A relay to another Redis, both of which are cut off and killed: each entry is there once, byte for byte, also what
// cannot be decoded, and expires as a gateway lets it.
func TestARelayHasEachEntryOnce(t *testing.T) {
	random := newChaos(t)
	source := peers.StartRedis(t)
	target := peers.StartRedis(t, peers.RedisAppendOnly(), peers.RedisConfig("appendfsync always"))
	receiver := faultReceiver(random)
	receiver["addresses"] = []string{source.Addr()}
	c := newCollector(t, object{
		"receivers": object{"tykredis": receiver},
		"exporters": object{"tykredis": object{
			"addresses": []string{target.Addr()}, "expiry": "1h", "timeout": "1s", "retry_on_failure": object{"initial_interval": "50ms", "max_interval": "500ms"},
		}},
		"service": object{"telemetry": object{"metrics": object{"level": "none"}}, "pipelines": object{
			"logs": object{"receivers": []string{"tykredis"}, "exporters": []string{"tykredis"}},
		}},
	})
	want := map[string][]string{}
	var background sync.WaitGroup
	child := random.child()
	background.Go(func() {
		f := &faults{c, source.Client(), child}
		assert.NoError(t, killAgain(c, child, func() {
			assert.NoError(t, f.withholdAcknowledgements(t.Context())) // so that what is pushed comes again
		}))
	})
	outage := random.child()
	background.Go(func() {
		for range 3 {
			time.Sleep(outage.between(500*time.Millisecond, 4*time.Second))
			target.Kill()
			time.Sleep(outage.between(0, time.Second))
			assert.NoError(t, target.Start(t.Context()))
		}
	})
	odd := 0
	require.NoError(t, shadowLoad(t.Context(), source.Client(), random.child(), relayRecords, relayRecords/10, func(list string, entry []byte) {
		want[list] = append(want[list], string(entry))
		if len(want[list])%1000 == 0 {
			odd++
			undecodable := fmt.Sprintf("\xff odd %d", odd)
			want[list] = append(want[list], undecodable)
			assert.NoError(t, source.Client().RPush(t.Context(), list, undecodable).Err())
		}
	}))
	background.Wait()
	waitDrained(t, source.Client(), 2*faultDrain)
	require.Empty(t, deadLetters(t, source.Client()))
	require.Positive(t, odd)
	for _, list := range shadowLists {
		got, err := target.Client().LRange(t.Context(), list, 0, -1).Result()
		require.NoError(t, err)
		left := map[string]int{}
		for _, entry := range want[list] {
			left[entry]++
		}
		repeated, foreign := 0, 0
		for _, entry := range got {
			switch n, known := left[entry]; {
			case !known:
				foreign++
			case n == 0:
				repeated++
			default:
				left[entry]--
			}
		}
		missing := 0
		for _, n := range left {
			missing += n
		}
		assert.Equal(t, [3]int{}, [3]int{missing, repeated, foreign}, "%s: missing, repeated, foreign", list)
		ttl, err := target.Client().TTL(t.Context(), list).Result()
		require.NoError(t, err)
		assert.Equal(t, list == msgpackList || list == msgpackList+"_4", ttl > 0, "%s expires in %s", list, ttl)
	}
}

// Entries get through everything that may be between a receiver and the exporter, and only those of records that do.
func TestEntriesPassProcessorsAndConnectors(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	c := newCollector(t, object{
		"receivers": object{"tykredis": object{"addresses": []string{r.Addr()}, "poll_interval": "20ms", "chunk_size": 37}},
		"processors": object{
			"memory_limiter": object{"check_interval": "1s", "limit_mib": 4000},
			"tykfilter":      object{"skip_response_codes": []int{404}},
			"transform":      object{"log_statements": []string{`set(log.attributes["tyk.api.name"], "changed")`}},
			"filter":         object{"logs": object{"log_record": []string{`attributes["http.request.method"] == "POST"`}}},
			"attributes":     object{"actions": []object{{"key": "tyk.api.id", "action": "delete"}}},
			"redaction":      object{"allow_all_keys": true},
		},
		"connectors": object{"routing": object{
			"default_pipelines": []string{"logs/rest"},
			"table":             []object{{"context": "log", "condition": `attributes["http.response.status_code"] == 200`, "pipelines": []string{"logs/good"}}},
		}},
		"exporters": object{
			"tykredis/good": object{"addresses": []string{r.Addr()}, "key_prefix": "pump-"},
			"tykredis/rest": object{"addresses": []string{r.Addr()}, "key_prefix": "rest-", "database": 1},
		},
		"service": object{
			"telemetry": object{"metrics": object{"level": "none"}},
			"pipelines": object{
				"logs": object{
					"receivers": []string{"tykredis"}, "exporters": []string{"routing"},
					"processors": []string{"memory_limiter", "tykfilter", "filter", "transform", "attributes", "redaction"},
				},
				"logs/good": object{"receivers": []string{"routing"}, "exporters": []string{"tykredis/good"}},
				"logs/rest": object{"receivers": []string{"routing"}, "exporters": []string{"tykredis/rest"}},
			},
		},
	})
	good, rest := map[string]int{}, map[string]int{}
	for _, entry := range entries(t, "pump/records-msgpack.bin.gz") {
		var record analytics.Record
		require.NoError(t, analytics.DecodeMsgpack(entry, &record))
		switch {
		case record.ResponseCode == 404 || record.Method == http.MethodPost:
		case record.ResponseCode == 200:
			good[string(entry)]++
		default:
			rest[string(entry)]++
		}
	}
	require.NotEmpty(t, good)
	require.NotEmpty(t, rest)
	golden{encoding: msgpack}.push(t, r.Client())
	c.start()
	eventually(t, 2*drainTimeout, func() string {
		if n := receipts(t, r.Client())["default|acked"]; n != goldenRecords {
			return fmt.Sprintf("%d records are acknowledged", n)
		}
		return ""
	})
	c.stop()
	require.Empty(t, deadLetters(t, r.Client()))
	options, err := r.Options()
	require.NoError(t, err)
	options.DB = 1
	other := redis.NewClient(options)
	t.Cleanup(func() { assert.NoError(t, other.Close()) })
	assert.Equal(t, good, listed(t, r.Client(), "pump-*analytics*"))
	assert.Equal(t, rest, listed(t, other, "rest-*analytics*"))
}

// listed counts the entries of lists.
func listed(t *testing.T, rdb *redis.Client, pattern string) map[string]int {
	t.Helper()
	keys, err := rdb.Keys(t.Context(), pattern).Result()
	require.NoError(t, err)
	all := map[string]int{}
	for _, key := range keys {
		entries, err := rdb.LRange(t.Context(), key, 0, -1).Result()
		require.NoError(t, err)
		for _, entry := range entries {
			all[entry]++
		}
	}
	return all
}

// TestTheExampleOfAShadow reads what comes of an example: rows here, and entries that a Tyk Pump finds.
func TestTheExampleOfAShadow(t *testing.T) {
	t.Parallel()
	r, postgres := peers.StartRedis(t), peers.StartPostgres(t)
	dsn := postgres.FreshDatabase(t)
	fast := object{"poll_interval": "20ms"}
	c := newExample(t, []string{"shadow.yaml"}, object{"receivers": object{"tykredis/store": fast, "tykredis/pump": fast}},
		"TYK_REDIS_ADDRESS="+r.Addr(), "TYK_SHADOW_DATASOURCE="+dsn)
	golden{encoding: msgpack}.push(t, r.Client())
	want := map[string]int{}
	for _, entry := range entries(t, "pump/records-msgpack.bin.gz") {
		want[string(entry)]++
	}
	checks := []string{"no uptime check", "another"}
	for _, check := range checks {
		want[check]++
		require.NoError(t, r.Client().RPush(t.Context(), uptimeList, check).Err())
	}
	c.start()
	eventually(t, 2*drainTimeout, func() string {
		if all := receipts(t, r.Client()); all["shadow-pump|delivered"] != goldenRecords+2 || all["shadow-store|acked"] != goldenRecords+2 {
			return fmt.Sprint(all)
		}
		return ""
	})
	c.stop()
	assert.Equal(t, want, listed(t, r.Client(), "pump-*analytics*"))
	n, err := r.Client().LLen(t.Context(), "pump-tyk-uptime-analytics").Result()
	require.NoError(t, err)
	assert.EqualValues(t, len(checks), n)
	assert.Len(t, postgresRows(t, dsn, table), len(golden{pump: "sql-postgres", encoding: msgpack}.wantRows(t)))
}

// A configuration that does not show that source and target are one is found with the first push: everything waits.
func TestEntriesAreNotPushedToTheirOwnList(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	c := newCollector(t, object{
		"receivers": object{"tykredis": object{"addresses": []string{r.Addr()}, "poll_interval": "20ms", "shutdown_timeout": "1s"}},
		"exporters": object{"tykredis": object{"addresses": []string{r.Addr()}}},
		"service": object{
			"telemetry": object{"metrics": object{"level": "none"}},
			"pipelines": object{"logs": object{"receivers": []string{"tykredis"}, "exporters": []string{"tykredis"}}},
		},
		"x_otelcol_tyk": object{"allow": []string{"own-source"}}, // as two names for a server would
	})
	golden{encoding: msgpack}.push(t, r.Client())
	c.start()
	c.waitLog("the entries were claimed from this very list, and would come again and again: choose another key_prefix, or another Redis")
	c.stop()
	assert.Empty(t, listed(t, r.Client(), "analytics-*"), "nothing was pushed")
	claimed := 0
	for _, n := range listed(t, r.Client(), "otelcol-tyk:*:seg:*") {
		claimed += n
	}
	assert.Equal(t, goldenRecords, claimed, "nothing is lost")
	require.Empty(t, deadLetters(t, r.Client()))
}
