package capture

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// A capture that is killed has in its file what came up to a second before.
func TestAFileCanBeReadWhileItIsWritten(t *testing.T) {
	t.Parallel()
	rdb := peers.StartRedis(t).Client()
	require.NoError(t, rdb.RPush(t.Context(), "list", "a", "b").Err())
	name := filepath.Join(t.TempDir(), "hour.capture")
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	w, err := NewWriter(file, Header{Began: time.Now()})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (&Peek{Redis: rdb, Lists: []List{{Key: "list", Name: "list"}}}).Run(ctx, w, time.Millisecond)
	}()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		open, err := os.Open(name)
		require.NoError(c, err)
		defer open.Close()
		r, err := NewReader(open)
		require.NoError(c, err)
		defer r.Close()
		for _, want := range []string{"a", "b"} {
			e, err := r.Next()
			require.NoError(c, err)
			assert.Equal(c, want, string(e.Data))
		}
		_, err = r.Next()
		require.ErrorIs(c, err, ErrIncomplete)
	}, 5*time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, w.Close())
}
