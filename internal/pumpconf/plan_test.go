package pumpconf

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	rawSQL    = `"raw": {"type": "sql", "meta": {"type": "postgres", "connection_string": "host=h dbname=d user=u"}}`
	mcpSQL    = `"mcp": {"type": "sql-mcp", "meta": {"type": "postgres", "connection_string": "host=h dbname=d user=u"}}`
	rollupSQL = `"sums": {"type": "sql_aggregate", "meta": {"type": "postgres", "connection_string": "host=h dbname=d user=u"}}`
)

// TestOneGroupForEachDestination looks at which pumps share a receiver.
func TestOneGroupForEachDestination(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(strings.Join([]string{
		rawSQL, mcpSQL, rollupSQL,
		`"other": {"type": "sql", "meta": {"type": "postgres", "connection_string": "host=h dbname=e user=u"}}`,
		`"m": {"type": "mongo", "meta": {"collection_name": "c", "mongo_url": "mongodb://b:2,a:1/db"}}`,
		`"sel": {"type": "mongo-pump-selective", "meta": {"mongo_url": "mongodb://u:p@a:1,b:2/db"}}`,
		goodKafka + `}}`, goodProm + `}}`, goodES + `, "elasticsearch_url": "https://Es.test"}}`,
		`"s": {"type": "splunk", "meta": {"collector_token": "x", "collector_url": "http://splunk.test:8088/x"}}`,
		`"o": {"type": "stdout", "meta": {"format": "json"}}`, `"d": {"type": "dummy"}`,
	}, ",")))
	groups := map[string]any{}
	for name, receiver := range at(t, r, "receivers").(map[string]any) {
		groups[name] = receiver.(map[string]any)["group"]
	}
	assert.Equal(t, map[string]any{
		"tykredis/postgres":      "pump-postgres.h_5432.d",
		"tykredis/postgres-2":    "pump-postgres.h_5432.e",
		"tykredis/mongo":         "pump-mongo.a_1.db-" + digest("mongo a:1,b:2/db"),
		"tykredis/kafka":         "pump-kafka.k_1",
		"tykredis/prometheus":    "pump-prometheus",
		"tykredis/elasticsearch": "pump-elasticsearch.es.test_443",
		"tykredis/splunk":        "pump-splunk.splunk.test_8088",
		"tykredis/local":         "pump-local",
	}, groups)
	assert.Equal(t, map[string]any{
		"receivers": []any{"tykredis/postgres"}, "processors": []any{"tykfilter/postgres"}, "exporters": []any{"tyksql/requests"},
	}, at(t, r, "service::pipelines::logs/requests"), "raw tables of one database are one transaction")
	assert.Equal(t, []any{"tykfilter/postgres", "tykaggregate/sums"}, at(t, r, "service::pipelines::logs/sums::processors"))
	assert.Equal(t, map[string]any{
		"requests": map[string]any{"enabled": true}, "mcp": map[string]any{"enabled": true, "name": "tyk_analytics_mcp"},
	}, at(t, r, "exporters::tyksql/requests::tables"))
	assert.Contains(t, at(t, r, "service::pipelines"), "metrics/p")
}

// TestSpellingMakesNoOtherDestination has servers that are written in several ways: the first one names the group.
func TestSpellingMakesNoOtherDestination(t *testing.T) {
	t.Parallel()
	const rollups = `": {"type": "mongo-pump-aggregate", "meta": {"mongo_url": "mongodb://`
	for _, c := range []struct {
		pumps, group string
		want         string // of the messages
	}{
		{`"a` + rollups + `h/d"}}, "b` + rollups + `H:27017/d"}}`, "pump-mongo.h.d", "WARN pumps.b: writes the same to the same place as pumps.a: Tyk Pump counts each request twice"},
		{`"a` + rollups + `u:p@h:27017,g/d"}}, "b` + rollups + `u:p@g:27017,h/d"}}`, "pump-mongo.g.d-" + digest("mongo g,h:27017/d"), "WARN pumps.b: writes the same"},
		{goodKafka + `}}, "l": {"type": "kafka", "meta": {"broker": ["K:1"], "topic": "t"}}`, "pump-kafka.k_1", "WARN pumps.l: writes the same to the same place as pumps.k"},
		{goodKafka + `}}, "l": {"type": "kafka", "meta": {"broker": ["K:1"], "topic": "other"}}`, "pump-kafka.k_1", "pumps.l: messages have no key"},
		{rawSQL + `, "other": {"type": "sql", "meta": {"type": "postgres", "connection_string": "host=H port=5432 dbname=d user=other"}}`, "pump-postgres.h_5432.d", ""},
		{goodHybrid + `}}, "i": {"type": "hybrid", "meta": {"connection_string": "MDCB:9091", "api_key": "other"}}`, "pump-hybrid.mdcb_9091", ""},
	} {
		r := converted(t, pumps(c.pumps))
		receivers := at(t, r, "receivers").(map[string]any)
		require.Len(t, receivers, 1, c.pumps)
		for _, receiver := range receivers {
			assert.Equal(t, c.group, receiver.(map[string]any)["group"])
		}
		assert.Contains(t, told(r), c.want, c.pumps)
	}
	r := converted(t, pumps(`"a": {"type": "sql", "meta": {"type": "sqlite", "connection_string": "/a"}}, "b": {"type": "sql", "meta": {"type": "sqlite", "connection_string": "/A"}}`))
	assert.Len(t, at(t, r, "receivers"), 2, "names of files differ by case")
}

