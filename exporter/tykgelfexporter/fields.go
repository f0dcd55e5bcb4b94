package tykgelfexporter

import (
	"math"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
)

// field is one of a message.
type field struct {
	// tag is what users choose it by.
	tag string
	// key is what stands before its value.
	key    string
	append appender
}

// The tags that are left out unless they are chosen.
const (
	tagRawRequest  = "raw_request"
	tagRawResponse = "raw_response"
)

// gelfFields are additional fields, under the names that attributes of log records have.
var gelfFields = []field{
	additional("method", analytics.AttrMethod, text(func(r *analytics.Record) string { return r.Method })),
	additional("path", analytics.AttrPath, text(askedPath)),
	additional("path", analytics.AttrRoute, text(func(r *analytics.Record) string { return where(r.TrackPath, r.Path) })),
	additional("path", analytics.AttrNormalisedPath, text(func(r *analytics.Record) string {
		return where(!r.TrackPath && r.Path != askedPath(r), r.Path)
	})),
	additional("original_path", analytics.AttrOriginalPath, text(func(r *analytics.Record) string { return r.OriginalPath })),
	additional("listen_path", analytics.AttrListenPath, text(func(r *analytics.Record) string { return r.ListenPath })),
	additional("response_code", analytics.AttrResponseCode, natural(func(r *analytics.Record) int64 { return r.ResponseCode })),
	additional("content_length", analytics.AttrContentLength, natural(func(r *analytics.Record) int64 { return r.ContentLength })),
	additional("host", analytics.AttrServerAddress, text(func(r *analytics.Record) string { return r.Host })),
	additional("ip_address", analytics.AttrClientAddress, text(func(r *analytics.Record) string { return r.IPAddress })),
	additional("user_agent", analytics.AttrUserAgent, text(func(r *analytics.Record) string { return r.UserAgent })),
	additional("api_id", analytics.AttrAPIID, text(func(r *analytics.Record) string { return r.APIID })),
	additional("api_name", analytics.AttrAPIName, text(func(r *analytics.Record) string { return r.APIName })),
	additional("api_version", analytics.AttrAPIVersion, text(func(r *analytics.Record) string { return r.APIVersion })),
	additional("org_id", analytics.AttrOrgID, text(func(r *analytics.Record) string { return r.OrgID })),
	additional("api_key", analytics.AttrAPIKey, text(func(r *analytics.Record) string { return r.APIKey })),
	additional("alias", analytics.AttrAlias, text(func(r *analytics.Record) string { return r.Alias })),
	additional("oauth_id", analytics.AttrOauthID, text(func(r *analytics.Record) string { return r.OauthID })),
	additional("tags", analytics.AttrTags, text(func(r *analytics.Record) string { return strings.Join(r.Tags, ",") })),
	additional("request_time", analytics.AttrRequestTime, integer(func(r *analytics.Record) int64 { return r.RequestTime })),
	additional("latency", analytics.AttrLatencyTotal, integer(func(r *analytics.Record) int64 { return r.Latency.Total })),
	additional("latency", analytics.AttrLatencyUpstream, integer(func(r *analytics.Record) int64 { return r.Latency.Upstream })),
	additional("latency", analytics.AttrLatencyGateway, integer(func(r *analytics.Record) int64 { return r.Latency.Gateway })),
	additional("geo", analytics.AttrGeoCountry, text(func(r *analytics.Record) string { return r.Geo.CountryISOCode })),
	additional("geo", analytics.AttrGeoCity, text(func(r *analytics.Record) string { return r.Geo.CityNames["en"] })),
	additional("geo", analytics.AttrGeoLatitude, degrees(func(r *analytics.Record) float64 { return r.Geo.Latitude })),
	additional("geo", analytics.AttrGeoLongitude, degrees(func(r *analytics.Record) float64 { return r.Geo.Longitude })),
	additional("network", analytics.AttrNetworkOpen, count(func(r *analytics.Record) int64 { return r.Network.OpenConnections })),
	additional("network", analytics.AttrNetworkClosed, count(func(r *analytics.Record) int64 { return r.Network.ClosedConnections })),
	additional("network", analytics.AttrNetworkBytesIn, count(func(r *analytics.Record) int64 { return r.Network.BytesIn })),
	additional("network", analytics.AttrNetworkBytesOut, count(func(r *analytics.Record) int64 { return r.Network.BytesOut })),
	additional("graphql_stats", analytics.AttrGraphQLOperation, text(func(r *analytics.Record) string {
		return strings.ToLower(r.GraphQL.OperationType.Name())
	})),
	additional("graphql_stats", analytics.AttrGraphQLRootFields, text(func(r *analytics.Record) string { return strings.Join(r.GraphQL.RootFields, ",") })),
	additional("mcp_stats", analytics.AttrMCPMethod, text(func(r *analytics.Record) string { return r.MCP.JSONRPCMethod })),
	additional("mcp_stats", analytics.AttrMCPPrimitiveType, text(func(r *analytics.Record) string { return r.MCP.PrimitiveType })),
	additional("mcp_stats", analytics.AttrMCPPrimitiveName, text(func(r *analytics.Record) string { return r.MCP.PrimitiveName })),
	additional(tagRawRequest, analytics.AttrRawRequest, text(func(r *analytics.Record) string { return decoded(r.RawRequest) })),
	additional(tagRawResponse, analytics.AttrRawResponse, text(func(r *analytics.Record) string { return decoded(r.RawResponse) })),
}

