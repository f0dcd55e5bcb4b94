package claim_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
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

// follow has servers replicate a master, and waits until it knows.
func follow(t *testing.T, master *peers.Redis, replicas ...*peers.Redis) {
	t.Helper()
	host, port, err := net.SplitHostPort(master.Addr())
	require.NoError(t, err)
	for _, r := range replicas {
		require.NoError(t, r.Client().ReplicaOf(t.Context(), host, port).Err())
	}
	isFollowedBy(t, master, len(replicas))
}

func isFollowedBy(t *testing.T, master *peers.Redis, replicas int) {
	t.Helper()
	require.Eventually(t, func() bool {
		role, err := master.Client().Do(t.Context(), "role").Slice()
		return err == nil && len(role[2].([]any)) == replicas
	}, 5*time.Minute, 10*time.Millisecond)
}

// Sentinels that replace a master on request have its replicas leave it one after the other, and tell it last. Until then
// it takes writes, and some of its replicas may confirm them.
func TestAMasterThatIsBeingReplacedIsNotDeliveredFrom(t *testing.T) {
	t.Parallel()
	master, next := newPair(t)
	last := peers.StartRedis(t)
	follow(t, master, last, next)
	store, src := claim.NewStore(master.Client()), claim.NewSource(list, waiting("a", 1))
	v, err := look(t, store, src)
	require.NoError(t, err)
	require.Len(t, v.Held, 1)
	push(t, master.Client(), 10, 20)
	require.EqualValues(t, 2, master.Client().Wait(t.Context(), 2, 5*time.Minute).Val())

	require.NoError(t, next.Client().ReplicaOf(t.Context(), "no", "one").Err())
	isFollowedBy(t, master, 1)
	v, err = look(t, store, src)
	require.ErrorIs(t, err, claim.ErrNotReplicated)
	require.ErrorContains(t, err, "1 of 2 replicas have left")
	assert.EqualValues(t, 10, v.Claimed)
	require.Len(t, v.Held, 1)
	assert.EqualValues(t, 10, v.Held[0].Count, "what was claimed before goes on")
	follow(t, next, last)
	isFollowedBy(t, master, 0)
	v, err = look(t, store, src)
	require.ErrorContains(t, err, "2 of 2 replicas have left")
	require.Len(t, v.Held, 1)
	assert.EqualValues(t, 10, v.Held[0].Count)

	v, err = look(t, claim.NewStore(next.Client()), claim.NewSource(list, waiting("b", 1)))
	require.NoError(t, err)
	assert.EqualValues(t, 10, v.Claimed, "which would be delivered twice")
}

// afterWait is a hook that calls a function once a WAIT is answered.
type afterWait func()

func (afterWait) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f afterWait) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "wait" {
			f()
		}
		return err
	}
}

func (afterWait) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestAReplicaThatLeavesDuringTheWaitCounts(t *testing.T) {
	t.Parallel()
	master, next := newPair(t)
	last := peers.StartRedis(t)
	follow(t, master, last, next)
	options, err := master.Options()
	require.NoError(t, err)
	rdb := redis.NewClient(options)
	defer func() { require.NoError(t, rdb.Close()) }()
	rdb.AddHook(afterWait(func() {
		require.NoError(t, next.Client().ReplicaOf(t.Context(), "no", "one").Err())
		isFollowedBy(t, master, 1)
	}))
	v, err := look(t, claim.NewStore(rdb), claim.NewSource(list, waiting("a", 1)))
	require.ErrorIs(t, err, claim.ErrNotReplicated)
	assert.Empty(t, v.Held)
}

func TestAMasterThatHasLostItsReplicasIsDeliveredFromLater(t *testing.T) {
	t.Parallel()
	master, replica := newPair(t)
	store, src := claim.NewStore(master.Client()), claim.NewSource(list, waiting("a", 1))
	_, err := look(t, store, src)
	require.NoError(t, err)
	replica.Kill()
	isFollowedBy(t, master, 0)
	push(t, master.Client(), 10, 20)
	store.Hold(time.Hour)
	_, err = look(t, store, src)
	require.ErrorIs(t, err, claim.ErrNotReplicated)
	store.Hold(0)
	v, err := look(t, store, src)
	require.NoError(t, err)
	require.Len(t, v.Held, 1)
	assert.EqualValues(t, 20, v.Held[0].Count)

	store.Hold(time.Hour)
	push(t, master.Client(), 20, 30)
	_, err = look(t, store, src)
	require.NoError(t, err, "it is known to have none")
}

func TestAReplicaThatIsBackEndsTheWait(t *testing.T) {
	t.Parallel()
	master, replica := newPair(t)
	store, src := claim.NewStore(master.Client()), claim.NewSource(list, waiting("a", 1))
	store.Hold(time.Hour)
	_, err := look(t, store, src)
	require.NoError(t, err)
	replica.Kill()
	isFollowedBy(t, master, 0)
	push(t, master.Client(), 10, 20)
	_, err = look(t, store, src)
	require.ErrorIs(t, err, claim.ErrNotReplicated)
	require.NoError(t, replica.Start(t.Context()))
	follow(t, master, replica)
	require.Eventually(t, func() bool {
		v, err := look(t, store, src)
		return err == nil && len(v.Held) == 1 && v.Held[0].Count == 20
	}, 5*time.Minute, 10*time.Millisecond)
}

func TestNothingIsPushedToAMasterThatIsBeingReplaced(t *testing.T) {
	t.Parallel()
	master, replica := newPair(t)
	store := claim.NewStore(master.Client())
	target := claim.NewTarget("copy", 0, claim.PushSettings{MaxEntries: 1000, Remember: time.Hour, WaitForReplicas: 1})
	run := claim.Run{Segment: "1.a", Indices: []int64{0}, Entries: [][]byte{[]byte("entry")}}
	_, err := store.Push(t.Context(), target, []claim.Run{run})
	require.NoError(t, err)
	require.NoError(t, replica.Client().ReplicaOf(t.Context(), "no", "one").Err())
	isFollowedBy(t, master, 0)
	run.Indices[0]++
	_, err = store.Push(t.Context(), target, []claim.Run{run})
	require.ErrorIs(t, err, claim.ErrNotReplicated)
	store.Hold(0)
	pushed, err := store.Push(t.Context(), target, []claim.Run{run})
	require.NoError(t, err)
	assert.Equal(t, claim.Pushed{Known: 1}, pushed)
}
