package table

// Global is the keys that stand in no object.
func Global() *Section { return global }

var global = &Section{Path: "", Prefix: "TYK_PMP", Keys: []Key{
	{
		Name: "purge_chunk", Kind: Int, Default: "0, which is all", Loose: true, Pump: "most entries of a list in a round, and so a limit of the rate",
		Here: "chunk_size of each receiver, at least 500", Why: "a chunk is not a round here: the next one follows at once",
	},
	{
		Name: "storage_expiration_time", Kind: Int, Default: "60", Loose: true, Pump: "seconds after which the rest of a list expires when a chunk was read",
		Here: "not needed", Why: "what is claimed never expires", Level: Info,
	},
	{Name: "pumps", Kind: Object, Pump: "the destinations", Here: "exporters and their pipelines"},
	{Name: "analytics_storage_config", Kind: Object, Pump: "the gateway's Redis", Here: "the connection of each receiver"},
	{Name: "analytics_storage_type", Default: "redis", Pump: "anything but redis ends it", Here: "must be redis or empty", Why: "gateways write to nothing else"},
	{
		Name: "statsd_connection_string", Loose: true, Pump: "its own counters and timings go there if TYK_INSTRUMENTATION=1 is set", Here: "not needed",
		Why: "the collector's own metrics are at localhost:8888/metrics: records claimed, stored and waiting", Level: Info,
	},
	{Name: "statsd_prefix", Loose: true, Pump: "stands before the names of those", Here: "not needed", Why: "the collector's own metrics are at localhost:8888/metrics", Level: Info},
	{Name: "log_level", Default: "info", Pump: "debug, info, warn or error; another text ends it unless TYK_LOGLEVEL is set", Here: "service::telemetry::logs::level"},
	{
		Name: "log_format", Default: "text", Loose: true, Pump: "text, json or legacy", Here: "service::telemetry::logs::encoding, json or console",
		Why: "messages and keys of the log are the collector's", Level: Warn,
	},
	{Name: "health_check_endpoint_name", Default: "health", Pump: "path of the answer to health checks, without its first slash", Here: "tykhealth::pump_path"},
	{
		Name: "purge_delay", Kind: Int, Default: "0, which never purges", Loose: true, Pump: "seconds between two rounds", Here: "not needed",
		Why: "records are delivered as they come; x_otelcol_tyk.poll_interval makes batches larger", Level: Info,
	},
	{Name: "health_check_endpoint_port", Kind: Int, Default: "8083", Pump: "port of the answer, on all addresses", Here: "tykhealth::endpoint"},
	{
		Name: "max_record_size", Kind: Int, Default: "0, which is no limit", Pump: "cuts each recorded request and response, of pumps without a limit of their own",
		Here: "fields::max_record_size of each pump's tykfilter",
	},
	{Name: "dont_purge_uptime_data", Kind: Bool, Default: "false", Pump: "leaves uptime checks in Redis until they expire", Here: "no pipeline logs/uptime"},
	{
		Name: "omit_detailed_recording", Kind: Bool, Default: "false", Pump: "nothing, since 1.6", Here: "not taken over",
		Why: "it has no effect in Tyk Pump, and none here, so that no body disappears that is there today; set it at the pumps if it is meant", Level: Warn,
	},
	{
		Name: "omit_config_file", Kind: Bool, Var: "OMITCONFIGFILE", Pump: "as a variable, and only as true, leaves the file unread; in the file nothing", Here: "the same",
		Why: "only the variable TYK_PMP_OMITCONFIGFILE=true leaves the file unread",
	},
	{
		Name: "enable_http_profiler", Kind: Bool, Var: "HTTPPROFILE", Default: "false", Pump: "/debug/pprof/ on the port of the health check", Here: "extension pprof at localhost:1777",
		Why: "it is on another port, and for this machine only", Level: Warn,
	},
	{Name: "raw_request_decoded", Kind: Bool, Var: "DECODERAWREQUEST", Pump: "nothing but a warning", Here: "not taken over", Why: "it has no effect in Tyk Pump either; set it at the pumps if it is meant", Level: Warn},
	{Name: "raw_response_decoded", Kind: Bool, Var: "DECODERAWRESPONSE", Pump: "nothing but a warning", Here: "not taken over", Why: "it has no effect in Tyk Pump either; set it at the pumps if it is meant", Level: Warn},
	{Name: "uptime_pump_config", Kind: Object, Pump: "where uptime checks go", Here: "a receiver, pipeline and exporter of their own"},
	{Name: "kv", Kind: Object, Pump: "stores of secrets that values may refer to (1.17)", Here: "references are resolved at start"},
	{
		Name: "opentelemetry", Kind: Object, Pump: "its own metrics by OTLP (after 1.17)", Here: "not taken over",
		Why: "the names of metrics are the collector's: add service::telemetry::metrics::readers with a further --config", Level: Warn,
	},
	{Name: OwnKey, Kind: Object, Pump: "nothing, as with every key that it does not know", Here: "overrides for otelcol-tyk in the same file"},
}}

