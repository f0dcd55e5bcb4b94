package tykhealthextension

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestConfigurationsAreRead(t *testing.T) {
	t.Parallel()
	conf, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	all := createDefaultConfig().(*Config)
	all.Server.NetAddr.Endpoint = "127.0.0.1:8083"
	all.ReadyPath, all.LivePath, all.PumpPath, all.RecoveryDuration = "/", "", "/status/health", time.Minute
	for id, want := range map[string]any{"tykhealth": createDefaultConfig(), "tykhealth/all": all} {
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
	for want, change := range map[string]func(*Config){
		"endpoint: is empty":                     func(c *Config) { c.Server.NetAddr.Endpoint = "" },
		`endpoint: "localhost" is no address`:    func(c *Config) { c.Server.NetAddr.Endpoint = "localhost" },
		`endpoint: "localhost:99999" is no`:      func(c *Config) { c.Server.NetAddr.Endpoint = "localhost:99999" },
		"recovery_duration: -1s: use 0s or more": func(c *Config) { c.RecoveryDuration = -time.Second },
		`ready_path: "ready" is no path`:         func(c *Config) { c.ReadyPath = "ready" },
		`live_path: "/a?b" is no path`:           func(c *Config) { c.LivePath = "/a?b" },
		`pump_path: "/ready" is ready_path too`:  func(c *Config) { c.PumpPath = "/ready" },
		"nothing would be answered: set one":     func(c *Config) { c.ReadyPath, c.LivePath = "", "" },
	} {
		config := createDefaultConfig().(*Config)
		change(config)
		assert.ErrorContains(t, confmap.Validate(config), want)
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
		assert.Equal(t, fmt.Sprint(defaults[key]), property["default"], key)
	}
	for _, key := range []string{"endpoint", "ready_path", "live_path", "pump_path", "recovery_duration"} {
		assert.Contains(t, properties, key)
	}
	assert.Len(t, properties, 5)
}
