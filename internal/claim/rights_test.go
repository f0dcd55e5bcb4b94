package claim

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// The commands that the scripts use; README has them as rights.
const scriptCommands = "decrby exists get hdel hexists hget hincrby hscan hset hstrlen incrby llen lrange ltrim persist rename rpush set time unlink " +
	"zadd zcard zrange zrangebylex zrangebyscore zrem zrevrange zrevrangebyscore zscore"

// verb is a script and a state in which it has something to do.
type verb struct {
	prepare func(t *testing.T, store *Store, src *Source) []any
	script  *redis.Script
	group   string // the source's unless it is given
}

const rightsList = "analytics-rights"

func pushed(t *testing.T, store *Store, n int) {
	t.Helper()
	for i := range n {
		require.NoError(t, store.rdb.RPush(t.Context(), rightsList, "entry "+strconv.Itoa(i)).Err())
	}
}

// held claims entries for two groups, and gives the first one's segment.
func held(t *testing.T, store *Store, src *Source, n int) Segment {
	t.Helper()
	pushed(t, store, n)
	other := NewSource(rightsList, rightsSettings("other"))
	for _, each := range []*Source{other, src} {
		visits, err := store.Visit(t.Context(), []*Source{each}, nil)
		require.NoError(t, err)
		if each == src {
			return visits[0].Held[0]
		}
	}
	return Segment{}
}

func rightsSettings(group string) Settings {
	return Settings{Group: group, Worker: "w", Lease: time.Minute, MaxHeld: 4, MaxDead: 2, MaxDeadBytes: 1 << 20, GroupExpiry: time.Hour}
}

func letters(t *testing.T, store *Store, src *Source) {
	t.Helper()
	for i := range 2 {
		_, _, err := store.KeepDeadLetters(t.Context(), src, []Letter{{UID: fmt.Sprintf("x-%d", i), Reason: "refused: y", Group: "a", Entry: []byte("e")}})
		require.NoError(t, err)
	}
}

var verbs = map[string]verb{
	"claim": {script: claimScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		pushed(t, store, 10)
		return []any{60_000, src.hash, "part", "a", 0}
	}},
	"claim into a segment": {script: claimScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		held(t, store, src, 10)
		pushed(t, store, 10)
		return []any{60_000, src.hash, "part", "a", 0}
	}},
	"lease": {script: leaseScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		held(t, store, src, 10)
		return []any{60_000, "w", 4, 7_200_000, 1} // another expiry than before
	}},
	"lease, the groups lost": {script: leaseScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		held(t, store, src, 10)
		require.NoError(t, store.rdb.Del(t.Context(), src.keys.groups).Err())
		return []any{60_000, "w", 4, 3_600_000, 1, "a", 0, "b", 0}
	}},
	"lease, a new group": {script: leaseScript, group: "new", prepare: func(t *testing.T, store *Store, src *Source) []any {
		g := held(t, store, src, 10)
		require.NoError(t, store.Ack(t.Context(), g, 4, Outcome{Delivered: 4}))
		return []any{60_000, "w", 4, 3_600_000, 1}
	}},
	"acknowledge some": {script: ackScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		g := held(t, store, src, 10)
		_, err := store.Forget(t.Context(), src, "other")
		require.NoError(t, err)
		return []any{"w", g.Seq, g.ID, 4, 4, 0, 0, 0}
	}},
	"acknowledge all": {script: ackScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		g := held(t, store, src, 10)
		_, err := store.Forget(t.Context(), src, "other")
		require.NoError(t, err)
		return []any{"w", g.Seq, g.ID, 10, 9, 1, 0, 0}
	}},
	"keep, at the limit": {script: keepScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		letters(t, store, src)
		return []any{2, 1 << 20, "x-9", "another|", "body"}
	}},
	"replay": {script: takeScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		letters(t, store, src)
		return []any{"replayed", "x-0", "framed"}
	}},
	"drop": {script: takeScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		letters(t, store, src)
		return []any{"dropped", "x-0", ""}
	}},
	"forget": {script: forgetScript, group: "other", prepare: func(t *testing.T, store *Store, src *Source) []any {
		g := held(t, store, src, 10)
		require.NoError(t, store.Ack(t.Context(), g, 4, Outcome{Delivered: 4}))
		return nil
	}},
	"shed": {script: shedScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		g := held(t, store, src, 10)
		return []any{g.Seq, g.ID, 10, 1 << 20}
	}},
	"adopt": {script: adoptScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		g := held(t, store, src, 10)
		require.NoError(t, store.rdb.Del(t.Context(), src.keys.segments, src.keys.progress).Err())
		return []any{g.Seq, strings.SplitN(g.ID, ".", 3)[2], src.hash, "other"}
	}},
	"touch": {script: touchScript, group: "new", prepare: func(t *testing.T, store *Store, src *Source) []any {
		held(t, store, src, 10)
		return []any{60_000, 0}
	}},
	"restore": {script: restoreScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		letters(t, store, src)
		require.NoError(t, store.rdb.Del(t.Context(), src.keys.deadOrder, src.keys.deadBytes).Err())
		return []any{"0", "0"}
	}},
	"clear": {script: clearScript, prepare: func(t *testing.T, store *Store, src *Source) []any {
		held(t, store, src, 10)
		return nil
	}},
}

