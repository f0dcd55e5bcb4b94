package pumpconf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	goodSplunk = `"s": {"type": "splunk", "meta": {"collector_token": "t", "collector_url": "https://h"`

	// unescaped is what tyksql says of a URL whose password has characters of URLs.
	unescaped = `the value (not shown, it may hold a password) is a URL with an @ behind its host, or several: write those of the password`
)

func postgresPump(url string) string {
	return pumps(`"sql": {"meta": {"type": "postgres", "connection_string": "` + url + `"}}`)
}

// TestWhatComponentsRefuseIsRefused has settings with which the collector would not start.
func TestWhatComponentsRefuseIsRefused(t *testing.T) {
	t.Parallel()
	const (
		redis   = `{"dont_purge_uptime_data": true, "pumps": {"dummy": {}}, "analytics_storage_config": {"host": "h", "port": 1, "use_ssl": true`
		inRedis = `ERROR analytics_storage_config.`
	)
	for _, c := range []struct{ file, want string }{
		{redis + `, "ssl_cert_file": "/c"}}`, inRedis + `ssl_key_file (variable TYK_PMP_ANALYTICSSTORAGECONFIG_SSLKEYFILE): is missing, and ssl_cert_file is set: set both, or none of them`},
		{redis + `, "ssl_key_file": "/k"}}`, inRedis + `ssl_cert_file (variable TYK_PMP_ANALYTICSSTORAGECONFIG_SSLCERTFILE): is missing, and ssl_key_file is set`},
		{redis + `, "ssl_min_version": "1.3", "ssl_max_version": "1.2"}}`, inRedis + `ssl_max_version (variable TYK_PMP_ANALYTICSSTORAGECONFIG_SSLMAXVERSION): "1.2" is below ssl_min_version`},
		{redis + `, "ssl_max_version": "1.1"}}`, `"1.1" is below ssl_min_version, which is 1.2 unless it is set`},
		{pumps(goodKafka + `, "use_ssl": true, "ssl_cert_file": "/c"}}`), `ERROR pumps.k.meta.ssl_key_file (variable TYK_PMP_PUMPS_KAFKA_META_SSLKEYFILE): is missing`},
		{pumps(goodSplunk + `, "ssl_key_file": "/k"}}`), `ERROR pumps.s.meta.ssl_cert_file (variable TYK_PMP_PUMPS_SPLUNK_META_SSLCERTFILE): is missing`},
		{pumps(goodES + `, "use_ssl": true, "ssl_cert_file": "/c"}}`), `ERROR pumps.e.meta.ssl_key_file (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_SSLKEYFILE): is missing`},
		{pumps(goodKafka + `, "sasl_mechanism": "plain"}}`), `ERROR pumps.k.meta.sasl_username (variable TYK_PMP_PUMPS_KAFKA_META_USERNAME): is missing, and sasl_mechanism asks for it`},
		{pumps(goodKafka + `, "sasl_mechanism": "plain", "sasl_username": "u"}}`), `ERROR pumps.k.meta.sasl_password (variable TYK_PMP_PUMPS_KAFKA_META_PASSWORD): is missing, and sasl_mechanism asks for it`},
		{postgresPump("postgres://u:Hunter2#x@h/d"), `ERROR pumps.sql.meta.connection_string (variable TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING): ` + unescaped},
		{postgresPump("postgres://u:p?Hunter2@h:5432/d"), unescaped},
		{`{"uptime_pump_config": {"uptime_type": "sql", "type": "postgres", "connection_string": "postgres://u:x#Hunter2@h:5432/d"}}`, `ERROR uptime_pump_config.connection_string (variable TYK_PMP_UPTIMEPUMPCONFIG_CONNECTIONSTRING): ` + unescaped},
		{pumps(`"sql": {"meta": {"type": "mysql", "connection_string": "u:Hunter2@tcp(h)/"}}`), `names no database: append it to the slash`},
		{pumps(`"sql": {"meta": {"type": "sqlite", "connection_string": ":memory:"}}`), `is a database in memory`},
		{pumps(`"sql_aggregate": {"meta": {"type": "postgres", "connection_string": "host=h"}, "ignore_fields": ["tags", "org_id"]}`), `ERROR pumps.sql_aggregate.ignore_fields: has org_id, without which Tyk Pump counts nothing: leave it out`},
		{pumps(`"m": {"type": "mongo-pump-aggregate", "meta": {"mongo_url": "mongodb://h/d"}, "ignore_fields": ["timestamp"]}`), `has timestamp, without which Tyk Pump books all requests in the year 1: leave it out`},
		{pumps(`"sql": {"meta": {"type": "postgres", "connection_string": "host=h", "table_sharding": true}, "ignore_fields": ["timestamp"]}`), `has timestamp, without which Tyk Pump stores all requests in a table of the year 1: leave it out`},
		{pumps(`"m": {"type": "mongo-pump-selective", "meta": {"mongo_url": "mongodb://h/d"}, "ignore_fields": ["org_id"]}`), `has org_id, without which Tyk Pump stores nothing: leave it out`},
		{pumps(goodES + `, "index_name": "Tyk_Analytics"}}`), `ERROR pumps.e.meta.index_name (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_INDEXNAME): "Tyk_Analytics" has capital letters, which servers refuse: use "tyk_analytics"`},
		{pumps(goodES + `, "mcp_index_name": "http://u:Hunter2@h"}}`), `the value is no name that servers take`},
		{pumps(goodSplunk + `, "obfuscate_api_keys": true, "obfuscate_api_keys_length": -3}}`), `ERROR pumps.s.meta.obfuscate_api_keys_length (variable TYK_PMP_PUMPS_SPLUNK_META_OBFUSCATEAPIKEYSLENGTH): -3 is no number of letters that stay: write 0 or more`},
		{pumps(goodSQS + `, "aws_endpoint": "http://u:Hunter2@h"}}`), `ERROR pumps.q.meta.aws_endpoint (variable TYK_PMP_PUMPS_SQS_META_AWSENDPOINT): the value has credentials, which nobody reads there: use aws_key and aws_secret`},
		{pumps(`"csv": {"meta": {"csv_dir": "/c"}, "timeout": 99999999999}`), `ERROR pumps.csv.timeout (variable TYK_PMP_PUMPS_CSV_TIMEOUT): 99999999999 is more seconds than anybody waits: write fewer`},
		{pumps(goodHybrid + `, "call_timeout": 99999999999}}`), `ERROR pumps.h.meta.call_timeout (variable TYK_PMP_PUMPS_HYBRID_META_CALLTIMEOUT): 99999999999 is more seconds than anybody waits`},
	} {
		r := Convert(input(c.file))
		assert.True(t, r.Refused(), c.file)
		assert.Contains(t, told(r), c.want, c.file)
		assert.NotContains(t, told(r)+r.YAML(), password, c.file)
	}
}

