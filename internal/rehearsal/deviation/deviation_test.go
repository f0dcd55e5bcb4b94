package deviation

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ids are those that comparisons use.
var ids = []string{
	LatencyGateway, CityNames, SimpleProtocol, MySQLID, MySQLText,
	Bucket, TraceTags, MaxValues, Minimum, LastTime, Identifier, Mean, GraphNetwork,
	MongoGateway, MongoCityNames, NotUTF8, MongoOverwrite, MongoListTime, MongoLastTime, MongoMinimum, MongoExpiry, MongoKeys, MongoMemory,
	UptimeHour, UptimeRequestTime, UptimeLastTime, Observations,
}

// The document and the rules that use it have the same rows, so that neither says what the other does not.
func TestEachRuleIsARowOfTheDocument(t *testing.T) {
	t.Parallel()
	require.Len(t, All(), len(ids), "each row with an anchor has a rule")
	for _, id := range ids {
		d, ok := All()[id]
		require.True(t, ok, id)
		assert.NotEmpty(t, d.There, id)
		assert.NotEmpty(t, d.Here, id)
		assert.NotEmpty(t, d.Section, id)
	}
	assert.Equal(t, Deviation{
		ID: LatencyGateway, Section: "SQL (`tyksql` and Tyk Pump's `sql`, `sql-graph` and `sql-mcp`)", What: "`latency_gateway` of protobuf records",
		There: "0", Here: "`latency_total` − `latency_upstream`", Reason: "protobuf does not carry it, and this is what the gateway computes",
	}, All()[LatencyGateway])
}

func TestTablesWithoutASubject(t *testing.T) {
	t.Parallel()
	d := Parse("## Here\n| <a id=\"x\"></a>a | b | c |\n| no | anchor | here |\ntext <a id=\"y\"></a>\n")
	assert.Equal(t, map[string]Deviation{"x": {ID: "x", Section: "Here", There: "a", Here: "b", Reason: "c"}}, d)
	assert.Equal(t, "Tyk Pump: a; here: b (c)", d["x"].String())
}
