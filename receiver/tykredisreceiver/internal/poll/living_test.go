package poll

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// Who is removed is not waited for. Who is missing because Redis came back with less is, however long he stays away.
func TestWhoLivesIsRememberedWhereRedisLostIt(t *testing.T) {
	t.Parallel()
	rdb := peers.StartRedis(t).Client()
	registry, ctx := claim.NewStore(rdb).Registry("analytics-"), t.Context()
	member := func(group string) claim.Member {
		return claim.Member{Group: group, Worker: group, Lease: time.Minute, Expiry: time.Hour}
	}
	l := &living{registry: registry, member: member("mine")}
	beat := func() {
		_, err := l.beat(ctx)
		require.NoError(t, err)
	}
	register := func(group string) {
		_, _, err := registry.Heartbeat(ctx, member(group))
		require.NoError(t, err)
	}
	live := func() (names []string) {
		groups, err := l.now(ctx, true)
		require.NoError(t, err)
		for _, group := range groups {
			names = append(names, group.Group)
		}
		return names
	}
	beat()
	register("other")
	register("removed")
	assert.ElementsMatch(t, []string{"mine", "other", "removed"}, live())
	require.NoError(t, registry.Forget(ctx, "removed"))
	assert.ElementsMatch(t, []string{"mine", "other"}, live())

	require.NoError(t, rdb.FlushAll(ctx).Err())
	assert.ElementsMatch(t, []string{"mine", "other"}, live(), "before any heartbeat")
	beat()
	assert.ElementsMatch(t, []string{"mine", "other"}, live(), "after mine")
	beat()
	assert.ElementsMatch(t, []string{"mine", "other"}, live(), "and later")
	register("other")
	live()
	require.NoError(t, registry.Forget(ctx, "other"))
	assert.ElementsMatch(t, []string{"mine"}, live(), "once it came back it can be removed")

	register("other")
	live()
	require.NoError(t, rdb.FlushAll(ctx).Err())
	beat()
	l.missing = []claim.Live{over(t, registry)}
	assert.ElementsMatch(t, []string{"mine"}, live(), "no longer than it counts")
}

func TestAHeartbeatThatCannotReadTheOthersHasRegisteredAllTheSame(t *testing.T) {
	t.Parallel()
	rdb := peers.StartRedis(t).Client()
	registry, ctx := claim.NewStore(rdb).Registry("analytics-"), t.Context()
	_, _, err := registry.Heartbeat(ctx, claim.Member{Group: "other", Worker: "w", Lease: time.Minute, Expiry: time.Hour})
	require.NoError(t, err)
	l := &living{registry: registry, member: claim.Member{Group: "mine", Worker: "w", Lease: time.Minute, Expiry: time.Hour}}
	rdb.AddHook(breaks{})
	_, err = l.beat(ctx)
	require.ErrorIs(t, err, errBroken)
	_, err = l.now(ctx, true)
	require.NoError(t, err)
	require.NoError(t, rdb.FlushAll(ctx).Err())
	groups, err := l.now(ctx, true)
	require.NoError(t, err)
	assert.Len(t, groups, 2, "Redis has lost both")
}

var errBroken = errors.New("broken")

// breaks fails all that reads the registry of workers.
type breaks struct{}

func (breaks) DialHook(next redis.DialHook) redis.DialHook { return next }

func (breaks) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (breaks) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "hgetall" {
			cmd.SetErr(errBroken)
			return errBroken
		}
		return next(ctx, cmd)
	}
}

// over is a group that no longer counts.
func over(t *testing.T, registry *claim.Registry) claim.Live {
	t.Helper()
	_, _, err := registry.Heartbeat(t.Context(), claim.Member{Group: "over", Worker: "w", Lease: time.Minute, Expiry: time.Millisecond})
	require.NoError(t, err)
	groups, _, err := registry.Groups(t.Context(), claim.Member{})
	require.NoError(t, err)
	for _, group := range groups {
		if group.Group == "over" {
			time.Sleep(5 * time.Millisecond)
			require.NoError(t, registry.Forget(t.Context(), "over"))
			require.True(t, group.Over(time.Now()))
			return group
		}
	}
	require.Fail(t, "it is not there")
	return claim.Live{}
}
