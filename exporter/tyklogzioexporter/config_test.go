package tyklogzioexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func configured(change func(*Config)) *Config {
	config := createDefaultConfig().(*Config)
	config.Token = "s3cret+token"
	change(config)
	return config
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	all := configured(func(c *Config) {
		c.Client.Endpoint, c.Client.Timeout, c.Client.Compression = "https://listener-eu.logz.io:8071", 10*time.Second, "gzip"
		c.Token, c.Type, c.MaxRequestBytes, c.Truncate, c.Retry.InitialInterval = "secret", "tyk", 1_000_000, true, time.Second
		c.Queue.GetOrInsertDefault().QueueSize = 32
	})
	for name, want := range map[string]*Config{"": configured(func(c *Config) { c.Token = "secret" }), "all": all} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name), name)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"token: must be set": func(c *Config) { c.Token = "" },
		"endpoint: the value (not shown, it may hold credentials) is no address": func(c *Config) { c.Client.Endpoint = "listener?token=s3cret" },
		"endpoint: has a token: move it to token":                                func(c *Config) { c.Client.Endpoint = "http://l:1/?token=s3cret" },
		"timeout: 0s must be above 0":                                            func(c *Config) { c.Client.Timeout = 0 },
		"max_request_bytes: 499999 must be from 500000, a line, to 10485760":     func(c *Config) { c.MaxRequestBytes = 499_999 },
		"sending_queue::wait_for_result: false loses":                            func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
	} {
		err := confmap.Validate(configured(change))
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireHTTPSchema(t, NewFactory())
}
