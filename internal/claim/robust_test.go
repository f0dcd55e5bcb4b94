package claim_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestWhatIsSaidOfALostSegmentNeverHitsANewOne(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	push(t, rdb, 0, 12)
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	old := visit(t, store, src).Held[0]
	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	push(t, rdb, 100, 105)
	time.Sleep(2 * time.Millisecond) // Redis takes longer to come back
	fresh := visit(t, store, src).Held[0]
	require.NotEqual(t, old.ID, fresh.ID)
	require.NotEqual(t, old.Key(), fresh.Key())
	_, err := store.Read(t.Context(), old, new(claim.Ahead), 7, 5, 1<<20)
	require.ErrorIs(t, err, claim.ErrGone)
	_ = store.Ack(t.Context(), old, 12, claim.Outcome{Delivered: 12})
	assert.EqualValues(t, 5, rdb.LLen(t.Context(), fresh.Key()).Val())
}

func TestAStuckSegmentHidesNoneOfAThousandBehindIt(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	sa, sb := group("a", "1"), group("b", "2")
	sa.MaxHeld, sb.MaxHeld = 2, 1
	store := claim.NewStore(rdb)
	a, b := claim.NewSource(list, sa), claim.NewSource(list, sb)
	visit(t, store, b)
	stuck := int64(0)
	for i := range 1100 {
		begin(t, rdb)
		push(t, rdb, i, i+1)
		for _, g := range visit(t, store, a).Held {
			if stuck == 0 {
				stuck = g.Seq
			}
			if g.Seq != stuck {
				require.NoError(t, store.Ack(t.Context(), g, g.Count, claim.Outcome{Delivered: g.Count}))
			}
		}
	}
	begin(t, rdb)
	push(t, rdb, 0, 1)
	assert.Len(t, visit(t, store, a).Held, 2)
}

func TestALostSequenceHidesNoNewSegment(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	visit(t, store, claim.NewSource(list, group("b", "2")))
	for i := range 5 {
		begin(t, rdb)
		push(t, rdb, i, i+1)
		require.NoError(t, store.Ack(t.Context(), visit(t, store, src).Held[0], 1, claim.Outcome{Delivered: 1}))
	}
	begin(t, rdb)
	visit(t, store, src)
	require.NoError(t, rdb.Del(t.Context(), "otelcol-tyk:{"+list+"}:seq").Err())
	push(t, rdb, 0, 3)
	assert.Len(t, visit(t, store, src).Held, 1)
}

func TestALetterKeptAgainCountsOnce(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	push(t, rdb, 0, 1)
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	g := visit(t, store, src).Held[0]
	letters := []claim.Letter{{UID: g.ID + "-0", Group: "default", Entry: []byte("e")}}
	_, _, err := store.KeepDeadLetters(t.Context(), src, letters)
	require.NoError(t, err)
	_, err = store.Replay(t.Context(), src, letters)
	require.NoError(t, err)
	_, _, err = store.KeepDeadLetters(t.Context(), src, letters) // the same chunk, since its acknowledgement was lost
	require.NoError(t, err)
	require.NoError(t, store.Ack(t.Context(), g, 1, claim.Outcome{Dead: 1}))
	report, err := store.Inspect(t.Context(), src)
	require.NoError(t, err)
	assert.Equal(t, claim.Receipts{Seen: 1, Outcome: claim.Outcome{Dead: 1}}, report.Groups[0].Receipts)
}

func TestDeadLettersOfOneCauseAreNotDroppedForOthersOfIt(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a")) // which keeps three
		next := 0
		keep := func(reason, destination string) (int64, error) {
			next++
			_, dropped, err := store.KeepDeadLetters(t.Context(), src, []claim.Letter{
				{UID: fmt.Sprintf("x-%d", next), Reason: reason, Destination: destination, Group: "default"},
			})
			return dropped, err
		}
		for range 3 {
			_, err := keep("refused: a value", "tyksql")
			require.NoError(t, err)
		}
		_, err := keep("refused: another value", "tyksql")
		require.ErrorIs(t, err, claim.ErrDeadLettersFull)
		require.ErrorContains(t, err, "tykctl dead")
		dropped, err := keep("refused: a value", "kafka")
		require.NoError(t, err)
		assert.EqualValues(t, 1, dropped)
		dropped, err = keep("undecodable: no map", "")
		require.NoError(t, err)
		assert.EqualValues(t, 1, dropped)
		var letters []claim.Letter
		require.NoError(t, store.Letters(t.Context(), src, func(l claim.Letter) bool { letters = append(letters, l); return true }))
		require.Len(t, letters, 3)
		_, err = store.Drop(t.Context(), src, letters)
		require.NoError(t, err)
		_, err = keep("undecodable: no map", "")
		require.NoError(t, err)
	})
}

