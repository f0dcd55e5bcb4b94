package claim_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// meter notes what calls cost a Redis: the processor time of the thread that does one
// thing at a time, which depends little on what else the machine does. The cost of a
// pipeline is that of all its calls.
type meter struct {
	schedule string
	costs    map[string][]time.Duration // by script
}

// measured gives a client whose calls are measured.
func measured(t *testing.T, r *peers.Redis) (*redis.Client, *meter) {
	t.Helper()
	info := r.Client().Info(t.Context(), "server").Val()
	_, pid, _ := strings.Cut(info, "process_id:")
	pid, _, _ = strings.Cut(pid, "\r")
	m := &meter{schedule: "/proc/" + pid + "/task/" + pid + "/schedstat", costs: map[string][]time.Duration{}}
	options, err := r.Options()
	require.NoError(t, err)
	rdb := redis.NewClient(options)
	t.Cleanup(func() { assert.NoError(t, rdb.Close()) })
	require.NotZero(t, m.spent(), m.schedule)
	rdb.AddHook(m)
	return rdb, m
}

// spent is how long the thread has run.
func (m *meter) spent() time.Duration {
	text, _ := os.ReadFile(m.schedule)
	first, _, _ := strings.Cut(string(text), " ")
	ns, _ := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns)
}

func (*meter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (m *meter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		before := m.spent()
		err := next(ctx, cmd)
		m.note(m.spent()-before, cmd)
		return err
	}
}

func (m *meter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		before := m.spent()
		err := next(ctx, cmds)
		m.note(m.spent()-before, cmds...)
		return err
	}
}

func (m *meter) note(took time.Duration, cmds ...redis.Cmder) {
	var names []string
	for _, cmd := range cmds[:min(len(cmds), 3)] {
		args := fmt.Sprint(cmd.Args()...)
		names = append(names, args[:min(len(args), 20)])
	}
	name := strings.Join(names, "; ")
	m.costs[name] = append(m.costs[name], took)
}

// require fails where any script takes longer than a limit. A machine that is busy
// with other things makes single calls longer, which is no script's fault.
func (m *meter) require(t *testing.T, limit time.Duration) {
	t.Helper()
	calls, over := 0, 0
	for name, costs := range m.costs {
		slices.Sort(costs)
		assert.Less(t, costs[len(costs)/2], limit, name)
		assert.Less(t, costs[len(costs)-1], 10*limit, name)
		for _, cost := range costs {
			calls++
			if cost > limit {
				over++
			}
		}
	}
	assert.Less(t, over, calls/500, "calls of %d that took longer than %s", calls, limit)
}

// pushMany pushes entries of about 100 bytes.
func pushMany(t *testing.T, rdb *redis.Client, n int) {
	t.Helper()
	entry := strings.Repeat("x", 100)
	for page := range slices.Chunk(make([]any, n), 1000) {
		for i := range page {
			page[i] = entry
		}
		require.NoError(t, rdb.RPush(t.Context(), list, page...).Err())
	}
}

// A group is away for days. Redis does one thing at a time, so nothing may take long
// of what others do meanwhile, of what the group does when it is back, and of what is
// done when it is gone for good.
func TestAForgottenGroupOfAMillionRecordsBlocksNobody(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	rdb := r.Client()
	ours, cost := measured(t, r)
	store := claim.NewStore(ours)
	of := func(name string) *claim.Source {
		s := group(name, name+"1")
		s.MaxHeld = 16
		return claim.NewSource(list, s)
	}
	live, away, late := of("live"), of("away"), of("late")
	visit(t, store, live)
	visit(t, store, away)

	total := 0
	take := func(n int) {
		pushMany(t, rdb, n)
		total += n
		v := visit(t, store, live)
		require.EqualValues(t, n, v.Claimed)
		require.NotEmpty(t, v.Held, "what comes is there to be read at once")
		for _, g := range v.Held {
			done, outcome := g.Done, g.Outcome
			for done < g.Count {
				entries, err := store.Read(t.Context(), g, new(claim.Ahead), done, 500, 1<<20)
				require.NoError(t, err)
				done += int64(len(entries))
				outcome.Delivered += int64(len(entries))
			}
			require.NoError(t, store.Ack(t.Context(), g, done, outcome))
		}
	}
	for range 3 {
		take(100_000)
	}
	for range 1000 {
		take(400)
	}
	for range 2500 {
		take(100)
	}
	for range 50_000 / 25 {
		take(25)
	}
	require.Equal(t, 1_000_000, total)
	stats, err := store.Stats(t.Context(), []*claim.Source{live, away})
	require.NoError(t, err)
	assert.Zero(t, stats[0].Claimed)
	assert.EqualValues(t, total, stats[1].Claimed)

	segments := rdb.ZCard(t.Context(), "otelcol-tyk:{"+list+"}:segments").Val()
	assert.Less(t, segments, int64(1000))
	report, err := store.Inspect(t.Context(), live)
	require.NoError(t, err)
	assert.Len(t, report.Segments, int(segments))
	_, err = store.Footprints(t.Context(), live)
	require.NoError(t, err)

	// A new group sees all that is there, and one that is back works it off.
	before := int64(0)
	for range segments {
		v := visit(t, store, late)
		require.NotEmpty(t, v.Held)
		stat, err := store.Stats(t.Context(), []*claim.Source{late})
		require.NoError(t, err)
		if stat[0].Claimed == before {
			break
		}
		before = stat[0].Claimed
	}
	assert.EqualValues(t, total, before)
	back := visit(t, store, away).Held
	require.Len(t, back, 16)
	for _, g := range back {
		// From the middle too, which is what Redis must walk to.
		_, err := store.Read(t.Context(), g, new(claim.Ahead), g.Count/2, 500, 1<<20)
		require.NoError(t, err)
		for reached := int64(0); reached < g.Count/2; {
			reached, _, _, err = store.Shed(t.Context(), g, g.Count/2, 1<<30)
			require.NoError(t, err)
		}
	}
	require.NoError(t, store.Release(t.Context(), []*claim.Source{away}))

	for _, name := range []string{"late", "away"} {
		removed, err := store.Forget(t.Context(), live, name)
		require.NoError(t, err)
		assert.True(t, removed)
	}
	assert.Zero(t, rdb.ZCard(t.Context(), "otelcol-tyk:{"+list+"}:segments").Val())
	assert.Empty(t, keysIn(t, rdb, "*:seg:*"))
	assert.EqualValues(t, 1, rdb.HLen(t.Context(), "otelcol-tyk:{"+list+"}:progress").Val(), "only the expiry of the group that lives is left")
	cost.require(t, 5*time.Millisecond)
}
