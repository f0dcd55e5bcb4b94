package sinktest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// RequireOwnSchema requires that config.schema.yaml describes every key of a component's own settings with its default,
// and of squashed ones, which the collector's own schemas describe, those of others.
func RequireOwnSchema(tb testing.TB, config component.Config, others map[string]any) {
	tb.Helper()
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(tb, err)
	described := map[string]any{}
	properties, _ := schema.ToStringMap()["properties"].(map[string]any)
	for key, value := range properties {
		property, ok := value.(map[string]any)
		require.True(tb, ok, key)
		assert.NotEmpty(tb, property["description"], key)
		described[key] = property["default"]
	}
	settings := reflect.ValueOf(config).Elem()
	for i := range settings.NumField() {
		key, _, _ := strings.Cut(settings.Type().Field(i).Tag.Get("mapstructure"), ",")
		if key != "" {
			others[key] = plain(settings.Field(i))
		}
	}
	assert.Equal(tb, others, described)
}

// plain is a default as YAML has it; an object has none.
func plain(value reflect.Value) any {
	switch value.Kind() {
	case reflect.String:
		return value.String()
	case reflect.Bool:
		return value.Bool()
	case reflect.Int, reflect.Int64:
		return int(value.Int())
	case reflect.Slice:
		var list []any
		for i := range value.Len() {
			list = append(list, plain(value.Index(i)))
		}
		if list == nil {
			list = []any{}
		}
		return list
	}
	return nil
}
