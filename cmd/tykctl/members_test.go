package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

func TestProcessesOfAGroupThatDeliverToDifferentPlacesAreSaid(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	beat := func(registry, group, worker, destinations string) {
		_, _, err := o.store.Registry(registry).Heartbeat(t.Context(), claim.Member{
			Group: group, Worker: worker, Lease: time.Minute, Expiry: time.Hour, Destinations: destinations,
		})
		require.NoError(t, err)
	}
	const requests = "analytics-"
	beat(requests, "one", "a", "tyksql#1")
	beat(requests, "one", "b", "tyksql#1")
	beat(analytics.UptimeList, "one", "c", "kafka#2")
	beat(requests, "one", "old", "")
	beat(requests, "two", "d", "kafka#2")
	assert.NotContains(t, o.ok("status"), "different places")

	beat(requests, "one", "rival", "splunk_hec#3")
	a := o.run("status -check")
	assert.Equal(t, exitTrouble, a.status)
	assert.Contains(t, a.stdout, "processes of group one deliver to different places")
	assert.Contains(t, a.stdout, "rival to splunk_hec#3")
	assert.NotContains(t, a.stdout, "kafka#2")
	assert.Contains(t, o.ok("status -json"), `"code": "destinations"`)
}
