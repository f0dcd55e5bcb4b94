package pumpconf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// password is what no message may show.
const password = "Hunter2"

// TestSecretsInWrongPlacesAreNotShown puts a secret where the table expects none.
func TestSecretsInWrongPlacesAreNotShown(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		`{"analytics_storage_config": {"addrs": "redis://:Hunter2@h:6379"}}`:                                                                     `addrs (variable TYK_PMP_ANALYTICSSTORAGECONFIG_ADDRS): is text, which Tyk Pump takes for empty: write a list of texts`,
		`{"analytics_storage_config": {"addrs": "Hunter2"}}`:                                                                                     `is text, which Tyk Pump takes for empty: write a list of texts`,
		`{"analytics_storage_config": {"addrs": ["redis://:Hunter2@h:6379"]}}`:                                                                   `has an element that is no server`,
		`{"analytics_storage_config": {"port": "u:Hunter2@h"}}`:                                                                                  `is text, which Tyk Pump takes for 0: write a whole number`,
		`{"analytics_storage_config": {"type": "redis://:Hunter2@h"}}`:                                                                           `: the value ends Tyk Pump: write redis`,
		`{"analytics_storage_config": {"hosts": "Hunter2"}}`:                                                                                     `is text, which Tyk Pump takes for empty: write a map whose values are texts`,
		pumps(`"mongo": {"meta": "mongodb://u:Hunter2@h/db"}`):                                                                                   `pumps.mongo.meta: is text, which Tyk Pump takes for empty: write an object`,
		pumps(`"x": {"type": "sql", "meta": {"type": "postgres://u:Hunter2@h/d", "connection_string": "postgres"}}`):                             `: the value is not a database`,
		pumps(`"x": {"type": "mongodb://u:Hunter2@h/d"}`):                                                                                        `type the value of pump x does not exist`,
		pumps(`"p": {"type": "prometheus", "meta": {"listen_address": "https://u:Hunter2@h"}}`):                                                  `the value is not an address`,
		pumps(`"p": {"type": "prometheus", "meta": {"listen_address": "Hunter2@h:9090"}}`):                                                       `the value is not an address`,
		pumps(goodProm + `}, "ignore_fields": ["password=Hunter2"]}`):                                                                            `the value is not a field of a record`,
		pumps(goodProm + `, "disabled_metrics": ["http://u:Hunter2@h"]}}`):                                                                       `the value is none of the metrics`,
		pumps(`"s": {"type": "splunk", "meta": {"collector_token": "t", "collector_url": "https://h", "fields": ["https://h/?token=Hunter2"]}}`): `the value is not a field of these documents`,
		pumps(`"s": {"type": "statsd", "meta": {"address": "udp://u:Hunter2@h/", "fields": ["request_time"]}}`):                                  `the value is no address`,
		pumps(goodStatsD + `, "fields": ["request_time", "token=Hunter2"], "tags": ["token=Hunter2"]}}`):                                         `the value is no timing`,
		pumps(`"d": {"type": "dogstatsd", "meta": {"address": "u:Hunter2@h/x"}}`):                                                                `the value is no address`,
		pumps(goodDogStatsD + `, "namespace": "u:Hunter2@h"}}`):                                                                                  `the value has characters that end a name`,
		pumps(goodDogStatsD + `, "tags": ["token=Hunter2"]}}`):                                                                                   `the value is unknown`,
		strings.Replace(pumps(goodKafka+`}}`), "{", `{"x_otelcol_tyk": {"lists": ["redis://:Hunter2@h"]}, `, 1):                                  `the value is no list of a gateway`,
		`{"uptime_pump_config": {"mongo_url": "mongodb://h/d", "collection_name": "u:Hunter2@h"}}`:                                               `the value is only capped and indexed`,
	} {
		r := Convert(input(file))
		assert.Contains(t, told(r), want, file)
		assert.NotContains(t, told(r)+r.YAML(), password, file)
	}
	assert.Contains(t, told(Convert(input(`{"max_record_size": "64"}`))), `is text ("64")`, "what can be no secret helps")
}

