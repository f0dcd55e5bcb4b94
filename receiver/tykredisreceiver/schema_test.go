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
	for i := range config.NumField() {
		key := config.Type().Field(i).Tag.Get("mapstructure")
		property, ok := properties[key].(map[string]any)
		require.True(t, ok, "%s%s is not in the schema", path, key)
		delete(properties, key)
		assert.NotEmpty(t, property["description"], path+key)
		value := config.Field(i)
		switch v := value.Interface().(type) {
		case configtls.ClientConfig: // the collector's own
		case time.Duration:
			assert.Equal(t, v.String(), property["default"], path+key)
		case []CustomMetricConfig:
			requireSchema(t, property["items"].(map[string]any), reflect.ValueOf(CustomMetricConfig{}), path+key+"::")
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
	for key := range properties {
		assert.Fail(t, "no such key", strings.TrimSuffix(path, "::")+" "+key)
	}
}
