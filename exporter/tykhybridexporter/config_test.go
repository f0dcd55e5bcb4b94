package tykhybridexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	standard := createDefaultConfig().(*Config)
	standard.APIKey = "secret"
	cloud := createDefaultConfig().(*Config)
	cloud.Address.Endpoint, cloud.Address.DialerConfig.Timeout = "mdcb.example:443", 3*time.Second
	cloud.TLS.CAFile, cloud.TLS.ServerName, cloud.APIKey = "/etc/ssl/mdcb.pem", "mdcb.internal", "secret"
	cloud.Compression, cloud.RPCPoolSize, cloud.MaxRecords, cloud.MaxBytes = false, 4, 500, 1_000_000
	cloud.EnableMCPAggregation, cloud.OnUnknown, cloud.Timeout.Timeout = true, unknownDeadLetter, 10*time.Second
	for name, want := range map[string]*Config{"": standard, "cloud": cloud} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name))
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"api_key: must be set": func(c *Config) { c.APIKey = "" },
		`endpoint: "mdcb" is no address: use one like host:port`:  func(c *Config) { c.Address.Endpoint = "mdcb" },
		"rpc_pool_size: 0 must be at least 1":                     func(c *Config) { c.RPCPoolSize = 0 },
		"max_records: -1 must be at least 1":                      func(c *Config) { c.MaxRecords = -1 },
		"max_bytes: 0 must be at least 1":                         func(c *Config) { c.MaxBytes = 0 },
		"timeout: 0s must be above 0":                             func(c *Config) { c.Timeout.Timeout = 0 },
		`on_unknown: "drop" is unknown: use retry or dead_letter`: func(c *Config) { c.OnUnknown = "drop" },
		"sending_queue::wait_for_result: false loses":             func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
		"on_unknown: dead_letter does not reach the receiver": func(c *Config) {
			c.OnUnknown = unknownDeadLetter
			id := component.MustNewID("file_storage")
			c.Queue.GetOrInsertDefault().StorageID = &id
		},
	} {
		config := createDefaultConfig().(*Config)
		config.APIKey = "secret"
		require.NoError(t, config.Validate())
		change(config)
		require.ErrorContains(t, config.Validate(), want)
		assert.NotContains(t, config.Validate().Error(), "secret")
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireSchema(t, NewFactory())
}