// TestWhatAStoreGaveIsNotShown resolves secrets into keys whose values messages show.
func TestWhatAStoreGaveIsNotShown(t *testing.T) {
	t.Parallel()
	kv := `"kv": {"stores": {"s": {"type": "inline", "config": {"data": {"a": "Hunter2", "j": "{\"x\": \"Hunter2\"}"}}}}}, `
	for text, want := range map[string]string{
		`{"analytics_storage_config": {"addrs": ["kv://s/a"]}}`:                                                                         `(not shown) has no port`,
		`{"analytics_storage_config": {"addrs": ["kv://s/j#/x"]}}`:                                                                      `(not shown) has no port`,
		`{"analytics_storage_config": {"addrs": ["a:1", "$kv{s:a}:6379"]}}`:                                                             `; (not shown) are ignored`,
		`{"analytics_storage_config": {"hosts": {"h": "$kv{s:a}"}}}`:                                                                    `(not shown) is not a port`,
		`{"analytics_storage_config": {"type": "kv://s/a"}}`:                                                                            `the value ends Tyk Pump`,
		`{"uptime_pump_config": {"uptime_type": "SQL", "mongo_url": "$kv{s:a}"}}`:                                                       `the value (not shown, it may hold a password)`,
		pumps(goodProm + `}, "ignore_fields": ["kv://s/a"]}`):                                                                           `(not shown) is not a field of a record`,
		pumps(goodProm + `, "disabled_metrics": ["kv://s/a"]}}`):                                                                        `(not shown) is none of the metrics`,
		pumps(`"s": {"type": "splunk", "meta": {"collector_token": "kv://s/a", "collector_url": "https://h", "fields": ["kv://s/a"]}}`): `(not shown) is not a field of these documents`,
	} {
		r := Convert(input(strings.Replace(text, "{", "{"+kv, 1)))
		assert.Contains(t, told(r), want, text)
		assert.NotContains(t, told(r)+r.YAML(), password, text)
	}
}

// TestSecretsReferToNamesThatTheCollectorTakes has variables whose names only Tyk Pump takes.
func TestSecretsReferToNamesThatTheCollectorTakes(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(`"d": {"type": "dummy"}`), "TYK_PMP_PUMPS_SQL-GRAPH_META_TYPE=postgres", "TYK_PMP_PUMPS_SQL-GRAPH_META_CONNECTIONSTRING=postgres://u:Hunter2@h/d")
	assert.Contains(t, r.YAML(), `datasource: "${env:TYKPUMP_PUMPS_SQL_GRAPH_META_CONNECTION_STRING}"`)
	assert.Equal(t, []string{"TYKPUMP_PUMPS_SQL_GRAPH_META_CONNECTION_STRING"}, r.Secrets)
	r = converted(t, pumps(`"k": {"type": "kafka", "meta": {"meta_env_prefix": "MY.LOGS", "broker": ["k:1"], "topic": "t", "sasl_mechanism": "plain", "sasl_username": "u"}}`), "MY.LOGS_PASSWORD=Hunter2")
	assert.Contains(t, r.YAML(), `password: "${env:TYKPUMP_PUMPS_K_META_SASL_PASSWORD}"`)
}

// TestAFileThatCannotBeReadIsRefused has pumps in the environment, which are not all.
func TestAFileThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	env := []string{"TYK_PMP_PUMPS_X_TYPE=dummy", "TYK_PMP_DONTPURGEUPTIMEDATA=true"}
	in := FromProcess(t.TempDir()) // a folder
	in.Env = input("", env...).Env
	r := Convert(in)
	assert.Contains(t, r.Summary(), "is there and cannot be read (is a directory), so that its pumps would get nothing")
	assert.True(t, r.Refused())
	assert.False(t, r.SkipHelps())
	in.Env["TYK_PMP_OMITCONFIGFILE"] = "true"
	assert.False(t, Convert(in).Refused())
}

