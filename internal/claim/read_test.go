package claim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// A run of big entries deep in a big segment, which is read as it lies where its entries
// are of even size, does not come all at once.
func TestReadsOfABigSegmentEndAtBytes(t *testing.T) {
	r := peers.StartRedis(t)
	rdb := r.Client()
	const small, big, most = 600, 256 << 10, 1 << 20
	sizes := map[int]int{} // of the pushed entries that are not small, by index
	total := 0
	add := func(n, size int) {
		for ; n > 0; n -= min(n, 100) {
			page := make([]any, min(n, 100))
			for i := range page {
				page[i] = strings.Repeat(string(rune('a'+total%26)), size)
				if size != small {
					sizes[total] = size
				}
				total++
			}
			require.NoError(t, rdb.RPush(t.Context(), list, page...).Err())
		}
	}
	add(30_000, small)
	add(200, big)
	add(10_000, small)
	add(20, big)
	add(5_000, small)
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	g := visit(t, store, src).Held[0]
	require.EqualValues(t, total, g.Count)

	var ahead claim.Ahead
	done, longest := 0, 0
	for done < total {
		page, err := store.Read(t.Context(), g, &ahead, int64(done), 4000, most)
		require.NoError(t, err)
		bytes := 0
		for i, entry := range page {
			at := done + i
			want := small
			if size, ok := sizes[at]; ok {
				want = size
			}
			require.Len(t, entry, want, "entry %d", at)
			require.EqualValues(t, 'a'+at%26, entry[0])
			bytes += len(entry)
		}
		longest = max(longest, bytes)
		done += len(page)
		require.NoError(t, store.Ack(t.Context(), g, int64(done), claim.Outcome{Delivered: int64(done)}))
	}
	assert.LessOrEqual(t, longest, 6*most)
}

// Bigger entries at the end of a small segment do not come all at once either.
func TestReadsOfASmallSegmentEndAtBytes(t *testing.T) {
	r := peers.StartRedis(t)
	rdb := r.Client()
	const small, big, most = 3960, 40, 256 << 10
	for i := range small + big {
		size := 200
		if i >= small {
			size = 240 << 10
		}
		require.NoError(t, rdb.RPush(t.Context(), list, strings.Repeat("x", size)).Err())
	}
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	g := visit(t, store, src).Held[0]
	var ahead claim.Ahead
	for done := 0; done < small+big; {
		page, err := store.Read(t.Context(), g, &ahead, int64(done), int64(small+big-done), most)
		require.NoError(t, err)
		bytes := 0
		for _, entry := range page {
			bytes += len(entry)
		}
		assert.LessOrEqual(t, bytes, 3*most, "from %d", done)
		done += len(page)
	}
}

// What lies far behind entries that are not acknowledged yet is read as it lies, too.
func TestReadsFarFromTheHead(t *testing.T) {
	r := peers.StartRedis(t)
	rdb := r.Client()
	const size, total, far = 1000, 120_000, 100_000 // far is behind some 14,000 nodes
	for from := 0; from < total; from += 1000 {
		page := make([]any, 1000)
		for i := range page {
			page[i] = fmt.Sprintf("%-*d", size, from+i)
		}
		require.NoError(t, rdb.RPush(t.Context(), list, page...).Err())
	}
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	g := visit(t, store, src).Held[0]
	for _, from := range []int{0, far, total - 500} {
		require.NoError(t, rdb.ConfigResetStat(t.Context()).Err())
		var ahead claim.Ahead
		page, err := store.Read(t.Context(), g, &ahead, int64(from), 500, 1<<20)
		require.NoError(t, err)
		require.Len(t, page, 500)
		assert.Equal(t, fmt.Sprintf("%-*d", size, from), page[0])
		assert.Contains(t, rdb.InfoMap(t.Context(), "commandstats").Item("Commandstats", "cmdstat_lrange"), "calls=1,", from)
	}
}

// Small segments, such as an outage leaves many of, are read as they lie, too, unless more
// has joined them.
func TestReadsOfASmallSegment(t *testing.T) {
	r := peers.StartRedis(t)
	rdb := r.Client()
	const size, most = 1000, 300 * 1000
	total := 0
	add := func(n int) {
		page := make([]any, n)
		for i := range page {
			page[i] = fmt.Sprintf("%-*d", size, total)
			total++
		}
		require.NoError(t, rdb.RPush(t.Context(), list, page...).Err())
	}
	store, src := claim.NewStore(rdb), claim.NewSource(list, settings("a"))
	read := func(g claim.Segment, ahead *claim.Ahead, from, entries int) (n int, lranges int64) {
		t.Helper()
		require.NoError(t, rdb.ConfigResetStat(t.Context()).Err())
		page, err := store.Read(t.Context(), g, ahead, int64(from), int64(entries), most)
		require.NoError(t, err)
		for i, entry := range page {
			require.Equal(t, fmt.Sprintf("%-*d", size, from+i), entry)
		}
		stats := rdb.InfoMap(t.Context(), "commandstats").Item("Commandstats", "cmdstat_lrange")
		_, err = fmt.Sscanf(stats, "calls=%d,", &lranges)
		require.NoError(t, err)
		return len(page), lranges
	}
	add(1000)
	g := visit(t, store, src).Held[0]
	var ahead claim.Ahead
	n, lranges := read(g, &ahead, 0, 1000)
	assert.Greater(t, n, 200)
	assert.EqualValues(t, 1, lranges, "it was read as it lies")

	add(100)
	joined := visit(t, store, src).Held[0]
	require.Equal(t, g.ID, joined.ID)
	require.EqualValues(t, total, joined.Count)
	more, lranges := read(g, &ahead, n, 1000-n)
	assert.Positive(t, more)
	assert.Greater(t, lranges, int64(1), "a script has found where the end is now")

	ahead = claim.Ahead{}
	_, lranges = read(joined, &ahead, n, total-n)
	assert.EqualValues(t, 1, lranges)
	require.NoError(t, store.Ack(t.Context(), joined, 600, claim.Outcome{Delivered: 600}))
	_, lranges = read(joined, &ahead, 700, total-700)
	assert.EqualValues(t, 1, lranges, "what leaves from the head changes nothing")
	ahead = claim.Ahead{}
	_, lranges = read(joined, &ahead, 600, 50)
	assert.Greater(t, lranges, int64(1), "of few entries the sizes are not asked for")
}
