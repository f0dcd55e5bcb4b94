package tykconsoleextension

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
)

func TestConfigurationsAreRead(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	all := createDefaultConfig().(*Config)
	all.Server.NetAddr.Endpoint, all.BasePath, all.Hosts, all.BehindProxy, all.Title = "127.0.0.1:9901", "/console/", []string{"console.example.com"}, true, "eu"
	all.Store.Exporter, all.Store.Datasource, all.Store.MaxQueries, all.Store.StatementTimeout, all.Store.ScanRows, all.Store.SearchRows = "tyksql/a", "replica.db", 2, time.Second, 5000, 50_000
	all.Metrics, all.TraceURL, all.Timezone, all.LinkSecret = "http://localhost:8888/metrics", "http://localhost:16686/trace/{trace_id}", "Europe/Berlin", "secret"
	all.Keys, all.Bodies, all.Actions, all.ActionUsers = keysAliases, bodiesHeaders, true, []string{"ops"}
	way := defaultConnection()
	way.Addresses, way.Username, way.Password = []string{"redis-1:6379"}, "looker", "secret"
	all.Redis.Receiver, all.Redis.Connection = "tykredis/a", configoptional.Some(way)
	further := defaultConnection()
	further.Addresses, further.Password = []string{"redis-2:6379"}, "secret"
	all.Redis.Connections = map[string]connection.Config{"tykredis/b": further}
	for id, want := range map[string]any{"tykconsole": createDefaultConfig(), "tykconsole/all": all} {
		got := createDefaultConfig()
		sub, err := conf.Sub(id)
		require.NoError(t, err)
		require.NoError(t, sub.Unmarshal(got))
		require.NoError(t, confmap.Validate(got))
		assert.Equal(t, want, got, id)
	}
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	auth := configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: component.MustNewID("basicauth")}})
	for want, change := range map[string]func(*Config){
		"endpoint: is empty": func(c *Config) { c.Server.NetAddr.Endpoint = "" },
		`endpoint: "0.0.0.0:9900" is reached from other machines: set auth and tls`:       func(c *Config) { c.Server.NetAddr.Endpoint = "0.0.0.0:9900" },
		`endpoint: ":9900" is reached from other machines, and passwords would travel`:    func(c *Config) { c.Server.NetAddr.Endpoint, c.Server.Auth = ":9900", auth },
		`actions: true, and endpoint: "gw:9900" is reached from other machines: set auth`: func(c *Config) { c.Server.NetAddr.Endpoint, c.Actions, c.BehindProxy = "gw:9900", true, true },
		"cors: pages of other origins":                          func(c *Config) { c.Server.CORS = configoptional.Some(confighttp.CORSConfig{}) },
		`base_path: "console" is no path`:                       func(c *Config) { c.BasePath = "console" },
		`base_path: "/a/../b" is no path`:                       func(c *Config) { c.BasePath, c.BehindProxy = "/a/../b", true },
		`base_path: "/a//b" is no path`:                         func(c *Config) { c.BasePath, c.BehindProxy = "/a//b", true },
		`base_path: "/a\"b" is no path`:                         func(c *Config) { c.BasePath, c.BehindProxy = "/a\"b", true },
		`base_path: "/a%2e%2e" is no path`:                      func(c *Config) { c.BasePath, c.BehindProxy = "/a%2e%2e", true },
		`hosts: "*.example.com" is no host name`:                func(c *Config) { c.Hosts = []string{"*.example.com"} },
		`base_path: "/console" is for a reverse proxy`:          func(c *Config) { c.BasePath = "/console" },
		`hosts: "https://a" is no host name`:                    func(c *Config) { c.Hosts = []string{"https://a"} },
		`timezone: "Mars" is not known`:                         func(c *Config) { c.Timezone = "Mars" },
		`keys: "all" is not known: use masked, aliases, shown`:  func(c *Config) { c.Keys = "all" },
		`bodies: "all" is not known: use redacted`:              func(c *Config) { c.Bodies = "all" },
		`metrics: "localhost" is no URL`:                        func(c *Config) { c.Metrics = "localhost" },
		`metrics: "ftp://h" is no URL`:                          func(c *Config) { c.Metrics = "ftp://u:s3cret@h?s3cret" },
		`trace_url: the value (not shown, it may hold`:          func(c *Config) { c.TraceURL = "u:s3cret@h/{trace_id}" },
		`store::exporter: "postgres://h/d" is no tyksql`:        func(c *Config) { c.Store.Exporter = "postgres://u:s3cret@h/d" },
		`endpoint: "localhost:abc" is no address`:               func(c *Config) { c.Server.NetAddr.Endpoint = "localhost:abc" },
		`trace_url: "javascript:alert(1)" is no URL`:            func(c *Config) { c.TraceURL = "javascript:alert(1)" },
		`trace_url: "http://a/" does not say where`:             func(c *Config) { c.TraceURL = "http://a/" },
		`store::exporter: "kafka" is no tyksql`:                 func(c *Config) { c.Store.Exporter = "kafka" },
		"store::max_queries: 0: use a number from 1 to 32":      func(c *Config) { c.Store.MaxQueries = 0 },
		"store::scan_rows: 1: use a number from 1000 to 200000": func(c *Config) { c.Store.ScanRows = 1 },
		"store::search_rows: 1: use a number":                   func(c *Config) { c.Store.SearchRows = 1 },
		"store::statement_timeout: 1ms: use a time from 250ms":  func(c *Config) { c.Store.StatementTimeout = time.Millisecond },
		"redis::connections::tykredis/b::database: -1: use a number from 0": func(c *Config) {
			way := defaultConnection()
			way.Database = -1
			c.Redis.Connections = map[string]connection.Config{"tykredis/b": way}
		},
		"redis::connection::addresses: is empty": func(c *Config) {
			way := defaultConnection()
			way.Addresses = nil
			c.Redis.Connection = configoptional.Some(way)
		},
	} {
		config := createDefaultConfig().(*Config)
		change(config)
		assert.ErrorContains(t, confmap.Validate(config), want)
	}
}