func TestDeadLettersAreBoundedInBytes(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		bounded := many("a")
		bounded.MaxDeadBytes = 100_000
		store, src := claim.NewStore(rdb), claim.NewSource(list, bounded)
		keep := func(i int, cause string, size int) error {
			_, _, err := store.KeepDeadLetters(t.Context(), src, []claim.Letter{{UID: fmt.Sprintf("x-%d", i), Reason: cause, Group: "a", Entry: make([]byte, size)}})
			return err
		}
		require.NoError(t, keep(0, "huge", 200_000), "one is kept however big it is")
		for i := range 40 {
			require.NoError(t, keep(i+1, "cause "+strconv.Itoa(i), 10_000))
			size := rdb.Get(t.Context(), "otelcol-tyk:{"+list+"}:dead:bytes").Val()
			bytes := 0
			for _, body := range rdb.HGetAll(t.Context(), "otelcol-tyk:{"+list+"}:dead").Val() {
				bytes += len(body)
			}
			require.Equal(t, size, strconv.Itoa(bytes))
			require.LessOrEqual(t, bytes, 100_000)
		}
		for i := 100; ; i++ {
			if err := keep(i, "the same", 10_000); err != nil {
				require.ErrorIs(t, err, claim.ErrDeadLettersFull)
				break
			}
			require.Less(t, i, 200)
		}
	})
}

// Without its progress nobody knows how much of a segment was given back: under its
// old identity, records would get those of others.
func TestASegmentOfUnknownProgressGetsANewIdentity(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 10)
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		g := visit(t, store, src).Held[0]
		require.NoError(t, store.Ack(t.Context(), g, 4, claim.Outcome{Delivered: 4}))
		base := "otelcol-tyk:{" + list + "}:"
		require.NoError(t, rdb.Del(t.Context(), base+"segments", base+"progress", base+"waiting").Err())
		found, err := store.Find(t.Context(), 0)
		require.NoError(t, err)
		entries, renamed, err := store.Adopt(t.Context(), src, found)
		require.NoError(t, err)
		assert.Equal(t, [2]int64{6, 6}, [2]int64{entries, renamed})
		entries, _, err = store.Adopt(t.Context(), src, found)
		require.NoError(t, err)
		assert.Zero(t, entries, "once")
		held := visit(t, store, src).Held
		require.Len(t, held, 1)
		assert.NotEqual(t, g.ID, held[0].ID)
		page, err := store.Read(t.Context(), held[0], new(claim.Ahead), 0, 1, 1)
		require.NoError(t, err)
		assert.Equal(t, []string{"entry 4"}, page)
	})
}

// A group that begins after the loss does not change what is known of the segment.
func TestALostSegmentKeepsItsIdentitiesThoughAGroupBegins(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 10)
		store, src, late := claim.NewStore(rdb), claim.NewSource(list, settings("a")), claim.NewSource(list, group("late", "2"))
		g := visit(t, store, src).Held[0]
		require.NoError(t, store.Ack(t.Context(), g, 4, claim.Outcome{Delivered: 4}))
		require.NoError(t, rdb.Del(t.Context(), "otelcol-tyk:{"+list+"}:segments").Err())
		visit(t, store, late)
		found, err := store.Find(t.Context(), 0)
		require.NoError(t, err)
		entries, renamed, err := store.Adopt(t.Context(), late, found)
		require.NoError(t, err)
		assert.Equal(t, [2]int64{6, 0}, [2]int64{entries, renamed})
		for _, of := range []*claim.Source{src, late} {
			held := visit(t, store, of).Held
			require.Len(t, held, 1)
			assert.Equal(t, g.ID, held[0].ID)
			assert.EqualValues(t, 10, held[0].Count)
			assert.EqualValues(t, 4, held[0].Start())
		}
	})
}

