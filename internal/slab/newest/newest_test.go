package newest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/attributesprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

const records = 200

// record is one of a chunk whose records have much in common.
func record(i int) *analytics.Record {
	at := time.Date(2026, 3, 1, 12, 0, i%60, 0, time.UTC)
	return &analytics.Record{
		Method: "GET", Host: "api.example:8080", Path: "/users/{id}", RawPath: fmt.Sprint("/users/", i), TrackPath: true, ContentLength: int64(i % 2),
		UserAgent: "curl", ResponseCode: int64(200 + 300*(i%3/2)), APIKey: "key", TimeStamp: at, Day: 1, Month: 3, Year: 2026, Hour: 12,
		APIVersion: "v1", APIName: "Users", APIID: fmt.Sprint("api-", i%3), OrgID: "org", RequestTime: 12, IPAddress: "192.0.2.1",
		Latency: analytics.Latency{Total: 12, Upstream: 10, Gateway: 2}, Tags: []string{"a", "b", fmt.Sprint("tag ", i)}, ExpireAt: at.Add(time.Hour),
		Geo:     analytics.Geo{CountryISOCode: "DE", Latitude: 52.5, Longitude: 13.4, CityNames: map[string]string{"en": "Munich", "de": "München"}},
		GraphQL: analytics.GraphQLStats{IsGraphQL: i%2 == 0, RootFields: []string{"users"}, Types: map[string][]string{"User": {"id", "name"}}},
	}
}

func chunk(s *slab.Slab) plog.Logs {
	logs := plog.NewLogs()
	list := analytics.AppendScope(logs)
	for i := range records {
		record(i).ToLogIn(s, s.Append(list), fmt.Sprint("s-", i))
	}
	return logs
}

// through is what a processor of this configuration makes of logs.
func through(t *testing.T, factory processor.Factory, settings map[string]any, logs plog.Logs) plog.Logs {
	t.Helper()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	sink := new(consumertest.LogsSink)
	p, err := factory.CreateLogs(context.Background(), processortest.NewNopSettings(factory.Type()), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background(), componenttest.NewNopHost()))
	require.NoError(t, p.ConsumeLogs(context.Background(), logs))
	require.NoError(t, p.Shutdown(context.Background()))
	require.Len(t, sink.AllLogs(), 1)
	return sink.AllLogs()[0]
}

func TestProcessorsMakeTheSameOfSlabs(t *testing.T) {
	require.NotNil(t, slab.New(records), "a version that is listed as tested")
	for name, test := range map[string]struct {
		factory  processor.Factory
		settings map[string]any
	}{
		"attributes": {attributesprocessor.NewFactory(), map[string]any{"actions": []any{
			map[string]any{"key": "http.response.status_code", "action": "convert", "converted_type": "string"},
			map[string]any{"key": "http.response.status_code", "action": "convert", "converted_type": "int"},
			map[string]any{"key": "tyk.latency.total", "action": "convert", "converted_type": "double"},
			map[string]any{"key": "tyk.api.apikey", "action": "hash"},
			map[string]any{"key": "tyk.api.name", "action": "update", "value": "changed"},
			map[string]any{"key": "user_agent.original", "action": "upsert", "from_attribute": "tyk.api.id"},
			map[string]any{"key": "client.address", "action": "delete"},
			map[string]any{"key": "url.path", "action": "extract", "pattern": "^/(?P<first>[^/]+)"},
		}}},
		"attributes of some": {attributesprocessor.NewFactory(), map[string]any{
			"include": map[string]any{"match_type": "strict", "attributes": []any{map[string]any{"key": "tyk.api.id", "value": "api-1"}}},
			"actions": []any{
				map[string]any{"key": "http.response.status_code", "action": "update", "value": 418},
				map[string]any{"key": "tyk.api.orgid", "action": "update", "value": "other"},
			},
		}},
		"transform": {transformprocessor.NewFactory(), map[string]any{"log_statements": []any{
			`set(log.attributes["http.response.status_code"], 0) where log.attributes["tyk.api.id"] == "api-2"`,
			`set(log.attributes["tyk.api.name"], Concat([log.attributes["tyk.api.name"], "x"], "-")) where log.attributes["tyk.api.id"] == "api-0"`,
			`replace_all_patterns(log.attributes, "value", "users", "people") where log.attributes["tyk.api.id"] == "api-1"`,
			`truncate_all(log.attributes, 8) where log.attributes["tyk.api.id"] == "api-0"`,
			`set(log.attributes["tyk.api.tags"][0], "first")`,
			`set(log.attributes["tyk.geo.city.names"]["fr"], log.attributes["tyk.api.id"])`,
			`delete_key(log.attributes, "tyk.api.version")`,
			`merge_maps(log.attributes, {"geo.location.lat": 1.0}, "upsert") where log.attributes["tyk.api.id"] == "api-1"`,
			`set(log.body, log.attributes)`,
			`keep_matching_keys(log.attributes, "^(http|url|tyk)") where log.attributes["tyk.api.id"] == "api-2"`,
		}}},
		"filter": {filterprocessor.NewFactory(), map[string]any{"logs": map[string]any{
			"log_record": []any{`attributes["tyk.api.id"] == "api-1"`, `attributes["http.response.status_code"] == 500`},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			want := through(t, test.factory, test.settings, chunk(nil))
			got := through(t, test.factory, test.settings, chunk(slab.New(records)))
			wanted, err := (&plog.JSONMarshaler{}).MarshalLogs(want)
			require.NoError(t, err)
			gotten, err := (&plog.JSONMarshaler{}).MarshalLogs(got)
			require.NoError(t, err)
			require.JSONEq(t, string(wanted), string(gotten))
			require.Less(t, 1000, len(gotten))
		})
	}
}
