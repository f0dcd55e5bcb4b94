package analytics

// ScopeName is the instrumentation scope of the log records made from analytics records.
const ScopeName = "github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver"

// SchemaURL names the semantic conventions that attribute names are of.
const SchemaURL = "https://opentelemetry.io/schemas/1.40.0"

// ServiceName is the resource's service.name for records that come from a gateway.
const ServiceName = "tyk-gateway"

// Event names of the log records that flow between our components.
const (
	EventRequest = "tyk.request"
	EventUptime  = "tyk.uptime"
	EventRollup  = "tyk.rollup"
	// EventEntry is an entry that cannot be decoded, of which only its identity is known.
	EventEntry = "tyk.entry"
	// EventDocument is a request that has become a Document: no store of records can use it.
	EventDocument = "tyk.document"
)

// Attribute names: semantic conventions first, then the names that the gateway
// puts on its own spans, then names of our own under "tyk.".
const (
	AttrUID = "log.record.uid"

	// AttrGivenUp is of a scope whose records are replayed: when the first of them
	// became a dead letter, in Unix nanoseconds.
	AttrGivenUp = "tyk.given_up"

	AttrMethod        = "http.request.method"
	AttrPath          = "url.path"
	AttrUserAgent     = "user_agent.original"
	AttrClientAddress = "client.address"
	AttrServerAddress = "server.address"
	AttrServerPort    = "server.port"
	AttrContentLength = "http.request.body.size"
	AttrResponseCode  = "http.response.status_code"

	AttrRoute          = "http.route"        // of tracked endpoints
	AttrNormalisedPath = "tyk.path"          // where the record's path is neither a route nor the real path
	AttrNoResponseCode = "tyk.response_code" // only where it is negative: of a TCP API
	AttrOriginalPath   = "tyk.original_path"
	AttrListenPath     = "tyk.api.path"

	AttrAPIID      = "tyk.api.id"
	AttrAPIName    = "tyk.api.name"
	AttrAPIVersion = "tyk.api.version"
	AttrOrgID      = "tyk.api.orgid"
	AttrAPIKey     = "tyk.api.apikey" //nolint:gosec // an attribute's name, not a credential
	AttrAlias      = "tyk.api.apikey.alias"
	AttrOauthID    = "tyk.api.oauthid"

	AttrRequestTime     = "tyk.request_time"
	AttrLatencyTotal    = "tyk.latency.total"
	AttrLatencyUpstream = "tyk.latency.upstream"
	AttrLatencyGateway  = "tyk.latency.gateway"

	AttrTags        = "tyk.api.tags"
	AttrExpireAt    = "tyk.expire_at" // Unix nanoseconds; a slice of seconds and nanoseconds beyond the year 2262
	AttrRawRequest  = "tyk.raw_request"
	AttrRawResponse = "tyk.raw_response"

	AttrTimestamp = "tyk.time.stamp" // only where the log record's own time cannot hold the instant
	AttrDay       = "tyk.time.day"
	AttrMonth     = "tyk.time.month"
	AttrYear      = "tyk.time.year"
	AttrHour      = "tyk.time.hour"

	AttrGeoCountry   = "geo.country.iso_code"
	AttrGeoCity      = "geo.locality.name"
	AttrGeoLatitude  = "geo.location.lat"
	AttrGeoLongitude = "geo.location.lon"

	AttrNetworkOpen     = "tyk.network.open_connections"
	AttrNetworkClosed   = "tyk.network.closed_connections"
	AttrNetworkBytesIn  = "tyk.network.bytes_in"
	AttrNetworkBytesOut = "tyk.network.bytes_out"

	AttrGraphQLOperation   = "graphql.operation.type"
	AttrGraphQLOperationID = "tyk.graphql.operation_type" // only for numbers without a name
	AttrGraphQLRootFields  = "tyk.graphql.root_fields"

	AttrURL = "url.full" // of an uptime check

	AttrMCPMethod        = "mcp.method.name"
	AttrMCPPrimitiveType = "tyk.mcp.primitive_type"
	AttrMCPPrimitiveName = "tyk.mcp.primitive_name"
)