// Redis comes back without its last writes. What it lost of the newest segment is
// delivered already, and the same indices must not be given again.
func TestARunThatLostWritesAddsToNoSegment(t *testing.T) {
	r := peers.StartRedis(t)
	rdb := r.Client()
	store := claim.NewStore(rdb)
	src, slow := claim.NewSource(list, group("a", "1")), claim.NewSource(list, group("b", "2"))
	push(t, rdb, 0, 10)
	visit(t, store, src)
	visit(t, store, slow)
	require.NoError(t, rdb.Save(t.Context()).Err())
	push(t, rdb, 10, 20)
	g := visit(t, store, src).Held[0]
	require.EqualValues(t, 20, g.Count)
	require.NoError(t, store.Ack(t.Context(), g, 20, claim.Outcome{Delivered: 20}))
	r.Kill()
	require.NoError(t, r.Start(t.Context()))
	push(t, rdb, 20, 25)
	held := visit(t, store, src).Held
	require.Len(t, held, 2)
	assert.EqualValues(t, 10, held[0].Count)
	assert.NotEqual(t, g.ID, held[1].ID)
	page, err := store.Read(t.Context(), held[1], new(claim.Ahead), 0, 1, 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"entry 20"}, page)
}

// What a script was ended in the middle of, by a collector that did not look first, is
// counted, and keeps its place: every index is that of its entry.
func TestEntriesBeyondTheDescriptionAreCounted(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 10)
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		g := visit(t, store, src).Held[0]
		require.NoError(t, rdb.RPush(t.Context(), g.Key(), "entry 10", "entry 11").Err())
		again := visit(t, store, src).Held[0]
		assert.EqualValues(t, 12, again.Count)
		page, err := store.Read(t.Context(), again, &claim.Ahead{}, 0, 20, 1<<20)
		require.NoError(t, err)
		require.Len(t, page, 12)
		assert.Equal(t, "entry 0", page[0])
		assert.Equal(t, "entry 11", page[11])
		push(t, rdb, 12, 13)
		again = visit(t, store, src).Held[0]
		assert.EqualValues(t, 13, again.Count)
		require.NoError(t, store.Ack(t.Context(), again, 13, claim.Outcome{Delivered: 13}))
		report, err := store.Inspect(t.Context(), src)
		require.NoError(t, err)
		assert.Equal(t, claim.Receipts{Seen: 13, Outcome: claim.Outcome{Delivered: 13}}, report.Groups[0].Receipts)
	})
}

func TestNothingIsDroppedForALetterThatFindsNoRoom(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		bounded := many("a")
		bounded.MaxDeadBytes = 100_000
		store, src := claim.NewStore(rdb), claim.NewSource(list, bounded)
		keep := func(name, cause string, size int) (int64, error) {
			_, dropped, err := store.KeepDeadLetters(t.Context(), src, []claim.Letter{{UID: name, Reason: cause, Group: "a", Entry: make([]byte, size)}})
			return dropped, err
		}
		for i := range 10 {
			_, err := keep("other-"+strconv.Itoa(i), "other", 100)
			require.NoError(t, err)
		}
		_, err := keep("same-0", "same", 50_000)
		require.NoError(t, err)
		for range 3 {
			dropped, err := keep("same-1", "same", 50_000)
			require.ErrorIs(t, err, claim.ErrDeadLettersFull)
			assert.Zero(t, dropped, "others would go in vain")
		}
		// One that is larger than all may be is cut, and never waits.
		dropped, err := keep("big", "another", 10_000_000)
		require.NoError(t, err)
		assert.Positive(t, dropped)
		var faults []error
		require.NoError(t, store.LetterPages(t.Context(), src, nil, func(page []claim.Letter) error {
			for _, l := range page {
				if l.Fault != nil {
					faults = append(faults, l.Fault)
					assert.Equal(t, 10_000_000, l.CutFrom)
					_, err := store.Replay(t.Context(), src, []claim.Letter{l})
					require.Error(t, err, "half an entry is none")
				}
			}
			return nil
		}))
		require.Len(t, faults, 1)
		assert.ErrorContains(t, faults[0], "only the first 25000 of its 10000000 bytes were kept, since dead_letters::max_bytes is less")
	})
}