func TestPumpsThatDifferStayApart(t *testing.T) {
	t.Parallel()
	for _, difference := range []struct{ from, to string }{
		{`"sql-mcp", `, `"sql-mcp", "filters": {"org_ids": ["a"]}, `},
		{`"sql-mcp", `, `"sql-mcp", "omit_detailed_recording": true, `},
		{`"type": "postgres", `, `"type": "postgres", "table_sharding": true, `},
		{`user=u`, `user=v`},
		{`"sql-mcp", `, `"sql-mcp", "timeout": 60, `},
	} {
		r := converted(t, pumps(rawSQL+","+strings.Replace(mcpSQL, difference.from, difference.to, 1)))
		assert.Len(t, at(t, r, "exporters"), 2, difference.to)
		assert.Len(t, at(t, r, "receivers"), 1, difference.to)
		assert.Equal(t, false, at(t, r, "exporters::tyksql/mcp::tables::requests::enabled"))
	}
	r := converted(t, pumps(rawSQL+`, "two": {"type": "sql", "filters": {"org_ids": ["a"]}, "meta": {"type": "postgres", "connection_string": "host=h dbname=d user=u"}}`))
	assert.NotContains(t, told(r), "counts each request twice", "they may store different requests")
}

func TestGroupsOfOnesOwn(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(rawSQL+","+strings.Replace(rollupSQL, `"sql_aggregate", `, `"sql_aggregate", "x_otelcol_tyk": {"group": "sums"}, `, 1)))
	assert.Equal(t, "sums", at(t, r, "receivers::tykredis/sums::group"))
	assert.EqualValues(t, 5000, at(t, r, "receivers::tykredis/sums::chunk_size"), "rollups alone need little of each record")
	assert.Contains(t, at(t, r, "receivers::tykredis/sums::requests::ignore_fields"), "raw_request")
	assert.Equal(t, "pump-postgres.h_5432.d", at(t, r, "receivers::tykredis/postgres::group"))
}

