package pumpconf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pumps is a file with these pumps, and nothing else to complain about.
func pumps(text string) string {
	return `{"dont_purge_uptime_data": true, "purge_delay": 1, "pumps": {` + text + `}}`
}

// told gives all findings, a line each.
func told(r *Result) string {
	var b strings.Builder
	for _, f := range r.Findings.List() {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

const (
	goodMongo  = `"mongo": {"type": "mongo", "meta": {"collection_name": "c", "mongo_url": "mongodb://h/db"`
	goodKafka  = `"k": {"type": "kafka", "meta": {"broker": ["k:1"], "topic": "t"`
	goodProm   = `"p": {"type": "prometheus", "meta": {"listen_address": ":9090"`
	goodInflux = `"i": {"type": "influx", "meta": {"address": "http://i:8086"`
	goodLogzio = `"l": {"type": "logzio", "meta": {"token": "t"`
	goodStatsD = `"s": {"type": "statsd", "meta": {"address": "s:8125"`
	goodES     = `"e": {"type": "elasticsearch", "meta": {"version": "7"`

	goodGraylog   = `"g": {"type": "graylog", "meta": {"host": "h"`
	goodSyslog    = `"y": {"type": "syslog", "meta": {"network_addr": "y:514"`
	goodHybrid    = `"h": {"type": "hybrid", "meta": {"connection_string": "mdcb:9091", "api_key": "k"`
	goodSQS       = `"q": {"type": "sqs", "meta": {"aws_queue_name": "q"`
	goodKinesis   = `"k": {"type": "kinesis", "meta": {"stream_name": "s"`
	goodDogStatsD = `"d": {"type": "dogstatsd", "meta": {"address": "d:8125"`
)

// TestMessages gives for each mistake the line that the operator reads.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, want string }{
		// Types of values.
		{`{"max_record_size": "64"}`, `ERROR max_record_size (variable TYK_PMP_MAXRECORDSIZE): is text ("64"), which Tyk Pump takes for 0: write a whole number`},
		{`{"purge_chunk": 2.5}`, `WARN purge_chunk (variable TYK_PMP_PURGECHUNK): is the number 2.5, which Tyk Pump does not take: write a whole number`},
		{`{"pumps": [1]}`, `ERROR pumps: is a list, which Tyk Pump takes for empty: write an object`},
		{pumps(`"sql": {"meta": {"table_sharding": "yes"}}`), `ERROR pumps.sql.meta.table_sharding (variable TYK_PMP_PUMPS_SQL_META_TABLESHARDING): is text ("yes"), with which Tyk Pump leaves the pump out: write a boolean`},
		{pumps(goodKafka + `, "sasl_password": 7}}`), `ERROR pumps.k.meta.sasl_password (variable TYK_PMP_PUMPS_KAFKA_META_PASSWORD): is a number, with which Tyk Pump ends: write text`},
		{pumps(`"kafka": {}`), `WARN pumps.kafka: has no meta, with which Tyk Pump ends: it is taken for an empty one`},
		// Names.
		{pumps(`"x": {"type": "mongo_selective"}`), `ERROR pumps.x.type (variable TYK_PMP_PUMPS_X_TYPE): type "mongo_selective" of pump x does not exist; mongo-pump-selective is meant? Tyk Pump leaves the pump out; correct it, or take the pump out`},
		{pumps(`"x": {"type": "kafkaa"}`), `type "kafkaa" of pump x does not exist; kafka is meant?`},
		{pumps(`"x": {"type": "mongo-aggregate"}`), `; mongo-pump-aggregate is meant? Tyk Pump`},
		{pumps(`"x": {"type": "elastic"}`), `; elasticsearch is meant? Tyk Pump`},
		{pumps(`"x": {"type": "postgres"}`), `; sql is meant? Tyk Pump`},
		{pumps(`"x_y": {"type": "nonsense"}`), `ERROR pumps.x_y.type: type "nonsense" of pump x_y does not exist. Tyk Pump`},
		{pumps(`"a": {"type": "dummy"}, "A": {"type": "dummy"}`), `ERROR pumps.A: Tyk Pump writes names in capitals, so this and pumps.a are one, and chance says which: give them different names`},
		{pumps(`"b": {"typ": "sql", "meta": {}}`), `ERROR pumps.b.type (variable TYK_PMP_PUMPS_B_TYPE): is missing, and the pump's name is no type. Tyk Pump leaves the pump out; set it, or take the pump out`},
		{pumps(`"b": {"typ": "sql", "meta": {}}`), `WARN pumps.b.typ: is read by nothing; type is meant?`},
		{pumps(`"kafkaa": {"meta": {}}`), `ERROR pumps.kafkaa.type (variable TYK_PMP_PUMPS_KAFKAA_TYPE): is missing, and the pump's name is no type; kafka is meant? Tyk Pump leaves`},
		{`{"analytics_storage_config": {"hosts": {"a": 6379}}}`, `is an object, which Tyk Pump takes for empty: write a map whose values are texts`},
		{`{"analytics_storage_config": {"addrs": [6379]}}`, `is a list, which Tyk Pump takes for empty: write a list of texts`},
		{`{"purge_dealy": 1}`, `WARN purge_dealy: is read by nothing; purge_delay is meant?`},
		{`{"hybrid": {}}`, `WARN hybrid: is read by nothing: pumps stand in pumps; is a brace in the wrong place?`},
		{pumps(`"d": {"type": "dummy", "filters": {"org_id": ["a"]}}`), `WARN pumps.d.filters.org_id: is read by nothing; filters.org_ids is meant?`},
		{pumps(`"sql": {"filters": {"response_codes": [99999]}, "meta": {"type": "postgres", "connection_string": "host=h dbname=d user=u"}}`), `ERROR pumps.sql.filters.response_codes (variable TYK_PMP_PUMPS_SQL_FILTERS_RESPONSECODES): nothing passes: 99999 is no status code`},
		{pumps(goodProm + `}, "filters": {"api_ids": ["a"], "skip_api_ids": ["a"]}}`), `ERROR pumps.p.filters.api_ids (variable TYK_PMP_PUMPS_P_FILTERS_APIIDS): nothing passes: "a" is in skip_api_ids, too`},
		// Redis.
		{`{"analytics_storage_type": "Redis"}`, `ERROR analytics_storage_type (variable TYK_PMP_ANALYTICSSTORAGETYPE): "Redis" ends Tyk Pump: write redis, in small letters`},
		{`{"analytics_storage_config": {"host": "redis.x"}}`, `WARN analytics_storage_config.host (variable TYK_PMP_ANALYTICSSTORAGECONFIG_HOST): is ignored, as in Tyk Pump, since port is missing: localhost:6379 is used; set port`},
		{`{"analytics_storage_config": {"addrs": ["a:1", "b:2"]}}`, `only the first of several servers counts, as in Tyk Pump; b:2 are ignored: set enable_cluster`},
		{`{"analytics_storage_config": {"addrs": ["redis://a:1"]}}`, `has an element that is no server: write host:port each`},
		{`{"analytics_storage_config": {"timeout": 5000}}`, `WARN analytics_storage_config.timeout (variable TYK_PMP_ANALYTICSSTORAGECONFIG_TIMEOUT): 5000 is in seconds, not milliseconds: write 5 if those are meant`},
		{`{"analytics_storage_config": {"host": "h:6379", "port": 6379}}`, `ERROR analytics_storage_config.host (variable TYK_PMP_ANALYTICSSTORAGECONFIG_HOST): "h:6379" has a port of its own: write the host alone`},
		{`{"analytics_storage_config": {"host": "h", "port": 70000}}`, `ERROR analytics_storage_config.port (variable TYK_PMP_ANALYTICSSTORAGECONFIG_PORT): "70000" is not a port: write one from 1 to 65535`},
		{`{"analytics_storage_config": {"addrs": ["h"]}}`, `"h" has no port: write host:port`},
		{`{"analytics_storage_config": {"ssl_ca_file": "x"}}`, `INFO analytics_storage_config.ssl_ca_file (variable TYK_PMP_ANALYTICSSTORAGECONFIG_SSLCAFILE): not taken over: without use_ssl Tyk Pump does not look at it`},
		{`{"analytics_storage_config": {"use_ssl": true, "ssl_min_version": "TLS12"}}`, `"TLS12" ends Tyk Pump: write 1.0, 1.1, 1.2 or 1.3`},
		{`{"analytics_storage_config": {"enable_cluster": true, "key_prefix": "{a}", "database": 1}}`, `has braces, which decide the slot in a cluster`},
		{`{"analytics_storage_config": {"iam_auth": {"enabled": true}}}`, `ERROR analytics_storage_config.iam_auth.enabled (variable TYK_PMP_ANALYTICSSTORAGECONFIG_IAMAUTH_ENABLED): refused: there is no IAM for Redis here: use a password`},
		// Global keys.
		{`{"health_check_endpoint_name": "a b"}`, `ERROR health_check_endpoint_name (variable TYK_PMP_HEALTHCHECKENDPOINTNAME): "a b" is not the path of a URL: write one such as health`},
		{`{"x_otelcol_tyk": {"skip": "csv"}}`, `ERROR x_otelcol_tyk.skip: is text: write a list of texts`},
		{`{"log_level": "warning"}`, `ERROR log_level (variable TYK_PMP_LOGLEVEL): "warning" ends Tyk Pump: write debug, info, warn or error`},
		{`{"omit_detailed_recording": true}`, `WARN omit_detailed_recording (variable TYK_PMP_OMITDETAILEDRECORDING): not taken over: it has no effect in Tyk Pump, and none here`},
		{`{"health_check_endpoint_port": 70000}`, `70000 is not a port: write one from 1 to 65535`},
		// Addresses that are taken twice.
		{pumps(`"p": {"type": "prometheus", "meta": {"listen_address": ":8888"}}`), `ERROR pumps.p.meta.listen_address (variable TYK_PMP_PUMPS_PROMETHEUS_META_ADDR): localhost:8888 is taken by the collector's own metrics, which x_otelcol_tyk.metrics_address moves: use another port`},
		{strings.Replace(pumps(goodProm+"}}"), "{", `{"health_check_endpoint_port": 9090, `, 1), `ERROR pumps.p.meta.listen_address (variable TYK_PMP_PUMPS_PROMETHEUS_META_ADDR): 0.0.0.0:9090 is taken by health checks: use another port`},
		{strings.Replace(pumps(goodProm+"}}"), "{", `{"health_check_endpoint_port": 1777, "enable_http_profiler": true, `, 1), `ERROR health_check_endpoint_port (variable TYK_PMP_HEALTHCHECKENDPOINTPORT): localhost:1777 is taken by the profiler: use another port`},
		{strings.Replace(pumps(goodProm+"}}"), "{", `{"x_otelcol_tyk": {"metrics_address": "8889"}, `, 1), `ERROR x_otelcol_tyk.metrics_address: "8889" is not an address: write host:port, such as localhost:8889`},
		// Uptime.
		{`{"pumps": {"d": {"type": "dummy"}}}`, `ERROR uptime_pump_config.mongo_url (variable TYK_PMP_UPTIMEPUMPCONFIG_MONGOURL): is missing, and uptime checks are not switched off, with which Tyk Pump ends`},
		{`{"uptime_pump_config": {"uptime_type": "SQL"}}`, `WARN uptime_pump_config.uptime_type (variable TYK_PMP_UPTIMEPUMPCONFIG_UPTIMETYPE): "SQL" means Mongo in Tyk Pump: write sql in small letters if that is meant`},
		{`{"uptime_pump_config": {"mongo_url": "mongodb://h/d", "collection_name": "other"}}`, `"other" is only capped and indexed by Tyk Pump: documents always go to tyk_uptime_analytics, here too`},
		// Mongo.
		{pumps(`"mongo": {"meta": {"collection_name": "c", "mongo_url": "h/db"}}`), `the value (not shown, it may hold a password) must begin with mongodb:// or mongodb+srv://`},
		{pumps(`"mongo": {"meta": {"collection_name": "c", "mongo_url": "mongodb://u:p@ss@h/db"}}`), `has an @ in user or password, so that the rest of it becomes the host: write %40 for it`},
		{pumps(`"mongo": {"meta": {"collection_name": "c", "mongo_url": "mongodb://h"}}`), `names no database, so that Tyk Pump fails at every write: append it`},
		{pumps(`"mongo": {"meta": {"collection_name": "c", "mongo_url": "mongodb://h/db?w=0"}}`), `has w=0, which asks for no answer`},
		{pumps(goodMongo + `, "mongo_db_type": 3}}`), `3 is unknown: write 0 for MongoDB, 1 for Amazon DocumentDB or 2 for Azure Cosmos DB`},
		{pumps(goodMongo + `, "driver": "mgo2"}}`), `"mgo2" ends Tyk Pump: write mongo-go, or take it out`},
		{pumps(`"m": {"type": "mongo", "meta": {"collection_name": "z_tyk_analyticz_x", "mongo_url": "mongodb://h/db"}}`), `"z_tyk_analyticz_x" could be a collection of an organisation or of rollups`},
		{pumps(`"g": {"type": "mongo-graph", "meta": {"mongo_url": "mongodb://h/db"}}`), `WARN pumps.g.meta.collection_name (variable TYK_PMP_PUMPS_MONGOGRAPH_META_COLLECTIONNAME): is missing, with which every write of Tyk Pump fails: tyk_graph_analytics is used`},
		// SQL.
		{pumps(`"sql": {"meta": {"type": "Postgres", "connection_string": "host=h"}}`), `"Postgres" is not a database: write postgres or mysql, in small letters; Tyk Pump leaves the pump out`},
		{pumps(`"sql": {"meta": {"type": "postgres", "connection_string": "nonsense"}}`), `is not a PostgreSQL DSN such as`},
		{pumps(`"sql": {"meta": {"type": "sqlite", "connection_string": "a.db"}}`), `WARN pumps.sql.meta.type (variable TYK_PMP_PUMPS_SQL_META_TYPE): sqlite is refused by Tyk Pump since 1.12, and works here`},
		{pumps(`"g": {"type": "sql-graph", "meta": {"type": "mysql", "connection_string": "/db", "table_name": "graph.records"}}`), `"graph.records" is a name that tyksql does not take`},
		{pumps(`"g": {"type": "sql-mcp", "meta": {"type": "mysql", "connection_string": "/db", "table_name": "a"}}, "h": {"type": "sql-mcp", "meta": {"type": "mysql", "connection_string": "/other"}}`), `differs from that of pumps.h: Tyk Pump writes both into one of these, whichever starts last: give them one name`},
		{pumps(`"a": {"type": "sql_aggregate", "meta": {"type": "mysql", "connection_string": "/db", "ignore_aggregations": ["geo"]}}`), `WARN pumps.a.meta.ignore_aggregations (variable TYK_PMP_PUMPS_SQLAGGREGATE_META_IGNOREAGGREGATIONSLIST): not taken over: it has no effect in Tyk Pump`},
		// InfluxDB.
		{pumps(`"i": {"type": "influx", "meta": {"address": "influx:8086"}}`), `ERROR pumps.i.meta.address (variable TYK_PMP_PUMPS_INFLUX_META_ADDR): the value (not shown, it may hold credentials) is not a URL`},
		{pumps(goodInflux + `}}`), `ERROR pumps.i.meta.database_name (variable TYK_PMP_PUMPS_INFLUX_META_DATABASENAME): is missing, with which Tyk Pump loses all records: name the database`},
		{pumps(goodInflux + `, "database_name": "d", "password": "p"}}`), `WARN pumps.i.meta.fields (variable TYK_PMP_PUMPS_INFLUX_META_FIELDS): names none, with which Tyk Pump stores nothing: here all fields are stored`},
		{pumps(goodInflux + `, "database_name": "d", "password": "p"}}`), `INFO pumps.i.meta.password (variable TYK_PMP_PUMPS_INFLUX_META_PASSWORD): not taken over: without a username Tyk Pump ignores it`},
		{pumps(goodInflux + `, "database_name": "d", "fields": ["nope", "path"]}}`), `"nope" is not a field of these documents: it is left out`},
		{pumps(`"i": {"type": "influx2", "meta": {"address": "http://i:8086", "create_missing_bucket": true}}`), `WARN pumps.i.meta.create_missing_bucket (variable TYK_PMP_PUMPS_INFLUX2_META_CREATEMISSINGBUCKET): not taken over: create the bucket`},
		{pumps(`"i": {"type": "influx2", "meta": {"address": "http://i:8086"}}`), `is missing, with which Tyk Pump ends: name the organization`},
		// AWS.
		{pumps(`"q": {"type": "sqs", "meta": {"aws_queue_name": "https://sqs/1/q"}}`), `ERROR pumps.q.meta.aws_queue_name (variable TYK_PMP_PUMPS_SQS_META_QUEUENAME): the value is no name of a queue, with which Tyk Pump ends: write one such as tyk-analytics`},
		{pumps(goodSQS + `, "aws_endpoint": "localhost:4566"}}`), `ERROR pumps.q.meta.aws_endpoint (variable TYK_PMP_PUMPS_SQS_META_AWSENDPOINT): the value (not shown, it may hold credentials) is not a URL`},
		{pumps(goodSQS + `, "aws_key": "k"}}`), `WARN pumps.q.meta.aws_key (variable TYK_PMP_PUMPS_SQS_META_AWSKEY): is ignored, as in Tyk Pump, unless aws_key and aws_secret are both set`},
		{pumps(goodSQS + `, "aws_sqs_batch_limit": 7}}`), `INFO pumps.q.meta.aws_sqs_batch_limit (variable TYK_PMP_PUMPS_SQS_META_AWSSQSBATCHLIMIT): not needed: a request has as many as SQS takes, which is 10`},
		{pumps(`"q": {"type": "sqs", "meta": {"aws_queue_name": "q.fifo", "aws_delay_seconds": 5}}`), `WARN pumps.q.meta.aws_message_group_id (variable TYK_PMP_PUMPS_SQS_META_AWSMESSAGEGROUPID): is missing, without which a FIFO queue refuses all that Tyk Pump sends: here each organisation is a group`},
		{pumps(`"q": {"type": "sqs", "meta": {"aws_queue_name": "q.fifo", "aws_delay_seconds": 5}}`), `WARN pumps.q.meta.aws_delay_seconds (variable TYK_PMP_PUMPS_SQS_META_AWSDELAYSECONDS): 5 is left out, since FIFO queues refuse it: set the delay of the queue`},
		{pumps(`"k": {"type": "kinesis", "meta": {"stream_name": "arn:aws:s"}}`), `ERROR pumps.k.meta.stream_name (variable TYK_PMP_PUMPS_KINESIS_META_STREAMNAME): "arn:aws:s" is no name of a stream: write one such as tyk-analytics`},
		{pumps(goodKinesis + `, "kms_key_id": "k"}}`), `WARN pumps.k.meta.kms_key_id (variable TYK_PMP_PUMPS_KINESIS_META_KMSKEYID): not taken over: have the stream encrypted once, with aws kinesis start-stream-encryption`},
		{pumps(`"timestream": {"meta": {"timestream_table_name": "t", "timestream_database_name": "d"}}`), `ERROR pumps.timestream: type timestream: otelcol-tyk has no exporter for Timestream, so its records would go nowhere and the start is refused. It is closed to new customers. There are Amazon S3, for Athena and the like, and OTLP instead`},
		// StatsD.
		{pumps(`"s": {"type": "statsd", "meta": {"fields": ["request_time"]}}`), `ERROR pumps.s.meta.address (variable TYK_PMP_PUMPS_STATSD_META_ADDRESS): is missing, with which Tyk Pump tries for ever: write one such as statsd:8125`},
		{pumps(`"s": {"type": "statsd", "meta": {"address": "unix:///s", "fields": ["request_time"]}}`), `the value is no address that Tyk Pump can send to: write one such as statsd:8125`},
		{pumps(goodStatsD + `}}`), `ERROR pumps.s.meta.fields (variable TYK_PMP_PUMPS_STATSD_META_FIELDS): names none of request_time, latency_total, latency_upstream and latency_gateway, so that Tyk Pump sends nothing`},
		{pumps(goodStatsD + `, "fields": ["response_code"]}}`), `ERROR pumps.s.meta.fields (variable TYK_PMP_PUMPS_STATSD_META_FIELDS): names none of`},
		{pumps(goodStatsD + `, "fields": ["request_time", "response_code"]}}`), `WARN pumps.s.meta.fields (variable TYK_PMP_PUMPS_STATSD_META_FIELDS): "response_code" is no timing, so that Tyk Pump sends nothing for it: it is left out`},
		{pumps(goodStatsD + `, "fields": ["request_time"], "tags": ["nope"]}}`), `WARN pumps.s.meta.tags (variable TYK_PMP_PUMPS_STATSD_META_TAGS): "nope" is unknown, and null in each name, as in Tyk Pump: correct it, or take it out`},
		{pumps(goodStatsD + `, "fields": ["request_time"], "tags": ["method"]}}`), `WARN pumps.s.meta.tags (variable TYK_PMP_PUMPS_STATSD_META_TAGS): "method" is part of the path without separated_method, and null in each name, as in Tyk Pump`},
		{pumps(`"d": {"type": "dogstatsd", "meta": {}}`), `ERROR pumps.d.meta.address (variable TYK_PMP_PUMPS_DOGSTATSD_META_ADDRESS): is missing, and DD_AGENT_HOST is not set: write one such as localhost:8125`},
		{pumps(`"d": {"type": "dogstatsd", "meta": {"address": "\\\\.\\pipe\\dd"}}`), `is no address: write host, host:port or unix:///path; there are no named pipes here`},
		{pumps(goodDogStatsD + `, "sample_rate": -1}}`), `ERROR pumps.d.meta.sample_rate (variable TYK_PMP_PUMPS_DOGSTATSD_META_SAMPLERATE): -1 is no share, with which Tyk Pump sends nothing: write one above 0 and up to 1`},
		{pumps(goodDogStatsD + `, "namespace": "a:b"}}`), `"a:b" has characters that end a name: leave`},
		{pumps(goodDogStatsD + `, "tags": ["alias"]}}`), `ERROR pumps.d.meta.tags (variable TYK_PMP_PUMPS_DOGSTATSD_META_TAGS): "alias" is unknown, with which Tyk Pump loses every record: use some of path, method`},
		{pumps(goodDogStatsD + `, "async_uds": true}}`), `INFO pumps.d.meta.async_uds (variable TYK_PMP_PUMPS_DOGSTATSD_META_ASYNCUDS): not needed: what the socket does not take waits in Redis`},
		// CSV.
		{pumps(`"csv": {"meta": {}}`), `WARN pumps.csv.meta.csv_dir (variable TYK_PMP_PUMPS_CSV_META_CSVDIR): is missing, with which Tyk Pump writes into its working directory, and so does otelcol-tyk: name the directory`},
		// Graylog.
		{pumps(goodGraylog + `, "port": 70000}}`), `ERROR pumps.g.meta.port (variable TYK_PMP_PUMPS_GRAYLOG_META_GRAYLOGPORT): 70000 is no port: write one such as 12201`},
		{pumps(goodGraylog + `}}`), `WARN pumps.g.meta.port (variable TYK_PMP_PUMPS_GRAYLOG_META_GRAYLOGPORT): is missing, and 1000 as in Tyk Pump: GELF inputs mostly have 12201`},
		{pumps(goodGraylog + `, "port": 1}}`), `WARN pumps.g.meta.tags (variable TYK_PMP_PUMPS_GRAYLOG_META_TAGS): names none that Tyk Pump knows, so that its messages are empty`},
		{pumps(goodGraylog + `, "tags": ["tracked"]}}`), `WARN pumps.g.meta.tags (variable TYK_PMP_PUMPS_GRAYLOG_META_TAGS): "tracked" is unknown to Tyk Pump, which passes over it: it is left out`},
		{pumps(`"g": {"type": "graylog", "meta": {"host": "udp://h"}}`), `ERROR pumps.g.meta.host (variable TYK_PMP_PUMPS_GRAYLOG_META_GRAYLOGHOST): "udp://h" is no name of a host: write one such as graylog, without a port`},
		// Syslog.
		{pumps(goodSyslog + `, "transport": "tls"}}`), `WARN pumps.y.meta.transport (variable TYK_PMP_PUMPS_SYSLOG_META_TRANSPORT): tls ends Tyk Pump at its first connection, and works here`},
		{pumps(goodSyslog + `, "transport": "unix"}}`), `ERROR pumps.y.meta.transport (variable TYK_PMP_PUMPS_SYSLOG_META_TRANSPORT): "unix" ends Tyk Pump: write udp, tcp or tls`},
		{pumps(goodSyslog + `, "log_level": 192}}`), `ERROR pumps.y.meta.log_level (variable TYK_PMP_PUMPS_SYSLOG_META_LOGLEVEL): 192 is no priority, with which Tyk Pump ends`},
		{pumps(goodSyslog + `, "tag": "a\tb"}}`), `ERROR pumps.y.meta.tag (variable TYK_PMP_PUMPS_SYSLOG_META_TAG): "a\tb" has control characters: leave them out`},
		{pumps(`"y": {"type": "syslog", "meta": {"network_addr": "host"}}`), `ERROR pumps.y.meta.network_addr (variable TYK_PMP_PUMPS_SYSLOG_META_NETWORKADDR): "host" is no address: write one such as localhost:5140`},
		// Logz.io.
		{pumps(goodLogzio + `, "url": "logs.example"}}`), `ERROR pumps.l.meta.url (variable TYK_PMP_PUMPS_LOGZIO_META_URL): the value (not shown, it may hold credentials) is not a URL`},
		{pumps(goodLogzio + `, "queue_dir": "/q"}}`), `INFO pumps.l.meta.queue_dir (variable TYK_PMP_PUMPS_LOGZIO_META_QUEUEDIR): not needed: records wait in Redis`},
		{pumps(`"l": {"type": "logzio", "meta": {}}`), `ERROR pumps.l.meta.token (variable TYK_PMP_PUMPS_LOGZIO_META_TOKEN): is missing`},
		// Elasticsearch.
		{pumps(`"e": {"type": "elasticsearch", "meta": {}}`), `WARN pumps.e.meta.version (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_VERSION): 3, the default, is for Elasticsearch 2, which is not tested: set version to "5", "6" or "7"`},
		{pumps(`"e": {"type": "elasticsearch", "meta": {"version": "8"}}`), `ERROR pumps.e.meta.version (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_VERSION): "8" ends Tyk Pump: write "7" if the server is 7 or newer, or OpenSearch`},
		{pumps(goodES + `, "use_sniffing": true}}`), `WARN pumps.e.meta.use_sniffing (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_ENABLESNIFFING): is not taken over: name all servers that may be asked in elasticsearch_url`},
		{pumps(goodES + `, "document_type": "d"}}`), `INFO pumps.e.meta.document_type (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_DOCUMENTTYPE): not needed: servers from 7 on have none`},
		// Others.
		{pumps(goodKafka + `, "sasl_mechanism": "gssapi"}}`), `"gssapi" is neither plain nor scram, so Tyk Pump connects without credentials: correct it, or take it out`},
		{pumps(`"s": {"type": "splunk", "meta": {"collector_token": "x", "collector_url": "splunk:8088"}}`), `is not a URL: write one such as https://host:8088`},
		{pumps(goodES + `, "generate_id": true}}`), `WARN pumps.e.meta.generate_id (variable TYK_PMP_PUMPS_ELASTICSEARCH_META_GENERATEID): not needed: ids are the records' identities`},
		{pumps(goodProm + `, "path": "/custom"}}`), `WARN pumps.p: go_*, process_* and promhttp_* are not on 0.0.0.0:9090/custom`},
		{pumps(`"p": {"type": "prometheus", "meta": {"listen_address": "http://h/x"}}`), `the value is not an address: write :9090 or host:9090`},
		{pumps(`"p": {"type": "prometheus", "meta": {"listen_address": ":99999"}}`), `":99999" is not an address: write :9090 or host:9090, with a port up to 65535`},
		{pumps(goodProm + `, "path": "a?b"}}`), `ERROR pumps.p.meta.path (variable TYK_PMP_PUMPS_PROMETHEUS_META_PATH): "a?b" is not the path of a URL: write one such as /metrics`},
		{pumps(goodProm + `}, "ignore_fields": ["api-key"]}`), `"api-key" is not a field of a record; did you mean api_key? It is left out`},
		{pumps(goodProm + `}, "max_record_size": 5}`), `INFO pumps.p.max_record_size (variable TYK_PMP_PUMPS_P_MAXRECORDSIZE): not needed: no metric is made of recorded requests and responses`},
		{pumps(goodProm + `}}, "q": {"type": "prometheus", "meta": {"listen_address": ":9091"}}`), `WARN pumps.p: is of the same type as pumps.q, with which Tyk Pump ends: here each has its own page`},
		{pumps(goodProm + `}}, "q": {"type": "prometheus", "meta": {"listen_address": "0.0.0.0:9090"}}`), `ERROR pumps.p.meta.listen_address (variable TYK_PMP_PUMPS_PROMETHEUS_META_ADDR): is that of pumps.q, too, and Tyk Pump ends with two pumps of this type: give them two addresses`},
		{strings.Replace(pumps(goodProm+"}}"), "{", `{"x_otelcol_tyk": {"lists": ["analytics-x"]}, `, 1), `ERROR x_otelcol_tyk.lists: "analytics-x" is no list of a gateway: use tyk-system-analytics, the same with _0 to _9`},
		{pumps(goodProm + `, "custom_metrics": [{"name": "a", "metric_type": "gauge"}]}}`), `"a" is neither a counter nor a histogram: it is left out, as by Tyk Pump`},
		{pumps(goodProm + `, "custom_metrics": [{"name": "tyk_latency", "metric_type": "counter"}]}}`), `"tyk_latency" is another metric's name, with which Tyk Pump ends`},
		{pumps(goodProm + `, "custom_metrics": [{"name": "a", "metric_type": "counter", "labels": ["mcp_error_code"]}]}}`), `"a": labels: "mcp_error_code" has no value: use some of`},
		{pumps(goodProm + `, "custom_metrics": [{"name": "a", "metric_type": "histogram", "buckets": [1]}]}}`), `buckets of "a" have no effect in Tyk Pump, and none here`},
		{pumps(`"d": {"type": "sql", "ignore_fields": ["api-key"], "meta": {"type": "mysql", "connection_string": "/db"}}`), `WARN pumps.d.ignore_fields (variable TYK_PMP_PUMPS_D_IGNOREFIELDS): "api-key" is not a field of a record; did you mean api_key? It is left out`},
		{pumps(`"x": {"type": "timestream", "meta": {"timestream_table_name": "x"}}`), `ERROR pumps.x: type timestream: otelcol-tyk has no exporter for Timestream, so its records would go nowhere and the start is refused.`},
		// Services on the web.
		{pumps(`"m": {"type": "moesif", "meta": {"application_id": ""}}`), `ERROR pumps.m.meta.application_id (variable TYK_PMP_PUMPS_MOESIF_META_APPLICATIONID): is missing, and Moesif refuses events without`},
		{pumps(`"m": {"type": "moesif", "meta": {"application_id": "x", "bulk_config": {"batch_size": 5}}}`), `WARN pumps.m.meta.enable_bulk (variable TYK_PMP_PUMPS_MOESIF_META_ENABLEBULK): is not set, so that Tyk Pump does not read bulk_config`},
		{pumps(`"m": {"type": "moesif", "meta": {"application_id": "x", "enable_bulk": true, "bulk_config": {"api_endpoint": "moesif"}}}`), `ERROR pumps.m.meta.bulk_config.api_endpoint: the value (not shown, it may hold credentials) is not a URL`},
		{pumps(`"r": {"type": "resurfaceio", "meta": {}}`), `is missing, with which Tyk Pump leaves the pump out: write one such as https://resurface:7701/message`},
		{pumps(`"r": {"type": "resurfaceio", "meta": {"capture_url": "http://r/message"}}`), `is http without the rule allow_http_url, with which Tyk Pump leaves the pump out: use https, or add the rule to rules`},
		{pumps(`"r": {"type": "resurfaceio", "meta": {"capture_url": "https://r/message", "queue": ["a"]}}`), `WARN pumps.r.meta.queue (variable TYK_PMP_PUMPS_RESURFACEIO_META_QUEUE): not taken over: messages are sent`},
		{pumps(`"s": {"type": "segment", "meta": {}}`), `ERROR pumps.s.meta.segment_write_key (variable TYK_PMP_PUMPS_SEGMENT_META_WRITEKEY): is missing, and Segment takes no events without`},
		// MDCB.
		{pumps(`"h": {"type": "hybrid", "meta": {"api_key": "k"}}`), `ERROR pumps.h.meta.connection_string (variable TYK_PMP_PUMPS_HYBRID_META_CONNECTIONSTRING): nothing is no address, with which Tyk Pump ends: write one such as mdcb:9091`},
		{pumps(`"h": {"type": "hybrid", "meta": {"connection_string": "mdcb", "api_key": "k"}}`), `"mdcb" is no address, with which Tyk Pump ends`},
		{pumps(`"h": {"type": "hybrid", "meta": {"connection_string": "mdcb:9091"}}`), `ERROR pumps.h.meta.api_key (variable TYK_PMP_PUMPS_HYBRID_META_APIKEY): is missing, and MDCB refuses a login without`},
		{pumps(goodHybrid + `, "call_timeout": 10000}}`), `WARN pumps.h.meta.call_timeout (variable TYK_PMP_PUMPS_HYBRID_META_CALLTIMEOUT): 10000 are seconds, in Tyk Pump too, although its README speaks of milliseconds`},
		{pumps(goodHybrid + `, "rpc_key": "o"}}`), `INFO pumps.h.meta.rpc_key (variable TYK_PMP_PUMPS_HYBRID_META_RPCKEY): not needed: MDCB knows the organisation by api_key`},
		// Secrets.
		{pumps(goodMongo + `, "mongo_ssl_ca_file": "kv://v/x"}}`), `refers to a store that kv.stores does not have (it has none): Tyk Pump ends with this`},
		{strings.Replace(pumps(goodMongo+`, "mongo_ssl_ca_file": "kv://v/x"}}`), "{", `{"kv": {"stores": {"v": {"type": "gcp_secret_manager"}}}, `, 1), `store "v": its type is none of env, inline, file, hashicorp_vault and hashicorp_consul, which are read here: let what your platform has write the secret to a file`},
		{`{"x_otelcol_tyk": {"poll_interval": "1h"}}`, `ERROR x_otelcol_tyk.poll_interval: "1h" must be a time from 1ms to 10s, such as 2s`},
		{pumps(`"d": {"type": "dummy", "x_otelcol_tyk": {"group": "a b"}}`), `"a b" is not a group`},
		{`{"uptime_pump_config": {"mongo_url": "mongodb://h/d"}, "pumps": {"d": {"type": "dummy", "x_otelcol_tyk": {"group": "pump-uptime"}}}}`, `ERROR pumps.d.x_otelcol_tyk.group: "pump-uptime" is the name of the group of uptime_pump_config, too: use another one`},
		{pumps(`"d": {"type": "dummy"}, "k": {"type": "kafka", "meta": {"broker": ["k:1"], "topic": "t"}, "x_otelcol_tyk": {"group": "pump-local"}}`), `ERROR pumps.k.x_otelcol_tyk.group: "pump-local" is the name of the group of pumps.d, too: use another one`},
	} {
		assert.Contains(t, told(Convert(input(c.file))), c.want, c.file)
	}
}

