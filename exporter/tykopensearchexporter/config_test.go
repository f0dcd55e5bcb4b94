package tykopensearchexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configoptional"
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
	cluster := configured(func(c *Config) {
		c.Endpoints = []string{"https://a.example:9200", "https://b.example:9200"}
		c.Client.Timeout, c.Client.Compression = 10*time.Second, "gzip"
		c.Username, c.Password = "tyk", "secret"
		c.IndexName, c.MCPIndexName, c.RollingIndex, c.ExtendedStats = "gateway", "gateway-mcp", true, true
		c.MaxRequestBytes, c.Retry.InitialInterval = 1_000_000, time.Second
		c.Queue.GetOrInsertDefault().QueueSize = 32
	})
	old := configured(func(c *Config) {
		c.Client.Endpoint, c.APIKey, c.DocumentType = "http://old.example:9200", "aWQ6a2V5", "doc"
	})
	for name, want := range map[string]*Config{"": configured(func(*Config) {}), "cluster": cluster, "old": old} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name), name)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"endpoint, endpoints: only one of them can be set": func(c *Config) {
			c.Client.Endpoint, c.Endpoints = "http://a:9200", []string{"http://b:9200"}
		},
		`endpoint: "search:9200" is no address: use one like http://opensearch:9200`: func(c *Config) { c.Client.Endpoint = "search:9200" },
		`endpoints: the value (not shown, it may hold credentials) is no address`:    func(c *Config) { c.Endpoints = []string{"u:p@search:9200"} },
		"username: must be set with password":                                        func(c *Config) { c.Password = "p" },
		"username, api_key, auth: only one of them can be used":                      func(c *Config) { c.Username, c.APIKey = "u", "k" },
		"username, api_key, auth: only one of them can be": func(c *Config) {
			c.APIKey, c.Client.Auth = "k", configoptional.Some(configauth.Config{AuthenticatorID: component.MustNewID("sigv4auth")})
		},
		"index_name: must not be empty":                                          func(c *Config) { c.IndexName = "" },
		`index_name: "Tyk" has capital letters, which servers refuse: use "tyk"`: func(c *Config) { c.IndexName = "Tyk" },
		`mcp_index_name: "a b" is no name that servers take`:                     func(c *Config) { c.MCPIndexName = "a b" },
		`index_name: "_tyk" is no name that servers take`:                        func(c *Config) { c.IndexName = "_tyk" },
		"max_request_bytes: 0 must be from 1 to 104857600, which servers take":   func(c *Config) { c.MaxRequestBytes = 0 },
		"timeout: 0s must be above 0":                                            func(c *Config) { c.Client.Timeout = 0 },
		"sending_queue::wait_for_result: false loses":                            func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
	} {
		err := confmap.Validate(configured(change))
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "u:p@")
	}
	assert.NoError(t, configured(func(c *Config) { c.IndexName = "<tyk-{now/d}>" }).Validate(), "a name of the date's")
}

func TestAKeyThatDoesNotExistIsExplained(t *testing.T) {
	t.Parallel()
	err := confmap.NewFromStringMap(map[string]any{"indexname": "tyk"}).Unmarshal(createDefaultConfig())
	require.ErrorContains(t, err, "index_name")
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireHTTPSchema(t, NewFactory())
}