// TestSettingsThatNeedOthersDoNotVanish has settings that Tyk Pump does not look at without another one.
func TestSettingsThatNeedOthersDoNotVanish(t *testing.T) {
	t.Parallel()
	without := func(place, key string) string {
		return "INFO " + place + ": not taken over: without " + key + " Tyk Pump does not look at it"
	}
	for _, c := range []struct{ file, want string }{
		{pumps(goodES + `, "auth_api_key": "x"}}`), without("pumps.e.meta.auth_api_key (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_AUTHAPIKEY)", "auth_api_key_id")},
		{pumps(goodES + `, "auth_basic_password": "x"}}`), without("pumps.e.meta.auth_basic_password (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_PASSWORD)", "auth_basic_username")},
		{pumps(goodES + `, "auth_basic_username": "x"}}`), without("pumps.e.meta.auth_basic_username (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_USERNAME)", "auth_basic_password")},
		{pumps(goodES + `, "ssl_ca_file": "x"}}`), without("pumps.e.meta.ssl_ca_file (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_SSLCAFILE)", "use_ssl")},
		{pumps(goodKafka + `, "ssl_insecure_skip_verify": true}}`), without("pumps.k.meta.ssl_insecure_skip_verify (variable TYK_PMP_PUMPS_KAFKA_META_SSLINSECURESKIPVERIFY)", "use_ssl")},
		{pumps(goodKafka + `, "sasl_username": "x"}}`), without("pumps.k.meta.sasl_username (variable TYK_PMP_PUMPS_KAFKA_META_USERNAME)", "sasl_mechanism")},
		{pumps(goodKafka + `, "sasl_password": "x"}}`), without("pumps.k.meta.sasl_password (variable TYK_PMP_PUMPS_KAFKA_META_PASSWORD)", "sasl_mechanism")},
		{pumps(goodHybrid + `, "ssl_insecure_skip_verify": true}}`), without("pumps.h.meta.ssl_insecure_skip_verify (variable TYK_PMP_PUMPS_HYBRID_META_SSLINSECURESKIPVERIFY)", "use_ssl")},
		{pumps(goodHybrid + `, "track_all_paths": true}}`), without("pumps.h.meta.track_all_paths (variable TYK_PMP_PUMPS_HYBRID_META_TRACKALLPATHS)", "aggregated")},
		{pumps(goodMongo + `, "mongo_ssl_ca_file": "x"}}`), without("pumps.mongo.meta.mongo_ssl_ca_file (variable TYK_PMP_PUMPS_MONGO_META_MONGOSSLCAFILE)", "mongo_use_ssl")},
		{pumps(goodMongo + `, "collection_cap_max_size_bytes": 5}}`), without("pumps.mongo.meta.collection_cap_max_size_bytes (variable TYK_PMP_PUMPS_MONGO_META_COLLECTIONCAPMAXSIZEBYTES)", "collection_cap_enable")},
		{`{"analytics_storage_config": {"sentinel_password": "x"}}`, without("analytics_storage_config.sentinel_password (variable TYK_PMP_ANALYTICSSTORAGECONFIG_SENTINELPASSWORD)", "master_name")},
		{`{"analytics_storage_config": {"username": "x"}}`, without("analytics_storage_config.username (variable TYK_PMP_ANALYTICSSTORAGECONFIG_USERNAME)", "password")},

		{pumps(goodMongo + `, "collection_cap_enable": true, "collection_cap_max_size_bytes": -5}}`), `WARN pumps.mongo.meta.collection_cap_max_size_bytes (variable TYK_PMP_PUMPS_MONGO_META_COLLECTIONCAPMAXSIZEBYTES): -5 is no size, and not taken over: the default is used`},
		{strings.Replace(pumps(goodMongo+`?tls=true", "mongo_use_ssl": true, "mongo_ssl_ca_file": "x"}}`), `db"?`, `db?`, 1), `INFO pumps.mongo.meta.mongo_ssl_ca_file (variable TYK_PMP_PUMPS_MONGO_META_MONGOSSLCAFILE): not taken over: the options of mongo_url say what counts`},
		{pumps(goodKafka + `, "sasl_mechanism": "scram", "sasl_username": "u", "sasl_password": "p", "sasl_algorithm": "md5"}}`), `WARN pumps.k.meta.sasl_algorithm (variable TYK_PMP_PUMPS_KAFKA_META_ALGORITHM): "md5" is neither sha-256 nor sha-512: sha-256 is used, as in Tyk Pump`},
		{pumps(goodKafka + `, "sasl_mechanism": "plain", "sasl_username": "u", "sasl_password": "p", "sasl_algorithm": "md5"}}`), `INFO pumps.k.meta.sasl_algorithm (variable TYK_PMP_PUMPS_KAFKA_META_ALGORITHM): not taken over: the mechanism plain has none`},
		{`{"analytics_storage_config": {"timeout": -5}}`, `WARN analytics_storage_config.timeout (variable TYK_PMP_ANALYTICSSTORAGECONFIG_TIMEOUT): -5 is no time, and not taken over`},
	} {
		assert.Contains(t, told(Convert(input(c.file))), c.want, c.file)
	}
}

// TestFiltersThatNameWhatNoRecordHasRun are of files with which Tyk Pump runs.
func TestFiltersThatNameWhatNoRecordHasRun(t *testing.T) {
	t.Parallel()
	for _, filters := range []string{`"skip_response_codes": [1, 200]`, `"response_codes": [20000, 200]`, `"api_ids": ["a", ""]`, `"skip_api_ids": ["a,b"]`} {
		assert.False(t, Convert(input(pumps(`"csv": {"meta": {"csv_dir": "/c"}, "filters": {`+filters+`}}`))).Refused(), filters)
	}
	assert.False(t, Convert(input(pumps(goodSplunk+`, "obfuscate_api_keys_length": -3}}`))).Refused(), "a setting that nobody looks at")
	r := Convert(input(`{"dont_purge_uptime_data": true, "pumps": {"csv": {"meta": {"csv_dir": "/c"}}}, "analytics_storage_config": {"host": "[::1]", "port": 6379}}`))
	assert.False(t, r.Refused(), told(r))
	assert.Contains(t, r.YAML(), "[::1]:6379")
}