// TestVariablesThatAreMisspelt has a slip in each of a name's words.
func TestVariablesThatAreMisspelt(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"TYK_PMP_ANALYTICSTORAGECONFIG_HOST":  "; TYK_PMP_ANALYTICSSTORAGECONFIG_HOST is meant?",
		"TYK_PMP_ANALYTICSSTORAGECONFIG_HSOT": "; TYK_PMP_ANALYTICSSTORAGECONFIG_HOST is meant?",
		"TYK_PMP_TEMPORAL_STORGE_PORT":        "; TYK_PMP_TEMPORAL_STORAGE_PORT is meant?",
		"TYK_PMP_PUMPS_D_FILTER_APIIDS":       "; TYK_PMP_PUMPS_D_FILTERS_APIIDS is meant?",
		"TYK_PMP_KV_STORE":                    "; TYK_PMP_KV_STORES is meant?",
		"TYK_PMP_PUMP_MINE_TYPE":              "; TYK_PMP_PUMPS_MINE_TYPE is meant?",
		"TYK_PMP_SOMETHING_ELSE":              "",
	} {
		assert.Contains(t, told(Convert(input(pumps(`"d": {"type": "dummy"}`), name+"=x")))+"\n", "WARN "+name+": is read by nothing"+want+"\n")
	}
}

