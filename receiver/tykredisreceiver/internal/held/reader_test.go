package held

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const list = "analytics-tyk-system-analytics"

// cutAll cuts a segment from an index to its end.
func cutAll(t require.TestingT, ctx context.Context, store *claim.Store, g claim.Segment, from int64, records, bytes int) [][2]int64 {
	h := newSegment(nil, g)
	h.reading.next = from
	r := NewReader(store, nil, nil, records, bytes, nil)
	var cuts [][2]int64
	for h.reading.next < g.Count {
		c, err := r.readChunk(ctx, h)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(c.Entries), records)
		assert.True(t, c.Bytes <= bytes || len(c.Entries) == 1, "%d bytes in %d entries", c.Bytes, len(c.Entries))
		for i, entry := range c.Entries {
			assert.Equal(t, byte(c.From+int64(i)), entry[0], "entry %d", c.From+int64(i))
		}
		cuts = append(cuts, [2]int64{c.From, c.End()})
	}
	return cuts
}

func TestChunksAreTheSameFromWhereverDeliveryResumes(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	store := claim.NewStore(rdb)
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		require.NoError(t, rdb.FlushDB(ctx).Err())
		src := claim.NewSource(list, claim.Settings{
			Group: "g", Worker: "w", Lease: 1 << 40, MaxHeld: 1, MaxDead: 1,
		})
		records, bytes := rapid.IntRange(1, 40).Draw(t, "records"), rapid.IntRange(1, 5000).Draw(t, "bytes")
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 50), rapid.IntRange(1, 3000)), 1, 120).Draw(t, "sizes")
		pipe := rdb.Pipeline()
		for i, size := range sizes {
			pipe.RPush(ctx, list, string(byte(i))+strings.Repeat("x", size-1))
		}
		_, err := pipe.Exec(ctx)
		require.NoError(t, err)
		visits, err := store.Visit(ctx, []*claim.Source{src}, nil)
		require.NoError(t, err)
		g := visits[0].Held[0]

		whole := cutAll(t, ctx, store, g, 0, records, bytes)
		resume := rapid.IntRange(0, len(whole)-1).Draw(t, "resume")
		assert.Equal(t, whole[resume:], cutAll(t, ctx, store, g, whole[resume][0], records, bytes))
	})
}

// counted notes how much one answer of Redis brings, and lets reads time out.
type counted struct {
	most  int
	least int // as long as more bytes than that are asked for
	asked []int
}

func (*counted) DialHook(next redis.DialHook) redis.DialHook { return next }

func (*counted) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *counted) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		args := cmd.Args()
		if bytes, ok := args[len(args)-1].(int); ok && c.least > 0 {
			c.asked = append(c.asked, bytes)
			if bytes > c.least {
				cmd.SetErr(os.ErrDeadlineExceeded)
				return os.ErrDeadlineExceeded
			}
		}
		err := next(ctx, cmd)
		if answer, ok := cmd.(*redis.Cmd); ok {
			pages, _ := answer.Slice()
			bytes := 0
			for _, page := range pages {
				entries, _ := page.([]any)
				for _, entry := range entries {
					text, _ := entry.(string)
					bytes += len(text)
				}
			}
			c.most = max(c.most, bytes)
		}
		return err
	}
}

// Many small entries, then big ones: what is read at once is bounded in bytes.
func TestBigEntriesBehindSmallOnesAreReadOneByOne(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	store := claim.NewStore(rdb)
	pipe := rdb.Pipeline()
	for range 4000 {
		pipe.RPush(t.Context(), list, "small")
	}
	for range 40 {
		pipe.RPush(t.Context(), list, strings.Repeat("x", 1<<20))
	}
	_, err := pipe.Exec(t.Context())
	require.NoError(t, err)
	src := claim.NewSource(list, claim.Settings{Group: "g", Worker: "w", Lease: time.Hour, MaxHeld: 1})
	visits, err := store.Visit(t.Context(), []*claim.Source{src}, nil)
	require.NoError(t, err)
	h := newSegment(nil, visits[0].Held[0])
	answers := &counted{}
	rdb.AddHook(answers)
	r := NewReader(store, nil, nil, 4000, 8<<20, nil)
	for h.reading.next < h.Count {
		c, err := r.readChunk(t.Context(), h)
		require.NoError(t, err)
		assert.LessOrEqual(t, c.Bytes, 8<<20)
		assert.LessOrEqual(t, len(h.reading.ahead), 1)
	}
	assert.LessOrEqual(t, answers.most, 1<<20, "one of them")
}

