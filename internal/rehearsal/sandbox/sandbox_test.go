package sandbox

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

func loaded(t *testing.T, file string, env map[string]string) *settings.Settings {
	t.Helper()
	r := pumpconf.Convert(pumpconf.Input{Source: settings.Source{Name: "pump.conf", Text: []byte(file), Env: env}, Zone: pumpconf.Zone{Name: "UTC"}})
	require.False(t, r.Refused(), r.Summary())
	return r.Settings
}

// side gives ports from 1234 on.
func side(suffix string) Side {
	port := 1233
	return Side{Suffix: suffix, Redis: Redis{Host: "sandbox", Port: 6380, Database: 1, Password: "pw"}, FreePort: func() (int, error) {
		port++
		return port, nil
	}}
}

func TestOnlyAddressesAreDerived(t *testing.T) {
	t.Parallel()
	b, err := Derive(loaded(t, `{"purge_delay": 7, "purge_chunk": 100, "analytics_storage_config": {"host": "real", "port": 6379, "password": "real"},
		"uptime_pump_config": {"uptime_type": "sql", "type": "postgres", "connection_string": "host=db dbname=tyk user=u"},
		"pumps": {
		"sql": {"type": "sql", "filters": {"skip_api_ids": ["a"]}, "max_record_size": 5, "meta": {"type": "postgres", "connection_string": "host=db dbname=tyk user=u password=real", "table_sharding": true}},
		"agg": {"type": "sql_aggregate", "meta": {"type": "mysql", "connection_string": "u:p@tcp(db:3306)/tyk?parseTime=true", "track_all_paths": true}},
		"mongo": {"type": "mongo", "meta": {"mongo_url": "mongodb://u:p@m:27017/tyk", "collection_name": "c"}},
		"syslog": {"type": "syslog", "meta": {"network_addr": "real:514"}}}}`, map[string]string{"TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING": "postgres://u:p@db/other?sslmode=disable"}), nil, side("_shadow"))
	require.NoError(t, err)
	var c map[string]any
	require.NoError(t, json.Unmarshal(b.Config, &c))
	assert.EqualValues(t, 7, c["purge_delay"])
	assert.EqualValues(t, 100, c["purge_chunk"])
	assert.Equal(t, map[string]any{"type": "redis", "host": "sandbox", "port": 6380.0, "database": 1.0, "username": "", "password": "pw"}, c["analytics_storage_config"])
	pumps := map[string]any{}
	for name, pump := range c["pumps"].(map[string]any) {
		pumps[strings.ToLower(name)] = pump
	}
	assert.Len(t, pumps, 3)
	sql := pumps["sql"].(map[string]any)
	assert.Equal(t, map[string]any{"skip_api_ids": []any{"a"}}, sql["filters"])
	assert.EqualValues(t, 5, sql["max_record_size"])
	assert.Equal(t, map[string]any{"type": "postgres", "connection_string": "postgres://u:p@db/other?search_path=public_shadow&sslmode=disable", "table_sharding": true}, sql["meta"])
	assert.Equal(t, "u:p@tcp(db:3306)/tyk_shadow?parseTime=true", pumps["agg"].(map[string]any)["meta"].(map[string]any)["connection_string"])
	assert.Equal(t, map[string]any{"mongo_url": "mongodb://u:p@m:27017/tyk_shadow?authSource=tyk", "collection_name": "c"}, pumps["mongo"].(map[string]any)["meta"])
	assert.Equal(t, "host=db dbname=tyk user=u search_path=public_shadow", c["uptime_pump_config"].(map[string]any)["connection_string"])
	assert.NotContains(t, string(b.Config), "real")
	require.Len(t, b.Skipped, 1)
	assert.Contains(t, b.Skipped[0], "syslog")
	var labels []string
	for _, s := range b.Stores {
		labels = append(labels, s.Label)
		assert.NotContains(t, s.Label, "u:p")
	}
	assert.ElementsMatch(t, []string{"PostgreSQL db, database other, schema public_shadow", "MySQL db:3306, database tyk_shadow", "MongoDB m:27017, database tyk_shadow", "PostgreSQL db, database tyk, schema public_shadow"}, labels)
}

