package claim_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// newPair starts a master and a replica that has all of its data. Both keep what
// they have over a crash.
func newPair(t *testing.T) (master, replica *peers.Redis) {
	t.Helper()
	options := []peers.RedisOption{peers.RedisAppendOnly(), peers.RedisConfig("appendfsync always", "repl-diskless-sync-delay 0")}
	master, replica = peers.StartRedis(t, options...), peers.StartRedis(t, options...)
	host, port, err := net.SplitHostPort(master.Addr())
	require.NoError(t, err)
	require.NoError(t, replica.Client().ReplicaOf(t.Context(), host, port).Err())
	push(t, master.Client(), 0, 10)
	require.Eventually(t, func() bool {
		// After it has taken over a master's data, a replica writes its file anew.
		persistence := replica.Client().Info(t.Context(), "persistence").Val()
		return replica.Client().LLen(t.Context(), list).Val() == 10 &&
			strings.Contains(persistence, "aof_rewrite_in_progress:0") && strings.Contains(persistence, "aof_rewrite_scheduled:0") &&
			strings.Contains(persistence, "aof_enabled:1")
	}, 5*time.Minute, 10*time.Millisecond)
	return master, replica
}

func waiting(worker string, replicas int) claim.Settings {
	s := settings(worker)
	s.WaitForReplicas = replicas
	return s
}

func look(t *testing.T, store *claim.Store, src *claim.Source) (claim.Visit, error) {
	t.Helper()
	visits, err := store.Visit(t.Context(), []*claim.Source{src}, nil)
	return visits[0], err
}

func TestAClaimThatNoReplicaHasIsNotDelivered(t *testing.T) {
	t.Parallel()
	master, replica := newPair(t)
	store, src := claim.NewStore(master.Client()), claim.NewSource(list, waiting("a", 1))
	require.NoError(t, replica.Pause())
	v, err := look(t, store, src)
	require.ErrorIs(t, err, claim.ErrNotReplicated)
	require.NoError(t, v.Err)
	assert.EqualValues(t, 10, v.Claimed)
	assert.Empty(t, v.Held, "nobody may read it yet")

	// The master is gone with the claim, and the replica, which has the list as it
	// was before, takes over.
	master.Kill()
	replica.Kill()
	require.NoError(t, replica.Start(t.Context()))
	assert.EqualValues(t, 10, replica.Client().LLen(t.Context(), list).Val())
	v, err = look(t, claim.NewStore(replica.Client()), claim.NewSource(list, waiting("b", 1)))
	require.NoError(t, err, "a master without replicas has none to wait for")
	assert.Len(t, v.Held, 1)
}

func TestAClaimIsDeliveredOnceAReplicaHasIt(t *testing.T) {
	t.Parallel()
	master, replica := newPair(t)
	store, src := claim.NewStore(master.Client()), claim.NewSource(list, waiting("a", 2))
	v, err := look(t, store, src)
	require.NoError(t, err, "two are wanted, one is connected, and has it")
	require.Len(t, v.Held, 1)
	assert.EqualValues(t, 1, replica.Client().Exists(t.Context(), v.Held[0].Key()).Val())

	require.NoError(t, replica.Pause())
	push(t, master.Client(), 10, 20)
	v, err = look(t, store, src)
	require.ErrorIs(t, err, claim.ErrNotReplicated)
	require.Len(t, v.Held, 1, "the one of before stays")
	assert.EqualValues(t, 10, v.Held[0].Count, "as far as the replica has it")
	assert.EqualValues(t, 10, v.Held[0].Kept)
	peer, err := look(t, claim.NewStore(master.Client()), claim.NewSource(list, waiting("b", 0)))
	require.NoError(t, err)
	assert.Empty(t, peer.Held, "leases are kept meanwhile")

	require.NoError(t, replica.Resume())
	require.Eventually(t, func() bool {
		v, err = look(t, store, src)
		return err == nil
	}, 5*time.Minute, 10*time.Millisecond)
	require.Len(t, v.Held, 1)
	assert.EqualValues(t, 20, v.Held[0].Count)
}

func TestNothingIsWaitedForWhereThatIsNotWanted(t *testing.T) {
	t.Parallel()
	master, replica := newPair(t)
	require.NoError(t, replica.Pause())
	v, err := look(t, claim.NewStore(master.Client()), claim.NewSource(list, waiting("a", 0)))
	require.NoError(t, err)
	assert.Len(t, v.Held, 1)
	require.NoError(t, replica.Resume())

	v, err = look(t, claim.NewStore(replica.Client()), claim.NewSource(list, waiting("a", 0)))
	require.ErrorContains(t, err, "READONLY")
	assert.Empty(t, v.Held)
}