// TestNamesOfGroups has two destinations for each part in which they may differ.
func TestNamesOfGroups(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long.", 20)
	sql := func(dsn string) string {
		return `{"type": "sql", "meta": {"type": "postgres", "connection_string": "` + dsn + `"}}`
	}
	lite := func(file string) string {
		return `{"type": "sql", "meta": {"type": "sqlite", "connection_string": "` + file + `"}}`
	}
	mongo := func(rest string) string {
		return `{"type": "mongo", "meta": {"collection_name": "c", "mongo_url": "mongodb://` + rest + `"}}`
	}
	kafka := func(brokers string) string {
		return `{"type": "kafka", "meta": {"broker": ["` + brokers + `"], "topic": "t"}}`
	}
	splunk := func(url string) string {
		return `{"type": "splunk", "meta": {"collector_token": "x", "collector_url": "` + url + `"}}`
	}
	elastic := func(urls string) string {
		return `{"type": "elasticsearch", "meta": {"version": "7", "elasticsearch_url": "` + urls + `"}}`
	}
	influx := func(url string) string {
		return `{"type": "influx", "meta": {"address": "` + url + `", "database_name": "d", "fields": ["path"]}}`
	}
	dog := func(address string) string { return `{"type": "dogstatsd", "meta": {"address": "` + address + `"}}` }
	page := func(address string) string {
		return `{"type": "prometheus", "meta": {"listen_address": "` + address + `"}}`
	}
	named := map[string]string{}
	for pump, want := range map[string]string{
		sql("host=h dbname=d"):                  "pump-postgres.h_5432.d",
		sql("host=h port=1 dbname=d"):           "pump-postgres.h_1.d",
		sql("host=h dbname=e"):                  "pump-postgres.h_5432.e",
		sql("host=h,i dbname=d"):                "pump-postgres.h_5432.d-8",
		sql("host=h,j dbname=d"):                "pump-postgres.h_5432.d-8",
		sql("host=tyk_db_1 dbname=d"):           "pump-postgres.tyk_db_1_5432.d",
		sql("host=a port=1 dbname=x_5432.y"):    "pump-postgres.a_1.x_5432.y",
		sql("host=a_1.x dbname=y"):              "pump-postgres.a_1.x_5432.y-8",
		sql("host=/run/a dbname=d"):             "pump-postgres._run_a_5432.d-8",
		sql("host=_run_a dbname=d"):             "pump-postgres._run_a_5432.d",
		sql("host=h dbname=d/e"):                "pump-postgres.h_5432.d_e-8",
		sql("host=h dbname=d_e"):                "pump-postgres.h_5432.d_e",
		sql("host=" + long + "x dbname=d"):      "pump-postgres.long.long.long.long.long.long.long.long.l-8",
		sql("host=" + long + "y dbname=d"):      "pump-postgres.long.long.long.long.long.long.long.long.l-8",
		lite("/a/b.db"):                         "pump-sqlite._a_b.db.main-8",
		lite("/a_b.db"):                         "pump-sqlite._a_b.db.main-8",
		mongo("h/d"):                            "pump-mongo.h.d",
		mongo("h:1/d"):                          "pump-mongo.h_1.d",
		mongo("h:1,i:1/d"):                      "pump-mongo.h_1.d-8",
		mongo("h:1,j:1/d"):                      "pump-mongo.h_1.d-8",
		kafka("k:1"):                            "pump-kafka.k_1",
		kafka("k_1"):                            "pump-kafka.k_1-8",
		kafka(`k:1", "l:1`):                     "pump-kafka.k_1-8",
		kafka(`k:1", "m:1`):                     "pump-kafka.k_1-8",
		splunk("http://s:8088/x"):               "pump-splunk.s_8088",
		splunk("https://s:8088/x"):              "pump-splunk.s_8088.https",
		elastic("https://e"):                    "pump-elasticsearch.e_443",
		elastic("http://e:443"):                 "pump-elasticsearch.e_443.http",
		elastic("http://e:9200,http://f:9200"):  "pump-elasticsearch.e_9200-8",
		elastic("http://e:9200,https://f:9200"): "pump-elasticsearch.e_9200-8",
		influx("http://i:8086"):                 "pump-influx.i_8086",
		influx("https://i:8086"):                "pump-influx.i_8086.https",
		dog("unix:///run/dd"):                   "pump-dogstatsd._run_dd-8",
		dog("unix:///run_dd"):                   "pump-dogstatsd._run_dd-8",
		dog("[::1]:8125"):                       "pump-dogstatsd.___1__8125-8",
		dog("dd"):                               "pump-dogstatsd.dd_8125",
		page(":9090"):                           "pump-prometheus",
		page(":9091"):                           "pump-prometheus.9091",
		page("h:9091"):                          "pump-prometheus.h_9091",
		`{"type": "dummy"}`:                     "pump-local",
	} {
		r := converted(t, pumps(`"p": `+pump))
		var group string
		for _, receiver := range at(t, r, "receivers").(map[string]any) {
			group = receiver.(map[string]any)["group"].(string)
		}
		begin, _ := strings.CutSuffix(want, "8")
		if strings.HasSuffix(want, "-8") {
			assert.Regexp(t, "^"+regexp.QuoteMeta(begin)+"[0-9a-f]{8}$", group, pump)
		} else {
			assert.Equal(t, want, group, pump)
		}
		assert.Regexp(t, validGroup, group)
		assert.Empty(t, named[group], pump)
		named[group] = pump
	}
	r := converted(t, pumps(`"a": `+kafka(`l:1", "k:1`)))
	again := converted(t, pumps(`"b": `+kafka("m:1")+`, "a": `+kafka(`k:1", "l:1`)))
	assert.Equal(t, at(t, r, "receivers::tykredis/kafka::group"), at(t, again, "receivers::tykredis/kafka-2::group"), "a name depends on the destination alone")
}

