package traffic

import (
	"encoding/base64"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// operation is a GraphQL operation and what the gateway finds in it.
type operation struct {
	kind      analytics.OperationType
	query     string
	variables string
	fields    []string
	types     map[string][]string
	answer    string
}

var operations = []operation{
	{
		kind: analytics.OperationQuery, query: `query Product($id: ID!) { product(id: $id) { name price stock { count } } }`,
		variables: `{"id":"4711"}`, fields: []string{"product"},
		types:  map[string][]string{"Product": {"name", "price", "stock"}, "Stock": {"count"}},
		answer: `{"data":{"product":{"name":"Lamp","price":39.9,"stock":{"count":12}}}}`,
	},
	{
		kind: analytics.OperationQuery, query: `{ bestsellers { name price } }`,
		variables: `null`, fields: []string{"bestsellers"},
		types:  map[string][]string{"Product": {"name", "price"}},
		answer: `{"data":{"bestsellers":[{"name":"Lamp","price":39.9},{"name":"Müsli","price":4.5}]}}`,
	},
	{
		kind: analytics.OperationMutation, query: `mutation Add($id: ID!, $n: Int!) { addToBasket(id: $id, count: $n) { total } }`,
		variables: `{"id":"4711","n":2}`, fields: []string{"addToBasket"},
		types:  map[string][]string{"Basket": {"total"}},
		answer: `{"data":{"addToBasket":{"total":79.8}}}`,
	},
}

// operationFailure is what about one answer in thirty says.
var operationFailure = []analytics.GraphQLError{{Message: "stock service unavailable"}}

var operationSchema = base64.StdEncoding.EncodeToString([]byte(
	"type Query { product(id: ID!): Product bestsellers: [Product!]! }\n" +
		"type Mutation { addToBasket(id: ID!, count: Int!): Basket }\n" +
		"type Product { name: String! price: Float! stock: Stock }\n" +
		"type Stock { count: Int! }\ntype Basket { total: Float! }\n"))

func (g *Generator) setGraph(o outcome) {
	r := &g.record
	r.APISchema = operationSchema
	op := &operations[g.random.Uint64()%uint64(len(operations))]
	g.wire.operation = op
	r.GraphQL = analytics.GraphQLStats{
		IsGraphQL: true, OperationType: op.kind, Variables: op.variables, RootFields: op.fields, Types: op.types,
	}
	if o.by == upstream && g.random.Uint64()&31 == 0 {
		r.GraphQL.HasErrors, r.GraphQL.Errors = true, operationFailure
	}
}

// mcpCalls are JSON-RPC requests to an MCP server; a refused one is a call of a
// tool that the gateway does not allow.
var mcpCalls = []analytics.MCPStats{
	{IsMCP: true, JSONRPCMethod: "tools/call", PrimitiveType: "tool", PrimitiveName: "find_product"},
	{IsMCP: true, JSONRPCMethod: "tools/call", PrimitiveType: "tool", PrimitiveName: "order_status"},
	{IsMCP: true, JSONRPCMethod: "tools/call", PrimitiveType: "tool", PrimitiveName: "find_product"},
	{IsMCP: true, JSONRPCMethod: "resources/read", PrimitiveType: "resource", PrimitiveName: "catalogue://lamps"},
	{IsMCP: true, JSONRPCMethod: "prompts/get", PrimitiveType: "prompt", PrimitiveName: "gift_ideas"},
	{IsMCP: true, JSONRPCMethod: "tools/list", PrimitiveName: "tools/list"},
	{IsMCP: true, JSONRPCMethod: "initialize", PrimitiveName: "initialize"},
}

func (g *Generator) setMCP(o outcome) {
	r := &g.record
	if o.by == refused {
		r.MCP = analytics.MCPStats{IsMCP: true, JSONRPCMethod: "tools/call", PrimitiveType: "tool", PrimitiveName: "delete_orders"}
		r.Host, r.Path, r.RawPath = "self", "/mcp-tool:delete_orders", "/mcp-tool:delete_orders"
		return
	}
	r.MCP = mcpCalls[g.random.Uint64()%uint64(len(mcpCalls))]
}
