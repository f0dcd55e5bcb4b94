package tykaggregateprocessor

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykaggregateprocessor/internal/metadata"
)

func loadConfig(t *testing.T, name string) (*Config, error) {
	t.Helper()
	file, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	sub, err := file.Sub(component.NewIDWithName(metadata.Type, name).String())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := sub.Unmarshal(cfg); err != nil {
		return nil, err
	}
	err = cfg.Validate()
	return cfg, err
}

func TestConfigIsReadWhole(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig(t, "")
	require.NoError(t, err)
	assert.Equal(t, createDefaultConfig(), cfg)

	cfg, err = loadConfig(t, "all")
	require.NoError(t, err)
	assert.Equal(t, &Config{
		AggregationTime: 15 * time.Minute, StoreAnalyticsPerMinute: true, Timezone: "Asia/Kolkata", TrackAllPaths: true,
		IgnoreTagPrefixList: []string{"org-", "api-"}, IgnoreAggregations: []string{"APIKeys", "geo"}, ThresholdLenTagList: -1,
		TraceTags: true, Latencies: true,
	}, cfg)
	settings, err := cfg.settings()
	require.NoError(t, err)
	assert.Equal(t, rollup.Settings{
		Minutes: 1, Zone: "Asia/Kolkata", TrackAllPaths: true, IgnoreTagPrefixes: []string{"org-", "api-"},
		Ignore: []rollup.Dimension{rollup.APIKeys, rollup.Geo}, TraceTags: true, Latencies: true,
	}, settings)
	cfg.ThresholdLenTagList = 0
	settings, err = cfg.settings()
	require.NoError(t, err)
	assert.Equal(t, 1000, settings.TagAlert)
}

func TestFaultyConfigIsRefused(t *testing.T) {
	t.Parallel()
	_, err := loadConfig(t, "faulty")
	require.EqualError(t, err, `aggregation_time: 1m30s must be whole minutes from 1m to 60m, with the unit
timezone: "Local" is not the name of a time zone: use one such as UTC or America/New_York
ignore_aggregations: "total" is not a dimension: use apiid, errors, versions, apikeys, oauthids, geo, tags, endpoints, keyendpoints, oauthendpoints, apiendpoints, types, fields, operation, rootfields, methods, primitives, names
threshold_len_tag_list: -2 must be a number of tags, or -1 for no warning
max_values: -1 must be 0, which is no bound, or more`)
	_, err = loadConfig(t, "number")
	require.ErrorContains(t, err, "60ns must be whole minutes")
	_, err = loadConfig(t, "key")
	require.ErrorContains(t, err, "aggregation")
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	properties := schema.ToStringMap()["properties"].(map[string]any)
	cfg := reflect.ValueOf(createDefaultConfig()).Elem()
	require.Len(t, properties, cfg.NumField())
	for i := range cfg.NumField() {
		key := cfg.Type().Field(i).Tag.Get("mapstructure")
		property, ok := properties[key].(map[string]any)
		require.True(t, ok, key)
		assert.NotEmpty(t, property["description"], key)
		switch value := cfg.Field(i).Interface().(type) {
		case []string:
			assert.Empty(t, property["default"], key)
		case time.Duration:
			assert.Equal(t, value.String(), property["default"], key)
		default:
			assert.EqualValues(t, value, property["default"], key)
		}
	}
}
