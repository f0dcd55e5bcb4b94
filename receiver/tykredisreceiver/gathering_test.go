package tykredisreceiver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// TestWhatWaitsIsForAllGroupsOfTheProcess starts receivers one after the other, as a collector
// does while exporters prepare their stores in between.
func TestWhatWaitsIsForAllGroupsOfTheProcess(t *testing.T) {
	r := newRedis(t)
	pushRecords(t, r.Client(), list, analytics.AppendMsgpack, 0, 50)
	factory := NewFactory()
	groups := []string{"first", "second", "never"}
	destinations := make([]*destination, len(groups))
	receivers := make([]component.Component, len(groups))
	for i, group := range groups {
		cfg := createDefaultConfig().(*Config)
		cfg.Addresses, cfg.Group, cfg.PollInterval, cfg.ShutdownTimeout = []string{r.Addr()}, group, 10*time.Millisecond, time.Second
		set := receivertest.NewNopSettings(metadata.Type)
		set.ID = component.NewIDWithName(metadata.Type, group)
		destinations[i] = newDestination()
		made, err := factory.CreateLogs(t.Context(), set, cfg, destinations[i])
		require.NoError(t, err)
		receivers[i] = made
	}
	require.NoError(t, receivers[2].Shutdown(t.Context())) // nobody waits for what has ended
	require.NoError(t, receivers[0].Start(t.Context(), newStatusHost()))
	time.Sleep(200 * time.Millisecond)
	assert.Zero(t, destinations[0].count(), "the second is not there yet")
	require.NoError(t, receivers[1].Start(t.Context(), newStatusHost()))
	eventually(t, "all records in both", func() bool { return destinations[0].count() == 50 && destinations[1].count() == 50 })
	eventually(t, "an empty Redis", func() bool { return len(leftover(t, r.Client())) == 0 })
	for _, made := range receivers[:2] {
		require.NoError(t, made.Shutdown(context.Background()))
	}
}