// pumpFields are those that Tyk Pump knows, in the order of their names, which JSON of Go's maps has.
var pumpFields = []field{
	member("api_id", always(func(r *analytics.Record) string { return r.APIID })),
	member("api_key", always(func(r *analytics.Record) string { return r.APIKey })),
	member("api_name", always(func(r *analytics.Record) string { return r.APIName })),
	member("api_version", always(func(r *analytics.Record) string { return r.APIVersion })),
	member("ip_address", always(func(r *analytics.Record) string { return r.IPAddress })),
	member("method", always(func(r *analytics.Record) string { return r.Method })),
	member("oauth_id", always(func(r *analytics.Record) string { return r.OauthID })),
	member("org_id", always(func(r *analytics.Record) string { return r.OrgID })),
	member("path", always(func(r *analytics.Record) string { return r.Path })),
	member(tagRawRequest, always(func(r *analytics.Record) string { return decoded(r.RawRequest) })),
	member(tagRawResponse, always(func(r *analytics.Record) string { return decoded(r.RawResponse) })),
	member("request_time", integer(func(r *analytics.Record) int64 { return r.RequestTime })),
	member("response_code", integer(func(r *analytics.Record) int64 { return r.ResponseCode })),
}

// additional is a field of the format gelf. Graylog replaces dots in names.
func additional(tag, attribute string, value appender) field {
	return field{tag: tag, key: `,"_` + strings.ReplaceAll(attribute, ".", "_") + `":`, append: value}
}

// member is a field of the format tyk.
func member(tag string, value appender) field {
	return field{tag: tag, key: `"` + tag + `":`, append: value}
}

// askedPath is what the request asked for.
func askedPath(r *analytics.Record) string {
	if r.RawPath == "" {
		return r.Path
	}
	return r.RawPath
}

func where(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

func always(of func(*analytics.Record) string) appender {
	return func(dst []byte, r *analytics.Record) []byte { return jsontext.AppendString(dst, of(r)) }
}

// text is left out where it is empty.
func text(of func(*analytics.Record) string) appender {
	return func(dst []byte, r *analytics.Record) []byte {
		if value := of(r); value != "" {
			return jsontext.AppendString(dst, value)
		}
		return dst
	}
}

// integer is there where it is zero, too, so that means are right.
func integer(of func(*analytics.Record) int64) appender {
	return func(dst []byte, r *analytics.Record) []byte { return strconv.AppendInt(dst, of(r), 10) }
}

// natural is left out where it is negative, which means that there is none.
func natural(of func(*analytics.Record) int64) appender {
	return func(dst []byte, r *analytics.Record) []byte {
		if value := of(r); value >= 0 {
			return strconv.AppendInt(dst, value, 10)
		}
		return dst
	}
}

// count is of few records, and left out where it is zero.
func count(of func(*analytics.Record) int64) appender {
	return func(dst []byte, r *analytics.Record) []byte {
		if value := of(r); value != 0 {
			return strconv.AppendInt(dst, value, 10)
		}
		return dst
	}
}

// degrees are left out where they are zero, which is where nothing is known.
func degrees(of func(*analytics.Record) float64) appender {
	return func(dst []byte, r *analytics.Record) []byte {
		value := of(r)
		if value == 0 || math.IsNaN(value) || math.IsInf(value, 0) {
			return dst
		}
		return jsontext.AppendFloat(dst, value)
	}
}
