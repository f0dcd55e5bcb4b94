package pumpconf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// at gives the value at a path with :: in what the provider returns.
func at(t *testing.T, r *Result, path string) any {
	t.Helper()
	var value any = r.Config.Plain()
	for key := range strings.SplitSeq(path, "::") {
		m, ok := value.(map[string]any)
		require.True(t, ok, "%s in %s", key, path)
		value = m[key]
	}
	return value
}

// converted converts what must convert.
func converted(t *testing.T, text string, env ...string) *Result {
	t.Helper()
	r := Convert(input(text, env...))
	require.False(t, r.Refused(), r.Summary())
	return r
}

const (
	mongoFile = `{"dont_purge_uptime_data": true, "purge_delay": 1, "pumps": {"Mine": {"type": "mongo", "meta": {"mongo_url": "mongodb://file/db", "collection_name": "c"}}}}`
	uri       = "exporters::tykmongo/mine::uri"
)

func TestALaterSourceWins(t *testing.T) {
	t.Parallel()
	env := []string{}
	for _, step := range []struct{ variable, want string }{
		{"", "mongodb://file/db"},
		{"TYK_PMP_PUMPS_MONGO_META_MONGOURL=mongodb://type/db", "mongodb://type/db"},
		{"TYK_PMP_PUMPS_MINE_META_MONGOURL=mongodb://name/db", "mongodb://name/db"},
		{"PMP_MONGO_MONGOURL=mongodb://old/db", "mongodb://old/db"},
	} {
		if step.variable != "" {
			env = append(env, step.variable)
		}
		assert.Equal(t, step.want, at(t, converted(t, mongoFile, env...), uri))
	}
}

func TestRedisPrefixesWinInTheirOrder(t *testing.T) {
	t.Parallel()
	file := strings.Replace(mongoFile, "{", `{"analytics_storage_config": {"addrs": ["file:1"]}, `, 1)
	env := []string{}
	for _, step := range []struct{ variable, want string }{
		{"", "file:1"},
		{"TYK_PMP_ANALYTICSSTORAGECONFIG_ADDRS=a:2", "a:2"},
		{"TYK_PMP_REDIS_ADDRS=b:3", "b:3"},
		{"TYK_PMP_TEMPORAL_STORAGE_ADDRS=c:4", "c:4"},
	} {
		if step.variable != "" {
			env = append(env, step.variable)
		}
		assert.Equal(t, []any{step.want}, at(t, converted(t, file, env...), "receivers::tykredis/mongo::addresses"))
	}
}

func TestKeysMatchInAnyCaseAndTheLastCounts(t *testing.T) {
	t.Parallel()
	r := converted(t, `{"PURGE_CHUNK": 600, "purge_chunk": 700, "purge_delay": 1, "Dont_Purge_Uptime_Data": true, "analytics_storage_config": {"host": "h"},
		"Analytics_Storage_Config": {"PORT": 5}, "pumps": {"a": {"type": "STDOUT", "meta": {"Format": "json"}}}, "pumps": {"b": {"type": "dummy"}}}`)
	assert.EqualValues(t, 700, at(t, r, "receivers::tykredis/local::chunk_size"))
	assert.Equal(t, []any{"h:5"}, at(t, r, "receivers::tykredis/local::addresses"), "objects that are there twice are merged")
	assert.Contains(t, at(t, r, "exporters"), "nop/b")
	assert.Contains(t, at(t, r, "exporters"), "file/stdout")
}

func TestTheFileIsLeftUnreadOnlyForTrue(t *testing.T) {
	t.Parallel()
	for value, file := range map[string]bool{"true": false, "TRUE": false, "1": true, "t": true, "false": true} {
		r := Convert(input(mongoFile, "TYK_PMP_OMITCONFIGFILE="+value))
		assert.Equal(t, file, !r.Refused(), value)
	}
	r := converted(t, strings.Replace(mongoFile, "{", `{"omit_config_file": true, `, 1))
	assert.Contains(t, r.Summary(), "has no effect in the file")
}

func TestAFileThatIsMissingLeavesTheEnvironment(t *testing.T) {
	t.Parallel()
	r := converted(t, "", "TYK_PMP_PUMPS_X_TYPE=dummy", "TYK_PMP_DONTPURGEUPTIMEDATA=true")
	assert.Contains(t, r.Summary(), "pump.conf: cannot be read (file does not exist): only the environment counts")
	assert.Contains(t, Convert(input("")).Summary(), "ERROR pumps: there are none, with which Tyk Pump ends")
}

