//go:build packages

package packages

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheSlimDistributionTakesWhatItIsFor validates configurations and a pump.conf with it.
func TestTheSlimDistributionTakesWhatItIsFor(t *testing.T) {
	slim := inRepository(t, "bin", "otelcol-tyk-slim")
	assert.Equal(t, "otelcol-tyk-slim version "+version(t)+"\n", command(t, slim, "--version"))
	for _, config := range []string{"otelcol-config.yaml", "examples/kafka.yaml", "examples/csv.yaml", "examples/dashboard-mongo.yaml", "examples/otlp.yaml", "examples/file.yaml"} {
		out, err := try(t, exampleVariables, slim, "validate", "--config", inRepository(t, config))
		require.NoError(t, err, "%s: %s", config, out)
	}
	file := filepath.Join(t.TempDir(), "pump.conf")
	require.NoError(t, os.WriteFile(file, []byte(`{"analytics_storage_type": "redis", "dont_purge_uptime_data": true, "pumps": {
		"prometheus": {"type": "prometheus", "meta": {"listen_address": ":9090", "path": "/metrics"}},
		"kafka": {"type": "kafka", "meta": {"broker": ["kafka:9092"], "topic": "tyk"}},
		"sql": {"type": "sql", "meta": {"type": "postgres", "connection_string": "host=db dbname=tyk"}}}}`), 0o600))
	command(t, slim, "validate", "--config", "tykpump:"+file)
}

// exampleVariables are those without which some examples are not valid.
var exampleVariables = []string{"KAFKA_BROKER=kafka:9092", "MONGO_URL=mongodb://mongo/tyk_analytics", "TYK_MONGO_URL=mongodb://mongo/tyk_analytics"}
