package sink_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

func TestEachTableIsNamedWithItsFirstRecords(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	var f sink.Firsts
	f.Stored("tyk_analytics", 1)
	f.Start(zap.New(core))
	for _, n := range []int64{0, 500, 7} {
		f.Stored("tyk_analytics", n)
	}
	f.Stored("tyk_aggregated", 3)
	require.Equal(t, 2, logs.FilterMessage("First records stored").Len())
	assert.Equal(t, map[string]any{"records": int64(500), "in": "tyk_analytics"}, logs.All()[0].ContextMap())
	assert.Equal(t, map[string]any{"records": int64(3), "in": "tyk_aggregated"}, logs.All()[1].ContextMap())
}
