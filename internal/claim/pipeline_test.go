package claim_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// twice runs every script twice, as if its first answer had been lost on the way.
type twice struct{}

func (twice) DialHook(next redis.DialHook) redis.DialHook { return next }

func (twice) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if strings.HasPrefix(cmd.Name(), "eval") && err == nil {
			err = next(ctx, cmd)
		}
		return err
	}
}

func (twice) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if err == nil {
			err = next(ctx, cmds)
		}
		return err
	}
}

// A cluster client repeats what failed on the way, and so does the receiver.
func TestEveryScriptMayRunTwice(t *testing.T) {
	r := peers.StartRedis(t)
	push(t, r.Client(), 0, 1200)
	options, err := r.Options()
	require.NoError(t, err)
	rdb := redis.NewClient(options)
	defer rdb.Close()
	rdb.AddHook(twice{})
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))

	held := visit(t, store, src).Held
	require.Len(t, held, 1)
	g := held[0]
	assert.EqualValues(t, 1200, g.Count)
	n, err := store.Replace(t.Context(), g, 3, []string{"short", "", "shorter"})
	require.NoError(t, err)
	assert.EqualValues(t, 3, n)
	entries, err := store.Read(t.Context(), g, new(claim.Ahead), 2, 5, 1<<20)
	require.NoError(t, err)
	assert.Equal(t, []string{"entry 2", "short", "entry 4", "shorter", "entry 6"}, entries)
	reached, _, _, err := store.Shed(t.Context(), g, 2, 1<<20)
	require.NoError(t, err)
	assert.EqualValues(t, 2, reached)
	_, _, err = store.KeepDeadLetters(t.Context(), src, []claim.Letter{{UID: g.ID + "-1", Group: "default", Entry: []byte("x")}})
	require.NoError(t, err)
	require.NoError(t, store.Ack(t.Context(), g, 400, claim.Outcome{Delivered: 394, Lost: 3, Shed: 2, Dead: 1}))
	require.NoError(t, store.Ack(t.Context(), g, 300, claim.Outcome{Delivered: 298, Shed: 2}), "a late one")
	require.NoError(t, store.Ack(t.Context(), g, 1200, claim.Outcome{Delivered: 1194, Lost: 3, Shed: 2, Dead: 1}))
	require.NoError(t, store.Ack(t.Context(), g, 1200, claim.Outcome{Delivered: 1200}), "one for a segment that is done")

	stats, err := store.Stats(t.Context(), []*claim.Source{src})
	require.NoError(t, err)
	assert.Equal(t, claim.Receipts{Seen: 1200, Outcome: claim.Outcome{Delivered: 1194, Dead: 1, Lost: 3, Shed: 2}}, stats[0].Receipts)
	assert.Zero(t, stats[0].Claimed)

	push(t, r.Client(), 0, 5)
	require.Len(t, visit(t, store, src).Held, 1)
	require.NoError(t, store.Release(t.Context(), []*claim.Source{src}))
	require.Len(t, visit(t, store, claim.NewSource(list, settings("b"))).Held, 1, "free for a peer")
	var letters []claim.Letter
	require.NoError(t, store.Letters(t.Context(), src, func(l claim.Letter) bool { letters = append(letters, l); return true }))
	require.Len(t, letters, 1)
	_, err = store.Replay(t.Context(), src, letters)
	require.NoError(t, err)
	assert.EqualValues(t, 1, r.Client().LLen(t.Context(), src.Replay().Key()).Val())
	report, err := store.Inspect(t.Context(), src)
	require.NoError(t, err)
	require.Len(t, report.Groups, 1)
	assert.EqualValues(t, 1, report.Groups[0].Replayed)
}

