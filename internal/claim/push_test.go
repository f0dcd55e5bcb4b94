package claim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const pushedTo = "shadow-tyk-system-analytics"

var pushSettings = PushSettings{MaxEntries: 100_000, Remember: time.Hour, WaitForReplicas: 1}

// runOf are entries of a segment that tell their index.
func runOf(segment string, indices ...int64) Run {
	run := Run{Segment: segment, Indices: indices}
	for _, index := range indices {
		run.Entries = append(run.Entries, fmt.Appendf(nil, "%s-%d", segment, index))
	}
	return run
}

func between(first, last int64) (all []int64) {
	for ; first <= last; first++ {
		all = append(all, first)
	}
	return all
}

func requireList(t *testing.T, rdb *redis.Client, want ...Run) {
	t.Helper()
	all := []string{}
	for _, run := range want {
		for _, entry := range run.Entries {
			all = append(all, string(entry))
		}
	}
	got, err := rdb.LRange(t.Context(), pushedTo, 0, -1).Result()
	require.NoError(t, err)
	require.Equal(t, all, got)
}

func TestEntriesArePushedOnce(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	store, target := NewStore(r.Client()), NewTarget(pushedTo, time.Minute, pushSettings)
	push := func(want Pushed, runs ...Run) {
		t.Helper()
		got, err := store.Push(t.Context(), target, runs)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	a, b := runOf("00aa.17.x", between(0, 1200)...), runOf("00aa.18.y", 5, 7, 1000)
	push(Pushed{New: 1204}, a, b)
	requireList(t, r.Client(), a, b)
	push(Pushed{Known: 1204}, a, b)
	push(Pushed{New: 2, Known: 1}, runOf("00aa.18.y", 6, 7, 8))
	push(Pushed{New: 1}, runOf("00aa.18.z", 7))
	push(Pushed{New: 2, Known: 3}, runOf("00aa.18.z", 9, 9, 7, 10, 9)) // as of a dead letter beside its chunk
	requireList(t, r.Client(), a, b, runOf("00aa.18.y", 6, 8), runOf("00aa.18.z", 7, 9, 10))

	ttl, err := r.Client().TTL(t.Context(), pushedTo).Result()
	require.NoError(t, err)
	assert.InDelta(t, time.Minute, ttl, float64(5*time.Second))
	require.NoError(t, r.Client().Expire(t.Context(), pushedTo, 10*time.Second).Err())
	push(Pushed{New: 1}, runOf("00aa.18.z", 8))
	ttl, err = r.Client().TTL(t.Context(), pushedTo).Result()
	require.NoError(t, err)
	assert.LessOrEqual(t, ttl, 10*time.Second, "it counts from the first entry, as a gateway's does")

	require.NoError(t, r.Client().Del(t.Context(), pushedTo).Err())
	push(Pushed{Known: 1204}, a, b)
	requireList(t, r.Client(), Run{})
}

func TestAListWithoutExpiry(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	_, err := NewStore(r.Client()).Push(t.Context(), NewTarget(pushedTo, 0, pushSettings), []Run{runOf("00aa.1.x", 0)})
	require.NoError(t, err)
	ttl, err := r.Client().TTL(t.Context(), pushedTo).Result()
	require.NoError(t, err)
	assert.Negative(t, ttl)
}

func TestAListThatNobodyTakesFromIsNotFilledFurther(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	settings := pushSettings
	settings.MaxEntries = 3
	store, target := NewStore(r.Client()), NewTarget(pushedTo, time.Minute, settings)
	for _, run := range []Run{runOf("00aa.1.x", 0, 1), runOf("00aa.1.x", 2)} {
		_, err := store.Push(t.Context(), target, []Run{run})
		require.NoError(t, err)
	}
	_, err := store.Push(t.Context(), target, []Run{runOf("00aa.1.x", 2, 3)})
	require.ErrorIs(t, err, ErrListFull)
	_, err = store.Push(t.Context(), target, []Run{runOf("00aa.1.x", 0, 1)})
	require.NoError(t, err, "there is nothing to append")
	require.NoError(t, r.Client().Del(t.Context(), pushedTo).Err())
	big := runOf("00aa.1.x", 3, 4, 5, 6)
	_, err = store.Push(t.Context(), target, []Run{big})
	require.NoError(t, err, "an empty list takes whatever comes")
	requireList(t, r.Client(), big)
}

func TestAListIsNotPushedToItself(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	store := NewStore(r.Client())
	src := NewSource(pushedTo, rightsSettings("g"))
	require.NoError(t, r.Client().RPush(t.Context(), pushedTo, "a", "b").Err())
	visits, err := store.Visit(t.Context(), []*Source{src}, nil)
	require.NoError(t, err)
	held := visits[0].Held[0]
	_, err = store.Push(t.Context(), NewTarget(pushedTo, time.Minute, pushSettings), []Run{runOf(held.ID, 0, 1)})
	require.ErrorIs(t, err, ErrOwnSource)
	requireList(t, r.Client(), Run{})
	_, err = store.Push(t.Context(), NewTarget(pushedTo, time.Minute, pushSettings), []Run{runOf(held.ID+"0", 0)})
	require.NoError(t, err)
}

// Marks are bounded by what is pushed in a time, and those of the last segments stay.
func TestMarksOfOldSegmentsAreDropped(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	settings := pushSettings
	settings.Remember = 0
	store, target := NewStore(r.Client()), NewTarget(pushedTo, time.Minute, settings)
	segment := func(i int) string { return fmt.Sprintf("00aa.%d.x", i) }
	for i := range leastMarked + 100 {
		_, err := store.Push(t.Context(), target, []Run{runOf(segment(i), 0)})
		require.NoError(t, err)
		if i == 0 { // the newest of which stays longer than its millisecond
			require.NoError(t, r.Client().ZAdd(t.Context(), "otelcol-tyk:{"+pushedTo+"}:pushed", redis.Z{Score: 1, Member: segment(0)}).Err())
		}
	}
	keys, err := r.Client().Keys(t.Context(), "otelcol-tyk:*pushed:*").Result()
	require.NoError(t, err)
	assert.InDelta(t, leastMarked, len(keys), 10)
	pushed, err := store.Push(t.Context(), target, []Run{runOf(segment(leastMarked/2), 0), runOf(segment(0), 0)})
	require.NoError(t, err)
	assert.Equal(t, Pushed{New: 1, Known: 1}, pushed)
	for _, key := range append(keys, "otelcol-tyk:{"+pushedTo+"}:pushed") {
		ttl, err := r.Client().TTL(t.Context(), key).Result()
		require.NoError(t, err)
		require.NotEqual(t, time.Duration(-1), ttl, "nothing of it stays for ever")
	}
}

// What is remembered for longer than lists are idle does not go with them.
func TestMarksStayForAsLongAsIsRemembered(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	settings := pushSettings
	settings.Remember = 4 * markedIdle
	_, err := NewStore(r.Client()).Push(t.Context(), NewTarget(pushedTo, time.Minute, settings), []Run{runOf("00aa.1.x", 0)})
	require.NoError(t, err)
	for _, key := range []string{"pushed", "pushed:00aa.1.x"} {
		ttl, err := r.Client().TTL(t.Context(), "otelcol-tyk:{"+pushedTo+"}:"+key).Result()
		require.NoError(t, err)
		assert.InDelta(t, settings.Remember, ttl, float64(time.Minute), key)
	}
}

// Where a right is missing, or memory, nothing is appended, so that another attempt repeats nothing.
func TestAPushThatCannotEndIsNotBegun(t *testing.T) {
	t.Parallel()
	for _, missing := range strings.Fields("zrangebyscore strlen getbit llen time setbit pexpire zadd zcard ttl expire rpush setrange") {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			r := peers.StartRedis(t, peers.RedisUser("narrow", "p", "~* +@all -"+missing))
			options, err := r.Options()
			require.NoError(t, err)
			options.Username, options.Password = "narrow", "p"
			client := redis.NewClient(options)
			defer func() { require.NoError(t, client.Close()) }()
			target := NewTarget(pushedTo, time.Minute, pushSettings)
			run := runOf("00aa.1.x", 0, 1)
			if missing == "getbit" {
				_, err = NewStore(r.Client()).Push(t.Context(), target, []Run{runOf("00aa.1.x", 7)})
				require.NoError(t, err)
				require.NoError(t, r.Client().Del(t.Context(), pushedTo).Err())
			}
			for range 2 {
				_, err = NewStore(client).Push(t.Context(), target, []Run{run})
				require.ErrorContains(t, err, "push to "+pushedTo+": ")
			}
			requireList(t, r.Client(), Run{})
			pushed, err := NewStore(r.Client()).Push(t.Context(), target, []Run{run})
			require.NoError(t, err)
			assert.EqualValues(t, 2, pushed.New)
		})
	}
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		r := peers.StartRedis(t)
		store, target := NewStore(r.Client()), NewTarget(pushedTo, time.Minute, pushSettings)
		known := runOf("00aa.2.x", 0)
		_, err := store.Push(t.Context(), target, []Run{known})
		require.NoError(t, err)
		require.NoError(t, r.Client().ConfigSet(t.Context(), "maxmemory", "1").Err())
		_, err = store.Push(t.Context(), target, []Run{runOf("00aa.1.x", 0)})
		require.ErrorContains(t, err, "OOM")
		_, err = store.Push(t.Context(), target, []Run{known})
		require.NoError(t, err, "it needs no room, and its acknowledgement may make some")
		require.NoError(t, r.Client().ConfigSet(t.Context(), "maxmemory", "0").Err())
		pushed, err := store.Push(t.Context(), target, []Run{runOf("00aa.1.x", 0)})
		require.NoError(t, err)
		assert.EqualValues(t, 1, pushed.New)
	})
}

