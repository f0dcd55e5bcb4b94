package tyksqlexporter

import (
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// kind is a set of the tables that hold a record; empty while nobody has looked.
type kind uint8

const (
	kindRequest kind = 1 << iota // requests, those of GraphQL too
	kindGraph
	kindMCP
	kindUptime
	kindRollup  // no record, but what was counted of some
	kindForeign // not an analytics record
)

// kindOf says which tables hold a record, as Tyk Pump's sql, sql-graph and sql-mcp
// choose theirs (contract: records and raw stores, sections 4.3 and 4.8).
func kindOf(r *analytics.Record) kind {
	k := kindRequest
	if r.MCP.IsMCP {
		k = kindMCP
	}
	if r.GraphQL.IsGraphQL {
		k |= kindGraph
	}
	return k
}

// layout is what a table holds, and in which columns.
type layout struct {
	key     string // of the configuration's tables, and in metrics
	kind    kind
	columns []column
	primary string         // the column of the primary key, empty without one
	rollups []rollupColumn // of a table of rollups, as columns
}

// index is an index of a table.
type index struct {
	name    string
	columns []string
}

// indexes are those that a table gets when it is made. The table of requests of one
// day has the six of Tyk Pump; wanted adds a set for tables that hold many days.
func (l *layout) indexes(s shard, wanted bool) []index {
	relation := s.relation()
	switch {
	case l == graphAggregatedLayout, l == mcpAggregatedLayout && s.day != "": // as Tyk Pump
		return nil
	case l.kind == kindRollup:
		return []index{{relation + "_idx_dimension", rollupIndex}}
	case l.kind == kindUptime && s.day == "":
		return []index{{"dimension", uptimeIndex}}
	case l.kind == kindUptime:
		return []index{{relation + "_dimension", uptimeIndex}}
	case l.kind == kindRequest && s.day != "":
		list := make([]index, 0, len(dayIndexes))
		for _, column := range dayIndexes {
			list = append(list, index{relation + "_idx_" + column, []string{column}})
		}
		return list
	case !wanted:
		return nil
	}
	prefix := "analytics_"
	if l.kind == kindRequest {
		prefix = ""
	}
	list := make([]index, 0, len(wantedIndexes))
	for _, column := range wantedIndexes {
		list = append(list, index{relation + "_idx_" + column + "_ts", []string{prefix + column, prefix + "timestamp"}})
	}
	return list
}

var (
	// dayIndexes are the columns that Tyk Pump indexes in tables of a day.
	dayIndexes = []string{"responsecode", "apikey", "timestamp", "apiid", "orgid", "oauthid"}
	// wantedIndexes are the columns by which Tyk Dashboard looks for requests, always
	// together with a span of time, the newest first.
	wantedIndexes = []string{"orgid", "apiid", "apikey"}
	rollupIndex   = []string{"dimension", "timestamp", "org_id", "dimension_value"}
	uptimeIndex   = []string{"timestamp", "org_id", "dimension", "dimension_value"}
)

// The layouts (contract: records and raw stores, sections 2.3 and 4.8).
var (
	requestLayout = &layout{key: "requests", kind: kindRequest, columns: columns}
	graphLayout   = &layout{key: "graph", kind: kindGraph, columns: graphColumns()}
	mcpLayout     = &layout{key: "mcp", kind: kindMCP, columns: mcpColumns()}
)

// table is one table that an exporter writes. Its name is also its sink in the ledger.
type table struct {
	layout *layout
	name   string
}

// ofRecords are the tables that hold records.
func ofRecords(tables []table) []table {
	return slices.DeleteFunc(slices.Clone(tables), func(t table) bool { return t.layout.kind == kindRollup })
}

// tableNamesOf lists names for people.
func tableNamesOf(tables []table) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.name
	}
	return strings.Join(names, ", ")
}

// recordColumns are the columns of requests as other tables hold them.
func recordColumns() []column {
	prefixed := make([]column, len(columns))
	for i, c := range columns {
		c.name = "analytics_" + c.name
		prefixed[i] = c
	}
	return prefixed
}

func graphColumns() []column {
	all := []column{
		jsonText("types", func(b []byte, r *analytics.Record) []byte { return appendJSONLists(b, r.GraphQL.Types) }),
	}
	all = append(all, recordColumns()...)
	return append(all,
		text("operation_type", func(r *analytics.Record) string { return r.GraphQL.OperationType.Name() }),
		text("variables", func(r *analytics.Record) string { return r.GraphQL.Variables }),
		jsonText("root_fields", func(b []byte, r *analytics.Record) []byte { return appendJSONStrings(b, r.GraphQL.RootFields) }),
		jsonText("errors", func(b []byte, r *analytics.Record) []byte { return appendJSONErrors(b, r.GraphQL.Errors) }),
		boolean("has_errors", func(r *analytics.Record) bool {
			const firstError = 400 // of HTTP's status codes
			return r.GraphQL.HasErrors || r.ResponseCode >= firstError
		}),
	)
}

func mcpColumns() []column {
	return append([]column{
		text("jsonrpc_method", func(r *analytics.Record) string { return r.MCP.JSONRPCMethod }),
		text("primitive_type", func(r *analytics.Record) string { return r.MCP.PrimitiveType }),
		text("primitive_name", func(r *analytics.Record) string { return r.MCP.PrimitiveName }),
	}, recordColumns()...)
}

// noPrimary says that rows of a table could not be found again.
func noPrimary(of shard) error {
	return schemaErrorf("table %q: has no primary key or unique index on %q, so nothing can be added to its rows: make one, or set tables::%s::name to another table",
		of.relation(), of.layout.primary, of.layout.key)
}
