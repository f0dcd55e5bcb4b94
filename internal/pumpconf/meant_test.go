package pumpconf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestVariablesOfATypesPrefixAreMeantForItsPumps has variables of a name that is no pump, whose prefix a file's pump takes.
func TestVariablesOfATypesPrefixAreMeantForItsPumps(t *testing.T) {
	t.Parallel()
	const (
		aggregate = `"mongo-pump-aggregate": {"meta": {"mongo_url": "mongodb://h/d"}}`
		mongo     = `"mine": {"type": "mongo", "meta": {"mongo_url": "mongodb://h/d", "collection_name": "c"}}`
		graph     = `"sql-graph": {"meta": {"type": "postgres", "connection_string": "host=h dbname=d user=u"}}`
	)
	for _, c := range []struct{ pump, variable, want string }{
		{aggregate, "TYK_PMP_PUMPS_MONGOAGGREGATE_META_ENABLESELFHEALING", "; TYK_PMP_PUMPS_MONGOAGGREGATE_META_ENABLEAGGREGATESELFHEALING is meant?"},
		{aggregate, "TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGO_URL", "; TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGOURL is meant?"},
		{aggregate, "TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGODBTYPE", "; TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGO_DB_TYPE is meant?"},
		{aggregate, "TYK_PMP_PUMPS_MONGOAGGREGATE_META_IGNOREAGGREGATIONS", "; TYK_PMP_PUMPS_MONGOAGGREGATE_META_IGNOREAGGREGATIONSLIST is meant?"},
		{aggregate, "TYK_PMP_PUMPS_MONGOPUMPAGGREGATE_META_MONGOURL", "; TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGOURL is meant?"},
		{aggregate, "TYK_PMP_PUMPS_MONGOAGG_META_MONGOURL", "; TYK_PMP_PUMPS_MONGOAGGREGATE_META_MONGOURL is meant?"},
		{rollupSQL, "TYK_PMP_PUMPS_SQLAGGREGATE_META_IGNOREAGGREGATIONS", "; TYK_PMP_PUMPS_SQLAGGREGATE_META_IGNOREAGGREGATIONSLIST is meant?"},
		{graph, "TYK_PMP_PUMPS_SQLGRAPH_META_CONNECTIONSTRING", "; TYK_PMP_PUMPS_GRAPH_SQL_META_CONNECTIONSTRING is meant?"},
		{graph, "TYK_PMP_PUMPS_SQLGRAPH_META_NONE", ": there is no pump SQLGRAPH, since TYK_PMP_PUMPS_SQLGRAPH_TYPE does not say which type it would have"},
		{`"foo": {"type": "kafka", "meta": {"broker": ["k:1"], "topic": "t"}}`, "TYK_PMP_PUMPS_FOO_META_TIMEOUT", "; TYK_PMP_PUMPS_KAFKA_META_TIMEOUT is meant?"},
		{mongo, "PMP_MONGO_DRIVER", "; PMP_MONGO_MONGODRIVERTYPE is meant?"},
		{mongo, "PMP_MONGOSEL_MONGOURL", ": there is no pump of type mongo-pump-selective"},
		{mongo, "TYK_PMP_PUMPS_foo_TYPE", "; TYK_PMP_PUMPS_FOO_TYPE is meant?"},
		{mongo, "TYK_PMP_PUMPS_", ""},
	} {
		env := []string{c.variable + "=x"}
		if c.variable == "TYK_PMP_PUMPS_FOO_META_TIMEOUT" {
			env = append(env, "TYK_PMP_PUMPS_FOO_TYPE=kafka")
		}
		assert.Contains(t, told(Convert(input(pumps(c.pump), env...))), "WARN "+c.variable+": is read by nothing"+c.want+"\n")
	}
}

// TestVariablesInQuotes has what docker --env-file keeps of quoted values.
func TestVariablesInQuotes(t *testing.T) {
	t.Parallel()
	r := Convert(input(pumps(`"d": {"type": "dummy"}`), `TYK_PMP_DONTPURGEUPTIMEDATA="true"`, `TYK_PMP_PURGECHUNK="1000"`, `TYK_PMP_PUMPS_Y_TYPE="csv"`))
	for _, want := range []string{
		"ERROR purge_chunk (set by TYK_PMP_PURGECHUNK): is in quotation marks, which are part of the value (docker --env-file keeps them): take them out; Tyk Pump stops",
		"ERROR dont_purge_uptime_data (set by TYK_PMP_DONTPURGEUPTIMEDATA): is in quotation marks",
		`ERROR pumps.Y.type (set by TYK_PMP_PUMPS_Y_TYPE): type "csv" of pump Y is in quotation marks, which are part of it (docker --env-file keeps them). Tyk Pump leaves the pump out; take them out`,
	} {
		assert.Contains(t, told(r), want)
	}
}

// TestAnEmptyVariableHidesNoOtherName has the name that counts where the first one is not set.
func TestAnEmptyVariableHidesNoOtherName(t *testing.T) {
	t.Parallel()
	r := converted(t, mongoFile, "TYK_PMP_PUMPS_MONGO_META_MONGO_DB_TYPE=", "MONGO_DB_TYPE=2")
	assert.EqualValues(t, 2, at(t, r, "exporters::tykmongo/mine::mongo_db_type"))
	assert.Contains(t, told(r), "set by TYK_PMP_PUMPS_MONGO_META_MONGO_DB_TYPE): the variable is empty and taken for unset")
}

// TestWholeNumbersInAnySpelling has numbers of meta, which Tyk Pump cuts to whole ones.
func TestWholeNumbersInAnySpelling(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"5.36870912e+09": 5368709120, "5000000000.5": 5000000000, "5e9": 5000000000, "7.9": 7} {
		r := converted(t, pumps(goodMongo+`, "collection_cap_enable": true, "collection_cap_max_size_bytes": `+text+`}}`))
		assert.EqualValues(t, want, at(t, r, "exporters::tykmongo/mongo::collection_cap_max_size_bytes"), text)
	}
	assert.True(t, Convert(input(pumps(goodMongo+`, "collection_cap_max_size_bytes": 1e19}}`))).Refused())
}

// TestSentinelsTakeBracesInAPrefix has a cluster that master_name turns off.
func TestSentinelsTakeBracesInAPrefix(t *testing.T) {
	t.Parallel()
	r := converted(t, strings.Replace(pumps(`"d": {"type": "dummy"}`), "{", `{"analytics_storage_config": {"addrs": ["s:1"], "master_name": "m", "enable_cluster": true, "key_prefix": "{a}"}, `, 1))
	assert.Equal(t, "{a}", at(t, r, "receivers::tykredis/local::key_prefix"))
}
