package poll

import (
	"testing"
	"time"

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
