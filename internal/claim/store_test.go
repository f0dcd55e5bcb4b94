package claim_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const list = "analytics-tyk-system-analytics"

// onEachRedis runs a test against a real Redis and against the embedded one
// that the demo falls back to.
func onEachRedis(t *testing.T, test func(t *testing.T, rdb *redis.Client)) {
	t.Run("redis-server", func(t *testing.T) {
		test(t, peers.StartRedis(t).Client())
	})
	t.Run("embedded", func(t *testing.T) {
		rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
		t.Cleanup(func() { _ = rdb.Close() })
		test(t, rdb)
	})
}

func settings(worker string) claim.Settings {
	return claim.Settings{
		Group: "default", Worker: worker, Lease: time.Minute,
		MaxHeld: 4, MaxDead: 3, MaxDeadBytes: 64 << 20,
	}
}

func push(t *testing.T, rdb *redis.Client, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		require.NoError(t, rdb.RPush(t.Context(), list, "entry "+strconv.Itoa(i)).Err())
	}
}

func visit(t *testing.T, store *claim.Store, src *claim.Source) claim.Visit {
	t.Helper()
	visits, err := store.Visit(t.Context(), []*claim.Source{src}, nil)
	require.NoError(t, err)
	return visits[0]
}

func keysIn(t *testing.T, rdb *redis.Client, pattern string) []string {
	t.Helper()
	keys, err := rdb.Keys(t.Context(), pattern).Result()
	require.NoError(t, err)
	return keys
}

func TestClaimMovesTheWholeListAndStopsItsExpiry(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		require.NoError(t, rdb.Expire(t.Context(), list, time.Minute).Err())
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))

		got := visit(t, store, src)

		require.Len(t, got.Held, 1)
		g := got.Held[0]
		assert.EqualValues(t, 12, got.Claimed)
		assert.EqualValues(t, 12, g.Count)
		assert.EqualValues(t, 0, g.Start())
		assert.WithinDuration(t, time.Now(), g.ClaimedAt, time.Minute)
		assert.EqualValues(t, -1, rdb.TTL(t.Context(), g.Key()).Val(), "a claimed segment never expires")
		assert.EqualValues(t, 0, rdb.Exists(t.Context(), list).Val())

		entries, err := store.Read(t.Context(), g, new(claim.Ahead), 3, 3, 1<<20)
		require.NoError(t, err)
		assert.Equal(t, []string{"entry 3", "entry 4", "entry 5"}, entries)
	})
}

// begin makes what is pushed next a segment of its own, as after a restart of Redis.
func begin(t *testing.T, rdb *redis.Client) {
	t.Helper()
	segments := "otelcol-tyk:{" + list + "}:segments"
	for _, row := range rdb.ZRangeWithScores(t.Context(), segments, -1, -1).Val() {
		description := row.Member.(string)
		require.NoError(t, rdb.ZRem(t.Context(), segments, description).Err())
		row.Member = description[:strings.LastIndexByte(description, ' ')] + " another"
		require.NoError(t, rdb.ZAdd(t.Context(), segments, row).Err())
	}
}

func TestASmallListJoinsTheNewestSegment(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store := claim.NewStore(rdb)
		a, b := claim.NewSource(list, group("a", "1")), claim.NewSource(list, group("b", "2"))
		push(t, rdb, 0, 4)
		g := visit(t, store, a).Held[0]
		visit(t, store, b)
		require.NoError(t, store.Ack(t.Context(), g, 4, claim.Outcome{Delivered: 4}))
		assert.Empty(t, visit(t, store, a).Held)

		push(t, rdb, 4, 7)
		held := visit(t, store, a).Held
		require.Len(t, held, 1, "a is not done any more")
		assert.Equal(t, g.ID, held[0].ID)
		assert.EqualValues(t, 4, held[0].Start())
		entries, err := store.Read(t.Context(), held[0], new(claim.Ahead), 4, 100, 1<<20)
		require.NoError(t, err)
		assert.Equal(t, []string{"entry 4", "entry 5", "entry 6"}, entries)
		require.NoError(t, store.Ack(t.Context(), held[0], 7, claim.Outcome{Delivered: 7}))

		begin(t, rdb)
		push(t, rdb, 7, 8)
		held = visit(t, store, b).Held
		require.Len(t, held, 2, "another run of the server begins another segment")
		assert.EqualValues(t, 7, held[0].Count)
		for _, g := range held {
			require.NoError(t, store.Ack(t.Context(), g, g.Count, claim.Outcome{Delivered: g.Count}))
		}
		stats, err := store.Stats(t.Context(), []*claim.Source{a, b})
		require.NoError(t, err)
		assert.Equal(t, claim.Receipts{Seen: 8, Outcome: claim.Outcome{Delivered: 7}}, stats[0].Receipts)
		assert.Equal(t, claim.Receipts{Seen: 8, Outcome: claim.Outcome{Delivered: 8}}, stats[1].Receipts)
	})
}

