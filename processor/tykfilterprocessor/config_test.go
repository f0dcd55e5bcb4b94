package tykfilterprocessor

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
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
	return cfg, confmap.Validate(cfg)
}

func TestConfigReadsEveryKey(t *testing.T) {
	got, err := loadConfig(t, "all")
	require.NoError(t, err)
	assert.Equal(t, &Config{
		Lists: selection.Lists{
			APIIDs:            []string{"orders-api", "users"},
			OrgIDs:            []string{"5e9d9544a1dcd60001d0ed20"},
			ResponseCodes:     []int64{200, -1},
			SkipAPIIDs:        []string{"internal"},
			SkipOrgIDs:        []string{"globex", ""},
			SkipResponseCodes: []int64{404, 0},
		},
		Fields: FieldsConfig{
			Ignore:                []string{"api_key", "geo", "expireAt"},
			OmitDetailedRecording: true,
			MaxRecordSize:         65536,
			DecodeRawRequest:      true,
			DecodeRawResponse:     true,
			RedactHeaders:         []string{"X-Token"},
			RedactHeadersOnly:     createDefaultConfig().(*Config).Fields.RedactHeadersOnly,
			RedactQuery:           []string{"Session"},
			RedactQueryOnly:       createDefaultConfig().(*Config).Fields.RedactQueryOnly,
		},
		Document: DocumentConfig{
			Format: "splunk", Fields: []string{"method", "tags"}, Place: "attributes",
			ObfuscateAPIKeys: true, ObfuscateAPIKeysLength: 4, IgnoreTagPrefixList: []string{"key-", "org-"},
		},
	}, got)
}

func TestConfigDefaultsOnlyRedact(t *testing.T) {
	got, err := loadConfig(t, "")
	require.NoError(t, err)
	assert.Equal(t, &Config{Fields: FieldsConfig{
		RedactHeadersOnly: createDefaultConfig().(*Config).Fields.RedactHeadersOnly,
		RedactQueryOnly:   createDefaultConfig().(*Config).Fields.RedactQueryOnly,
	}, Document: DocumentConfig{Place: "body"}}, got)
}

func TestConfigEmptyListsSwitchRedactionOff(t *testing.T) {
	got, err := loadConfig(t, "no_redaction")
	require.NoError(t, err)
	assert.Empty(t, got.Fields.RedactHeadersOnly)
	assert.Empty(t, got.Fields.RedactQueryOnly)
}

func TestConfigFaultsNameKeyValueAndRemedy(t *testing.T) {
	_, err := loadConfig(t, "faulty_fields")
	require.EqualError(t, err, `fields: ignore: "apikey" is not a field of a record; did you mean api_key?
ignore: "no_such_field" is not a field of a record; the fields are method, host, path, raw_path, content_length, `+
		`user_agent, day, month, year, hour, response_code, api_key, timestamp, api_version, api_name, api_id, org_id, `+
		`oauth_id, request_time, raw_request, raw_response, ip_address, geo, network, latency, tags, alias, track_path, `+
		`expireAt, api_schema, original_path, listen_path, graphql_stats, mcp_stats, geo.city, geo.location
max_record_size: -1 is below 0; give a number of bytes, or 0 to keep recorded requests and responses whole
redact_headers: "x-token: abc" is not the name of an HTTP header; give names such as x-api-key, without the colon and the value
redact_headers: "" is not the name of an HTTP header; give names such as x-api-key, without the colon and the value
redact_query: "key=1" is not the name of a query parameter; give names such as access_token, decoded and without the value`)

	_, err = loadConfig(t, "faulty_document")
	require.EqualError(t, err, `document: "graylog" is not a format of documents; the formats are tyk, kafka, elasticsearch, `+
		`elasticsearch_extended, splunk, logzio, influx
place: "head" is no place for a document; give body or attributes
obfuscate_api_keys_length: -1 is below 0; give the number of letters that stay`)
	_, err = loadConfig(t, "unnamed_document")
	require.EqualError(t, err, `document: format: is missing, without which there is no document; give one of tyk, kafka, `+
		`elasticsearch, elasticsearch_extended, splunk, logzio, influx`)

	_, err = loadConfig(t, "faulty_code")
	require.ErrorContains(t, err, "response_codes")
	_, err = loadConfig(t, "faulty_lists")
	require.EqualError(t, err, `api_ids: nothing passes: "a" is in skip_api_ids, too
org_ids: nothing passes: "a,b" has a comma: write each id as an element of its own`)
	_, err = loadConfig(t, "faulty_key")
	require.ErrorContains(t, err, "skip_apis")
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	requireSchema(t, schema.ToStringMap(), reflect.ValueOf(createDefaultConfig()).Elem(), "")

	assert.Equal(t, append([]string{""}, analytics.DocumentFormats()...), anyStrings(schema.Get("properties::document::properties::format::enum").([]any)))
	items := schema.Get("properties::fields::properties::ignore::items::enum").([]any)
	var names []string
	for f := analytics.Field(0); !strings.HasPrefix(f.String(), "field "); f++ {
		names = append(names, f.String())
	}
	slices.Sort(names)
	assert.Equal(t, names, anyStrings(items))
}

// requireSchema compares properties with tags, types with kinds, and defaults.
func requireSchema(t *testing.T, schema map[string]any, cfg reflect.Value, path string) {
	t.Helper()
	properties := schema["properties"].(map[string]any)
	fields := slices.DeleteFunc(reflect.VisibleFields(cfg.Type()), func(f reflect.StructField) bool { return f.Anonymous })
	assert.Len(t, properties, len(fields), "properties of %q", path)
	for _, field := range fields {
		key := field.Tag.Get("mapstructure")
		property, ok := properties[key].(map[string]any)
		require.True(t, ok, "%s::%s is missing", path, key)
		assert.NotEmpty(t, property["description"], key)
		value := cfg.FieldByIndex(field.Index)
		switch value.Kind() {
		case reflect.Struct:
			assert.Equal(t, "object", property["type"], key)
			requireSchema(t, property, value, key)
		case reflect.Slice:
			assert.Equal(t, "array", property["type"], key)
			items := map[reflect.Kind]string{reflect.String: "string", reflect.Int64: "integer"}
			assert.Equal(t, items[value.Type().Elem().Kind()], property["items"].(map[string]any)["type"], key)
			assert.Len(t, property["default"], value.Len(), key)
			if value.Len() > 0 {
				assert.Equal(t, value.Interface(), anyStrings(property["default"].([]any)), key)
			}
		case reflect.String:
			assert.Equal(t, "string", property["type"], key)
			assert.Equal(t, value.Interface(), property["default"], key)
			assert.Contains(t, property["enum"], value.Interface(), key)
		case reflect.Int:
			assert.Equal(t, "integer", property["type"], key)
			assert.EqualValues(t, value.Interface(), property["default"], key)
		case reflect.Bool:
			assert.Equal(t, "boolean", property["type"], key)
			assert.Equal(t, value.Interface(), property["default"], key)
		default:
			t.Fatalf("%s::%s has a kind that this test does not know", path, key)
		}
	}
}

func anyStrings(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.(string)
	}
	return out
}
