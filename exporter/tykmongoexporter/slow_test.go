package tykmongoexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// A database that takes longer for a push than one attempt may gets it all the same.
func TestADatabaseSlowerThanTheTimeout(t *testing.T) {
	t.Parallel()
	d, l := startLink(t, peers.StartMongo(t))
	d.config.Timeout.Timeout = 250 * time.Millisecond
	d.config.Retry.Enabled = true
	e := d.start(t)
	l.hold(func(command bson.Raw) {
		if named(command, "insert") {
			time.Sleep(900 * time.Millisecond)
		}
	})
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	d.assertPaths(t, 0, 9)
}
