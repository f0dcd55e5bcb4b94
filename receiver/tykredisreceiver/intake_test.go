package tykredisreceiver

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/poll"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// commands counts what Redis ran since CONFIG RESETSTAT, also for scripts.
func commands(t *testing.T, rdb *redis.Client) (total int, by map[string]int) {
	t.Helper()
	text, err := rdb.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	by = map[string]int{}
	for _, match := range regexp.MustCompile(`cmdstat_(\S+):calls=(\d+)`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(match[2])
		require.NoError(t, err)
		by[match[1]] = n
		total += n
	}
	return total, by
}

// usual are the defaults of what decides how often Redis is asked.
func usual(cfg *Config) {
	byDefault := createDefaultConfig().(*Config)
	cfg.PollInterval, cfg.Lease = byDefault.PollInterval, byDefault.Lease
}

func TestIdleCostsNextToNothing(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 100)
	d := newDestination()
	rec := start(t, r.Addr(), d, usual)
	eventually(t, "an empty Redis", func() bool { return d.count() == 100 && len(leftover(t, r.Client())) == 0 })
	eventually(t, "the receipts", func() bool { return rec.receipts(t)["delivered"] == 100 })
	keys, err := r.Client().Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	assert.LessOrEqual(t, len(keys), 6, "keys are only there for lists that were used: %v", keys)

	require.NoError(t, r.Client().ConfigResetStat(t.Context()).Err())
	began := time.Now()
	var total int
	var by map[string]int
	eventually(t, "a heartbeat", func() bool {
		total, by = commands(t, r.Client())
		return by["zremrangebyscore"] > 0
	})
	within := time.Since(began)
	asked := by["config|resetstat"] + by["info"]
	assert.LessOrEqual(t, float64(total-asked)/within.Seconds(), 100.0, "%v in %s", by, within)
	assert.LessOrEqual(t, by["zadd"], 4, "of the registry, and of the list that is used")
	for _, write := range []string{"rename", "renamenx", "set", "del", "unlink", "hincrby", "rpush", "ltrim"} {
		assert.Zero(t, by[write], write)
	}
	assert.LessOrEqual(t, by["hset"], 2)
}

// A backlog is worked off without a pause between the segments that may be held at once.
func TestARecoveringGroupDoesNotPause(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	store := claim.NewStore(r.Client())
	src := claim.NewSource(list, claim.Settings{Group: "default", Worker: "before", Lease: time.Minute, MaxHeld: 100})
	const segments, records = 5 * poll.MaxHeld, 600 // more than join another segment
	const longest = 20 * time.Second                // that may lie between two looks
	for i := range segments {
		pushRecords(t, r.Client(), list, analytics.AppendMsgpack, i*records, (i+1)*records)
		_, err := store.Visit(t.Context(), []*claim.Source{src}, nil)
		require.NoError(t, err)
	}
	require.NoError(t, store.Release(t.Context(), []*claim.Source{src}))
	require.EqualValues(t, segments, r.Client().ZCard(t.Context(), "otelcol-tyk:{"+list+"}:segments").Val())
	d := newDestination()
	start(t, r.Addr(), d, func(cfg *Config) {
		cfg.PollInterval, cfg.Lease, cfg.ChunkSize = longest, 3*longest, 4000
	})
	began := time.Now()
	eventually(t, "all records", func() bool { return d.count() == segments*records })
	assert.Less(t, time.Since(began), 3*longest, "with the pauses it would take four of them")
}

func TestWhatNobodyReadsIsFound(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	store := claim.NewStore(r.Client())
	const other = "old-tyk-system-analytics"
	for _, key := range []string{list, other} {
		require.NoError(t, r.Client().RPush(t.Context(), key, "1", "2", "3").Err())
		src := claim.NewSource(key, claim.Settings{Group: "gone", Worker: "w", Lease: time.Second, MaxHeld: 1})
		_, err := store.Visit(t.Context(), []*claim.Source{src}, nil)
		require.NoError(t, err)
		long := redis.Z{Score: float64(time.Now().Add(-time.Hour).UnixMilli()), Member: "gone"}
		require.NoError(t, r.Client().ZAdd(t.Context(), "otelcol-tyk:{"+key+"}:groups", long,
			redis.Z{Score: float64(time.Now().UnixMilli()), Member: "other"}).Err())
	}
	rec := start(t, r.Addr(), newDestination(), nil)
	want := map[string]int64{"gone " + list: 3, "gone " + other: 3}
	eventually(t, "the metric", func() bool {
		m, err := rec.tel.GetMetric("otelcol_tykredis_foreign_backlog")
		if err != nil {
			return false
		}
		got := map[string]int64{}
		for _, point := range m.Data.(metricdata.Gauge[int64]).DataPoints {
			group, _ := point.Attributes.Value("group")
			source, _ := point.Attributes.Value("source")
			got[group.AsString()+" "+source.AsString()] = point.Value
		}
		return assert.ObjectsAreEqual(want, got)
	})
	said := rec.log.FilterMessageSnippet("for a group that no collector works for")
	assert.Equal(t, 2, said.Len())
}

