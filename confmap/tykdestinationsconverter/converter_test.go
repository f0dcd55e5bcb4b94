package tykdestinationsconverter

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// convert runs the converter over testdata/name, and gives what receivers then say.
func convert(t *testing.T, conf *confmap.Conf) map[string]string {
	t.Helper()
	require.NoError(t, NewFactory().Create(confmap.ConverterSettings{}).Convert(t.Context(), conf))
	all := map[string]string{}
	receivers, _ := conf.Get("receivers").(map[string]any)
	for id, value := range receivers {
		if settings, ok := value.(map[string]any); ok {
			if d, ok := settings["destinations"]; ok {
				all[id] = d.(string)
			}
		}
	}
	return all
}

func TestReceiversAreToldWhatIsBehindThem(t *testing.T) {
	conf, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	before := conf.ToStringMap()
	all := convert(t, conf)

	bare := map[string]string{}
	for id, destinations := range all {
		var names []string
		for _, d := range strings.Split(destinations, ",") {
			name, mark, found := strings.Cut(d, "#")
			assert.Equal(t, id == "tykredis/a" || id == "tykredis/routed", found)
			if found {
				assert.Regexp(t, `^[0-9a-f]{8}$`, mark)
			}
			names = append(names, name)
		}
		bare[id] = strings.Join(names, " ")
	}
	assert.Equal(t, map[string]string{
		"tykredis/a":       "tyksql/a",
		"tykredis/routed":  "kafka tyksql/a tyksql/b",
		"tykredis/by_hand": "main",
		"tykredis/unknown": "",
	}, bare, "those in no pipeline, and other types, are left alone")

	for id, settings := range conf.ToStringMap()["receivers"].(map[string]any) {
		kept, _ := settings.(map[string]any)
		delete(kept, "destinations")
		was, _ := before["receivers"].(map[string]any)[id].(map[string]any)
		was = maps.Clone(was)
		delete(was, "destinations")
		assert.Empty(t, cmpMaps(was, kept), id)
	}
}

