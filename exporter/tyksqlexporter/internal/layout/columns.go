package layout

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// Class is what a column holds, apart from how a database spells it (contract:
// records and raw stores, section 2.3).
type Class uint8

// The classes.
const (
	ClassText     Class = iota
	ClassInteger        // signed, 64 bits
	ClassUnsigned       // 64 bits; stored signed
	ClassFloat
	ClassBool
	ClassTime
	ClassJSON // JSON text
)

// Column is one column of the records' table and where its value comes from.
// Exactly the accessor of its class is set.
type Column struct {
	Name     string
	Class    Class
	Text     func(*analytics.Record) string
	Integer  func(*analytics.Record) int64
	Unsigned func(*analytics.Record) uint64
	Float    func(*analytics.Record) float64
	Boolean  func(*analytics.Record) bool
	Instant  func(*analytics.Record) time.Time
	JSON     func([]byte, *analytics.Record) []byte // appends
}

func text(name string, get func(*analytics.Record) string) Column {
	return Column{Name: name, Class: ClassText, Text: get}
}

func integer(name string, get func(*analytics.Record) int64) Column {
	return Column{Name: name, Class: ClassInteger, Integer: get}
}

func float(name string, get func(*analytics.Record) float64) Column {
	return Column{Name: name, Class: ClassFloat, Float: get}
}

func boolean(name string, get func(*analytics.Record) bool) Column {
	return Column{Name: name, Class: ClassBool, Boolean: get}
}

func instant(name string, get func(*analytics.Record) time.Time) Column {
	return Column{Name: name, Class: ClassTime, Instant: get}
}

func jsonText(name string, add func([]byte, *analytics.Record) []byte) Column {
	return Column{Name: name, Class: ClassJSON, JSON: add}
}

// RequestColumns are the 52 columns in the order in which Tyk Pump creates them
// (contract: records and raw stores, section 2.3).
var RequestColumns = []Column{
	text("method", func(r *analytics.Record) string { return r.Method }),
	text("host", func(r *analytics.Record) string { return r.Host }),
	text("path", func(r *analytics.Record) string { return r.Path }),
	text("rawpath", func(r *analytics.Record) string { return r.RawPath }),
	integer("contentlength", func(r *analytics.Record) int64 { return r.ContentLength }),
	text("useragent", func(r *analytics.Record) string { return r.UserAgent }),
	integer("day", func(r *analytics.Record) int64 { return r.Day }),
	integer("month", func(r *analytics.Record) int64 { return r.Month }),
	integer("year", func(r *analytics.Record) int64 { return r.Year }),
	integer("hour", func(r *analytics.Record) int64 { return r.Hour }),
	integer("responsecode", func(r *analytics.Record) int64 { return r.ResponseCode }),
	text("apikey", func(r *analytics.Record) string { return r.APIKey }),
	instant("timestamp", func(r *analytics.Record) time.Time { return r.TimeStamp }),
	text("apiversion", func(r *analytics.Record) string { return r.APIVersion }),
	text("api_name", func(r *analytics.Record) string { return r.APIName }),
	text("apiid", func(r *analytics.Record) string { return r.APIID }),
	text("orgid", func(r *analytics.Record) string { return r.OrgID }),
	text("oauthid", func(r *analytics.Record) string { return r.OauthID }),
	integer("requesttime", func(r *analytics.Record) int64 { return r.RequestTime }),
	text("rawrequest", func(r *analytics.Record) string { return r.RawRequest }),
	text("rawresponse", func(r *analytics.Record) string { return r.RawResponse }),
	text("ipaddress", func(r *analytics.Record) string { return r.IPAddress }),
	text("geo_country_iso_code", func(r *analytics.Record) string { return r.Geo.CountryISOCode }),
	{Name: "geo_city_geoname_id", Class: ClassUnsigned, Unsigned: func(r *analytics.Record) uint64 { return r.Geo.CityGeoNameID }},
	jsonText("geo_city_names", func(b []byte, r *analytics.Record) []byte { return jsontext.AppendMap(b, r.Geo.CityNames) }),
	float("geo_location_latitude", func(r *analytics.Record) float64 { return r.Geo.Latitude }),
	float("geo_location_longitude", func(r *analytics.Record) float64 { return r.Geo.Longitude }),
	text("geo_location_time_zone", func(r *analytics.Record) string { return r.Geo.TimeZone }),
	integer("network_open_connections", func(r *analytics.Record) int64 { return r.Network.OpenConnections }),
	integer("network_closed_connections", func(r *analytics.Record) int64 { return r.Network.ClosedConnections }),
	integer("network_bytes_in", func(r *analytics.Record) int64 { return r.Network.BytesIn }),
	integer("network_bytes_out", func(r *analytics.Record) int64 { return r.Network.BytesOut }),
	integer("latency_total", func(r *analytics.Record) int64 { return r.Latency.Total }),
	integer("latency_upstream", func(r *analytics.Record) int64 { return r.Latency.Upstream }),
	integer("latency_gateway", func(r *analytics.Record) int64 { return r.Latency.Gateway }),
	jsonText("tags", func(b []byte, r *analytics.Record) []byte { return jsontext.AppendStrings(b, r.Tags) }),
	text("alias", func(r *analytics.Record) string { return r.Alias }),
	boolean("trackpath", func(r *analytics.Record) bool { return r.TrackPath }),
	instant("expireAt", func(r *analytics.Record) time.Time { return r.ExpireAt }),
	text("originalpath", func(r *analytics.Record) string { return r.OriginalPath }),
	text("listenpath", func(r *analytics.Record) string { return r.ListenPath }),
	text("graphql_stats_variables", func(r *analytics.Record) string { return r.GraphQL.Variables }),
	jsonText("graphql_stats_root_fields", func(b []byte, r *analytics.Record) []byte { return jsontext.AppendStrings(b, r.GraphQL.RootFields) }),
	jsonText("graphql_stats_types", func(b []byte, r *analytics.Record) []byte { return jsontext.AppendLists(b, r.GraphQL.Types) }),
	jsonText("graphql_stats_errors", func(b []byte, r *analytics.Record) []byte { return appendJSONErrors(b, r.GraphQL.Errors) }),
	integer("graphql_stats_operation_type", func(r *analytics.Record) int64 { return int64(r.GraphQL.OperationType) }),
	boolean("graphql_stats_has_errors", func(r *analytics.Record) bool { return r.GraphQL.HasErrors }),
	boolean("graphql_stats_is_graph_ql", func(r *analytics.Record) bool { return r.GraphQL.IsGraphQL }),
	boolean("mcp_stats_is_mcp", func(r *analytics.Record) bool { return r.MCP.IsMCP }),
	text("mcp_stats_jsonrpc_method", func(r *analytics.Record) string { return r.MCP.JSONRPCMethod }),
	text("mcp_stats_primitive_type", func(r *analytics.Record) string { return r.MCP.PrimitiveType }),
	text("mcp_stats_primitive_name", func(r *analytics.Record) string { return r.MCP.PrimitiveName }),
}