func TestAcknowledgedEntriesGiveTheirMemoryBack(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		g := visit(t, store, src).Held[0]

		require.NoError(t, store.Ack(t.Context(), g, 5, claim.Outcome{Delivered: 5}))
		assert.EqualValues(t, 7, rdb.LLen(t.Context(), g.Key()).Val())
		entries, err := store.Read(t.Context(), g, new(claim.Ahead), 5, 2, 1<<20)
		require.NoError(t, err, "trimming must not move what is read")
		assert.Equal(t, []string{"entry 5", "entry 6"}, entries)
		_, err = store.Read(t.Context(), g, new(claim.Ahead), 4, 2, 1<<20)
		require.ErrorIs(t, err, claim.ErrGone)

		again := visit(t, store, src)
		require.Len(t, again.Held, 1)
		assert.EqualValues(t, 5, again.Held[0].Start())

		require.NoError(t, store.Ack(t.Context(), g, 12, claim.Outcome{Delivered: 12}))
		assert.Empty(t, visit(t, store, src).Held)
		assert.Empty(t, keysIn(t, rdb, "*seg:*"))
		assert.Empty(t, rdb.ZRange(t.Context(), "otelcol-tyk:{"+list+"}:segments", 0, -1).Val())
		assert.Empty(t, rdb.HGetAll(t.Context(), "otelcol-tyk:{"+list+"}:leases").Val())
	})
}

func TestALeaseKeepsPeersAwayUntilItExpires(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		short := settings("a")
		short.Lease = 150 * time.Millisecond
		store := claim.NewStore(rdb)
		a, b := claim.NewSource(list, short), claim.NewSource(list, settings("b"))
		held := visit(t, store, a).Held[0]
		require.NoError(t, store.Ack(t.Context(), held, 5, claim.Outcome{Delivered: 5}))

		assert.Empty(t, visit(t, store, b).Held, "a's lease is fresh")
		var adopted claim.Segment
		require.Eventually(t, func() bool {
			visits, err := store.Visit(context.Background(), []*claim.Source{b}, nil)
			if err != nil || len(visits[0].Held) != 1 {
				return false
			}
			adopted = visits[0].Held[0]
			return true
		}, 5*time.Second, 20*time.Millisecond)

		assert.Equal(t, held.ID, adopted.ID, "the segment keeps its identity, and so do its records")
		assert.EqualValues(t, 5, adopted.Start())
		require.ErrorIs(t, store.Ack(t.Context(), held, 10, claim.Outcome{Delivered: 10}), claim.ErrLeaseLost)
		assert.Empty(t, visit(t, store, a).Held)
		require.NoError(t, store.Ack(t.Context(), adopted, 12, claim.Outcome{Delivered: 12}))
	})
}

func TestAReleasedSegmentIsFreeAtOnce(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 3)
		store := claim.NewStore(rdb)
		a, b := claim.NewSource(list, settings("a")), claim.NewSource(list, settings("b"))
		require.Len(t, visit(t, store, a).Held, 1)
		require.NoError(t, store.Release(t.Context(), []*claim.Source{a}))
		assert.Len(t, visit(t, store, b).Held, 1)
		require.NoError(t, store.Release(t.Context(), []*claim.Source{a}), "somebody else's lease is left alone")
		assert.Len(t, visit(t, store, b).Held, 1)
	})
}

