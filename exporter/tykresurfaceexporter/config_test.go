package tykresurfaceexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func configured(change func(*Config)) *Config {
	config := createDefaultConfig().(*Config)
	config.Client.Endpoint = "https://resurface.example/message"
	change(config)
	return config
}

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	all := configured(func(c *Config) {
		c.Client.Endpoint, c.Client.Timeout = "http://resurface.example:7701/message", 5*time.Second
		c.Rules = "include debug\n/request_header:cookie/ remove # not for others\nsample 10\n"
		c.Scheme, c.Host, c.MaxBodyBytes, c.MaxRequestBytes = schemeHTTPS, "gateways-eu", 1000, 100_000
		c.Retry.InitialInterval = time.Second
		c.Queue.GetOrInsertDefault().QueueSize = 32
	})
	for name, want := range map[string]*Config{"": configured(func(*Config) {}), "all": all} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name), name)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"endpoint: must be the capture URL (not shown":                                        func(c *Config) { c.Client.Endpoint = "user:secret@resurface" },
		"endpoint: http is not encrypted: use https, or add the rule allow_http_url to rules": func(c *Config) { c.Client.Endpoint = "http://resurface/message" },
		`rules: line 2, "/a/ remov": there is no verb "remov"`:                                func(c *Config) { c.Rules = "include debug\n/a/ remov" },
		"rules: read the file of the rules: open /nowhere/rules":                              func(c *Config) { c.Rules = "file:///nowhere/rules" },
		`scheme: "ftp" is unknown: use http or https`:                                         func(c *Config) { c.Scheme = "ftp" },
		"timeout: 0s must be above 0":                                                         func(c *Config) { c.Client.Timeout = 0 },
		"max_body_bytes: -1 must not be below 0":                                              func(c *Config) { c.MaxBodyBytes = -1 },
		"max_request_bytes: 0 must be above 0":                                                func(c *Config) { c.MaxRequestBytes = 0 },
		"sending_queue::wait_for_result: false loses":                                         func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
	} {
		err := configured(change).Validate()
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireHTTPSchema(t, NewFactory())
}
