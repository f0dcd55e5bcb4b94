package tykredisreceiver

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
)

func TestSchemaDescribesTheConfig(t *testing.T) {
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	requireSchema(t, schema.ToStringMap(), reflect.ValueOf(*createDefaultConfig().(*Config)), "")
}

// requireSchema holds a schema to a struct: the same keys, each with a
// description, and the defaults.
func requireSchema(t *testing.T, schema map[string]any, config reflect.Value, path string) {
	t.Helper()
	assert.Equal(t, false, schema["additionalProperties"], path)
	properties := schema["properties"].(map[string]any)
	requireKeys(t, properties, config, path)
	for key := range properties {
		assert.Fail(t, "no such key", strings.TrimSuffix(path, "::")+" "+key)
	}
}

// requireKeys takes the keys of a struct out of the properties of a schema.
func requireKeys(t *testing.T, properties map[string]any, config reflect.Value, path string) {
	t.Helper()
	for i := range config.NumField() {
		key := config.Type().Field(i).Tag.Get("mapstructure")
		if key == ",squash" {
			requireKeys(t, properties, config.Field(i), path)
			continue
		}
		property, ok := properties[key].(map[string]any)
		require.True(t, ok, "%s%s is not in the schema", path, key)
		delete(properties, key)
		assert.NotEmpty(t, property["description"], path+key)
		value := config.Field(i)
		switch v := value.Interface().(type) {
		case configtls.ClientConfig: // the collector's own
		case time.Duration:
			assert.Equal(t, v.String(), property["default"], path+key)
		case []metrics.CustomConfig:
			requireSchema(t, property["items"].(map[string]any), reflect.ValueOf(metrics.CustomConfig{}), path+key+"::")
		default:
			switch value.Kind() {
			case reflect.Struct:
				requireSchema(t, property, value, path+key+"::")
			case reflect.Slice:
				want := []any{}
				for i := range value.Len() {
					want = append(want, value.Index(i).Interface())
				}
				assert.Equal(t, want, property["default"], path+key)
			case reflect.String:
				assert.Equal(t, value.String(), property["default"], path+key)
			default:
				assert.EqualValues(t, value.Interface(), property["default"], path+key)
			}
		}
	}
}
