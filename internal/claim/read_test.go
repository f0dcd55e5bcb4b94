package claim_test

import (
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