func TestMongoURLs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text          string
		direct, older bool
		want          string
	}{
		{text: "mongodb://h/db", want: "mongodb://h/db"},
		{text: "mongodb://u:p#s/s$x@H:1,g:2/db?replicaSet=r;ssl=true", want: "mongodb://u:p%23s%2Fs%24x@H:1,g:2/db?replicaSet=r&ssl=true"},
		{text: "mongodb://u:p%40x@h/db", want: "mongodb://u:p%40x@h/db"},
		{text: "mongodb://u:50%@h/db", want: "mongodb://u:50%25@h/db"},
		{text: "mongodb://h/db?directConnection=true", want: "mongodb://h/db"},
		{text: "mongodb://h/db?appName=x", direct: true, want: "mongodb://h/db?appName=x&directConnection=true"},
		{text: "mongodb://h", older: true, want: "mongodb://h/test"},
		{text: "mongodb+srv://u:p@cluster.test/db?retryWrites=true&srvServiceName=x", want: "mongodb+srv://u:p@cluster.test/db?retryWrites=true&srvServiceName=x"},
	} {
		got, err := readMongoURI(c.text, c.direct, c.older)
		require.NoError(t, err, c.text)
		assert.Equal(t, c.want, got.text)
	}
}

func TestDollarsAreDoubled(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(goodMongo+`}}`), "TYK_PMP_ANALYTICSSTORAGECONFIG_PASSWORD=a$b${c}", "TYK_PMP_ANALYTICSSTORAGECONFIG_USERNAME=u$1")
	assert.Equal(t, "a$$b$${c}", at(t, r, "receivers::tykredis/mongo::password"))
	assert.Contains(t, r.YAML(), `password: "${env:TYKPUMP_ANALYTICS_STORAGE_CONFIG_PASSWORD}"`, "the collector would expand what is in the variable")
	assert.Contains(t, r.YAML(), `username: "u$$1"`)
	r = converted(t, pumps(goodMongo+`}}`), "TYK_PMP_ANALYTICSSTORAGECONFIG_PASSWORD=ab")
	assert.Contains(t, r.YAML(), `password: "${env:TYK_PMP_ANALYTICSSTORAGECONFIG_PASSWORD}"`)
}

func TestSecretsHaveVariablesOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(goodES+`, "elasticsearch_url": "http://u:one@a:9200,http://u:two@b:9200"}}, `+
		`"a-b": {"type": "splunk", "meta": {"collector_token": "x", "collector_url": "http://s:1"}}, "a_b": {"type": "splunk", "meta": {"collector_token": "y", "collector_url": "http://s:2"}}`))
	assert.ElementsMatch(t, []string{
		"TYKPUMP_PUMPS_E_META_ELASTICSEARCH_URL", "TYKPUMP_PUMPS_E_META_ELASTICSEARCH_URL_2",
		"TYKPUMP_PUMPS_A_B_META_COLLECTOR_TOKEN", "TYKPUMP_PUMPS_A_B_META_COLLECTOR_TOKEN_2",
	}, r.Secrets)
	assert.NotContains(t, r.YAML(), "two")
	r.ShowSecrets()
	assert.Contains(t, r.YAML(), "two")
}

func TestOldVariablesOfMongoAreUptimesToo(t *testing.T) {
	t.Parallel()
	r := converted(t, `{"pumps": {"d": {"type": "dummy"}}}`, "PMP_MONGO_MONGOURL=mongodb://h/db", "PMP_MONGO_COLLECTIONNAME=tyk_analytics")
	assert.Equal(t, "mongodb://h/db", at(t, r, "exporters::tykmongo/uptime::uri"))
	assert.NotContains(t, told(r), "only capped and indexed")
}