// OwnKey is the object of a pump.conf that is for us.
const OwnKey = "x_otelcol_tyk"

// Own is the keys that Tyk Pump passes over and that say what it has no word for.
func Own() *Section { return own }

var own = &Section{Path: OwnKey, Prefix: Unset, Keys: []Key{
	{Name: "skip", Kind: List, Var: Unset, Pump: "nothing", Here: "names of pumps to start without", Why: "records of their destinations are then stored nowhere"},
	{Name: "redact_headers", Kind: List, Var: Unset, Pump: "nothing", Here: "fields::redact_headers of each tykfilter; [default] for tykfilter's own list", Why: "Tyk Pump stores credentials in recorded requests"},
	{Name: "poll_interval", Var: Unset, Pump: "nothing", Here: "poll_interval of each receiver, such as 2s", Why: "for those who want larger batches"},
	{Name: "lists", Kind: List, Var: Unset, Pump: "nothing", Here: "requests::lists of each receiver, such as tyk-system-analytics_9", Why: "a tenth of the records for otelcol-tyk, and the other lists for Tyk Pump"},
	{Name: "metrics_address", Default: "localhost:8888", Var: Unset, Pump: "nothing", Here: "where the collector's own metrics are, as host:port", Why: "two processes of one host need two"},
	{Name: "buckets", Kind: Bool, Var: Unset, Pump: "nothing", Here: "custom histograms of prometheus have the buckets of the file", Why: "Tyk Pump ignores them, so dashboards may rely on its own"},
}}

// OwnPump is the same of a single pump.
func OwnPump() *Section { return ownPump }

var ownPump = &Section{Path: "pumps.<name>." + OwnKey, Prefix: Unset, Keys: []Key{
	{Name: "group", Var: Unset, Pump: "nothing", Here: "the group, and so the receiver, of this pump", Why: "pumps of one destination otherwise share one, and wait for each other"},
}}

// Redis is the keys of analytics_storage_config.
func Redis() *Section { return redis }

