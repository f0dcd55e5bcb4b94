package rollups

import (
	"errors"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// Tables are the tables of rollups that are written.
type Tables struct {
	Families map[rollup.Family]layout.Table
	latency  *layout.Table
}

var familyLayouts = map[*layout.Layout]rollup.Family{
	layout.AggregatedLayout: rollup.Requests, layout.GraphAggregatedLayout: rollup.Graph, layout.MCPAggregatedLayout: rollup.MCP,
}

// NewTables picks the tables of rollups out.
func NewTables(tables []layout.Table) Tables {
	t := Tables{Families: map[rollup.Family]layout.Table{}}
	for _, enabled := range tables {
		if family, ok := familyLayouts[enabled.Layout]; ok {
			t.Families[family] = enabled
		}
		if enabled.Layout == layout.LatencyLayout {
			t.latency = &enabled
		}
	}
	return t
}

// Of is the table that groups of a family are for; that of latencies takes all of them beside,
// or alone.
func (t Tables) Of(family rollup.Family) (to layout.Table, ok bool) {
	if to, ok = t.Families[family]; !ok && t.latency != nil {
		return *t.latency, true
	}
	return to, ok
}

// Misrouted is nil, or says that rollups arrive and that no table takes any. They wait
// until somebody enables one.
func (t Tables) Misrouted() error {
	if len(t.Families) > 0 || t.latency != nil {
		return nil
	}
	return errors.New("rollups arrive, but none of their tables is enabled: enable tables::aggregated, graph_aggregated, mcp_aggregated or latency, or take tykaggregate out of the pipeline")
}