// In a cluster, a list and everything that the protocol keeps about it must lie
// on one server.
func TestAllKeysOfASourceShareItsSlot(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t)
	rdb := c.Client()
	store := claim.NewStore(rdb)
	var sources []*claim.Source
	for i := range 6 {
		key := fmt.Sprintf("%s_%d", list, i)
		require.NoError(t, rdb.RPush(t.Context(), key, "1", "2", "3").Err())
		s := settings("a")
		s.WaitForReplicas = 1
		src := claim.NewSource(key, s)
		sources = append(sources, src, src.Replay())
	}
	visits, err := store.Visit(t.Context(), sources, nil)
	require.NoError(t, err)
	for i := 0; i < len(sources); i += 2 {
		g := visits[i].Held[0]
		_, _, err := store.KeepDeadLetters(t.Context(), sources[i], []claim.Letter{{UID: g.ID + "-0", Group: "default", Entry: []byte("1")}, {UID: g.ID + "-1", Group: "default"}})
		require.NoError(t, err)
		_, err = store.Replay(t.Context(), sources[i], []claim.Letter{{UID: g.ID + "-0", Group: "default", Entry: []byte("1")}})
		require.NoError(t, err)
		_, err = store.Replace(t.Context(), g, 1, []string{"x"})
		require.NoError(t, err)
		_, err = store.Read(t.Context(), g, new(claim.Ahead), 1, 1, 1<<20)
		require.NoError(t, err)
		require.NoError(t, store.Ack(t.Context(), g, 1, claim.Outcome{Delivered: 1}))
		require.NoError(t, store.Release(t.Context(), sources[i:i+1]))
		_, err = store.Inspect(t.Context(), sources[i])
		require.NoError(t, err)
	}
	_, err = store.Visit(t.Context(), sources, nil)
	require.NoError(t, err)
	_, err = store.Stats(t.Context(), sources)
	require.NoError(t, err)

	seen := map[string]map[int]int{} // kinds of keys by slot
	for _, node := range c.Nodes() {
		keys, err := node.Client().Keys(t.Context(), "*").Result()
		require.NoError(t, err)
		for _, key := range keys {
			_, tag, _ := strings.Cut(key, "{")
			tag, _, _ = strings.Cut(tag, "}")
			want, err := c.SlotOf(t.Context(), tag)
			require.NoError(t, err)
			got, err := c.SlotOf(t.Context(), key)
			require.NoError(t, err)
			assert.Equal(t, want, got, key)
			if seen[tag] == nil {
				seen[tag] = map[int]int{}
			}
			seen[tag][got]++
		}
	}
	require.Len(t, seen, 6)
	for tag, slots := range seen {
		assert.Len(t, slots, 1, tag)
		for _, n := range slots {
			assert.GreaterOrEqual(t, n, 10, "%s: keys of all kinds", tag)
		}
	}
}

func TestADeadMasterDoesNotStopTheSourcesOfOthers(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t, peers.RedisConfig("cluster-require-full-coverage no"))
	rdb := c.Client()
	store := claim.NewStore(rdb)
	keys := []string{list, list + "_0", list + "_1", list + "_2", list + "_3"}
	dead, err := c.MasterOf(t.Context(), list)
	require.NoError(t, err)
	var sources []*claim.Source
	onDead := map[string]bool{}
	for _, key := range keys {
		require.NoError(t, rdb.RPush(t.Context(), key, "1").Err())
		sources = append(sources, claim.NewSource(key, settings("a")))
		master, err := c.MasterOf(t.Context(), key)
		require.NoError(t, err)
		onDead[key] = master == dead
	}
	dead.Kill()
	visits, err := store.Visit(t.Context(), sources, nil)
	require.ErrorContains(t, err, "claim list "+list+": ")
	for i, v := range visits {
		if onDead[keys[i]] {
			require.Error(t, v.Err, keys[i])
		} else {
			require.NoError(t, v.Err, keys[i])
			assert.Len(t, v.Held, 1, keys[i])
		}
	}
	assert.Less(t, strings.Count(err.Error(), "\n"), 4, "what ails one server is said once: %v", err)
}

func TestANewMasterLearnsTheScripts(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t)
	store, src := claim.NewStore(c.Client()), claim.NewSource(list, settings("a"))
	for range 2 {
		require.NoError(t, c.Client().RPush(t.Context(), list, "1").Err())
		assert.EqualValues(t, 1, visit(t, store, src).Claimed)
		master, err := c.MasterOf(t.Context(), list)
		require.NoError(t, err)
		require.NoError(t, master.Client().ScriptFlush(t.Context()).Err())
	}
}