func TestSegmentsThatRedisLostTrackOfAreDelivered(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	store := claim.NewStore(r.Client())
	src := claim.NewSource(list, claim.Settings{Group: "default", Worker: "before", Lease: time.Minute, MaxHeld: 100})
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 20)
	visits, err := store.Visit(t.Context(), []*claim.Source{src}, nil)
	require.NoError(t, err)
	g := visits[0].Held[0]
	require.NoError(t, store.Ack(t.Context(), g, 5, claim.Outcome{Delivered: 5}))
	require.NoError(t, store.Release(t.Context(), []*claim.Source{src}))
	require.NoError(t, r.Client().Del(t.Context(), "otelcol-tyk:{"+list+"}:segments").Err())
	d := newDestination()
	rec := start(t, r.Addr(), d, nil)
	eventually(t, "the rest", func() bool { return d.count() == 15 && len(leftover(t, r.Client())) == 0 })
	assert.EqualValues(t, 15, rec.sum(t, "tykredis_entries_adopted"))
	assert.Equal(t, g.ID+"-7", d.uids["7"], "with the identities that they had")
	want := map[string]int64{"claimed": 20, "delivered": 20, "shed": 0, "dead_lettered": 0, "lost": 0, "in_flight": 0}
	eventually(t, "the receipts", func() bool { return assert.ObjectsAreEqual(want, rec.receipts(t)) })
}

func TestDeadLettersThatRedisLostTrackOfAreListedAgain(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	store := claim.NewStore(r.Client())
	src := claim.NewSource(list, claim.Settings{Group: "default", MaxDead: 100, MaxDeadBytes: 1 << 20})
	_, _, err := store.KeepDeadLetters(t.Context(), src, []claim.Letter{{UID: "x-1", Group: "default"}, {UID: "x-2", Group: "default"}})
	require.NoError(t, err)
	order := "otelcol-tyk:{" + list + "}:dead:order"
	require.NoError(t, r.Client().Del(t.Context(), order).Err())
	rec := start(t, r.Addr(), newDestination(), nil)
	eventually(t, "their order", func() bool { return r.Client().ZCard(t.Context(), order).Val() == 2 })
	eventually(t, "a line of log", func() bool { return rec.log.FilterMessageSnippet("the order of dead letters").Len() == 1 })
}

// A group that reads uptime checks alone must not hold back the request lists.
func TestAGroupIsWaitedForOnlyWhereItReads(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	start(t, r.Addr(), newDestination(), func(cfg *Config) {
		cfg.Group, cfg.Requests.Enabled, cfg.Uptime.Enabled = "uptime", false, true
	})
	eventually(t, "its registration", func() bool {
		return r.Client().ZCard(t.Context(), "otelcol-tyk:{registry:"+analytics.UptimeList+"}:groups").Val() == 1
	})
	d := newDestination()
	start(t, r.Addr(), d, nil)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 10)
	eventually(t, "an empty Redis", func() bool { return d.count() == 10 && len(leftover(t, r.Client())) == 0 })
	assert.Equal(t, []string{"default"}, r.Client().ZRange(t.Context(), "otelcol-tyk:{"+list+"}:groups", 0, -1).Val())
}

// A failover loses what a list's groups were, or keeps from knowing who lives, while one of them is off.
func TestAListThatDoesNotKnowItsGroupsWaitsForThoseThatAreOff(t *testing.T) {
	t.Parallel()
	const another = list + "_0"
	for name, lose := range map[string]func(*testing.T, *redis.Client) (again func()){
		"the list's state is lost": func(t *testing.T, rdb *redis.Client) func() {
			require.NoError(t, rdb.Del(t.Context(), rdb.Keys(t.Context(), "otelcol-tyk:{"+another+"}:*").Val()...).Err())
			return func() {}
		},
		"the registry cannot be read": func(t *testing.T, rdb *redis.Client) func() {
			const registry, aside = "otelcol-tyk:{registry:analytics-}:groups", "{registry:analytics-}aside"
			require.NoError(t, rdb.Rename(t.Context(), registry, aside).Err())
			require.NoError(t, rdb.Set(t.Context(), registry, "no groups", 0).Err())
			return func() { require.NoError(t, rdb.Rename(t.Context(), aside, registry).Err()) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRedis(t)
			on, off := newDestination(), newDestination()
			first := list
			if name == "the list's state is lost" {
				first = another
			}
			start(t, r.Addr(), on, func(cfg *Config) { cfg.Group = "on" })
			pushRecords(t, r.Client(), first, analytics.AppendMsgpack, 0, 10)
			eventually(t, "its records", func() bool { return on.count() == 10 && len(leftover(t, r.Client())) == 0 })
			away := start(t, r.Addr(), off, func(cfg *Config) { cfg.Group = "off" })
			eventually(t, "its registration", func() bool {
				return r.Client().ZCard(t.Context(), "otelcol-tyk:{registry:analytics-}:groups").Val() == 2
			})
			require.NoError(t, away.Shutdown(t.Context()))

			again := lose(t, r.Client())
			pushRecords(t, r.Client(), another, analytics.AppendMsgpack, 10, 30)
			time.Sleep(300 * time.Millisecond)
			again()
			eventually(t, "what came meanwhile", func() bool { return on.count() == 30 })
			start(t, r.Addr(), off, func(cfg *Config) { cfg.Group = "off" })
			eventually(t, "the same", func() bool { return off.count() == 20 })
		})
	}
}

