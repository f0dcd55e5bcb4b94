package claim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// Two workers measured the same segment: the later one must not act on what no
// longer holds.
func TestASegmentIsRewrittenOnlyAsItWasMeasured(t *testing.T) {
	r := peers.StartRedis(t)
	push(t, r.Client(), 0, 10)
	store, src := claim.NewStore(r.Client()), claim.NewSource(list, settings("a"))
	g := visit(t, store, src, 1).Held[0]
	measured, err := store.Footprints(t.Context(), src)
	require.NoError(t, err)
	require.Len(t, measured, 1)

	require.NoError(t, store.Rewrite(t.Context(), measured[0], 1, strings.ToUpper))
	err = store.Rewrite(t.Context(), measured[0], 1, func(string) string { return claim.Gone })
	require.ErrorIs(t, err, claim.ErrBusy)
	entries, err := store.Read(t.Context(), g, 0, 10)
	require.NoError(t, err)
	assert.Equal(t, "ENTRY 0", entries[0])
	assert.Empty(t, keysIn(t, r.Client(), "*:copy:*"))
	assert.Empty(t, keysIn(t, r.Client(), "*:lock"))

	again, err := store.Footprints(t.Context(), src)
	require.NoError(t, err)
	assert.Equal(t, 1, again[0].Mark)
	require.NoError(t, store.Rewrite(t.Context(), again[0], 2, func(string) string { return claim.Gone }))
}

// A worker that was away for longer than its lock lasts must not undo what the
// next holder does.
func TestALostRewriteLockStopsTheRewriting(t *testing.T) {
	r := peers.StartRedis(t)
	push(t, r.Client(), 0, 1200)
	store, src := claim.NewStore(r.Client()), claim.NewSource(list, settings("a"))
	g := visit(t, store, src, 1).Held[0]
	lock := ""
	for name, at := range map[string]int{"in the midst of the copy": 600, "after its last page": 1200} {
		t.Run(name, func(t *testing.T) {
			count := 0
			err := store.Rewrite(t.Context(), claim.Footprint{Segment: g}, 1, func(entry string) string {
				if count++; count == at {
					lock = keysIn(t, r.Client(), "*:lock")[0]
					require.NoError(t, r.Client().Set(t.Context(), lock, "a peer's", time.Minute).Err())
				}
				return strings.ToUpper(entry)
			})
			require.ErrorIs(t, err, claim.ErrBusy)
			assert.Equal(t, "a peer's", r.Client().Get(t.Context(), lock).Val())
			assert.Empty(t, keysIn(t, r.Client(), "*:copy:*"))
			entries, err := store.Read(t.Context(), g, 0, 1)
			require.NoError(t, err)
			assert.Equal(t, "entry 0", entries[0])
			require.ErrorIs(t, store.Rewrite(t.Context(), claim.Footprint{Segment: g}, 1, strings.ToUpper), claim.ErrBusy)
			require.NoError(t, r.Client().Del(t.Context(), lock).Err())
		})
	}
}
