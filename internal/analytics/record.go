package analytics

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/msgpack"
	"github.com/otelcol-tyk/otelcol-tyk/internal/protobuf"
)

// Record is one analytics record of Tyk Gateway: one API request, or one second
// of a TCP API. Field names are those of the msgpack wire form (contract:
// records and raw stores, section 2.3).
//
// Strings of a decoded Record share memory with the bytes they were decoded
// from, which must not be changed while the Record or anything made from it lives.
// Nil and empty slices and maps mean the same.
//
// A Record is meant to be used again and again: what fills it (DecodeMsgpack,
// DecodeProtobuf, FromLog) empties it first and reuses the memory of Tags,
// GraphQL.RootFields and Geo.CityNames, which a copy of the struct shares.
type Record struct {
	// Method is the HTTP method; empty for TCP records.
	Method string
	// Host is the request URL's host, else the API's target host, with its port if any.
	Host string
	// Path is the tracked endpoint's template, or the (normalised) path sent upstream.
	Path string
	// RawPath is the path sent upstream as it was.
	RawPath string
	// ContentLength is the request body's size in bytes, -1 when unknown.
	ContentLength int64
	// UserAgent is the client's User-Agent header.
	UserAgent string
	// Day, Month, Year and Hour are TimeStamp's in the gateway's own zone.
	Day, Month, Year, Hour int64
	// ResponseCode is the HTTP status; -1 marks a TCP network record.
	ResponseCode int64
	// APIKey is the client's token, or its hash where the gateway hashes keys.
	APIKey string
	// TimeStamp is the instant the record was made, in UTC here; zero when absent.
	TimeStamp time.Time
	// APIVersion is "Non Versioned" for APIs without versions.
	APIVersion string
	// APIName is the API's display name.
	APIName string
	// APIID identifies the API.
	APIID string
	// OrgID identifies the organisation that owns the API.
	OrgID string
	// OauthID is the OAuth client's id.
	OauthID string
	// RequestTime is the total time in milliseconds.
	RequestTime int64
	// RawRequest and RawResponse are base64 of the HTTP wire form, empty unless recorded.
	RawRequest, RawResponse string
	// IPAddress is the client's.
	IPAddress string
	// Geo is where IPAddress lies.
	Geo Geo
	// Network counts connections and bytes of TCP APIs.
	Network Network
	// Latency splits RequestTime.
	Latency Latency
	// Tags are policy, session, header, API and identity tags in the gateway's order.
	Tags []string
	// Alias is the session's alias.
	Alias string
	// TrackPath is true where a tracked endpoint matched.
	TrackPath bool
	// ExpireAt is when stores may drop the record, in UTC; zero when absent.
	ExpireAt time.Time
	// APISchema is base64 of the GraphQL schema ("ApiSchema" on the wire).
	APISchema string
	// OriginalPath is the client's path before any rewrite.
	OriginalPath string
	// ListenPath is the API's listen path.
	ListenPath string
	// GraphQL is filled for GraphQL APIs ("GraphQLStats" on the wire).
	GraphQL GraphQLStats
	// MCP is filled for MCP APIs ("MCPStats" on the wire).
	MCP MCPStats

	// work is what reading and writing need meanwhile: to pass it to the table's functions must not allocate.
	work struct {
		msgpack  msgpack.Reader
		protobuf protobuf.Reader
		from     logReading
		to       attributes
		check    Uptime
	}
}

// What Reset keeps is bounded, so that one monstrous record does not make every
// later one slower.
const (
	maxKeptStrings = 256
	maxKeptNames   = 64
)

// Reset empties r and keeps the memory of its string slices and of its city
// names for the next use.
func (r *Record) Reset() {
	tags, rootFields, names := r.Tags, r.GraphQL.RootFields, r.Geo.CityNames
	*r = Record{}
	if cap(tags) <= maxKeptStrings {
		r.Tags = tags[:0]
	}
	if cap(rootFields) <= maxKeptStrings {
		r.GraphQL.RootFields = rootFields[:0]
	}
	if len(names) <= maxKeptNames {
		clear(names)
		r.Geo.CityNames = names
	}
}

// Geo is a place found by GeoIP.
type Geo struct {
	// CountryISOCode is the country's two-letter code.
	CountryISOCode string
	// CityGeoNameID is the city's GeoNames number.
	CityGeoNameID uint64
	// CityNames maps languages to the city's name.
	CityNames map[string]string
	// Latitude and Longitude are in degrees.
	Latitude, Longitude float64
	// TimeZone is an IANA zone name.
	TimeZone string
}

// Network holds the counters of a TCP API over one second.
type Network struct {
	// OpenConnections and ClosedConnections count connections.
	OpenConnections, ClosedConnections int64
	// BytesIn and BytesOut count payload bytes.
	BytesIn, BytesOut int64
}

// Latency is in milliseconds. The protobuf form has no Gateway; its decoder
// derives it as Total - Upstream, which is what the gateway itself computes.
type Latency struct {
	// Total includes the gateway's middleware.
	Total int64
	// Upstream is the upstream's share, 0 where the gateway answered itself.
	Upstream int64
	// Gateway is the gateway's share.
	Gateway int64
}

// GraphQLStats describes a GraphQL request.
type GraphQLStats struct {
	// Variables is the request's variables as JSON text.
	Variables string
	// RootFields are the fields asked for at the root.
	RootFields []string
	// Types maps each type to the fields asked of it.
	Types map[string][]string
	// Errors are the errors of the answer.
	Errors []GraphQLError
	// OperationType is one of the OperationType constants.
	OperationType OperationType
	// HasErrors is true where the answer had errors.
	HasErrors bool
	// IsGraphQL marks the record as a GraphQL request.
	IsGraphQL bool
}

// GraphQLError is one error of a GraphQL answer.
type GraphQLError struct {
	// Message is the error's text.
	Message string
	// Path holds strings and int64s only; the protobuf form does not carry it.
	Path []any
}

// OperationType is the kind of a GraphQL operation as the gateway numbers it.
type OperationType int64

// The operations that the gateway knows.
const (
	OperationUnknown OperationType = iota
	OperationQuery
	OperationMutation
	OperationSubscription
)

// Name is what Tyk's stores call the operation, such as "Query"; empty for one that
// is unknown.
func (t OperationType) Name() string {
	if t <= OperationUnknown || t > OperationSubscription {
		return ""
	}
	return [...]string{OperationQuery: "Query", OperationMutation: "Mutation", OperationSubscription: "Subscription"}[t]
}

// MCPStats describes a Model Context Protocol request.
type MCPStats struct {
	// IsMCP marks the record as an MCP request.
	IsMCP bool
	// JSONRPCMethod is the JSON-RPC method, such as "tools/call".
	JSONRPCMethod string
	// PrimitiveType and PrimitiveName name the tool, resource or prompt.
	PrimitiveType, PrimitiveName string
}