var redis = &Section{Path: "analytics_storage_config", Prefix: "TYK_PMP_ANALYTICSSTORAGECONFIG", Keys: []Key{
	{Name: "type", Default: "redis", Pump: "anything but redis ends it, in small letters", Here: "must be redis or empty"},
	{Name: "host", Pump: "the server, if port is set too; without port it is ignored", Here: "receiver's addresses"},
	{Name: "port", Kind: Int, Default: "0, which ignores host", Pump: "the server's port", Here: "receiver's addresses"},
	{Name: "hosts", Kind: Map, Pump: "deprecated map of hosts and ports, before host", Here: "receiver's addresses, sorted", Why: "hosts is deprecated: write addrs, a list of host:port", Level: Warn},
	{Name: "addrs", Kind: List, Default: "127.0.0.1:6379", Pump: "host:port of servers, before hosts and host", Here: "receiver's addresses"},
	{Name: "master_name", Pump: "the servers are sentinels, before enable_cluster", Here: "receiver's sentinel::master_name"},
	{Name: "sentinel_password", With: []string{"master_name"}, Secret: true, Pump: "the sentinels' password", Here: "receiver's sentinel::password"},
	{Name: "username", With: []string{"password"}, Pump: "the ACL user, if there is a password", Here: "receiver's username"},
	{Name: "password", Secret: true, Pump: "the password", Here: "receiver's password"},
	{Name: "database", Kind: Int, Default: "0", Pump: "the number of the database", Here: "receiver's database"},
	{Name: "timeout", Kind: Int, Default: "5", Loose: true, Pump: "seconds for dialling, reading and writing", Here: "receiver's timeout"},
	{Name: "optimisation_max_idle", Kind: Int, Var: "MAXIDLE", Loose: true, Pump: "nothing", Here: "not needed", Level: Info},
	{Name: "optimisation_max_active", Kind: Int, Var: "MAXACTIVE", Default: "500", Loose: true, Pump: "size of the pool of connections", Here: "not needed", Why: "connections follow from max_in_flight", Level: Info},
	{Name: "enable_cluster", Kind: Bool, Default: "false", Pump: "the servers are a Redis Cluster", Here: "receiver's cluster"},
	{Name: "redis_key_prefix", Pump: "older name of key_prefix, which wins", Here: "receiver's key_prefix"},
	{Name: "key_prefix", Default: "analytics-", Pump: "stands before the names of the lists", Here: "receiver's key_prefix"},
	{Name: "use_ssl", Kind: Bool, Default: "false", Pump: "connections are encrypted", Here: "receiver's tls::insecure: false"},
	{Name: "redis_use_ssl", Kind: Bool, Default: "false", Pump: "the same as use_ssl", Here: "receiver's tls::insecure: false"},
	{Name: "ssl_insecure_skip_verify", With: []string{"use_ssl", "redis_use_ssl"}, Kind: Bool, Default: "false", Pump: "takes any certificate", Here: "receiver's tls::insecure_skip_verify"},
	{Name: "redis_ssl_insecure_skip_verify", With: []string{"use_ssl", "redis_use_ssl"}, Kind: Bool, Default: "false", Pump: "the same as ssl_insecure_skip_verify", Here: "receiver's tls::insecure_skip_verify"},
	{Name: "ssl_ca_file", With: []string{"use_ssl", "redis_use_ssl"}, Pump: "authority of the server's certificate, with TLS", Here: "receiver's tls::ca_file"},
	{Name: "ssl_cert_file", With: []string{"use_ssl", "redis_use_ssl"}, Pump: "own certificate, with TLS", Here: "receiver's tls::cert_file"},
	{Name: "ssl_key_file", With: []string{"use_ssl", "redis_use_ssl"}, Pump: "its key, with TLS", Here: "receiver's tls::key_file"},
	{Name: "ssl_min_version", With: []string{"use_ssl", "redis_use_ssl"}, Default: "1.2", Pump: "1.0 to 1.3; another text ends it", Here: "receiver's tls::min_version"},
	{Name: "ssl_max_version", With: []string{"use_ssl", "redis_use_ssl"}, Default: "1.3", Pump: "1.0 to 1.3; another text ends it", Here: "receiver's tls::max_version"},
	{Name: "iam_auth.enabled", Kind: Bool, Pump: "asks a cloud provider for the password (after 1.17)", Here: "refused", Why: "there is no IAM for Redis here: use a password", Level: Error},
	{Name: "iam_auth.provider", Pump: "gcp", Here: "only with iam_auth.enabled", Why: "which is refused"},
	{Name: "iam_auth.service_account", Pump: "the account", Here: "only with iam_auth.enabled", Why: "which is refused"},
	{Name: "iam_auth.token_refresh_before_expiry", Kind: Int, Pump: "seconds before a token is renewed", Here: "only with iam_auth.enabled", Why: "which is refused"},
}}