// Over a slow line a page does not arrive within the timeout; a smaller one does.
func TestAPageThatTimedOutComesBackHalved(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	store := claim.NewStore(rdb)
	for range 64 {
		require.NoError(t, rdb.RPush(t.Context(), list, strings.Repeat("x", 10_000)).Err())
	}
	src := claim.NewSource(list, claim.Settings{Group: "g", Worker: "w", Lease: time.Hour, MaxHeld: 1})
	visits, err := store.Visit(t.Context(), []*claim.Source{src}, nil)
	require.NoError(t, err)
	h := newSegment(nil, visits[0].Held[0])
	line := &counted{least: 100_000}
	rdb.AddHook(line)
	r := NewReader(store, nil, nil, 64, 8<<20, nil)
	failed := 0
	for h.reading.next < h.Count {
		if _, err := r.readChunk(t.Context(), h); err != nil {
			failed++
			require.Less(t, failed, 20, "%v", line.asked)
		}
	}
	assert.Equal(t, []int{1 << 18, 1 << 17, 1 << 16}, line.asked[:3])
	assert.LessOrEqual(t, line.most, 100_000)
	line.least, r.page = 1, 64
	h = newSegment(nil, visits[0].Held[0])
	for range 10 {
		_, _ = r.readChunk(t.Context(), h)
	}
	assert.NotEmpty(t, h.reading.ahead, "one entry comes at last")
}

func TestProgressWaitsForEarlierChunks(t *testing.T) {
	a := acking{done: 10, ahead: map[int64]Acknowledgement{}}
	for _, step := range []struct {
		from, entries, shed, wantDone, wantShed int64
		record                                  bool
	}{
		{30, 10, 1, 10, 0, false},
		{20, 10, 0, 10, 0, false},
		{10, 10, 2, 40, 3, true},
		{40, 5, 5, 45, 8, false}, // who records already takes it along
	} {
		record := a.advance(Acknowledgement{Chunk{From: step.from, Count: int(step.entries)}, claim.Outcome{Shed: step.shed}})
		assert.Equal(t, step.record, record)
		done, outcome := a.all()
		assert.Equal(t, [2]int64{step.wantDone, step.wantShed}, [2]int64{done, outcome.Shed})
	}
	assert.Empty(t, a.ahead)
	_, all := a.settle(40, 0)
	assert.False(t, all)
	_, all = a.settle(45, 0)
	assert.True(t, all)
}

// A group is removed, and works on, between an acknowledgement and the next visit.
func TestWhatRedisForgotThatItWasToldIsDeliveredAgain(t *testing.T) {
	rdb := peers.StartRedis(t).Client()
	store, ctx := claim.NewStore(rdb), t.Context()
	settings := claim.Settings{Group: "late", Worker: "w", Lease: 1 << 40, MaxHeld: 1, MaxDead: 1}
	late := claim.NewSource(list, settings)
	settings.Group, settings.Worker = "other", "v"
	other := claim.NewSource(list, settings)
	groups := [][]claim.Live{{{Group: "late"}, {Group: "other"}}}
	all := NewSegments(1)
	visit := func() (held []claim.Segment, added []*Segment) {
		visits, err := store.Visit(ctx, []*claim.Source{late}, groups)
		require.NoError(t, err)
		require.NoError(t, visits[0].Err)
		return visits[0].Held, all.Update(0, nil, visits[0].Held)
	}
	require.NoError(t, rdb.RPush(ctx, list, "a", "b", "c").Err())
	_, err := store.Visit(ctx, []*claim.Source{other}, groups)
	require.NoError(t, err)
	_, added := visit()
	require.Len(t, added, 1)
	s := added[0]
	require.True(t, s.acking.advance(Acknowledgement{Chunk{Segment: s, Count: 3}, claim.Outcome{Delivered: 3}}))
	a := Acknowledger{Store: store, Recorded: func(context.Context, int64) {}}
	require.NoError(t, a.record(ctx, s))
	_, err = store.Forget(ctx, late, "late")
	require.NoError(t, err)
	held, added := visit()
	require.Len(t, held, 1, "the other group keeps it")
	assert.Empty(t, added, "this visit may have begun before the acknowledgement")
	_, added = visit()
	require.Len(t, added, 1)
	assert.True(t, s.IsLost())
	assert.Zero(t, added[0].Start())
	_, added = visit()
	assert.Empty(t, added, "once")
}
