//go:build e2e || chaos

package chaos

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAMasterIsReplacedOnRequest replaces one twice, the second time perhaps by the first, and writes to what all follow.
func TestAMasterIsReplacedOnRequest(t *testing.T) {
	t.Parallel()
	made, err := newSentinels(t.Context())
	require.NoError(t, err)
	t.Cleanup(made.close)
	s := made.(*sentinels)
	for range 2 {
		old, err := s.Master(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.handOver(t.Context(), nil))
		master, err := s.Master(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, old, master)
		require.NoError(t, master.Client().Set(t.Context(), "key", "value", 0).Err())
		have, err := master.Client().Wait(t.Context(), sentinelReplicas, patience).Result()
		require.NoError(t, err)
		assert.EqualValues(t, sentinelReplicas, have)
	}
}