// TestDSNsOfOtherDriversAreRefused has what other drivers call a connection string, of which a
// part would be taken for a host, or for nothing.
func TestDSNsOfOtherDriversAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ driver, dsn string }{
		{"postgres", "host=h;password=Hunter2;dbname=d"},
		{"postgres", "Host=h;Username=u;Password=Hunter2;Database=d"},
		{"postgres", "Server=h;Port=5432;Database=d;User Id=u;Password=Hunter2;"},
		{"postgres", "Driver={PostgreSQL};Server=h;Database=d;Uid=u;Pwd=Hunter2"},
		{"postgres", "Server=h Pwd=Hunter2"},
		{"postgres", "jdbc:postgresql://h/d?user=u&password=Hunter2"},
		{"postgres", "host='h password=Hunter2' dbname=d"},
		{"postgres", "host=h dbname='d;password=Hunter2'"},
		{"postgres", "postgres://h/d;password=Hunter2"},
		{"mysql", "Server=h;Database=d;Uid=u;Pwd=Hunter2"},
		{"mysql", "tcp(h;pwd=Hunter2:3306)/d"},
		{"mysql", "tcp(h:3306)/d;pwd=Hunter2"},
	} {
		r := Convert(input(pumps(`"x": {"type": "sql", "meta": {"type": "` + c.driver + `", "connection_string": "` + c.dsn + `"}}`)))
		assert.Contains(t, r.Summary(), "connection_string (variable TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING): the value (not shown, it may hold a password)", c.dsn)
		assert.NotContains(t, told(r)+r.YAML(), password, c.dsn)
	}
	for _, pump := range []string{
		`"m": {"type": "mongo", "meta": {"collection_name": "c", "mongo_url": "mongodb://h;password=Hunter2/db"}}`,
		`"m": {"type": "mongo", "meta": {"collection_name": "c", "mongo_url": "mongodb://h/db;password=Hunter2"}}`,
		`"i": {"type": "influx", "meta": {"database_name": "d", "address": "http://i;password=Hunter2"}}`,
		`"s": {"type": "splunk", "meta": {"collector_token": "t", "collector_url": "https://s;token=Hunter2"}}`,
		`"e": {"type": "elasticsearch", "meta": {"version": "7", "elasticsearch_url": "http://e;password=Hunter2"}}`,
	} {
		r := Convert(input(pumps(pump)))
		assert.Contains(t, r.Summary(), "the value (not shown, it may hold", pump)
		assert.NotContains(t, told(r)+r.YAML(), password, pump)
	}
	for dsn, group := range map[string]string{
		"host=h user=u": "pump-postgres.h_5432.u",
		"postgres://u:p%3Bw@h/d?application_name=a": "pump-postgres.h_5432.d",
		"host=h dbname=d options='-c a=b'":          "pump-postgres.h_5432.d",
		"host=/var/run dbname=d password='a;b=c'":   "pump-postgres._var_run_5432.d-" + digest("postgres /var/run:5432/d"),
	} {
		r := converted(t, pumps(`"x": {"type": "sql", "meta": {"type": "postgres", "connection_string": "`+dsn+`"}}`))
		assert.Contains(t, r.YAML(), "group: "+group+"\n", dsn)
	}
}

// TestAFurtherPageRenamesNoGroup adds pages before and behind the one that is there.
func TestAFurtherPageRenamesNoGroup(t *testing.T) {
	t.Parallel()
	page := func(name, address string) string {
		return `"` + name + `": {"type": "prometheus", "meta": {"listen_address": "` + address + `"}}`
	}
	groups := map[string]string{":9090": "pump-prometheus", ":8000": "pump-prometheus.8000", "localhost:9091": "pump-prometheus.localhost_9091", ":9999": "pump-prometheus.9999"}
	for address, group := range groups {
		assert.Contains(t, converted(t, pumps(page("p", address))).YAML(), "group: "+group+"\n")
		for other := range groups {
			if other == address {
				continue
			}
			for _, both := range []string{page("p", address) + "," + page("q", other), page("a", other) + "," + page("p", address)} {
				r := converted(t, pumps(both))
				_, receiver, found := strings.Cut(r.YAML(), ": pump p\n")
				require.True(t, found)
				receiver, _, _ = strings.Cut(receiver, "metrics:")
				assert.Contains(t, receiver, "group: "+group+"\n", both)
			}
		}
	}
}