func TestZones(t *testing.T) {
	t.Parallel()
	for tz, want := range map[string]string{"": "UTC", "Etc/UTC": "UTC", ":Asia/Kolkata": "Asia/Kolkata", "/usr/share/zoneinfo/America/New_York": "America/New_York", "CEST": "UTC"} {
		z := localZone(map[string]string{"TZ": tz})
		assert.Equal(t, want, z.Name, tz)
		assert.Equal(t, tz == "CEST", z.Doubt != "", tz)
	}
	in := input(pumps(rawSQL + "," + rollupSQL))
	in.Zone = Zone{Name: "Asia/Kolkata", Origin: "TZ"}
	r := Convert(in)
	assert.Equal(t, "Asia/Kolkata", at(t, r, "exporters::tyksql/raw::timezone"))
	assert.Equal(t, "Asia/Kolkata", at(t, r, "processors::tykaggregate/sums::timezone"))
}

func TestStockExporters(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(goodES+`, "elasticsearch_url": "http://a:9200,http://b:9200", "index_name": "i", "mcp_index_name": "m", "rolling_index": true, "use_sniffing": true,
		"extended_stats": true, "decode_base64": true, "auth_api_key_id": "id", "auth_api_key": "key", "use_ssl": true, "ssl_insecure_skip_verify": true}, "max_record_size": 5}, `+
		goodKafka+`, "use_ssl": true, "ssl_ca_file": "ca", "sasl_mechanism": "scram", "sasl_username": "u", "sasl_password": "p", "sasl_algorithm": "sha-512", "meta_data": {"a\"b": "c$\"\\"}}}, `+
		`"s": {"type": "splunk", "meta": {"collector_token": "x", "collector_url": "https://s:8088/any", "enable_batch": true, "batch_max_content_length": 9, "fields": ["path", "nope"], "obfuscate_api_keys": true}}`))
	assert.Equal(t, map[string]any{
		"endpoints": []any{"http://a:9200", "http://b:9200"}, "index_name": "i", "mcp_index_name": "m", "rolling_index": true, "extended_stats": true,
		"api_key": "aWQ6a2V5", "tls": map[string]any{"insecure_skip_verify": true},
	}, at(t, r, "exporters::tykopensearch/e"))
	assert.Equal(t, true, at(t, r, "processors::tykfilter/elasticsearch::fields::decode_raw_response"))
	assert.Nil(t, at(t, r, "processors::tykfilter/elasticsearch::document"), "the exporter reads records")
	assert.Equal(t, "SCRAM-SHA-512", at(t, r, "exporters::kafka/k::auth::sasl::mechanism"))
	assert.Equal(t, "ca", at(t, r, "exporters::kafka/k::tls::ca_file"))
	assert.Contains(t, r.YAML(), `set(body[\"a\\\"b\"], \"${env:TYKPUMP_PUMPS_K_META_META_DATA_A_B}\")`)
	statements := at(t, r, "processors::transform/k::log_statements").([]any)[0].(map[string]any)["statements"]
	assert.Equal(t, []any{`set(body["a\"b"], "c$$\"\\")`}, statements)
	assert.Contains(t, r.YAML(), `each " and \ needs a backslash before it`)
	assert.Equal(t, "https://s:8088/services/collector/event/1.0", at(t, r, "exporters::splunk_hec/s::endpoint"))
	assert.EqualValues(t, 65536, at(t, r, "exporters::splunk_hec/s::max_content_length_logs"))
	assert.Equal(t, []any{"path"}, at(t, r, "processors::tykfilter/splunk::document::fields"))
}

func TestStdoutPumpsShareTheirExporter(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(`"a": {"type": "stdout", "meta": {"format": "json"}}, "b": {"type": "stdout", "meta": {"format": "json", "log_field_name": "x"}}`))
	assert.Len(t, at(t, r, "exporters"), 1)
	for _, pipeline := range []string{"logs/a", "logs/b"} {
		assert.Equal(t, []any{"file/stdout"}, at(t, r, "service::pipelines::"+pipeline+"::exporters"))
	}
}

func TestOurOwnOverrides(t *testing.T) {
	t.Parallel()
	r := converted(t, strings.Replace(pumps(rawSQL+","+goodProm+`, "custom_metrics": [{"name": "a", "metric_type": "histogram", "buckets": [1, 2.5]}]}}`), "{",
		`{"x_otelcol_tyk": {"redact_headers": ["default"], "poll_interval": "2s", "buckets": true}, `, 1))
	assert.Equal(t, map[string]any{}, at(t, r, "processors::tykfilter/postgres"))
	assert.Equal(t, "2s", at(t, r, "receivers::tykredis/postgres::poll_interval"))
	assert.Equal(t, []any{int64(1), 2.5}, at(t, r, "receivers::tykredis/prometheus::metrics::custom_metrics").([]any)[0].(map[string]any)["buckets"])
	assert.NotContains(t, told(r), "credentials in recorded requests")
}