func TestAKeyThatDoesNotExistIsNamed(t *testing.T) {
	t.Parallel()
	err := confmap.NewFromStringMap(map[string]any{"action": true}).Unmarshal(createDefaultConfig())
	assert.ErrorContains(t, err, "did you mean actions for action?")
}

func TestStoresAndReceiversThatAreNotThere(t *testing.T) {
	t.Parallel()
	two := map[string]any{
		"exporters": map[string]any{"tyksql/a": nil, "tyksql/b": nil}, "receivers": map[string]any{"tykredis": nil},
		"service": map[string]any{"pipelines": map[string]any{"logs": map[string]any{"receivers": []any{"tykredis"}, "exporters": []any{"tyksql/a", "tyksql/b"}}}},
	}
	for want, change := range map[string]func(*Config){
		"store::exporter: is empty, and there are tyksql/a, tyksql/b": func(*Config) {},
		`store::exporter: there is no exporter "tyksql/c"`:            func(c *Config) { c.Store.Exporter = "tyksql/c" },
		`redis::receiver: there is no receiver "tykredis/x"`:          func(c *Config) { c.Store.Exporter, c.Redis.Receiver = "tyksql/a", "tykredis/x" },
	} {
		config := createDefaultConfig().(*Config)
		change(config)
		e := newExtension(config, extensiontest.NewNopSettings(metadata.Type))
		conf := confmap.NewFromStringMap(two)
		if config.Store.Exporter == "tyksql/a" {
			conf = confmap.NewFromStringMap(map[string]any{"exporters": map[string]any{"tyksql/a": map[string]any{"datasource": t.TempDir() + "/a.db"}}, "receivers": two["receivers"], "service": two["service"]})
		}
		require.ErrorContains(t, e.NotifyConfig(t.Context(), conf), want)
		assert.NoError(t, e.Shutdown(t.Context()))
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	conf := confmap.New()
	require.NoError(t, conf.Marshal(createDefaultConfig()))
	defaults := conf.ToStringMap()
	properties := schema.ToStringMap()["properties"].(map[string]any)
	for key, value := range properties {
		property := value.(map[string]any)
		assert.NotEmpty(t, property["description"], key)
		if wanted, ok := property["default"]; ok {
			assert.Equal(t, fmt.Sprint(defaults[key]), fmt.Sprint(wanted), key)
		}
		assert.Contains(t, defaults, key)
	}
	for _, key := range []string{"endpoint", "base_path", "hosts", "store", "redis", "metrics", "trace_url", "timezone", "link_secret", "keys", "bodies", "actions", "action_users", "behind_proxy", "title"} {
		assert.Contains(t, properties, key)
	}
}