func TestAWorkerHoldsABoundedNumberOfSegments(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store := claim.NewStore(rdb)
		a, b := claim.NewSource(list, settings("a")), claim.NewSource(list, settings("b"))
		for i := range 6 {
			begin(t, rdb)
			push(t, rdb, i, i+1)
			visit(t, store, a)
		}
		assert.Len(t, visit(t, store, a).Held, 4)
		assert.Len(t, visit(t, store, b).Held, 2, "the rest is for peers")
	})
}

func TestEveryGroupSeesEveryRecordAndMemoryWaitsForTheLast(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		store := claim.NewStore(rdb)
		other := settings("b")
		other.Group = "kafka"
		a, b := claim.NewSource(list, settings("a")), claim.NewSource(list, other)
		ga, gb := visit(t, store, a).Held[0], visit(t, store, b).Held[0]
		require.Equal(t, ga.ID, gb.ID)

		require.NoError(t, store.Ack(t.Context(), ga, 12, claim.Outcome{Delivered: 12}))
		assert.EqualValues(t, 12, rdb.LLen(t.Context(), ga.Key()).Val())
		require.NoError(t, store.Ack(t.Context(), gb, 5, claim.Outcome{Delivered: 5}))
		assert.EqualValues(t, 7, rdb.LLen(t.Context(), ga.Key()).Val())
		require.NoError(t, store.Ack(t.Context(), gb, 12, claim.Outcome{Delivered: 12}))
		assert.Empty(t, keysIn(t, rdb, "*seg:*"))
	})
}

func TestALateGroupStartsAtWhatIsThere(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		store := claim.NewStore(rdb)
		late := settings("b")
		late.Group = "late"
		a, b := claim.NewSource(list, settings("a")), claim.NewSource(list, late)
		ga := visit(t, store, a).Held[0]
		require.NoError(t, store.Ack(t.Context(), ga, 5, claim.Outcome{Delivered: 5}))
		gb := visit(t, store, b).Held[0]
		assert.EqualValues(t, 5, gb.Start())
		require.NoError(t, store.Ack(t.Context(), gb, 12, claim.Outcome{Delivered: 12}))
		require.NoError(t, store.Ack(t.Context(), ga, 12, claim.Outcome{Delivered: 12}))
		assert.Empty(t, keysIn(t, rdb, "*seg:*"))
	})
}

// A replica that takes over may not have been told of a source's groups. What comes then is for all that live.
func TestASourceThatLostItsGroupsIsJoinedByAllThatLive(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store := claim.NewStore(rdb)
		away := settings("b")
		away.Group, away.GroupExpiry = "away", time.Hour
		a, b := claim.NewSource(list, settings("a")), claim.NewSource(list, away)
		registry := store.Registry("analytics-")
		beat := func() {
			_, _, err := registry.Heartbeat(t.Context(), claim.Member{Group: "away", Worker: "b", Lease: time.Second, Expiry: time.Second})
			require.NoError(t, err)
		}
		looks := func() claim.Visit {
			live, _, err := registry.Groups(t.Context(), claim.Member{})
			require.NoError(t, err)
			visits, err := store.Visit(t.Context(), []*claim.Source{a}, [][]claim.Live{live})
			require.NoError(t, err)
			return visits[0]
		}
		beat()
		push(t, rdb, 0, 12)
		g := looks().Held[0]
		groups := "otelcol-tyk:{" + list + "}:groups"
		require.NoError(t, rdb.Del(t.Context(), groups).Err())
		require.NoError(t, store.Ack(t.Context(), g, 12, claim.Outcome{Delivered: 12}))
		assert.Empty(t, looks().Held, "nothing is claimed, and a is done")
		h := visit(t, store, b).Held
		require.Len(t, h, 1)
		assert.EqualValues(t, 12, h[0].Count)

		require.NoError(t, rdb.Del(t.Context(), groups).Err())
		beat()
		looks()
		assert.ElementsMatch(t, []string{"default", "away"}, rdb.ZRange(t.Context(), groups, 0, -1).Val())
		time.Sleep(1100 * time.Millisecond)
		expired, err := store.Expire(t.Context(), []*claim.Source{a})
		require.NoError(t, err)
		assert.Equal(t, map[string][]string{list: {"away"}}, expired, "a group counts no longer than the registry says")
	})
}