func TestUptimeHasItsOwn(t *testing.T) {
	t.Parallel()
	file := `{"pumps": {"d": {"type": "dummy"}}, "uptime_pump_config": {"uptime_type": "sql", "type": "mysql", "connection_string": "u:p@tcp(h:1)/db", "table_sharding": true, "mongo_url": "mongodb://h/db"}}`
	r := converted(t, file)
	assert.Equal(t, map[string]any{"addresses": []any{"localhost:6379"}, "group": "pump-uptime", "requests": map[string]any{"enabled": false}, "uptime": map[string]any{"enabled": true}}, at(t, r, "receivers::tykredis/uptime"))
	assert.Equal(t, true, at(t, r, "exporters::tyksql/uptime::table_sharding"))
	assert.Nil(t, at(t, r, "exporters::tyksql/uptime::uri"))
	r = converted(t, strings.Replace(file, `"sql"`, `""`, 1))
	assert.Equal(t, "mongodb://h/db", at(t, r, "exporters::tykmongo/uptime::uri"))
	assert.Nil(t, at(t, r, "exporters::tykmongo/uptime::table_sharding"))
	r = converted(t, file, "TYK_PMP_TEMPORAL_STORAGE_KEYPREFIX=x-")
	assert.Equal(t, map[string]any{"enabled": true, "key_prefix": "x-"}, at(t, r, "receivers::tykredis/uptime::uptime"), "the variable moves all lists")
	r = converted(t, file, "TYK_PMP_ANALYTICSSTORAGECONFIG_KEYPREFIX=x-")
	assert.Equal(t, map[string]any{"enabled": true}, at(t, r, "receivers::tykredis/uptime::uptime"))
}

func TestMetricsOfSomeRecords(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(goodProm+`, "path": "tyk"}, "filters": {"api_ids": ["a"], "skip_response_codes": [404]}, "ignore_fields": ["api_key"], "omit_detailed_recording": true}, `+
		`"q": {"type": "prometheus", "meta": {"listen_address": ":9091"}}`))
	assert.Equal(t, map[string]any{"api_ids": []any{"a"}, "skip_response_codes": []any{int64(404)}}, at(t, r, "receivers::tykredis/prometheus::metrics::filter"))
	assert.Equal(t, []any{"api_key"}, at(t, r, "receivers::tykredis/prometheus::metrics::ignore_fields"))
	assert.Equal(t, map[string]any{"from": "/tyk"}, at(t, r, "extensions::tykpath/p"))
	assert.Equal(t, []any{map[string]any{"id": "tykpath/p"}}, at(t, r, "exporters::prometheus/p::middlewares"))
	assert.Equal(t, []any{"tykhealth", "tykpath/p"}, at(t, r, "service::extensions"))
	assert.Nil(t, at(t, r, "receivers::tykredis/prometheus-2::metrics::filter"))
	assert.Nil(t, at(t, r, "exporters::prometheus/q::middlewares"))
	assert.NotEqual(t, at(t, r, "receivers::tykredis/prometheus::group"), at(t, r, "receivers::tykredis/prometheus-2::group"))
}

func TestTablesAsTykPumpHasThem(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(`"g": {"type": "sql-graph", "meta": {"type": "postgres", "connection_string": "host=h dbname=d user=u", "table_name": "graph-records"}}, `+
		strings.Replace(rollupSQL, `"type": "postgres"`, `"type": "postgres", "omit_index_creation": true`, 1)))
	assert.Equal(t, "graph-records", at(t, r, "exporters::tyksql/g::tables::graph::name"))
	assert.Equal(t, true, at(t, r, "exporters::tyksql/sums::omit_index_creation"))
}