// Whatever is pushed in whatever cuts, however often, and whoever's answer is lost, is there once.
func TestAnyRepetitionIsKnown(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	random := rand.New(rand.NewPCG(1, 2))
	stores := []*Store{NewStore(r.Client()), NewStore(r.Client())}
	target := NewTarget(pushedTo, time.Minute, pushSettings)
	for range 200 {
		segment := fmt.Sprintf("00aa.%d.x", random.IntN(3))
		var indices []int64
		for index, step := random.Int64N(2000), 1+random.Int64N(3); len(indices) < 1+random.IntN(700); index += step {
			indices = append(indices, index)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if random.IntN(3) == 0 {
			time.AfterFunc(time.Duration(random.IntN(500))*time.Microsecond, cancel)
		}
		_, err := stores[random.IntN(2)].Push(ctx, target, []Run{runOf(segment, indices...)})
		cancel()
		if err != nil {
			_, err = stores[random.IntN(2)].Push(t.Context(), target, []Run{runOf(segment, indices...)})
			require.NoError(t, err)
		}
		for _, index := range indices {
			bit, err := r.Client().GetBit(t.Context(), "otelcol-tyk:{"+pushedTo+"}:pushed:"+segment, index).Result()
			require.NoError(t, err)
			require.EqualValues(t, 1, bit)
		}
	}
	got, err := r.Client().LRange(t.Context(), pushedTo, 0, -1).Result()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, entry := range got {
		require.False(t, seen[entry], entry)
		seen[entry] = true
	}
}

// Entries of any size go through, and one call takes few bytes.
func TestLargeEntries(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	run := Run{Segment: "00aa.1.x", Indices: between(0, 9)}
	for i := range 10 {
		run.Entries = append(run.Entries, []byte(strings.Repeat("x", i*pushBytes/4)))
	}
	pushed, err := NewStore(r.Client()).Push(t.Context(), NewTarget(pushedTo, time.Minute, pushSettings), []Run{run})
	require.NoError(t, err)
	assert.EqualValues(t, 10, pushed.New)
	requireList(t, r.Client(), run)
}