func TestAnAddressThatWouldBeTheRealOneIsRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	for name, derive := range map[string]func() (Store, error){
		"no suffix":        func() (Store, error) { return sqlStore("postgres", "host=db dbname=tyk", "") },
		"an odd suffix":    func() (Store, error) { return sqlStore("postgres", "host=db dbname=tyk", `";drop`) },
		"a long schema":    func() (Store, error) { return sqlStore("postgres", "host=db dbname=tyk search_path="+long, "_shadow") },
		"a long database":  func() (Store, error) { return sqlStore("mysql", "u@tcp(db)/"+long, "_shadow") },
		"no database":      func() (Store, error) { return mongoStore("mongodb://host", "_shadow") },
		"no DSN":           func() (Store, error) { return sqlStore("postgres", "host=secret port=secret", "_shadow") },
		"no suffix, Mongo": func() (Store, error) { return mongoStore("mongodb://host/db", "") },
	} {
		_, err := derive()
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
	_, err := Derive(loaded(t, `{"dont_purge_uptime_data": true, "pumps": {"dummy": {"type": "dummy"}}}`, nil), nil, side("_shadow"))
	require.ErrorContains(t, err, "no pump has a place that a rehearsal can be kept in")
}

// destinations are pumps of all types that keep names, with what a side makes of them.
const destinations = `{"dont_purge_uptime_data": true, "pumps": {
	"es": {"type": "elasticsearch", "meta": {"elasticsearch_url": "https://u:sekrit@es:9200,http://es2:9200", "index_name": "real", "mcp_index_name": "real_mcp", "rolling_index": true, "version": "7", "bulk_config": {"workers": 3}}},
	"es-plain": {"type": "elasticsearch", "meta": {"version": "7"}},
	"kafka": {"type": "kafka", "meta": {"broker": ["b:9092", "a:9092"], "topic": "real", "timeout": "1.5", "meta_data": {"k": "v"}, "sasl_mechanism": "plain", "sasl_username": "u", "sasl_password": "sekrit"}},
	"influx": {"type": "influx", "meta": {"address": "http://influx:8086", "database_name": "real", "username": "u", "password": "sekrit", "fields": ["request_time"]}},
	"influx2": {"type": "influx2", "meta": {"address": "http://influx:8086", "bucket": "real", "organization": "o", "token": "sekrit", "fields": ["request_time"], "new_bucket_config": {"retention_rules": [{"every_seconds": 9}]}}},
	"kinesis": {"type": "kinesis", "meta": {"stream_name": "real", "region": "eu-west-1"}},
	"sqs": {"type": "sqs", "meta": {"aws_queue_name": "real.fifo", "aws_endpoint": "http://sqs:9324", "aws_key": "k", "aws_secret": "sekrit", "aws_message_group_id": "g", "aws_sqs_batch_limit": 10}},
	"csv": {"type": "csv", "meta": {"csv_dir": "/var/real/"}},
	"csv-here": {"type": "csv", "meta": {}},
	"page": {"type": "prometheus", "meta": {"listen_address": ":9090", "path": "/m", "aggregate_observations": true, "custom_metrics": [{"name": "mine", "help": "h", "metric_type": "counter", "labels": ["api_id"]}]}}}}`

func TestNamesAreDerivedOfAllThatKeepsThem(t *testing.T) {
	t.Parallel()
	s := loaded(t, destinations, nil)
	here, err := Derive(s, nil, side("_shadow"))
	require.NoError(t, err)
	there, err := Derive(s, nil, side("_shadow_pump"))
	require.NoError(t, err)
	require.NoError(t, Apart(there, here))
	assert.Empty(t, here.Skipped)
	labels := map[string][]string{}
	for _, place := range here.Places {
		labels[strings.ToLower(place.Pump)] = append(labels[strings.ToLower(place.Pump)], place.Label)
		assert.NotContains(t, place.Label, "sekrit")
	}
	assert.Equal(t, map[string][]string{
		"es":       {"Elasticsearch index real_shadow at es2:9200,es:9200", "Elasticsearch index real_mcp_shadow at es2:9200,es:9200"},
		"es-plain": {"Elasticsearch index tyk_analytics_shadow at localhost:9200"},
		"kafka":    {"Kafka topic real_shadow at a:9092,b:9092"},
		"influx":   {"InfluxDB database real_shadow at influx:8086"},
		"influx2":  {"InfluxDB bucket real_shadow at influx:8086, o"},
		"kinesis":  {"Kinesis stream real_shadow at eu-west-1"},
		"sqs":      {"SQS queue real_shadow.fifo at the region of AWS_REGION, sqs:9324"},
		"csv":      {"directory /var/real_shadow"},
		"csv-here": {"directory csv_shadow"},
	}, labels)
	require.Len(t, here.Pages, 1)
	assert.Equal(t, Page{Pump: here.Pages[0].Pump, URL: "http://127.0.0.1:1235/m", Rounds: true}, here.Pages[0])

	// Everything but the names is as it was, and Tyk Pump's side has other names than ours.
	type pumps map[string]struct{ Meta map[string]any }
	read := func(text []byte) pumps {
		var c struct{ Pumps pumps }
		require.NoError(t, json.Unmarshal(text, &c))
		lower := pumps{}
		for name, pump := range c.Pumps {
			lower[strings.ToLower(name)] = pump
		}
		return lower
	}
	original, ours, theirs := read([]byte(destinations)), read(here.Config), read(there.Config)
	names := map[string]string{
		"es index_name": "real_shadow", "es mcp_index_name": "real_mcp_shadow", "es-plain index_name": "tyk_analytics_shadow", "kafka topic": "real_shadow",
		"influx database_name": "real_shadow", "influx2 bucket": "real_shadow", "kinesis stream_name": "real_shadow", "sqs aws_queue_name": "real_shadow.fifo",
		"csv csv_dir": "/var/real_shadow", "csv-here csv_dir": "csv_shadow", "page listen_address": "127.0.0.1:1235",
	}
	require.Len(t, ours, len(original))
	for name, pump := range original {
		for key, value := range pump.Meta {
			if _, derived := names[name+" "+key]; !derived && key != "timeout" {
				assert.Equal(t, value, ours[name].Meta[key], "%s %s", name, key)
			}
		}
	}
	for place, want := range names {
		pump, key, _ := strings.Cut(place, " ")
		assert.Equal(t, want, ours[pump].Meta[key], place)
		if pump != "page" {
			assert.Equal(t, strings.Replace(want, "_shadow", "_shadow_pump", 1), theirs[pump].Meta[key], place)
		}
	}
	loaded(t, string(here.Config), nil) // is one that otelcol-tyk starts with
	assert.Equal(t, "1.5s", ours["kafka"].Meta["timeout"], "of a number, Tyk Pump cuts the fraction")
}