func TestTheCollectorsOwnMetricsMove(t *testing.T) {
	t.Parallel()
	file := pumps(`"p": {"type": "prometheus", "meta": {"listen_address": ":8888"}}, "q": {"type": "prometheus", "meta": {"listen_address": "10.0.0.1:8889"}}`)
	r := converted(t, strings.Replace(file, "{", `{"x_otelcol_tyk": {"metrics_address": "localhost:8889"}, `, 1))
	assert.Equal(t, []any{map[string]any{"pull": map[string]any{"exporter": map[string]any{"prometheus": map[string]any{
		"host": "localhost", "port": int64(8889), "without_scope_info": true, "without_units": true, "without_type_suffix": true,
	}}}}}, at(t, r, "service::telemetry::metrics::readers"))
	assert.Contains(t, r.Summary(), "the collector's own metrics are at localhost:8889/metrics")
	assert.Nil(t, at(t, converted(t, pumps(goodProm+"}}")), "service::telemetry"))
}

func TestChosenLists(t *testing.T) {
	t.Parallel()
	r := converted(t, strings.Replace(pumps(rawSQL), "{", `{"x_otelcol_tyk": {"lists": ["tyk-system-analytics_9"]}, `, 1))
	assert.Equal(t, map[string]any{"lists": []any{"tyk-system-analytics_9"}}, at(t, r, "receivers::tykredis/postgres::requests"))
}

func TestInfluxDB(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(goodInflux+`, "database_name": "d", "username": "u", "password": "p", "fields": ["path"], "tags": ["org_id"]}, "timeout": 60}, `+
		`"j": {"type": "influx2", "meta": {"address": "https://I:8086", "bucket": "b", "organization": "o", "token": "t", "fields": ["path"]}}`))
	assert.Equal(t, map[string]any{
		"endpoint": "http://i:8086", "database_name": "d", "username": "u", "password": "p", "fields": []any{"path"}, "tags": []any{"org_id"}, "timeout": "60s",
	}, at(t, r, "exporters::tykinflux/i"))
	assert.Equal(t, map[string]any{
		"endpoint": "https://I:8086", "bucket": "b", "organization": "o", "token": "t", "fields": []any{"path"}, "tags": []any{},
	}, at(t, r, "exporters::tykinflux/j"))
	assert.Equal(t, "pump-influx.i_8086", at(t, r, "receivers::tykredis/influx::group"))
	assert.Nil(t, at(t, r, "processors::tykfilter/influx::document"), "the exporter reads records")
}

func TestLogzio(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(goodLogzio+`, "url": "https://Listener-eu.logz.io:8071"}, "timeout": 60}`))
	assert.Equal(t, map[string]any{"endpoint": "https://Listener-eu.logz.io:8071", "token": "t", "timeout": "60s"}, at(t, r, "exporters::tyklogzio/l"))
	assert.Equal(t, "pump-logzio.listener-eu.logz.io_8071.https", at(t, r, "receivers::tykredis/logzio::group"))
	assert.NotContains(t, r.YAML(), `token: "t"`)
	r = converted(t, pumps(goodLogzio+`, "url": "http://u:secret@l:1"}}`))
	assert.Equal(t, "http://u:secret@l:1", at(t, r, "exporters::tyklogzio/l::endpoint"))
	assert.NotContains(t, r.YAML(), "secret@")
	assert.Equal(t, "https://listener.logz.io:8071", at(t, converted(t, pumps(goodLogzio+`}}`)), "exporters::tyklogzio/l::endpoint"))
}

func TestElasticsearch(t *testing.T) {
	t.Parallel()
	of := func(meta string) map[string]any {
		r := converted(t, pumps(`"e": {"type": "elasticsearch", "meta": {`+meta+`}}`))
		return at(t, r, "exporters::tykopensearch/e").(map[string]any)
	}
	for meta, want := range map[string]map[string]any{
		`"version": "7", "document_type": "d"`: {"endpoint": "http://localhost:9200", "index_name": "tyk_analytics"},
		`"version": "6", "document_type": "d"`: {"endpoint": "http://localhost:9200", "index_name": "tyk_analytics", "document_type": "d"},
		`"version": "5", "index_name": "i"`:    {"endpoint": "http://localhost:9200", "index_name": "i", "document_type": "tyk_analytics"},
		`"elasticsearch_url": "http://e:9200"`: {"endpoint": "http://e:9200", "index_name": "tyk_analytics", "document_type": "tyk_analytics"},
		`"version": "7", "mcp_index_name": "m", "disable_bulk": true, "auth_basic_username": "u", "auth_basic_password": "p"`: {
			"endpoint": "http://localhost:9200", "index_name": "tyk_analytics", "username": "u", "password": "p",
		},
	} {
		assert.Equal(t, want, of(meta), meta)
	}
}