func cmpMaps(a, b map[string]any) []string {
	var differences []string
	for key := range a {
		if !assert.ObjectsAreEqual(a[key], b[key]) {
			differences = append(differences, key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			differences = append(differences, key)
		}
	}
	return differences
}

func TestAConfigurationThatCannotBeReadIsLeftToTheCollector(t *testing.T) {
	for _, conf := range []map[string]any{
		{},
		{"service": "x", "receivers": []any{1}},
		{"receivers": map[string]any{"tykredis": 3}, "service": map[string]any{"pipelines": map[string]any{
			"logs": nil, "logs/x": map[string]any{"receivers": "tykredis", "exporters": []any{1}},
		}}},
		wired("redis://u:pw@h:6379", []any{map[string]any{"timezone": "CET"}}),
		wired([]any{map[string]any{"addresses": []any{"h:1"}}}, "CET"),
	} {
		read := confmap.NewFromStringMap(conf)
		before := read.ToStringMap()
		assert.Empty(t, convert(t, read))
		assert.Equal(t, before, read.ToStringMap())
	}
}

// wired is a configuration that settings follow for, of a receiver and a processor of which this is written.
func wired(receiver, processor any) map[string]any {
	return map[string]any{
		"receivers": map[string]any{"tykredis": receiver}, "processors": map[string]any{"tykaggregate": processor},
		"exporters": map[string]any{"tyksql": nil},
		"service": map[string]any{"pipelines": map[string]any{
			"logs": map[string]any{"receivers": []any{"tykredis"}, "processors": []any{"tykaggregate"}, "exporters": []any{"tyksql"}},
		}},
	}
}

// behind is the fingerprint of one exporter behind one processor.
func behind(t *testing.T, exporter string, settings map[string]any, processor string, more map[string]any) string {
	t.Helper()
	d := convert(t, confmap.NewFromStringMap(map[string]any{
		"receivers":  map[string]any{"tykredis": nil},
		"processors": map[string]any{processor: more},
		"exporters":  map[string]any{exporter: settings},
		"service": map[string]any{"pipelines": map[string]any{"logs": map[string]any{
			"receivers": []any{"tykredis"}, "processors": []any{processor}, "exporters": []any{exporter},
		}}},
	}))["tykredis"]
	_, mark, _ := strings.Cut(d, "#")
	require.Len(t, mark, 8)
	return mark
}

type object = map[string]any

func TestTheFingerprintIsOfWhereAndOfWhat(t *testing.T) {
	sql := func(settings object) string { return behind(t, "tyksql", settings, "batch", nil) }
	base := object{"driver": "postgres", "datasource": "host=db user=tyk password='a b' dbname=tyk sslmode=disable"}
	with := func(key string, value any) object {
		changed := maps.Clone(base)
		changed[key] = value
		return changed
	}
	want := sql(base)
	for name, same := range map[string]object{
		"another password":  with("datasource", "host=db user=tyk password=c dbname=tyk sslmode=disable"),
		"another user":      with("datasource", "host=db user=other password='a b' dbname=tyk sslmode=disable"),
		"another TLS mode":  with("datasource", "host=db user=tyk password='a b' dbname=tyk sslmode=require"),
		"retries":           with("retry_on_failure", object{"initial_interval": "1s"}),
		"a queue":           with("sending_queue", object{"enabled": false}),
		"a timeout":         with("timeout", "3s"),
		"TLS":               with("tls", object{"ca_file": "x"}),
		"a password beside": with("password", "x"),
		"a key":             with("api_key", "x"),
		"nothing":           with("table_prefix", nil),
	} {
		assert.Equal(t, want, sql(same), name)
	}
	for name, other := range map[string]object{
		"another database": with("datasource", "host=db user=tyk password='a b' dbname=other sslmode=disable"),
		"another host":     with("datasource", "host=db2 user=tyk password='a b' dbname=tyk sslmode=disable"),
		"another driver":   with("driver", "mysql"),
		"other tables":     with("tables", object{"aggregated": object{"enabled": true}}),
	} {
		assert.NotEqual(t, want, sql(other), name)
	}

	at := func(datasource string) string { return sql(object{"datasource": datasource}) }
	assert.Equal(t, at("tyk:p@ss/w@tcp(db:3306)/tyk"), at("root@tcp(db:3306)/tyk"))
	assert.NotEqual(t, at("tyk:p@tcp(db:3306)/tyk"), at("tyk:p@tcp(db:3306)/tyk2"))
	assert.Equal(t, at("postgres://tyk:secret@db/tyk"), at("postgres://db/tyk"))
	assert.NotEqual(t, at("postgres://tyk:secret@db/tyk"), at("postgres://tyk:secret@db2/tyk"))
	assert.Equal(t, at("https://x/y?token=abc&index=a"), at("https://x/y?token=cde&index=a"))
	assert.NotEqual(t, at("https://x/y?token=abc&index=a"), at("https://x/y?token=abc&index=b"))

	assert.NotEqual(t, want, behind(t, "kafka", base, "batch", nil), "another type")
	assert.Equal(t, want, behind(t, "tyksql/other_name", base, "batch", nil))
	assert.Equal(t, behind(t, "prometheus", object{"endpoint": "a:1"}, "batch", nil), behind(t, "prometheus", object{"endpoint": "b:1"}, "batch", nil))

	assert.Equal(t, want, behind(t, "tyksql", base, "resource", object{"host": "a"}), "processors may name their host")
	filtered := behind(t, "tyksql", base, "tykfilter", object{"org_ids": []any{"a"}})
	assert.NotEqual(t, want, filtered)
	assert.NotEqual(t, filtered, behind(t, "tyksql", base, "tykfilter", object{"org_ids": []any{"b"}}))
	assert.NotEqual(t, want, behind(t, "tyksql", base, "tykaggregate", nil), "rollups are not records")
}

// Only who takes entries as they came is given those that cannot be decoded.
func TestUndecodableEntriesAreDeliveredWhereOnlyEntriesAreWanted(t *testing.T) {
	for name, c := range map[string]struct {
		settings, processor object
		processors          []any
		exporters           []any
		want                any
	}{
		"alone":                       {exporters: []any{"tykredis"}, want: "deliver"},
		"two":                         {exporters: []any{"tykredis", "tykredis/b"}, want: "deliver"},
		"beside a store":              {exporters: []any{"tykredis", "tyksql"}},
		"a store":                     {exporters: []any{"tyksql"}},
		"fields":                      {processors: []any{"tykfilter"}, processor: object{"fields": object{}}, exporters: []any{"tykredis"}, want: "deliver"},
		"conditions":                  {processors: []any{"tykfilter"}, processor: object{"org_ids": []any{"a"}}, exporters: []any{"tykredis"}},
		"another processor":           {processors: []any{"filter"}, exporters: []any{"tykredis"}},
		"set by hand":                 {settings: object{"undecodable": "dead_letter"}, exporters: []any{"tykredis"}, want: "dead_letter"},
		"destinations set, too":       {settings: object{"destinations": "x"}, exporters: []any{"tykredis"}, want: "deliver"},
		"nothing behind the pipeline": {exporters: []any{}},
	} {
		if c.settings == nil {
			c.settings = object{}
		}
		conf := confmap.NewFromStringMap(object{
			"receivers": object{"tykredis": c.settings}, "processors": object{"tykfilter": c.processor},
			"service": object{"pipelines": object{
				"logs":    object{"receivers": []any{"tykredis"}, "processors": c.processors, "exporters": c.exporters},
				"metrics": object{"receivers": []any{"tykredis"}, "exporters": []any{"prometheus"}},
			}},
		})
		convert(t, conf)
		assert.Equal(t, c.want, conf.Get("receivers::tykredis::undecodable"), name)
	}
}

// Records are given up where nobody else has them, and by nobody who is told not to.
func TestRecordsAreGivenUpWhereNoOtherPipelineHasThem(t *testing.T) {
	pipeline := func(receivers, processors, exporters []any) map[string]any {
		return object{"receivers": receivers, "processors": processors, "exporters": exporters}
	}
	for name, test := range map[string]struct {
		pipelines object
		settings  any // of tykaggregate
		want      any
	}{
		"alone": {object{"logs": pipeline([]any{"tykredis"}, []any{"tykfilter", "tykaggregate"}, []any{"tyksql"})}, nil, true},
		"beside metrics": {object{
			"logs": pipeline([]any{"tykredis"}, []any{"tykaggregate"}, []any{"tyksql"}), "metrics": pipeline([]any{"tykredis"}, nil, []any{"prometheus"}),
		}, object{"max_values": 5}, true},
		"with a group of its own": {object{
			"logs": pipeline([]any{"tykredis/raw"}, nil, []any{"tyksql"}), "logs/rollups": pipeline([]any{"tykredis"}, []any{"tykaggregate"}, []any{"tyksql"}),
		}, nil, true},
		"beside records": {object{
			"logs": pipeline([]any{"tykredis"}, nil, []any{"tyksql"}), "logs/rollups": pipeline([]any{"tykredis"}, []any{"tykaggregate"}, []any{"tyksql"}),
		}, nil, nil},
		"in one of its pipelines": {object{
			"logs": pipeline([]any{"tykredis", "tykredis/raw"}, []any{"tykaggregate"}, []any{"tyksql"}), "logs/raw": pipeline([]any{"tykredis/raw"}, nil, []any{"tyksql"}),
		}, nil, nil},
		"behind a connector": {object{
			"logs": pipeline([]any{"tykredis"}, nil, []any{"routing"}), "logs/rollups": pipeline([]any{"routing"}, []any{"tykaggregate"}, []any{"tyksql"}),
		}, nil, nil},
		"beside what sends the same again": {object{"logs": pipeline([]any{"tykredis", "otlp"}, []any{"tykaggregate"}, []any{"tyksql"})}, nil, nil},
		"unused":                           {object{"logs": pipeline([]any{"tykredis"}, nil, []any{"tyksql"})}, nil, nil},
		"by hand":                          {object{"logs": pipeline([]any{"tykredis"}, []any{"tykaggregate"}, []any{"tyksql"})}, object{"release_records": false}, false},
	} {
		t.Run(name, func(t *testing.T) {
			conf := confmap.NewFromStringMap(object{
				"receivers": object{"tykredis": nil, "tykredis/raw": nil}, "processors": object{"tykaggregate": test.settings, "tykfilter": nil},
				"exporters": object{"tyksql": nil}, "connectors": object{"routing": nil}, "service": object{"pipelines": test.pipelines},
			})
			convert(t, conf)
			processors := conf.ToStringMap()["processors"].(map[string]any)
			after, _ := processors["tykaggregate"].(map[string]any)
			assert.Equal(t, test.want, after["release_records"])
			before, _ := test.settings.(map[string]any)
			for key, value := range before {
				assert.Equal(t, value, after[key])
			}
		})
	}
}
