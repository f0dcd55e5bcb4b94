package sandbox

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// early is a context whose time is over for connections already, and not yet for those that ask it.
type early struct{ context.Context }

func (early) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestATimeThatIsOverIsNoFaultOfAConnection(t *testing.T) {
	t.Parallel()
	r := peers.StartRedis(t)
	rdb := redis.NewClient(&redis.Options{Addr: r.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	require.NoError(t, rdb.Ping(t.Context()).Err())
	err := Wait(early{t.Context()}, rdb, nil, time.Minute)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualError(t, err, "no answer from Redis in time: -wait gives it longer: context deadline exceeded")

	require.NoError(t, rdb.RPush(t.Context(), lists()[0], "entry").Err())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err = Wait(ctx, rdb, nil, time.Minute)
	require.ErrorContains(t, err, "not all lists were taken in time (left: 1): does the process run")

	ended, end := context.WithCancel(t.Context())
	end()
	assert.EqualError(t, Wait(ended, rdb, nil, time.Minute), "interrupted: context canceled")
}
