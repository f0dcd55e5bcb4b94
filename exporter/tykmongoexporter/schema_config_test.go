package tykmongoexporter

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	described := describe(t, schema.ToStringMap(), "")
	got := map[string]any{"sending_queue::enabled": config.Queue.HasValue()}
	defaultsOf(t, reflect.ValueOf(*config), "", got)
	defaultsOf(t, reflect.ValueOf(*config.Queue.GetOrInsertDefault()), "sending_queue::", got)
	delete(got, "sending_queue::batch") // is refused
	got["tls"] = map[string]any{"insecure": true}
	assert.Equal(t, got, described)
}

// describe lists the defaults of a schema by key.
func describe(t *testing.T, schema map[string]any, path string) map[string]any {
	t.Helper()
	assert.Equal(t, false, schema["additionalProperties"], path)
	defaults := map[string]any{}
	for key, value := range schema["properties"].(map[string]any) {
		property := value.(map[string]any)
		assert.NotEmpty(t, property["description"], path+key)
		if property["type"] == "object" && property["properties"] != nil { // tls is described elsewhere
			for below, value := range describe(t, property, path+key+"::") {
				defaults[below] = value
			}
			continue
		}
		defaults[path+key] = property["default"]
	}
	return defaults
}

// defaultsOf lists the defaults of a configuration by key, as a schema writes them.
func defaultsOf(t *testing.T, config reflect.Value, path string, into map[string]any) {
	t.Helper()
	for i := range config.NumField() {
		field := config.Type().Field(i)
		key, squash, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		value := config.Field(i)
		switch {
		case key == "" && squash == "":
		case squash == "squash":
			defaultsOf(t, value, path, into)
		case key == "tls":
		case key == "sending_queue": // an optional one, listed by the caller
		case key == "batch":
			into[path+key] = nil
		case key == "storage":
			into[path+key] = ""
		case value.Type() == reflect.TypeFor[time.Duration]():
			into[path+key] = time.Duration(value.Int()).String()
		case value.Kind() == reflect.Struct && value.Type().PkgPath() != "" && !implementsStringer(value):
			defaultsOf(t, value, path+key+"::", into)
		case value.Kind() == reflect.Bool:
			into[path+key] = value.Bool()
		case value.CanInt():
			into[path+key] = int(value.Int())
		case value.CanFloat():
			into[path+key] = value.Float()
		case value.Kind() == reflect.String:
			into[path+key] = value.String()
		default:
			into[path+key] = fmt.Sprint(addressable(value))
		}
	}
}

func implementsStringer(value reflect.Value) bool {
	return reflect.PointerTo(value.Type()).Implements(reflect.TypeFor[fmt.Stringer]())
}

// addressable gives a pointer to a copy, whose methods are all there.
func addressable(value reflect.Value) any {
	copied := reflect.New(value.Type())
	copied.Elem().Set(value)
	return copied.Interface()
}
