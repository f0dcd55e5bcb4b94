package sink

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFirstWaitThatNobodyMeansIsRefused(t *testing.T) {
	t.Parallel()
	sending := Defaults()
	require.NoError(t, ValidateQueue(sending.Queue, sending.Retry))
	sending.Retry.InitialInterval = time.Minute // beyond the default of the longest one
	require.NoError(t, ValidateQueue(sending.Queue, sending.Retry))
	sending.Retry.InitialInterval, sending.Retry.MaxInterval = time.Hour, time.Second
	require.EqualError(t, ValidateQueue(sending.Queue, sending.Retry),
		"retry_on_failure::initial_interval: 1h0m0s: use at most 10m0s")
	sending.Retry.Enabled = false
	require.NoError(t, ValidateQueue(sending.Queue, sending.Retry))
}