// A group begins beside a segment whose list is gone: there is nothing of it to see.
func TestANewGroupBesideALostList(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 10)
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		g := visit(t, store, src).Held[0]
		require.NoError(t, rdb.Del(t.Context(), g.Key()).Err())
		other := settings("b")
		other.Group = "new"
		late := claim.NewSource(list, other)
		visit(t, store, late)
		push(t, rdb, 10, 12)
		held := visit(t, store, late).Held
		require.Len(t, held, 1)
		require.NoError(t, store.Ack(t.Context(), held[0], 2, claim.Outcome{Delivered: 2}))
		stats, err := store.Stats(t.Context(), []*claim.Source{late})
		require.NoError(t, err)
		assert.Equal(t, claim.Receipts{Seen: 2, Outcome: claim.Outcome{Delivered: 2}}, stats[0].Receipts)
	})
}

// What a group waits for is told when nobody knows it any more.
func TestALossOfSegmentsIsTold(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 10)
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		assert.Zero(t, visit(t, store, src).Unknown)
		require.NoError(t, rdb.Del(t.Context(), "otelcol-tyk:{"+list+"}:segments").Err())
		assert.EqualValues(t, 1, visit(t, store, src).Unknown)
		found, err := store.Find(t.Context(), 0)
		require.NoError(t, err)
		_, renamed, err := store.Adopt(t.Context(), src, found)
		require.NoError(t, err)
		assert.Zero(t, renamed)
		v := visit(t, store, src)
		assert.Zero(t, v.Unknown)
		require.Len(t, v.Held, 1)
	})
}

// The time in which everything was off counts against nobody, and the time before does.
func TestASilentGroupKeepsItsAge(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		push(t, rdb, 0, 1)
		store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
		visit(t, store, src)
		groups, now := "otelcol-tyk:{"+list+"}:groups", time.Now()
		seen := func(name string, ago time.Duration) {
			require.NoError(t, rdb.ZAdd(t.Context(), groups, redis.Z{Score: float64(now.Add(-ago).UnixMilli()), Member: name}).Err())
		}
		seen("away", 3*time.Hour)
		seen("default", time.Hour)
		_, err := store.Touch(t.Context(), []*claim.Source{src})
		require.NoError(t, err)
		away := time.UnixMilli(int64(rdb.ZScore(t.Context(), groups, "away").Val()))
		assert.WithinDuration(t, now.Add(-2*time.Hour), away, time.Minute)
	})
}

// Groups that everything was off for are still waited for by lists that are new.
func TestTheRegistryDoesNotCountWhileEverythingIsOff(t *testing.T) {
	onEachRedis(t, func(t *testing.T, rdb *redis.Client) {
		registry := claim.NewStore(rdb).Registry("analytics-")
		beat := func(group string) {
			_, _, err := registry.Heartbeat(t.Context(), claim.Member{Group: group, Worker: "w", Lease: 30 * time.Second, Expiry: time.Hour})
			require.NoError(t, err)
		}
		beat("a")
		beat("b")
		// Two hours ago.
		base := "otelcol-tyk:{registry:analytics-}:"
		for _, group := range []string{"a", "b"} {
			require.NoError(t, rdb.ZIncrBy(t.Context(), base+"groups", -2*3_600_000, group).Err())
		}
		require.NoError(t, rdb.HIncrBy(t.Context(), base+"workers", "", -2*3_600_000).Err())
		beat("a")
		groups, _, err := registry.Groups(t.Context(), claim.Member{})
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{"a", "b"}, names(groups))
		members, err := registry.Members(t.Context())
		require.NoError(t, err)
		assert.Len(t, members, 2)
		require.NoError(t, rdb.ZIncrBy(t.Context(), base+"groups", -2*3_600_000, "b").Err())
		beat("a")
		groups, _, err = registry.Groups(t.Context(), claim.Member{})
		require.NoError(t, err)
		assert.Equal(t, []string{"a"}, names(groups), "what was off alone is gone")
	})
}

func names(groups []claim.Live) (all []string) {
	for _, group := range groups {
		all = append(all, group.Group)
	}
	return all
}

func TestAListThatCannotBeLookedAtMayHaveSomething(t *testing.T) {
	server := peers.StartRedis(t, peers.RedisPassword("s3cret"))
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), Password: "wrong", MaxRetries: -1})
	t.Cleanup(func() { assert.NoError(t, rdb.Close()) })
	found, err := claim.NewStore(rdb).Look(t.Context(), []*claim.Source{claim.NewSource(list, settings("a"))})
	require.ErrorContains(t, err, "WRONGPASS")
	assert.Equal(t, []bool{true}, found)
}
