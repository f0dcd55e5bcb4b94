package peers_test

import (
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// spread writes keys to all masters and tells how many masters got some.
func spread(t *testing.T, c *peers.RedisCluster, n int) int {
	t.Helper()
	masters := map[*peers.Redis]bool{}
	for i := range n {
		key := "key " + strconv.Itoa(i)
		require.NoError(t, c.Client().Set(t.Context(), key, i, 0).Err())
		master, err := c.MasterOf(t.Context(), key)
		require.NoError(t, err)
		masters[master] = true
	}
	return len(masters)
}

func requireKeys(t *testing.T, rdb redis.UniversalClient, n int) {
	t.Helper()
	for i := range n {
		require.Equal(t, strconv.Itoa(i), rdb.Get(t.Context(), "key "+strconv.Itoa(i)).Val())
	}
}

func TestClusterSpreadsKeysOverThreeMasters(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t)
	assert.Len(t, c.Addrs(), 3)
	assert.Equal(t, 3, spread(t, c, 50))
	requireKeys(t, c.Client(), 50)

	master, err := c.MasterOf(t.Context(), "key 1")
	require.NoError(t, err)
	require.NoError(t, master.Client().Get(t.Context(), "key 1").Err(), "the master itself has it")
	require.NoError(t, master.Stop(t.Context()))
	require.NoError(t, master.Start(t.Context()))
	require.NoError(t, c.WaitReady(t.Context()), "a restarted node is part of the cluster again")
	require.ErrorContains(t, c.FailOver(t.Context(), "key 1"), "RedisReplicas")
}

func TestClusterMovesASlotKeyByKey(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t, peers.RedisPassword("pass word"))
	for i := range 10 {
		require.NoError(t, c.Client().Set(t.Context(), "{slot}"+strconv.Itoa(i), i, 0).Err())
	}
	before, err := c.MasterOf(t.Context(), "{slot}")
	require.NoError(t, err)
	move, err := c.MoveSlotOf(t.Context(), "{slot}")
	require.NoError(t, err)
	moved, err := move.Keys(t.Context(), 4)
	require.NoError(t, err)
	assert.Equal(t, 4, moved)
	for i := range 10 {
		require.Equal(t, strconv.Itoa(i), c.Client().Get(t.Context(), "{slot}"+strconv.Itoa(i)).Val())
	}
	require.NoError(t, move.Finish(t.Context()))
	after, err := c.MasterOf(t.Context(), "{slot}")
	require.NoError(t, err)
	assert.NotEqual(t, before, after)
	for i := range 10 {
		require.Equal(t, strconv.Itoa(i), after.Client().Get(t.Context(), "{slot}"+strconv.Itoa(i)).Val())
	}
}

func TestClusterFailsOverWhenAskedAndWhenAMasterDies(t *testing.T) {
	t.Parallel()
	c := peers.StartRedisCluster(t, peers.RedisReplicas(1), peers.RedisTLS(true), peers.RedisPassword("p#1"))
	assert.Len(t, c.Addrs(), 6)
	assert.Equal(t, 3, spread(t, c, 20))

	first, err := c.MasterOf(t.Context(), "key 1")
	require.NoError(t, err)
	require.NoError(t, c.FailOver(t.Context(), "key 1"))
	second, err := c.MasterOf(t.Context(), "key 1")
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	requireKeys(t, c.Client(), 20)

	killed, err := c.KillMasterOf(t.Context(), "key 1")
	require.NoError(t, err)
	assert.Equal(t, second, killed)
	require.NoError(t, c.WaitReady(t.Context()))
	third, err := c.MasterOf(t.Context(), "key 1")
	require.NoError(t, err)
	assert.Equal(t, first, third)
	require.NoError(t, killed.Start(t.Context()))
	require.NoError(t, c.WaitReady(t.Context()))
	replicas, err := c.ReplicasOf(t.Context(), "key 1")
	require.NoError(t, err)
	assert.Equal(t, []*peers.Redis{killed}, replicas)
	requireKeys(t, c.Client(), 20)
}

func TestGroupsOfServersRefuseWhatTheyCannotShare(t *testing.T) {
	t.Parallel()
	_, err := peers.NewRedis(t.Context(), peers.RedisReplicas(1))
	require.ErrorContains(t, err, "RedisCluster")
	_, err = peers.NewRedisCluster(t.Context(), peers.RedisDirectory(t.TempDir()))
	require.ErrorContains(t, err, "RedisDirectory")
	_, err = peers.NewRedisSentinel(t.Context(), peers.RedisConfig("no-such-setting 1"))
	require.ErrorContains(t, err, "no-such-setting")
}