// RedisPrefixes are what variables of Redis' section begin with; a later one wins.
func RedisPrefixes() []string {
	return []string{redis.Prefix, "TYK_PMP_REDIS", "TYK_PMP_TEMPORAL_STORAGE"}
}

// Pump is the keys that each pump has beside meta.
func Pump() *Section { return pump }

var pump = &Section{Path: "pumps.<name>", Prefix: PumpPrefix + "<NAME>", Keys: []Key{
	{Name: "name", Loose: true, Pump: "nothing", Here: "not needed", Why: "the key is the pump's name", Level: Info},
	{Name: "type", Default: "the pump's key", Pump: "what kind of destination it is, in any case of letters; a name that is a type beats it once a variable names the pump", Here: "the exporter"},
	{
		Name: "timeout", Kind: Int, Default: "0, which is for ever", Loose: true, Pump: "seconds that a round waits for this pump", Here: "the exporter's timeout, if it is longer than its own",
		Why: "there it means to give up, here to try again, so a shorter one would never end",
	},
	{Name: "filters.org_ids", Kind: List, Var: "FILTERS_ORGSIDS", To: "filter.org_ids", Pump: "only these organisations", Here: "org_ids of the pump's tykfilter; for prometheus below metrics::filter of its receiver"},
	{Name: "filters.api_ids", Kind: List, To: "filter.api_ids", Pump: "only these APIs", Here: "api_ids of the pump's tykfilter; for prometheus below metrics::filter of its receiver"},
	{Name: "filters.response_codes", Kind: Ints, Var: "FILTERS_RESPONSECODES", To: "filter.response_codes", Pump: "only these status codes", Here: "response_codes of the pump's tykfilter; for prometheus below metrics::filter of its receiver"},
	{Name: "filters.skip_org_ids", Kind: List, Var: "FILTERS_SKIPPEDORGSIDS", To: "filter.skip_org_ids", Pump: "never these organisations", Here: "skip_org_ids of the pump's tykfilter; for prometheus below metrics::filter of its receiver"},
	{Name: "filters.skip_api_ids", Kind: List, Var: "FILTERS_SKIPPEDAPIIDS", To: "filter.skip_api_ids", Pump: "never these APIs", Here: "skip_api_ids of the pump's tykfilter; for prometheus below metrics::filter of its receiver"},
	{Name: "filters.skip_response_codes", Kind: Ints, Var: "FILTERS_SKIPPEDRESPONSECODES", To: "filter.skip_response_codes", Pump: "never these status codes", Here: "skip_response_codes of the pump's tykfilter; for prometheus below metrics::filter of its receiver"},
	{Name: "omit_detailed_recording", Kind: Bool, Default: "false", To: "filter.fields.omit_detailed_recording", Pump: "empties recorded requests and responses", Here: "fields::omit_detailed_recording of the pump's tykfilter"},
	{Name: "max_record_size", Kind: Int, Default: "the global one", Pump: "cuts recorded requests and responses", Here: "fields::max_record_size of the pump's tykfilter"},
	{Name: "ignore_fields", Kind: List, Pump: "empties these fields", Here: "fields::ignore of the pump's tykfilter; for prometheus metrics::ignore_fields of its receiver"},
	{Name: "raw_request_decoded", Kind: Bool, Var: "DECODERAWREQUEST", Default: "false", Pump: "decodes recorded requests from base64, but not for raw pumps of Mongo and SQL", Here: "fields::decode_raw_request of the pump's tykfilter"},
	{Name: "raw_response_decoded", Kind: Bool, Var: "DECODERAWRESPONSE", Default: "false", Pump: "decodes recorded responses from base64, but not for raw pumps of Mongo and SQL", Here: "fields::decode_raw_response of the pump's tykfilter"},
	{Name: "meta", Kind: Object, Pump: "the settings of the type", Here: "see the type"},
	{Name: OwnKey, Kind: Object, Pump: "nothing, as with every key that it does not know", Here: "overrides for otelcol-tyk"},
}}
