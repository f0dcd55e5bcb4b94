package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

// away makes a Redis where group kafka is away and keeps two segments that
// default is done with, and waits for a replay.
func away(t *testing.T) *operator {
	t.Helper()
	o := onRedis(t)
	fresh, gone := worker(msgpackList, "default", "w", time.Minute), worker(msgpackList, "kafka", "v", time.Minute)
	o.visit(gone)
	for _, n := range []int{5, 7} {
		o.push(msgpackList, n)
		o.ack(o.visit(fresh)[0], int64(n))
	}
	o.ackDead(o.visit(gone)[0], 2, 2)
	l := letter("kafka", 1, "refused: odd", []byte("x"))
	o.keep(gone, l, letter("kafka", 2, "refused: odd", []byte("x")))
	_, err := o.store.Replay(t.Context(), gone, []claim.Letter{l})
	require.NoError(t, err)
	o.visit(gone.Replay())
	for _, list := range []string{msgpackList, protobufList} {
		o.visit(worker(list, "default", "w", time.Minute))
		o.visit(worker(list, "kafka", "v", time.Minute))
		o.silence(list, "kafka", 3*time.Hour)
	}
	replays, err := o.rdb.Time(t.Context()).Result()
	require.NoError(t, err)
	o.rdb.ZIncrBy(t.Context(), stateKey("replay:kafka:groups"), -float64(replays.UnixMilli())+float64(replays.Add(-3*time.Hour).UnixMilli()), "kafka")
	return o
}

func TestGroupsAreListedWithWhatTheyKeep(t *testing.T) {
	t.Parallel()
	o := away(t)
	golden(t, "groups.txt", masked(o.ok("groups list")))
	golden(t, "groups.json", maskedJSON(t, o.ok("groups", "-json")))
	assert.Contains(t, onRedis(t).ok("groups"), "There are no groups")
}

func TestARemovedGroupGivesBackWhatOnlyItKept(t *testing.T) {
	t.Parallel()
	o := away(t)
	dry := o.ok("groups remove kafka", "-dry-run")
	assert.Contains(t, dry, "would remove group kafka from 2 lists")
	require.EqualValues(t, 1, o.rdb.ZCard(t.Context(), stateKey("replay:kafka:segments")).Val())

	golden(t, "groups_remove.txt", masked(o.ok("groups remove", "kafka")))
	assert.Zero(t, o.rdb.ZCard(t.Context(), stateKey("segments")).Val())
	assert.Empty(t, o.rdb.Keys(t.Context(), "*:seg:*").Val())
	assert.Zero(t, o.rdb.Exists(t.Context(), stateKey("replay:kafka:segments")).Val())
	assert.Equal(t, []string{"kafka/2"}, o.letters(), "its dead letters stay")

	a := o.run("groups remove kafka")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, `there is no group "kafka": there is default`)
}

func TestAGroupIsRemovedFromOneListOnly(t *testing.T) {
	t.Parallel()
	o := away(t)
	assert.Contains(t, o.ok("groups remove kafka", "-source", protobufList), "removed group kafka from 1 list")
	assert.Contains(t, o.ok("groups"), "kafka")
}

func TestAGroupThatLivesIsNotRemovedUnlessForced(t *testing.T) {
	t.Parallel()
	o := away(t)
	a := o.run("groups remove default")
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "stop its collectors first")
	assert.Contains(t, o.ok("groups remove default", "-force"), "removed group default")
	out := o.ok("groups remove kafka")
	assert.Contains(t, out, "it is the last group: what waited for it stays in Redis")
	assert.Positive(t, o.rdb.ZCard(t.Context(), stateKey("segments")).Val())
}

func TestRemoveTakesOneName(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"a", "b"}} {
		a := onRedis(t).run("groups remove", args...)
		assert.Equal(t, exitFailed, a.status)
		assert.Contains(t, a.stderr, "name the group to remove")
	}
	a := onRedis(t).run("groups remove nobody")
	assert.Contains(t, a.stderr, "there are none")
}

func TestGroupsAreJSON(t *testing.T) {
	t.Parallel()
	var document struct{ Groups []inspect.Group }
	require.NoError(t, json.Unmarshal([]byte(away(t).ok("groups", "-json")), &document))
	require.Len(t, document.Groups, 2)
	kafka := document.Groups[1]
	assert.Equal(t, 3, kafka.Keeps.Segments, "two of the list, and the replay")
	assert.EqualValues(t, 11, kafka.Keeps.Entries)
	assert.Positive(t, kafka.Keeps.Bytes)
}

func TestALetterThatIsNotYetAcknowledgedIsNoNegativeDelivery(t *testing.T) {
	t.Parallel()
	r := inspect.ReceiptsOf(claim.GroupReport{Waiting: 3, Receipts: claim.Receipts{Seen: 3, Outcome: claim.Outcome{Delivered: -1, Dead: 1}}})
	assert.Equal(t, inspect.Receipts{Claimed: 3, DeadLettered: 1, InFlight: 2, AddsUp: true}, r)
}
