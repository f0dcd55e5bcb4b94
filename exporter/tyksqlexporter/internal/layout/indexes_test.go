package layout

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
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

// The console asks for rollups of GraphQL as for all others; Tyk Pump gives them no index.
func TestRollupsOfGraphQLGetTheirIndexWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	of := Shard{Table: Table{Layout: GraphAggregatedLayout, Name: "t"}}
	assert.Empty(t, GraphAggregatedLayout.Indexes(of, false))
	assert.Equal(t, []Index{{"t_idx_dimension", tyktables.RollupIndex}}, GraphAggregatedLayout.Indexes(of, true))
}

// Rows are written in the order of their ids, and read by bucket, dimension and value.
func TestLatenciesOfAValueLieTogether(t *testing.T) {
	t.Parallel()
	id := func(r Row) string { return string(r.AppendLatencyID(nil)) }
	seen := map[string]bool{}
	var buckets []string
	for bucket := range int64(3) {
		var values []string
		for _, value := range []string{"a", "b", "c"} {
			first, last := id(Row{Bucket: bucket, Value: value, Bin: 0}), id(Row{Bucket: bucket, Value: value, Bin: math.MaxInt32})
			for _, bin := range []int{math.MinInt32, 0, 1, 500, math.MaxInt32} {
				got := id(Row{Bucket: bucket, Value: value, Bin: bin})
				assert.Len(t, got, 32)
				assert.False(t, seen[got])
				seen[got] = true
				assert.Equal(t, first[:24], got[:24])
			}
			values = append(values, first)
			assert.Less(t, first, last)
		}
		slices.Sort(values)
		buckets = append(buckets, values...)
	}
	assert.IsIncreasing(t, buckets)
}
