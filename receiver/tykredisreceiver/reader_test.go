package tykredisreceiver

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// cutAll cuts a segment from an index to its end.
func cutAll(t require.TestingT, ctx context.Context, store *claim.Store, g claim.Segment, from int64) [][2]int64 {
	h := newHolding(nil, g)
	h.reading.next = from
	r := &reader{store: store}
	var cuts [][2]int64
	for h.reading.next < g.Count {
		c, err := r.readChunk(ctx, h)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(c.entries), g.ChunkRecords)
		assert.True(t, c.bytes <= g.ChunkBytes || len(c.entries) == 1, "%d bytes in %d entries", c.bytes, len(c.entries))
		for i, entry := range c.entries {
			assert.Equal(t, byte(c.from+int64(i)), entry[0], "entry %d", c.from+int64(i))
		}
		cuts = append(cuts, [2]int64{c.from, c.end()})
	}
	return cuts
}

func TestChunksAreTheSameFromWhereverDeliveryResumes(t *testing.T) {
	rdb := newRedis(t).Client()
	store := claim.NewStore(rdb)
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		require.NoError(t, rdb.FlushDB(ctx).Err())
		src := claim.NewSource(list, claim.Settings{
			Group: "g", Worker: "w", Lease: 1 << 40, MaxHeld: 1, MaxDead: 1,
			ChunkRecords: rapid.IntRange(1, 40).Draw(t, "records"),
			ChunkBytes:   rapid.IntRange(1, 5000).Draw(t, "bytes"),
		})
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 50), rapid.IntRange(1, 3000)), 1, 120).Draw(t, "sizes")
		pipe := rdb.Pipeline()
		for i, size := range sizes {
			pipe.RPush(ctx, list, string(byte(i))+strings.Repeat("x", size-1))
		}
		_, err := pipe.Exec(ctx)
		require.NoError(t, err)
		visits, err := store.Visit(ctx, []*claim.Source{src}, []int{1})
		require.NoError(t, err)
		g := visits[0].Held[0]

		whole := cutAll(t, ctx, store, g, 0)
		resume := rapid.IntRange(0, len(whole)-1).Draw(t, "resume")
		assert.Equal(t, whole[resume:], cutAll(t, ctx, store, g, whole[resume][0]))
	})
}

// An answer of Redis is held as a whole, whatever max_in_flight says.
func TestPagesAreSmallUntilEntriesAreKnownToBe(t *testing.T) {
	const chunkBytes, chunkRecords = 8 << 20, 2500
	for name, size := range map[string]int64{"small": 300, "usual": 1000, "recorded bodies": 270_000, "huge": 20 << 20} {
		t.Run(name, func(t *testing.T) {
			var at reading
			pages := 0
			for at.entries < 20_000 {
				page := int64(at.page(chunkBytes, chunkRecords))
				assert.LessOrEqual(t, page*size, max(chunkBytes, firstPage*size))
				at.entries, at.bytes = at.entries+page, at.bytes+page*size
				if pages++; at.entries > pageRecords && size <= 1000 {
					assert.EqualValues(t, pageRecords, page)
				}
			}
		})
	}
}

func TestHalvingABatchKeepsEveryEntryInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b batch
		for i, n := range rapid.SliceOfN(rapid.IntRange(1, 5), 1, 5).Draw(t, "chunks") {
			b.add(chunk{h: &holding{}, from: int64(i * 100), count: n, entries: strings.Split(strings.Repeat("e", n), "")})
		}
		if b.entries < 2 {
			return
		}
		left, right := b.halve()
		assert.Equal(t, b.entries/2, left.entries)
		assert.Equal(t, b.entries, left.entries+right.entries)
		var indices, want []int64
		for _, c := range append(left.chunks, right.chunks...) {
			for i := c.from; i < c.end(); i++ {
				indices = append(indices, i)
			}
		}
		for _, c := range b.chunks {
			for i := c.from; i < c.end(); i++ {
				want = append(want, i)
			}
		}
		assert.Equal(t, want, indices)
	})
}

func TestProgressWaitsForEarlierChunks(t *testing.T) {
	a := acking{done: 10, delivered: map[int64]passed{}}
	for _, step := range []struct{ from, entries, gone, wantDone, wantGone int64 }{
		{30, 10, 1, 10, 0},
		{20, 10, 0, 10, 0},
		{10, 10, 2, 40, 3},
		{40, 5, 5, 45, 5},
	} {
		done, short := a.advance(chunk{from: step.from, count: int(step.entries), gone: int(step.gone)})
		assert.Equal(t, [2]int64{step.wantDone, step.wantGone}, [2]int64{done, short.Gone})
	}
	assert.Empty(t, a.delivered)
}