// Redis comes back with nothing. A group that looks often registers anew before one that looks rarely, and one is off.
func TestARedisThatComesBackEmptyKeepsNothingFromAGroup(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	rdb := r.Client()
	often, rarely, off := newDestination(), newDestination(), newDestination()
	begin := func(group string, d *destination, interval, lease time.Duration) *running {
		return start(t, r.Addr(), d, func(cfg *Config) { cfg.Group, cfg.PollInterval, cfg.Lease = group, interval, lease })
	}
	begin("often", often, 10*time.Millisecond, 3*time.Second)
	begin("rarely", rarely, time.Second, time.Minute)
	away := begin("off", off, 10*time.Millisecond, time.Minute)
	registry := "otelcol-tyk:{registry:analytics-}:groups"
	eventually(t, "all groups", func() bool { return rdb.ZCard(t.Context(), registry).Val() == 3 })
	pushRecords(t, rdb, list, analytics.AppendMsgpack, 0, 5)
	eventually(t, "what came before", func() bool {
		return often.count() == 5 && rarely.count() == 5 && off.count() == 5 && len(leftover(t, rdb)) == 0
	})
	require.NoError(t, away.Shutdown(t.Context()))

	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	pushRecords(t, rdb, list, analytics.AppendMsgpack, 5, 10)
	eventually(t, "what came at once", func() bool { return often.count() == 10 && rarely.count() == 10 })
	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	eventually(t, "a heartbeat of the one", func() bool { return rdb.Exists(t.Context(), registry).Val() == 1 })
	pushRecords(t, rdb, list, analytics.AppendMsgpack, 10, 15)
	eventually(t, "what came then", func() bool { return often.count() == 15 && rarely.count() == 15 })
	begin("off", off, 10*time.Millisecond, time.Minute)
	eventually(t, "what came last", func() bool { return off.count() == 10 })
}

// Everything was off for longer than group_expiry. The first collector that is back
// takes nothing away from the others.
func TestSilenceOfAllGroupsCountsForNone(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	first, second := newDestination(), newDestination()
	var down atomic.Bool
	down.Store(true)
	answer := func(context.Context, []string, plog.Logs) error {
		if down.Load() {
			return errors.New("down")
		}
		return nil
	}
	first.answer, second.answer = answer, answer
	life := func(group string) func(*Config) {
		return func(cfg *Config) { cfg.Group, cfg.GroupExpiry = group, time.Minute }
	}
	one, two := start(t, r.Addr(), first, life("one")), start(t, r.Addr(), second, life("two"))
	eventually(t, "both groups", func() bool {
		return r.Client().ZCard(t.Context(), "otelcol-tyk:{registry:analytics-}:groups").Val() == 2
	})
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 100)
	groups := "otelcol-tyk:{" + list + "}:groups"
	eventually(t, "a claim", func() bool { return r.Client().ZCard(t.Context(), groups).Val() == 2 })
	require.NoError(t, one.Shutdown(t.Context()))
	require.NoError(t, two.Shutdown(t.Context()))
	for _, group := range []string{"one", "two"} {
		require.NoError(t, r.Client().ZAdd(t.Context(), groups, redis.Z{Score: float64(time.Now().Add(-time.Hour).UnixMilli()), Member: group}).Err())
	}
	down.Store(false)
	back := start(t, r.Addr(), first, life("one"))
	eventually(t, "what waits for one", func() bool { return first.count() == 100 })
	// Its sweeps begin after a tenth of group_expiry.
	receiver := back.Logs.(*redisReceiver)
	_, err := receiver.store.Expire(t.Context(), source.Plain(receiver.sources))
	require.NoError(t, err)
	start(t, r.Addr(), second, life("two"))
	eventually(t, "what waits for two", func() bool { return second.count() == 100 })
	assert.Equal(t, first.uids, second.uids)
}

// Claiming works and reading does not: the status must not say that all is well.
func TestReadingHasAHealthOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 5)
	rules := documentedRules(t, 0)
	for i, rule := range rules {
		if rule == "+lrange" {
			rules[i] = "-lrange"
		}
	}
	setUser(t, r.Client(), rules...)
	rec := start(t, r.Addr(), newDestination(), asUser)
	eventually(t, "the trouble", func() bool { return rec.host.last() == componentstatus.StatusRecoverableError })
	for range 100 {
		require.Equal(t, componentstatus.StatusRecoverableError, rec.host.last())
		time.Sleep(5 * time.Millisecond)
	}
}