// TestSkippingIsAdvisedWhereItHelps asks of mistakes in and outside of pumps.
func TestSkippingIsAdvisedWhereItHelps(t *testing.T) {
	t.Parallel()
	for file, helps := range map[string]bool{
		"":                                  false,
		"{":                                 false,
		"null":                              false,
		`{"dont_purge_uptime_data": true}`:  false,
		pumps(`"d": {"type": "dummy"}`):     false,
		pumps(`"timestream": {"meta": {}}`): true,
		pumps(`"b": {"typ": "sql"}`):        true,
		pumps(`"sql": {"meta": {"type": "oracle"}}`):                             true,
		`{"analytics_storage_type": "kafka", "pumps": {"d": {"type": "dummy"}}}`: false,
	} {
		assert.Equal(t, helps, Convert(input(file)).SkipHelps(), file)
	}
	assert.True(t, Convert(input("{}", "TYK_PMP_PUMPS_X_TYPE=none")).SkipHelps())
}

func TestPositionsOfMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n  \"a\": 1,\n}":       "pump.conf:3:1: there is a comma too many before this: take it out",
		"{\n  \"a\": 1\n  \"b\"}": "pump.conf:3:3: a comma is missing before this",
		"{\n  // x\n}":            "pump.conf:2:3: JSON has no comments: take it out",
		"{\"a\": {":               "pump.conf:1:8: the file ends too early",
		" ":                       "the file ends too early",
		"[]":                      "pump.conf:1:1: the file is a list, not an object",
		"\xef\xbb\xbf{}":          "begins with a byte order mark",
	} {
		r := Convert(input(text))
		assert.Contains(t, r.Summary(), want, text)
		assert.Contains(t, r.Summary(), "Tyk Pump would take nothing from this file", text)
		assert.False(t, r.Settings.Readable)
	}
}

func TestSkippedPumpsAreNotJudged(t *testing.T) {
	t.Parallel()
	in := input(pumps(`"Bad": {"type": "elasticsearch", "meta": {"version": 7}}, "none": {"type": "nonsense"}, "d": {"type": "dummy"}`))
	in.Skip = []string{"bad", "NONE", "other"}
	r := Convert(in)
	require.False(t, r.Refused(), r.Summary())
	for _, want := range []string{
		"WARN pumps.bad: is skipped: its records are stored nowhere", "WARN pumps.NONE: is skipped", `WARN skip: names "other", and there is no such pump: take it out`,
	} {
		assert.Contains(t, r.Summary(), want)
	}
	in = input(strings.Replace(pumps(`"timestream": {"meta": {}}, "d": {"type": "dummy"}`), "{", `{"x_otelcol_tyk": {"skip": ["timestream"]}, `, 1))
	assert.False(t, Convert(in).Refused())
}
