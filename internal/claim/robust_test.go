package claim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestWhatIsSaidOfALostSegmentNeverHitsANewOne(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	push(t, rdb, 0, 12)
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	old := visit(t, store, src).Held[0]
	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	push(t, rdb, 100, 105)
	time.Sleep(2 * time.Millisecond) // Redis takes longer to come back
	fresh := visit(t, store, src).Held[0]
	require.NotEqual(t, old.ID, fresh.ID)
	require.NotEqual(t, old.Key(), fresh.Key())
	_, err := store.Read(t.Context(), old, 7, 5, 1<<20)
	require.ErrorIs(t, err, claim.ErrGone)
	_ = store.Ack(t.Context(), old, 12, claim.Outcome{Delivered: 12})
	assert.EqualValues(t, 5, rdb.LLen(t.Context(), fresh.Key()).Val())
}

func TestAStuckSegmentHidesNoneOfAThousandBehindIt(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	sa, sb := group("a", "1"), group("b", "2")
	sa.MaxHeld, sb.MaxHeld = 2, 1
	store := claim.NewStore(rdb)
	a, b := claim.NewSource(list, sa), claim.NewSource(list, sb)
	visit(t, store, b)
	stuck := int64(0)
	for i := range 1100 {
		begin(t, rdb)
		push(t, rdb, i, i+1)
		for _, g := range visit(t, store, a).Held {
			if stuck == 0 {
				stuck = g.Seq
			}
			if g.Seq != stuck {
				require.NoError(t, store.Ack(t.Context(), g, g.Count, claim.Outcome{Delivered: g.Count}))
			}
		}
	}
	begin(t, rdb)
	push(t, rdb, 0, 1)
	assert.Len(t, visit(t, store, a).Held, 2)
}

func TestALostSequenceHidesNoNewSegment(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	visit(t, store, claim.NewSource(list, group("b", "2")))
	for i := range 5 {
		begin(t, rdb)
		push(t, rdb, i, i+1)
		require.NoError(t, store.Ack(t.Context(), visit(t, store, src).Held[0], 1, claim.Outcome{Delivered: 1}))
	}
	begin(t, rdb)
	visit(t, store, src)
	require.NoError(t, rdb.Del(t.Context(), "otelcol-tyk:{"+list+"}:seq").Err())
	push(t, rdb, 0, 3)
	assert.Len(t, visit(t, store, src).Held, 1)
}

func TestALetterBuriedAgainCountsOnce(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	push(t, rdb, 0, 1)
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	g := visit(t, store, src).Held[0]
	letters := []claim.Letter{{UID: g.ID + "-0", Group: "default", Entry: []byte("e")}}
	_, _, err := store.KeepDeadLetters(t.Context(), src, letters)
	require.NoError(t, err)
	_, err = store.Replay(t.Context(), src, letters)
	require.NoError(t, err)
	_, _, err = store.KeepDeadLetters(t.Context(), src, letters) // the same chunk, since its acknowledgement was lost
	require.NoError(t, err)
	require.NoError(t, store.Ack(t.Context(), g, 1, claim.Outcome{Dead: 1}))
	report, err := store.Inspect(t.Context(), src)
	require.NoError(t, err)
	assert.Equal(t, claim.Receipts{Seen: 1, Outcome: claim.Outcome{Dead: 1}}, report.Groups[0].Receipts)
}
