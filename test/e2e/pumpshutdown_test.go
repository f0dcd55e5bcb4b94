//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// shutdownTimeout is the receiver's default, which the conversion leaves as it is.
const shutdownTimeout = 10 * time.Second

// silentServer is the address of a server that takes connections and never answers.
func silentServer(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", peers.Address(0))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// TestDestinationsThatAreAwayEndTogether stops a process all of whose destinations are away, each in a
// receiver of its own: two refuse connections, two never answer.
func TestDestinationsThatAreAwayEndTogether(t *testing.T) {
	t.Parallel()
	const groups, pushedLists = 4, 3
	ports, err := peers.FreePorts(2)
	require.NoError(t, err)
	redis, refuses, silent := peers.StartRedis(t), peers.Address(ports[0]), silentServer(t)
	text, err := json.Marshal(object{
		"purge_delay": 1, "dont_purge_uptime_data": true, "analytics_storage_config": object{},
		"pumps": object{
			"refusing-sql": object{"type": "sql", "meta": object{"type": "postgres", "connection_string": "postgres://u:p@" + refuses + "/tyk?sslmode=disable"}},
			"silent-sql":   object{"type": "sql", "meta": object{"type": "postgres", "connection_string": "postgres://u:p@" + silent + "/tyk?sslmode=disable"}},
			"influx": object{"type": "influx", "meta": object{
				"address": "http://" + peers.Address(ports[1]), "database_name": "tyk", "fields": []string{"request_time"},
			}},
			"splunk": object{"type": "splunk", "meta": object{"collector_token": "t", "collector_url": "http://" + silentServer(t)}},
		},
	})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "pump.conf")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	c := newPump(t, file, redis, nil)
	goldens[0].push(t, redis.Client())
	c.start()
	store := claim.NewStore(redis.Client())
	eventually(t, drainTimeout, func() string {
		for n := range pushedLists {
			report, err := store.Inspect(t.Context(), claim.NewSource(msgpack.list(n-1), claim.Settings{}))
			require.NoError(t, err)
			for _, segment := range report.Segments {
				if len(segment.Leases) == groups {
					return ""
				}
			}
		}
		return "not all groups have something to deliver"
	})
	c.waitLog("Exporting failed. Will retry")
	process, began := c.take(), time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 4*shutdownTimeout)
	defer cancel()
	require.NoError(t, process.Stop(ctx))
	c.keepLog(process, "stopped")
	require.NoError(t, process.Err())
	assert.Less(t, time.Since(began), 3*shutdownTimeout, "which none of them has for itself")
	for n := range pushedLists {
		report, err := store.Inspect(t.Context(), claim.NewSource(msgpack.list(n-1), claim.Settings{}))
		require.NoError(t, err)
		require.NotEmpty(t, report.Segments)
		for _, segment := range report.Segments {
			assert.Empty(t, segment.Leases, "others may go on at once")
		}
	}
}
