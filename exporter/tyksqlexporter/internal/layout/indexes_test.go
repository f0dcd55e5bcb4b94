package layout

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIndexesAreOmittedWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	for _, of := range []*Layout{RequestLayout, GraphLayout, MCPLayout, UptimeLayout, AggregatedLayout, GraphAggregatedLayout, MCPAggregatedLayout, LatencyLayout} {
		for _, day := range []string{"", "20260101"} {
			for _, wanted := range []bool{false, true} {
				assert.Empty(t, of.Indexes(Shard{Table: Table{Layout: of, Name: "t", OmitIndexes: true}, Day: day}, wanted))
			}
		}
	}
	assert.NotEmpty(t, AggregatedLayout.Indexes(Shard{Table: Table{Layout: AggregatedLayout, Name: "t"}}, false))
}
