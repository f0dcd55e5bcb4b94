package tykredisreceiver

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

func TestReceiversOfOneProcessThatWouldShareRecordsOutAreRefused(t *testing.T) {
	t.Parallel()
	settings := func(name string) receiver.Settings {
		set := receivertest.NewNopSettings(metadata.Type)
		set.ID = component.NewIDWithName(metadata.Type, name)
		return set
	}
	const localhost = "localhost:6379"
	for name, test := range map[string]struct {
		first, second func(*Config)
		apart         bool
	}{
		"all the same":                  {func(*Config) {}, func(cfg *Config) { cfg.ChunkSize = 7 }, false},
		"one address written otherwise": {func(*Config) {}, func(cfg *Config) { cfg.Addresses = []string{"127.0.0.1:6379"} }, false},
		"one node of a cluster": {
			func(cfg *Config) { cfg.Cluster, cfg.Addresses = true, []string{"a:1", "B:1"} },
			func(cfg *Config) { cfg.Cluster, cfg.Addresses = true, []string{"b:1", "c:1"} }, false,
		},
		"uptime checks, which have no prefix": {
			func(cfg *Config) { cfg.Uptime.Enabled = true },
			func(cfg *Config) { cfg.Uptime.Enabled, cfg.KeyPrefix = true, "other-" }, false,
		},
		"groups":    {func(*Config) {}, func(cfg *Config) { cfg.Group = "other" }, true},
		"databases": {func(*Config) {}, func(cfg *Config) { cfg.Database = 1 }, true},
		"prefixes":  {func(*Config) {}, func(cfg *Config) { cfg.KeyPrefix = "other-" }, true},
		"ports":     {func(*Config) {}, func(cfg *Config) { cfg.Addresses = []string{"localhost:6380"} }, true},
		"hosts":     {func(*Config) {}, func(cfg *Config) { cfg.Addresses = []string{"redis:6379"} }, true},
		"masters": {
			func(cfg *Config) { cfg.Sentinel.MasterName = "a" },
			func(cfg *Config) { cfg.Sentinel.MasterName = "b" }, true,
		},
		"lists": {
			func(cfg *Config) { cfg.Requests.Enabled, cfg.Uptime.Enabled = false, true },
			func(*Config) {}, true,
		},
	} {
		factory := NewFactory()
		a, b := createDefaultConfig().(*Config), createDefaultConfig().(*Config)
		a.Addresses, b.Addresses = []string{localhost}, []string{localhost}
		test.first(a)
		test.second(b)
		first, err := factory.CreateLogs(t.Context(), settings("a"), a, consumertest.NewNop())
		require.NoError(t, err)
		_, err = factory.CreateMetrics(t.Context(), settings("a"), a, consumertest.NewNop())
		require.NoError(t, err, "one receiver, two signals")
		second, err := factory.CreateLogs(t.Context(), settings("b"), b, consumertest.NewNop())
		if test.apart {
			require.NoError(t, err, name)
			require.NoError(t, second.Shutdown(t.Context()))
		} else {
			require.EqualError(t, err, `tykredis/a and tykredis/b have the same Redis, lists and group, "default": what one delivers the other never sees: `+
				`give each a group of its own, or put the exporters of both behind one receiver`, name)
		}
		require.NoError(t, first.Shutdown(t.Context()))
		second, err = factory.CreateMetrics(t.Context(), settings("b"), b, consumertest.NewNop())
		require.NoError(t, err, "the first is no more")
		require.NoError(t, second.Shutdown(t.Context()))
	}
}
