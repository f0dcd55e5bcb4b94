package tykredisexporter

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
	change(config)
	return config
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	shadow := configured(func(c *Config) {
		c.Addresses, c.KeyPrefix, c.Uptime.KeyPrefix = []string{"redis:6379"}, "pump-", "pump-"
	})
	site := configured(func(c *Config) {
		c.Addresses, c.Cluster = []string{"redis-0.eu:6379", "redis-1.eu:6379"}, true
		c.Username, c.Password = "relay", "secret"
		c.TLS.Insecure, c.TLS.CAFile, c.Timeout = false, "/etc/ssl/redis.pem", 10*time.Second
		c.Expiry, c.MaxListEntries, c.Remember, c.WaitForReplicas = 0, 2_000_000, 24*time.Hour, 2
		c.Retry.InitialInterval = time.Second
	})
	for name, want := range map[string]*Config{"": configured(func(*Config) {}), "shadow": shadow, "site": site} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name), name)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"addresses: is empty: name the Redis server as host:port": func(c *Config) { c.Addresses = nil },
		`addresses: "redis"`: func(c *Config) { c.Addresses = []string{"redis"} },
		`key_prefix: is empty: Tyk Pump reads from "analytics-" by default`:   func(c *Config) { c.KeyPrefix = "" },
		`uptime::key_prefix: is empty: Tyk Pump reads from "host-checker:"`:   func(c *Config) { c.Uptime.KeyPrefix = "" },
		`key_prefix: "{a}": braces choose a cluster's slots`:                  func(c *Config) { c.Cluster, c.KeyPrefix = true, "{a}" },
		`uptime::key_prefix: "{a}": braces choose a cluster's slots`:          func(c *Config) { c.Cluster, c.Uptime.KeyPrefix = true, "{a}" },
		"timeout: 0s: use at least 1ms":                                       func(c *Config) { c.Timeout = 0 },
		"expiry: 1.5s: use whole seconds, the gateway's 60s, or 0 for never":  func(c *Config) { c.Expiry = 1500 * time.Millisecond },
		"expiry: -1s: use whole seconds":                                      func(c *Config) { c.Expiry = -time.Second },
		"max_list_entries: 0: use a number from 1":                            func(c *Config) { c.MaxListEntries = 0 },
		"remember: 1s: use at least 1m0s: entries come again after an outage": func(c *Config) { c.Remember = time.Second },
		"wait_for_replicas: -1: use a number from 0":                          func(c *Config) { c.WaitForReplicas = -1 },
		"tls::insecure: true, the default, is for a connection without TLS":   func(c *Config) { c.TLS.ServerName = "redis" },
		"max_elapsed_time": func(c *Config) { c.Retry.MaxElapsedTime = -time.Second },
		"database: 3: a Redis Cluster has no databases":                         func(c *Config) { c.Cluster, c.Database = true, 3 },
		"sentinel::master_name: is empty: write what the sentinels call":        func(c *Config) { c.Sentinel.Username = "u" },
		"cluster: true and sentinel::master_name: \"m\" exclude each other":     func(c *Config) { c.Cluster, c.Sentinel.MasterName = true, "m" },
		"addresses: got 2 (\"a:1\", \"b:1\"): name one server, or set cluster:": func(c *Config) { c.Addresses = []string{"a:1", "b:1"} },
		"wait_for_replicas: -2: use a number from 0":                            func(c *Config) { c.WaitForReplicas = -2 },
		"key_prefix: \"x}\": braces choose a cluster's slots, and what is know": func(c *Config) { c.Cluster, c.KeyPrefix = true, "x}" },
	} {
		assert.ErrorContains(t, confmap.Validate(configured(change)), want)
	}
}

func TestKeysThatDoNotExist(t *testing.T) {
	t.Parallel()
	for want, settings := range map[string]map[string]any{
		"key_prefix":                        {"key_prefx": "a"},
		"sending_queue: there is none here": {"sending_queue": map[string]any{"enabled": true}},
		"addresses: a URL (not shown, it may hold a password) has parameters: set them as keys beside it": {"addresses": "redis://a:1/?x=y"},
	} {
		err := confmap.NewFromStringMap(settings).Unmarshal(createDefaultConfig())
		require.ErrorContains(t, err, want)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	content := confmap.New()
	require.NoError(t, content.Marshal(configured(func(c *Config) { c.Password, c.Sentinel.Password = "s3cret", "s3cret" })))
	assert.NotContains(t, content.ToStringMap(), "s3cret")
	assert.Equal(t, "[REDACTED]", content.Get("password"))
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireSchema(t, NewFactory())
}
