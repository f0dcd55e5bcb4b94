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
	waiting := func() string {
		claimed, err := redis.Client().Exists(t.Context(), "otelcol-tyk:{"+msgpackList+"}:segments").Result()
		require.NoError(t, err)
		if claimed == 0 {
			return "nothing is claimed yet"
		}
		return ""
	}
	eventually(t, drainTimeout, waiting)
	time.Sleep(2 * time.Second) // in which each has something to deliver
	process, began := c.take(), time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 4*shutdownTimeout)
	defer cancel()
	require.NoError(t, process.Stop(ctx))
	c.keepLog(process, "stopped")
	require.NoError(t, process.Err())
	took := time.Since(began)
	assert.Greater(t, took, shutdownTimeout-time.Second, "deliveries under way have their time")
	assert.Less(t, took, 2*shutdownTimeout, "which is the same for all")
	t.Log(took)
	for n := range 3 { // of the lists that have records
		src := claim.NewSource(msgpack.list(n-1), claim.Settings{})
		report, err := claim.NewStore(redis.Client()).Inspect(t.Context(), src)
		require.NoError(t, err)
		require.NotEmpty(t, report.Segments)
		for _, segment := range report.Segments {
			assert.Empty(t, segment.Leases, "others may go on at once")
		}
	}
}
