package sink

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitsThatShrinkAreRefused(t *testing.T) {
	t.Parallel()
	sending := Defaults()
	require.NoError(t, ValidateQueue(sending.Queue, sending.Retry))
	sending.Retry.InitialInterval, sending.Retry.MaxInterval = time.Hour, time.Second
	require.EqualError(t, ValidateQueue(sending.Queue, sending.Retry),
		"retry_on_failure::max_interval: 1s: use at least retry_on_failure::initial_interval, 1h0m0s")
	sending.Retry.Enabled = false
	require.NoError(t, ValidateQueue(sending.Queue, sending.Retry))
}
