package table

import "strings"

// Others are the variables that belong to no key. A name that ends with * stands for all that
// begin with the rest.
func Others() []Key { return others }

var others = []Key{
	{Var: "TYK_LOGLEVEL", Default: "log_level", Pump: "debug, warn or error, over log_level; another text is info", Here: "service::telemetry::logs::level"},
	{Var: "TYK_LOGFORMAT", Default: "log_format", Pump: "json for lines of JSON, over log_format", Here: "service::telemetry::logs::encoding"},
	{
		Var: "TYK_INSTRUMENTATION", Kind: Bool, Default: "0", Pump: "1 sends its own counters to statsd_connection_string", Here: "not taken over",
		Why: "the collector's own metrics are at localhost:8888/metrics", Level: Warn,
	},
	{Var: "TYK_PMP_KV_STORES", Kind: Object, Pump: "stores of secrets as JSON, merged with kv.stores by name", Here: "the same", Why: "references to secrets are resolved at start"},
	{Var: "TYK_PMP_KV_CACHE*", Pump: "how long secrets are kept", Here: "not needed", Why: "secrets are resolved once, at start", Level: Info},
	{Var: "TYK_PMP_OPENTELEMETRY_*", Pump: "its own traces and metrics", Here: global.Key("opentelemetry").Here, Why: global.Key("opentelemetry").Why, Level: Warn},
	{Var: "TYK_PMP_PUMPS", Pump: "replaces all pumps by empty ones, with which it ends", Here: "refused", Why: "variables of a pump begin with " + PumpPrefix + "NAME_", Level: Error},
	{Var: "TYK_PMP_BUILDDEMODATA", Pump: "writes demo data and ends", Here: "refused", Why: "tykgen makes test data", Level: Error},
	{Var: "TYK_PMP_REDIS_*", Pump: "analytics_storage_config, over the variables of that name; its KEYPREFIX moves the list of uptime checks too", Here: "the same", Why: "the later of several names wins"},
	{Var: "TYK_PMP_TEMPORAL_STORAGE_*", Pump: "the same as TYK_PMP_REDIS_*, over it", Here: "the same", Why: "the later of several names wins"},
	{Var: "PMP_MONGO_*", Pump: "meta of all pumps of type mongo, over everything else; uptime checks too while their mongo_url is empty", Here: "the same", Why: "they are deprecated names", Level: Info},
	{Var: "PMP_MONGOSEL_*", Pump: "meta of all pumps of type mongo-pump-selective, over everything else", Here: "the same", Why: "they are deprecated names", Level: Info},
	{Var: "PMP_MONGOAGG_*", Pump: "meta of all pumps of type mongo-pump-aggregate, over everything else", Here: "the same", Why: "they are deprecated names", Level: Info},
	{Var: "MONGO_DB_TYPE", Kind: Int, Default: "0", Pump: "mongo_db_type of every Mongo pump whose own variable is not set", Here: "tykmongo's mongo_db_type"},
	{Var: "TZ", Default: "/etc/localtime, else UTC", Pump: "the time zone of days, hours, buckets and times of all pumps", Here: "timezone of tyksql, tykaggregate and tykcsv"},
	{Var: "DD_AGENT_HOST", Pump: "the agent of a dogstatsd pump without address", Here: "as the type dogstatsd says", Why: "the variable belongs to that type"},
	{Var: "DD_DOGSTATSD_PORT", Pump: "the port of that agent", Here: "as the type dogstatsd says", Why: "the variable belongs to that type"},
	{Var: "DD_ENTITY_ID", Pump: "a tag of all metrics of dogstatsd pumps", Here: "as the type dogstatsd says", Why: "the variable belongs to that type"},
	{Var: "DD_ENV", Pump: "a tag of all metrics of dogstatsd pumps", Here: "as the type dogstatsd says", Why: "the variable belongs to that type"},
	{Var: "DD_SERVICE", Pump: "a tag of all metrics of dogstatsd pumps", Here: "as the type dogstatsd says", Why: "the variable belongs to that type"},
	{Var: "DD_VERSION", Pump: "a tag of all metrics of dogstatsd pumps", Here: "as the type dogstatsd says", Why: "the variable belongs to that type"},
	{Var: "USAGE_LOGGERS_*", Pump: "settings of resurfaceio pumps, also from a file .env in the working directory", Here: "USAGE_LOGGERS_URL and USAGE_LOGGERS_DISABLE as there, but not from .env; the others are not needed", Why: "the variables belong to that type"},
	{Var: "AWS_*", Pump: "credentials and region of sqs, kinesis and timestream pumps", Here: "as these types say", Why: "the variables belong to those types"},
	{Var: "REDIGOCLUSTER_SHARDCOUNT", Pump: "nothing, for years", Here: "not needed", Why: "nothing reads it", Level: Info},
}

// covers tells whether a name is that of the row, or one that it stands for.
func (k *Key) covers(name string) bool {
	if start, ok := strings.CutSuffix(k.Var, "*"); ok {
		return strings.HasPrefix(name, start) && name != start
	}
	return k.Var == name
}
