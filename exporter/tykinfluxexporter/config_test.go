package tykinfluxexporter

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykinfluxexporter/internal/metadata"
)

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	content, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)

	plain := createDefaultConfig().(*Config)
	plain.DatabaseName = "tyk_analytics"

	one := createDefaultConfig().(*Config)
	one.Client.Endpoint, one.Client.Timeout, one.Client.Compression = "https://influx.example:8086", 10*time.Second, configcompression.TypeGzip
	one.DatabaseName, one.RetentionPolicy, one.Username, one.Password = "tyk_analytics", "month", "tyk", "secret"
	one.Fields, one.Tags, one.MaxRequestBytes = []string{"request_time", "path"}, []string{"api_id"}, 100_000
	one.Retry.InitialInterval = time.Second
	one.Queue.GetOrInsertDefault().QueueSize = 32

	two := createDefaultConfig().(*Config)
	two.Schema, two.Bucket, two.Organization, two.Token = schemaKrakenD, "krakend", "acme", "secret"

	for name, want := range map[string]*Config{"": plain, "one": one, "two": two} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub, err := content.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			got := NewFactory().CreateDefaultConfig().(*Config)
			require.NoError(t, sub.Unmarshal(got))
			require.NoError(t, confmap.Validate(got))
			assert.Equal(t, want, got)
		})
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"database_name, bucket: one of them must be set":                             func(c *Config) { c.DatabaseName = "" },
		`database_name, bucket: "tyk" and "b" are both set`:                          func(c *Config) { c.Bucket = "b" },
		"organization: must be set with bucket":                                      func(c *Config) { c.DatabaseName, c.Bucket = "", "b" },
		"username, password, retention_policy: are InfluxDB 1's":                     func(c *Config) { c.DatabaseName, c.Bucket, c.Organization, c.Username = "", "b", "o", "u" },
		"token, organization: are InfluxDB 2's":                                      func(c *Config) { c.Token = "t" },
		"username: must be set with password":                                        func(c *Config) { c.Password = "p" },
		`schema: "prometheus" is unknown: use tyk or krakend`:                        func(c *Config) { c.Schema = "prometheus" },
		"fields: must not be empty: a point needs a field":                           func(c *Config) { c.Fields = nil },
		`fields: "size" is not a key of influx documents; their keys are `:           func(c *Config) { c.Fields = []string{"size"} },
		`tags: "host" is not a key of influx documents; their keys are `:             func(c *Config) { c.Tags = []string{"host"} },
		"max_request_bytes: 0 must be from 1 to 20971520, which InfluxDB takes":      func(c *Config) { c.MaxRequestBytes = 0 },
		"timeout: -3s must be above 0":                                               func(c *Config) { c.Client.Timeout = -3 * time.Second },
		`endpoint: "influxdb:8086" is no address: use one like http://influxdb:8086`: func(c *Config) { c.Client.Endpoint = "influxdb:8086" },
		`endpoint: the value (not shown, it may hold credentials) is no address`:     func(c *Config) { c.Client.Endpoint = "u:s3cret@influxdb:8086" },
		"sending_queue::wait_for_result: false loses":                                func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
	} {
		config := testConfig("http://localhost:8086")
		change(config)
		assert.ErrorContains(t, confmap.Validate(config), want)
	}
}

// TestSchemaDescribesTheConfig leaves out what the collector's own schemas describe.
func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	described := map[string]any{}
	for key, value := range schema.ToStringMap()["properties"].(map[string]any) {
		assert.NotEmpty(t, value.(map[string]any)["description"], key)
		described[key] = value.(map[string]any)["default"]
	}
	config := reflect.ValueOf(*createDefaultConfig().(*Config))
	want := map[string]any{"endpoint": "http://localhost:8086", "timeout": "30s"}
	for i := range config.NumField() {
		key, _, _ := strings.Cut(config.Type().Field(i).Tag.Get("mapstructure"), ",")
		switch value := config.Field(i); {
		case key == "":
		case value.Kind() == reflect.Struct:
			want[key] = nil
		case value.Kind() == reflect.String:
			want[key] = value.String()
		case value.CanInt():
			want[key] = int(value.Int())
		default:
			var list []any
			for _, one := range value.Interface().([]string) {
				list = append(list, one)
			}
			want[key] = list
		}
	}
	assert.Equal(t, want, described)
}
