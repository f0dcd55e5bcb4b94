package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

func TestProcessesOfAGroupThatDeliverToDifferentPlacesAreSaid(t *testing.T) {
	t.Parallel()
	o := onRedis(t)
	beat := func(group, worker, destinations string) {
		_, err := o.store.Registry("analytics-").Heartbeat(t.Context(), claim.Member{
			Group: group, Worker: worker, Lease: time.Minute, Expiry: time.Hour, Destinations: destinations,
		})
		require.NoError(t, err)
	}
	beat("one", "a", "requests:tyksql#1")
	beat("one", "b", "requests:tyksql#1;uptime:kafka#2")
	beat("one", "c", "uptime:kafka#2")
	beat("one", "old", "")
	beat("two", "d", "requests:kafka#2")
	assert.NotContains(t, o.ok("status"), "different places")

	beat("one", "rival", "requests:splunk_hec#3")
	a := o.run("status -check")
	assert.Equal(t, exitTrouble, a.status)
	assert.Contains(t, a.stdout, "processes of group one deliver to different places")
	assert.Contains(t, a.stdout, "rival to requests:splunk_hec#3")
	assert.NotContains(t, a.stdout, "kafka#2: give")
	assert.Contains(t, o.ok("status -json"), `"code": "destinations"`)
}