func TestSegmentIdsStayUniqueWhenRedisComesBackEmpty(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		ids := map[string]bool{}
		for range 3 {
			require.NoError(t, rdb.FlushDB(t.Context()).Err())
			push(t, rdb, 0, 1)
			ids[visit(t, store, src).Held[0].ID] = true
		}
		assert.Len(t, ids, 3)
	})
}

func TestASegmentThatRedisLostIsSaid(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		g := visit(t, store, src).Held[0]
		require.NoError(t, rdb.Del(t.Context(), g.Key()).Err())
		lost := visit(t, store, src).Held[0]
		assert.Equal(t, lost.Count, lost.Start())
		require.NoError(t, store.Ack(t.Context(), lost, lost.Count, claim.Outcome{Delivered: lost.Count}))
		assert.Empty(t, visit(t, store, src).Held)
	})
}

func TestDeadLettersAreKeptOnceAndWithinTheirLimit(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		letter := func(i int) claim.Letter {
			return claim.Letter{UID: fmt.Sprintf("x-%d", i), Reason: fmt.Sprintf("cause %d: because", i), Group: "default", At: time.Unix(int64(i), 0).UTC(), Entry: []byte{0xc1, byte(i)}}
		}
		kept, dropped, err := store.KeepDeadLetters(t.Context(), src, []claim.Letter{letter(1), letter(2)})
		require.NoError(t, err)
		assert.Equal(t, [2]int64{2, 0}, [2]int64{kept, dropped})
		kept, dropped, err = store.KeepDeadLetters(t.Context(), src, []claim.Letter{letter(2), letter(3), letter(4)})
		require.NoError(t, err)
		assert.Equal(t, [2]int64{2, 1}, [2]int64{kept, dropped})

		bodies := rdb.HGetAll(t.Context(), "otelcol-tyk:{"+list+"}:dead").Val()
		require.Len(t, bodies, 3)
		back, err := claim.DecodeLetter(bodies["default|x-4"])
		require.NoError(t, err)
		assert.Equal(t, letter(4), back)
	})
}

func TestStatsTellWhatWaits(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 12)
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		g := visit(t, store, src).Held[0]
		require.NoError(t, store.Ack(t.Context(), g, 5, claim.Outcome{Delivered: 5}))
		push(t, rdb, 12, 15)
		stats, err := store.Stats(t.Context(), []*claim.Source{src})
		require.NoError(t, err)
		assert.EqualValues(t, 3, stats[0].Unclaimed)
		assert.EqualValues(t, 7, stats[0].Claimed)
		assert.Less(t, stats[0].OldestAge, 5*time.Minute)
	})
}

func TestClaimingAndAcknowledgingWorkWhenRedisIsFull(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	push(t, rdb, 0, 12)
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	require.NoError(t, rdb.ConfigSet(t.Context(), "maxmemory", "1").Err())
	require.Error(t, rdb.RPush(t.Context(), list, "x").Err(), "Redis must be full for this test to mean anything")

	g := visit(t, store, src).Held[0]
	require.NoError(t, store.Ack(t.Context(), g, 5, claim.Outcome{Delivered: 5}))
	_, _, err := store.KeepDeadLetters(t.Context(), src, []claim.Letter{{UID: g.ID + "-6"}})
	require.NoError(t, err)
	require.NoError(t, store.Ack(t.Context(), g, 12, claim.Outcome{Delivered: 12}))
	assert.Empty(t, keysIn(t, rdb, "*seg:*"))
}

func TestScriptsAreLoadedAgainWhenRedisForgotThem(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		push(t, rdb, 0, 1)
		visit(t, store, src)
		require.NoError(t, rdb.ScriptFlush(t.Context()).Err())
		push(t, rdb, 1, 2)
		assert.EqualValues(t, 2, visit(t, store, src).Held[0].Count)
	})
}