func TestNothingRealIsWrittenTo(t *testing.T) {
	t.Parallel()
	pumps := func(a, b string) *settings.Settings {
		return loaded(t, `{"dont_purge_uptime_data": true, "pumps": {"a": `+a+`, "b": `+b+`}}`, nil)
	}
	topic := func(name string) string {
		return `{"type": "kafka", "meta": {"broker": ["k:9092"], "topic": "` + name + `"}}`
	}
	sql := func(schema string) string {
		return `{"type": "sql", "meta": {"type": "postgres", "connection_string": "host=db dbname=tyk search_path=` + schema + `"}}`
	}
	index := func(name string) string {
		return `{"type": "elasticsearch", "meta": {"elasticsearch_url": "http://es:9200", "version": "7", "index_name": "` + name + `"}}`
	}
	mongo := func(name string) string {
		return `{"type": "mongo", "meta": {"mongo_url": "mongodb://m/` + name + `", "collection_name": "c"}}`
	}
	dir := func(name string) string { return `{"type": "csv", "meta": {"csv_dir": "` + name + `"}}` }
	for _, pair := range [][2]string{
		{topic("t"), topic("t_shadow")}, {sql("s"), sql("s_shadow")}, {index("i"), index("i_shadow")}, {mongo("d"), mongo("d_shadow")}, {dir("/d"), dir("/d_shadow")},
	} {
		_, err := Derive(pumps(pair[0], pair[1]), nil, side("_shadow"))
		require.ErrorContains(t, err, "is the real one of pump", pair[1])
		_, err = Derive(pumps(pair[0], pair[1]), nil, side("_x"))
		require.NoError(t, err, pair[1])
	}
	_, err := Derive(pumps(topic(strings.Repeat("t", 245)), topic("t")), nil, side("_shadow"))
	require.ErrorContains(t, err, "longer than 249 bytes")

	one, err := Derive(pumps(topic("t"), topic("u")), nil, side("_shadow"))
	require.NoError(t, err)
	require.ErrorContains(t, Apart(one, one), "by both sides")

	some, err := Derive(pumps(topic("t"), topic("u")), []string{one.Places[0].Pump}, side("_shadow"))
	require.NoError(t, err)
	assert.Len(t, some.Places, 1)
	assert.Len(t, some.Skipped, 1)
}

// Each type of the table is decided about.
func TestNoTypeIsForgotten(t *testing.T) {
	t.Parallel()
	for _, kind := range table.Types() {
		if strings.HasPrefix(kind.Name, "sql") || strings.HasPrefix(kind.Name, "mongo") || kind.Name == "prometheus" || kind.Missing != "" {
			continue
		}
		_, kept := keepers[kind.Name]
		_, out := unnamed[kind.Name]
		assert.NotEqual(t, kept, out, kind.Name)
	}
}
