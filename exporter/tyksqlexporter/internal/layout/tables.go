package layout

import (
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/tyktables"
)

// Kind is a set of the tables that hold a record; empty while nobody has looked.
type Kind uint8

// The kinds.
const (
	KindRequest Kind = 1 << iota // requests, those of GraphQL too
	KindGraph
	KindMCP
	KindUptime
	KindRollup  // no record, but what was counted of some
	KindForeign // not an analytics record
)

// KindOf says which tables hold a record, as Tyk Pump's sql, sql-graph and sql-mcp
// choose theirs (contract: records and raw stores, sections 4.3 and 4.8).
func KindOf(r *analytics.Record) Kind {
	k := KindRequest
	if r.MCP.IsMCP {
		k = KindMCP
	}
	if r.GraphQL.IsGraphQL {
		k |= KindGraph
	}
	return k
}

// Layout is what a table holds, and in which columns.
type Layout struct {
	Key     string // of the configuration's tables, and in metrics
	Kind    Kind
	Columns []Column
	Primary string         // the column of the primary key, empty without one
	Rollups []RollupColumn // of a table of rollups, as columns
}

// Index is an index of a table.
type Index struct {
	Name    string
	Columns []string
}

// Indexes are those that a table gets when it is made. The table of requests of one
// day has the six of Tyk Pump; wanted adds a set for tables that hold many days.
func (l *Layout) Indexes(s Shard, wanted bool) []Index {
	relation := s.Relation()
	switch {
	case s.OmitIndexes:
		return nil
	case l == GraphAggregatedLayout && !wanted, l == MCPAggregatedLayout && s.Day != "": // as Tyk Pump
		return nil
	case l.Kind == KindRollup:
		return []Index{{relation + "_idx_dimension", tyktables.RollupIndex}}
	case l.Kind == KindUptime && s.Day == "":
		return []Index{{"dimension", UptimeIndex}}
	case l.Kind == KindUptime:
		return []Index{{relation + "_dimension", UptimeIndex}}
	case l.Kind == KindRequest && s.Day != "":
		list := make([]Index, 0, len(tyktables.DayIndexes))
		for _, column := range tyktables.DayIndexes {
			list = append(list, Index{relation + "_idx_" + column, []string{column}})
		}
		return list
	case !wanted:
		return nil
	}
	prefix := "analytics_"
	if l.Kind == KindRequest {
		prefix = ""
	}
	list := make([]Index, 0, len(tyktables.RequestIndexes))
	for _, column := range tyktables.RequestIndexes {
		list = append(list, Index{relation + "_idx_" + column + "_ts", []string{prefix + column, prefix + "timestamp"}})
	}
	return list
}

// UptimeIndex are the columns of the index of uptime checks.
var UptimeIndex = tyktables.UptimeIndex

// The layouts (contract: records and raw stores, sections 2.3 and 4.8).
var (
	RequestLayout = &Layout{Key: "requests", Kind: KindRequest, Columns: RequestColumns}
	GraphLayout   = &Layout{Key: "graph", Kind: KindGraph, Columns: graphColumns()}
	MCPLayout     = &Layout{Key: "mcp", Kind: KindMCP, Columns: mcpColumns()}
)

// Table is one table that an exporter writes. Its name is also its sink in the ledger.
type Table struct {
	Layout *Layout
	Name   string
	// OmitIndexes makes it without indexes.
	OmitIndexes bool
}

// OfRecords are the tables that hold records.
func OfRecords(tables []Table) []Table {
	return slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return t.Layout.Kind == KindRollup })
}

// NamesOf lists names for people.
func NamesOf(tables []Table) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

// recordColumns are the columns of requests as other tables hold them.
func recordColumns() []Column {
	prefixed := make([]Column, len(RequestColumns))
	for i, c := range RequestColumns {
		c.Name = "analytics_" + c.Name
		prefixed[i] = c
	}
	return prefixed
}

func graphColumns() []Column {
	types := jsonText("types", func(b []byte, r *analytics.Record) []byte { return jsontext.AppendLists(b, r.GraphQL.Types) })
	return append(append([]Column{types}, recordColumns()...),
		text("operation_type", func(r *analytics.Record) string { return r.GraphQL.OperationType.Name() }),
		text("variables", func(r *analytics.Record) string { return r.GraphQL.Variables }),
		jsonText("root_fields", func(b []byte, r *analytics.Record) []byte { return jsontext.AppendStrings(b, r.GraphQL.RootFields) }),
		jsonText("errors", func(b []byte, r *analytics.Record) []byte { return appendJSONErrors(b, r.GraphQL.Errors) }),
		boolean("has_errors", func(r *analytics.Record) bool {
			const firstError = 400 // of HTTP's status codes
			return r.GraphQL.HasErrors || r.ResponseCode >= firstError
		}),
	)
}

func mcpColumns() []Column {
	return append([]Column{
		text("jsonrpc_method", func(r *analytics.Record) string { return r.MCP.JSONRPCMethod }),
		text("primitive_type", func(r *analytics.Record) string { return r.MCP.PrimitiveType }),
		text("primitive_name", func(r *analytics.Record) string { return r.MCP.PrimitiveName }),
	}, recordColumns()...)
}
