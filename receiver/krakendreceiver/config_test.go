package krakendreceiver

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/krakendreceiver/internal/metadata"
)

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	content, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)

	all := defaultConfig()
	all.Client.Endpoint = "https://gateway.example:8090/__stats"
	all.Client.Timeout = 3 * time.Second
	all.Client.TLS.CAFile = "/etc/krakend/ca.crt"
	all.Client.Headers.Set("X-Reader", "collector")
	all.Controller.CollectionInterval = 10 * time.Second
	all.Controller.InitialDelay = 2 * time.Second
	all.Controller.Timeout = 3 * time.Second
	all.ServiceName, all.HostName = "edge", "gateway-1"
	all.Window, all.AsGauges, all.MaxBodyBytes = windowScrape, true, 1<<20

	for name, want := range map[string]*Config{"": defaultConfig(), "all": all} {
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
		`endpoint: "krakend:8090" is no address: use one like http://krakend:8090/__stats`: func(c *Config) { c.Client.Endpoint = "krakend:8090" },
		`endpoint: the value (not shown, it may hold credentials) is no address`:           func(c *Config) { c.Client.Endpoint = "u:s3cret@krakend:8090" },
		`endpoint: "" is no address: use one like http://krakend:8090/__stats`:             func(c *Config) { c.Client.Endpoint = "" },
		`service_name: must not be empty: leave it out for krakend`:                        func(c *Config) { c.ServiceName = "" },
		`window: "minute" is unknown: use tick or scrape`:                                  func(c *Config) { c.Window = "minute" },
		`max_body_bytes: 0 must be 1 or more`:                                              func(c *Config) { c.MaxBodyBytes = 0 },
		`"collection_interval": requires positive value`:                                   func(c *Config) { c.Controller.CollectionInterval = 0 },
	} {
		config := defaultConfig()
		change(config)
		assert.ErrorContains(t, confmap.Validate(config), want)
	}
}

// TestSchemaDescribesTheConfig leaves out what the collector's own schema of its HTTP
// client describes.
func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	described := map[string]any{}
	for key, value := range schema.ToStringMap()["properties"].(map[string]any) {
		assert.NotEmpty(t, value.(map[string]any)["description"], key)
		described[key] = value.(map[string]any)["default"]
	}
	config := reflect.ValueOf(*defaultConfig())
	want := map[string]any{"endpoint": defaultConfig().Client.Endpoint, "timeout": "4s"}
	for _, part := range []reflect.Value{config, config.FieldByName("Controller")} {
		for i := range part.NumField() {
			key, _, _ := strings.Cut(part.Type().Field(i).Tag.Get("mapstructure"), ",")
			switch value := part.Field(i); {
			case key == "" || key == "timeout":
			case value.Type() == reflect.TypeFor[time.Duration]():
				want[key] = time.Duration(value.Int()).String()
			case value.CanInt():
				want[key] = int(value.Int())
			default:
				want[key] = value.Interface()
			}
		}
	}
	assert.Equal(t, want, described)
}