// olderScript is a script as Redis before 7 runs it, which cannot be asked for rights.
func olderScript(file string) *redis.Script {
	return redis.NewScript(strings.ReplaceAll(lua("common")+lua(file), "acl_check_cmd", "none"))
}

// everything is what lies in a Redis.
func everything(t *testing.T, rdb *redis.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range rdb.Keys(t.Context(), "*").Val() {
		all[key] = rdb.Dump(t.Context(), key).Val()
	}
	return all
}

// Redis takes nothing back of a script that it ends in the middle. So whichever right is
// missing, a script does all or nothing; also where Redis cannot be asked beforehand.
func TestAMissingRightEndsAScriptBeforeItChangesAnything(t *testing.T) {
	t.Parallel()
	server := peers.StartRedis(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { require.NoError(t, admin.Close()) }()
	store := NewStore(admin)
	for name, v := range verbs {
		for _, older := range []bool{false, true} {
			text, touching := v.script, touchScript
			if older {
				for _, file := range []string{"claim", "lease", "ack", "keep", "take", "forget", "shed", "adopt", "touch", "clear", "restore"} {
					if ofSource(file).Hash() == v.script.Hash() {
						text = olderScript(file)
					}
				}
				require.NotEqual(t, v.script.Hash(), text.Hash())
				touching = olderScript("touch")
			}
			denied := 0
			for _, right := range append(strings.Fields(scriptCommands), "") {
				require.NoError(t, admin.FlushAll(t.Context()).Err())
				rules := []any{"acl", "setuser", "limited", "reset", "on", ">x", "~*", "+@all"}
				if right != "" {
					rules = append(rules, "-"+right)
				}
				require.NoError(t, admin.Do(t.Context(), rules...).Err())
				limited := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "limited", Password: "x"})
				src := NewSource(rightsList, rightsSettings("a"))
				run := func(script *redis.Script, group string, args ...any) error {
					c := src.callFor(group, script, args...)
					return script.Eval(context.WithoutCancel(t.Context()), limited, c.keys, c.args...).Err()
				}
				// A receiver begins with it, and does nothing else as long as it fails.
				err := run(touching, "a", 60_000, 1)
				before := everything(t, admin)
				if err == nil {
					require.Empty(t, before)
					args := v.prepare(t, store, src)
					before = everything(t, admin)
					err = run(text, cmp.Or(v.group, "a"), args...)
				} else {
					delete(before, src.keys.segment) // which only its next try takes away
					require.Empty(t, before)
				}
				require.NoError(t, limited.Close())
				if right == "" {
					require.NoError(t, err, name)
					assert.NotEqual(t, before, everything(t, admin), "%s does something", name)
					continue
				}
				if err != nil {
					denied++
					require.ErrorContains(t, err, "can't run this command", "%s without %s", name, right)
					after := everything(t, admin)
					delete(after, src.keys.segment)
					assert.Equal(t, before, after, "%s without %s (asked: %v)", name, right, !older)
				}
			}
			assert.Positive(t, denied, name)
		}
	}
}
