package pumpconf

import (
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