func TestVariablesAreReadByTheirType(t *testing.T) {
	t.Parallel()
	base := []string{"TYK_PMP_PUMPS_K_TYPE=kafka", "TYK_PMP_PUMPS_K_META_TOPIC=t", "TYK_PMP_DONTPURGEUPTIMEDATA=1", "TYK_PMP_PURGEDELAY=1"}
	r := converted(t, "{}", append(base, "TYK_PMP_PUMPS_K_META_BROKER=a:1,b:2", "TYK_PMP_PURGECHUNK=0x400", "TYK_PMP_PUMPS_K_FILTERS_RESPONSECODES=200,0620", "TYK_PMP_PUMPS_K_META_METADATA=k:v,l:w",
		"TYK_PMP_PUMPS_K_MAXRECORDSIZE=010", "TYK_PMP_PUMPS_K_FILTERS_ORGSIDS=x, y", "TYK_PMP_PUMPS_KAFKA_META_TIMEOUT=1.5")...)
	assert.EqualValues(t, 1024, at(t, r, "receivers::tykredis/kafka::chunk_size"))
	assert.Equal(t, []any{"a:1", "b:2"}, at(t, r, "exporters::kafka/k::brokers"))
	assert.Equal(t, []any{int64(200), int64(400)}, at(t, r, "processors::tykfilter/kafka::response_codes"))
	assert.EqualValues(t, 8, at(t, r, "processors::tykfilter/kafka::fields::max_record_size"))
	assert.Equal(t, []any{"x", " y"}, at(t, r, "processors::tykfilter/kafka::org_ids"), "nothing is trimmed")
	assert.Equal(t, "1.5s", at(t, r, "exporters::kafka/k::timeout"))

	r = Convert(input("{}", append(base, "TYK_PMP_PUMPS_K_META_BROKER=a:1", "TYK_PMP_PURGECHUNK=many", "TYK_PMP_STORAGEEXPIRATIONTIME=60", "TYK_PMP_PUMPS_K_META_METADATA=k:http://x", "TYK_PMP_MAXRECORDSIZE=")...))
	summary := r.Summary()
	assert.Contains(t, summary, "ERROR purge_chunk (set by TYK_PMP_PURGECHUNK): is not a whole number: write digits only; Tyk Pump stops reading there and ignores TYK_PMP_STORAGEEXPIRATIONTIME")
	assert.Contains(t, summary, "ERROR pumps.K.meta.meta_data (set by TYK_PMP_PUMPS_K_META_METADATA): is not a map")
	assert.Contains(t, summary, "WARN max_record_size (set by TYK_PMP_MAXRECORDSIZE): the variable is empty and taken for unset")
	assert.NotContains(t, summary, "http://x")
}

func TestAnEmptyTextEmptiesTheFiles(t *testing.T) {
	t.Parallel()
	r := Convert(input(mongoFile, "TYK_PMP_PUMPS_MINE_META_MONGOURL="))
	assert.Contains(t, r.Summary(), "ERROR pumps.Mine.meta.mongo_url (set by TYK_PMP_PUMPS_MINE_META_MONGOURL, overrides pump.conf): is missing")
}

func TestQuotationMarksOfDockerAreTold(t *testing.T) {
	t.Parallel()
	r := Convert(input("{}", "TYK_PMP_PUMPS_SQL_META_TYPE=\"postgres\"", "TYK_PMP_PUMPS_SQL_TYPE=sql"))
	assert.Contains(t, r.Summary(), "WARN pumps.SQL.meta.type (set by TYK_PMP_PUMPS_SQL_META_TYPE): the value begins and ends with a quotation mark")
}

func TestNamesThatAreTypesBeatTypes(t *testing.T) {
	t.Parallel()
	file := `{"dont_purge_uptime_data": true, "pumps": {"dummy": {"type": "stdout", "meta": {"format": "json"}}}}`
	assert.Contains(t, at(t, converted(t, file), "exporters"), "file/stdout")
	r := converted(t, file, "TYK_PMP_PUMPS_DUMMY_TIMEOUT=1")
	assert.Contains(t, at(t, r, "exporters"), "nop/dummy")
	assert.Contains(t, r.Summary(), `its name is a type, which wins over type "stdout"`)
}

func TestPumpsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	// A name without a type is no pump, and yet the file's pump of that prefix takes the value.
	file := `{"dont_purge_uptime_data": true, "purge_delay": 1, "pumps": {"sql_aggregate": {"meta": {"type": "postgres", "connection_string": "host=h dbname=a"}}}}`
	r := converted(t, file, "TYK_PMP_PUMPS_SQLAGGREGATE_META_CONNECTIONSTRING=host=h dbname=b", "TYK_PMP_PUMPS_SQLAGGREGATE_META_NOSUCH=1")
	assert.Equal(t, "host=h dbname=b", at(t, r, "exporters::tyksql/sql_aggregate::datasource"))
	assert.Contains(t, r.Summary(), "WARN TYK_PMP_PUMPS_SQLAGGREGATE_META_NOSUCH: is read by nothing: there is no pump SQLAGGREGATE")
	assert.NotContains(t, r.Summary(), "CONNECTIONSTRING: is read by nothing")

	// With a type there are two, which count everything twice in Tyk Pump.
	r = converted(t, file, "TYK_PMP_PUMPS_SQLAGGREGATE_TYPE=sql_aggregate", "TYK_PMP_PUMPS_SQLAGGREGATE_META_CONNECTIONSTRING=host=h dbname=b", "TYK_PMP_PUMPS_SQLAGGREGATE_META_TYPE=postgres")
	assert.Contains(t, r.Summary(), "WARN pumps.SQLAGGREGATE: writes the same to the same place as pumps.sql_aggregate: Tyk Pump counts each request twice, otelcol-tyk once; remove one")
	assert.Len(t, at(t, r, "exporters"), 1)

	// A variable meant for the file's pump makes another one.
	file = `{"dont_purge_uptime_data": true, "purge_delay": 1, "pumps": {"logs": {"type": "kafka", "meta": {"broker": ["k:1"], "topic": "t"}}}}`
	r = converted(t, file, "TYK_PMP_PUMPS_KAFKA_META_TIMEOUT=3")
	assert.Equal(t, "3s", at(t, r, "exporters::kafka/logs::timeout"))
	assert.Contains(t, r.Summary(), "WARN pumps.KAFKA: exists only because TYK_PMP_PUMPS_KAFKA_META_TIMEOUT is set, and has no meta.broker: left out")
	assert.Equal(t, []string{"KAFKA"}, r.LeftOut)

	assert.Contains(t, r.Summary(), "left out, as Tyk Pump could not work with it either; leave it as it is, since pumps.logs takes its settings from variables of that name, too")
	other := converted(t, file, "TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING=host=z dbname=d")
	assert.Contains(t, other.Summary(), "either; unset the variable\n")

	// One that has all that it needs runs beside the file's.
	r = converted(t, file, "TYK_PMP_PUMPS_KAFKA_META_TOPIC=u", "TYK_PMP_PUMPS_KAFKA_META_BROKER=k:1")
	assert.Contains(t, r.Summary(), "WARN pumps.KAFKA: exists only because TYK_PMP_PUMPS_KAFKA_META_BROKER is set: Tyk Pump makes a pump of each name")
	assert.Equal(t, "u", at(t, r, "exporters::kafka/logs::logs::topic"), "the prefix of its type is the file's pump's, too")

	r = Convert(input(file, "TYK_PMP_PUMPS=a:b", "TYK_PMP_BUILDDEMODATA=org"))
	assert.Contains(t, r.Summary(), "ERROR pumps (set by TYK_PMP_PUMPS): replaces all pumps")
	assert.Contains(t, r.Summary(), "ERROR TYK_PMP_BUILDDEMODATA: makes Tyk Pump write demo data and end")
}

func TestAPrefixOfTheFile(t *testing.T) {
	t.Parallel()
	file := strings.Replace(mongoFile, `"meta": {`, `"meta": {"meta_env_prefix": "MY_LOGS", `, 1)
	r := converted(t, file, "MY_LOGS_MONGOURL=mongodb://mine/db", "TYK_PMP_PUMPS_MONGO_META_COLLECTIONNAME=d", "MONGO_DB_TYPE=1")
	assert.Equal(t, "mongodb://mine/db", at(t, r, uri))
	assert.Equal(t, "c", at(t, r, "exporters::tykmongo/mine::collections::requests::name"), "the type's prefix does not count any more")
	assert.EqualValues(t, 1, at(t, r, "exporters::tykmongo/mine::mongo_db_type"), "the bare name counts for every Mongo")
}
