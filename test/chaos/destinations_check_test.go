//go:build e2e || chaos

package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOnlyALostAnswerHasADestinationTakeARecordAgain has destinations fail while all else is well: each takes all
// records, and a record comes again only where no answer told that it was taken.
func TestOnlyALostAnswerHasADestinationTakeARecordAgain(t *testing.T) {
	p := plan{
		seed: 1, length: 10 * time.Second, topology: alone, replicas: 1, doubles: allDestinations(), calm: true,
		rate: 300, lists: 2, poison: 100, poll: 50 * time.Millisecond,
	}
	w, err := newWorld(t.Context(), p, t.TempDir(), t.ArtifactDir())
	require.NoError(t, err)
	t.Cleanup(w.close)
	t.Cleanup(func() {
		if t.Failed() {
			w.diagnose(t)
		}
	})
	require.NoError(t, w.begin(t.Context()))
	require.NoError(t, w.load(t.Context(), w.doubleLanes()))
	require.NoError(t, w.drain(t.Context()))
	require.NoError(t, w.end(t.Context()))
	o := w.check(t.Context())
	require.NoError(t, o.faulty)
	t.Log(o.summary())
	for name, seen := range o.destinations {
		t.Logf("%s: %+v", name, seen)
		assert.Positive(t, seen.Records, name)
	}
}
