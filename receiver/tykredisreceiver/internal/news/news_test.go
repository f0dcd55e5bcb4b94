package news

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

func TestTheFirstRecordsAndTheLastWordAreSaid(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	n := &Reporter{To: "kafka, tyksql/a", Logger: zap.New(core)}
	n.Delivered(0)
	n.Delivered(500)
	n.Delivered(7)
	n.Stats = func() []claim.Stat { return []claim.Stat{{Unclaimed: 2, Claimed: 3}, {}} }
	n.Ended()
	require.Equal(t, 2, logs.Len())
	first, last := logs.All()[0], logs.All()[1]
	assert.Equal(t, "First records taken by the pipelines", first.Message)
	assert.Equal(t, map[string]any{"records": int64(500), "pipelines_lead_to": "kafka, tyksql/a"}, first.ContextMap())
	assert.Equal(t, "Stopped reading Redis", last.Message)
	assert.Equal(t, map[string]any{"taken_by_the_pipelines": int64(507), "waiting": int64(5), "pipelines_lead_to": "kafka, tyksql/a"}, last.ContextMap())
}

func TestListsOfOtherDatabasesAndPrefixesAreFound(t *testing.T) {
	t.Parallel()
	server := peers.StartRedis(t)
	rdb := server.Client()
	ctx := t.Context()
	require.NoError(t, rdb.RPush(ctx, "edge-tyk-system-analytics_3", "x").Err())
	require.NoError(t, rdb.RPush(ctx, "otelcol-tyk:{analytics-tyk-system-analytics}:seq", "x").Err())
	require.NoError(t, rdb.Do(ctx, "copy", "edge-tyk-system-analytics_3", "analytics-tyk-system-analytics", "db", "3").Err())
	cfg := connection.Config{Addresses: []string{server.Addr()}, Timeout: 5 * time.Second}
	cfg.TLS.Insecure = true
	client, err := cfg.Client(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	found, err := (&Reporter{Redis: cfg, Client: client}).seek(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"database 0, key_prefix edge-", "database 3, key_prefix analytics-"}, found)
}
