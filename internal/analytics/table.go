package analytics

import "time"

// row is all that is known of one field of a record: where each form of records has it, and
// what reads and writes it there.
type row struct {
	key       string // of the msgpack form
	number    int32  // of the protobuf form, 0 where that lacks it
	name      string // of Tyk's JSON, which is also what users call it
	attribute string // of the log record, empty where value says itself what becomes of it
	value     value
}

// record is the table of a record's fields, in the order in which gateways write them (contract:
// records and raw stores, sections 2.1 to 2.3). All that is done with records follows from it.
var record = newGroup(always,
	row{"Method", 2, "method", AttrMethod, text(func(r *Record) *string { return &r.Method })},
	row{"Host", 1, "host", AttrServerAddress, host{text(func(r *Record) *string { return &r.Host })}},
	row{"Path", 3, "path", AttrRoute, template{text(func(r *Record) *string { return &r.Path })}},
	row{"RawPath", 4, "raw_path", AttrPath, text(func(r *Record) *string { return &r.RawPath })},
	row{"ContentLength", 5, "content_length", AttrContentLength, natural{long(func(r *Record) *int64 { return &r.ContentLength }), "tyk.content_length"}},
	row{"UserAgent", 6, "user_agent", AttrUserAgent, text(func(r *Record) *string { return &r.UserAgent })},
	row{"Day", 7, "day", AttrDay, date{integer(func(r *Record) *int64 { return &r.Day }), hasDay}},
	row{"Month", 8, "month", AttrMonth, date{integer(func(r *Record) *int64 { return &r.Month }), hasMonth}},
	row{"Year", 9, "year", AttrYear, date{integer(func(r *Record) *int64 { return &r.Year }), hasYear}},
	row{"Hour", 10, "hour", AttrHour, date{integer(func(r *Record) *int64 { return &r.Hour }), hasHour}},
	row{"ResponseCode", 11, "response_code", AttrResponseCode, natural{integer(func(r *Record) *int64 { return &r.ResponseCode }), AttrNoResponseCode}},
	row{"APIKey", 12, "api_key", AttrAPIKey, text(func(r *Record) *string { return &r.APIKey })},
	row{"TimeStamp", 13, "timestamp", AttrTimestamp, timestamp{instant(func(r *Record) *time.Time { return &r.TimeStamp })}},
	row{"APIVersion", 14, "api_version", AttrAPIVersion, text(func(r *Record) *string { return &r.APIVersion })},
	row{"APIName", 15, "api_name", AttrAPIName, text(func(r *Record) *string { return &r.APIName })},
	row{"APIID", 16, "api_id", AttrAPIID, text(func(r *Record) *string { return &r.APIID })},
	row{"OrgID", 17, "org_id", AttrOrgID, text(func(r *Record) *string { return &r.OrgID })},
	row{"OauthID", 29, "oauth_id", AttrOauthID, text(func(r *Record) *string { return &r.OauthID })},
	row{"RequestTime", 18, "request_time", AttrRequestTime, total{long(func(r *Record) *int64 { return &r.RequestTime })}},
	row{"RawRequest", 20, "raw_request", AttrRawRequest, text(func(r *Record) *string { return &r.RawRequest })},
	row{"RawResponse", 21, "raw_response", AttrRawResponse, text(func(r *Record) *string { return &r.RawResponse })},
	row{"IPAddress", 22, "ip_address", AttrClientAddress, text(func(r *Record) *string { return &r.IPAddress })},
	row{"Geo", 23, "geo", "", newGroup((*Record).hasGeo,
		row{"Country", 1, "country", "", newGroup(always,
			row{"ISOCode", 1, "iso_code", AttrGeoCountry, text(func(r *Record) *string { return &r.Geo.CountryISOCode })},
		)},
		row{"City", 2, "city", "", newGroup(always,
			row{"GeoNameID", 2, "geoname_id", "tyk.geo.city.geoname_id", unsigned(func(r *Record) *uint64 { return &r.Geo.CityGeoNameID })},
			row{"Names", 1, "names", "tyk.geo.city.names", cityNames{typed[map[string]string]{&namesCodec, func(r *Record) *map[string]string { return &r.Geo.CityNames }}}},
		)},
		row{"Location", 3, "location", "", newGroup(always,
			row{"Latitude", 1, "latitude", AttrGeoLatitude, degrees(func(r *Record) *float64 { return &r.Geo.Latitude })},
			row{"Longitude", 2, "longitude", AttrGeoLongitude, degrees(func(r *Record) *float64 { return &r.Geo.Longitude })},
			row{"TimeZone", 3, "time_zone", "tyk.geo.time_zone", text(func(r *Record) *string { return &r.Geo.TimeZone })},
		)},
	)},
	row{"Network", 24, "network", "", newGroup(func(r *Record) bool { return r.Network != Network{} },
		row{"OpenConnections", 1, "open_connections", AttrNetworkOpen, long(func(r *Record) *int64 { return &r.Network.OpenConnections })},
		row{"ClosedConnection", 2, "closed_connections", AttrNetworkClosed, long(func(r *Record) *int64 { return &r.Network.ClosedConnections })},
		row{"BytesIn", 3, "bytes_in", AttrNetworkBytesIn, long(func(r *Record) *int64 { return &r.Network.BytesIn })},
		row{"BytesOut", 4, "bytes_out", AttrNetworkBytesOut, long(func(r *Record) *int64 { return &r.Network.BytesOut })},
	)},
	row{"Latency", 19, "latency", "", newGroup(always,
		row{"Total", 1, "total", AttrLatencyTotal, long(func(r *Record) *int64 { return &r.Latency.Total })},
		row{"Upstream", 2, "upstream", AttrLatencyUpstream, long(func(r *Record) *int64 { return &r.Latency.Upstream })},
		row{"Gateway", 0, "gateway", AttrLatencyGateway, long(func(r *Record) *int64 { return &r.Latency.Gateway })},
	)},
	row{"Tags", 25, "tags", AttrTags, tags{texts(func(r *Record) *[]string { return &r.Tags })}},
	row{"Alias", 26, "alias", AttrAlias, text(func(r *Record) *string { return &r.Alias })},
	row{"TrackPath", 27, "track_path", "tyk.track_path", boolean(func(r *Record) *bool { return &r.TrackPath })},
	row{"ExpireAt", 28, "expireAt", AttrExpireAt, instant(func(r *Record) *time.Time { return &r.ExpireAt })},
	row{"", 30, "", "", zone{}},
	row{"ApiSchema", 31, "api_schema", "tyk.graphql.schema", text(func(r *Record) *string { return &r.APISchema })},
	row{"OriginalPath", 34, "original_path", AttrOriginalPath, text(func(r *Record) *string { return &r.OriginalPath })},
	row{"ListenPath", 35, "listen_path", AttrListenPath, text(func(r *Record) *string { return &r.ListenPath })},
	row{"GraphQLStats", 32, "graphql_stats", "", newGroup((*Record).hasGraphQL,
		row{"Variables", 4, "Variables", "tyk.graphql.variables", text(func(r *Record) *string { return &r.GraphQL.Variables })},
		row{"RootFields", 5, "RootFields", AttrGraphQLRootFields, texts(func(r *Record) *[]string { return &r.GraphQL.RootFields })},
		row{"Types", 2, "Types", "tyk.graphql.types", typed[map[string][]string]{&typesCodec, func(r *Record) *map[string][]string { return &r.GraphQL.Types }}},
		row{"Errors", 7, "Errors", "tyk.graphql.errors", typed[[]GraphQLError]{&errorsCodec, func(r *Record) *[]GraphQLError { return &r.GraphQL.Errors }}},
		row{"OperationType", 3, "OperationType", AttrGraphQLOperation, operation{integer(func(r *Record) *int64 { return (*int64)(&r.GraphQL.OperationType) })}},
		row{"HasErrors", 6, "HasErrors", "tyk.graphql.has_errors", boolean(func(r *Record) *bool { return &r.GraphQL.HasErrors })},
		row{"IsGraphQL", 1, "IsGraphQL", "tyk.graphql.is_graphql", boolean(func(r *Record) *bool { return &r.GraphQL.IsGraphQL })},
	).where(func(r *Record) bool { return r.GraphQL.IsGraphQL })},
	row{"MCPStats", 33, "mcp_stats", "", newGroup(func(r *Record) bool { return r.MCP != MCPStats{} },
		row{"IsMCP", 1, "is_mcp", "tyk.mcp.is_mcp", boolean(func(r *Record) *bool { return &r.MCP.IsMCP })},
		row{"JSONRPCMethod", 2, "jsonrpc_method", AttrMCPMethod, text(func(r *Record) *string { return &r.MCP.JSONRPCMethod })},
		row{"PrimitiveType", 3, "primitive_type", AttrMCPPrimitiveType, text(func(r *Record) *string { return &r.MCP.PrimitiveType })},
		row{"PrimitiveName", 4, "primitive_name", AttrMCPPrimitiveName, text(func(r *Record) *string { return &r.MCP.PrimitiveName })},
	).where(isMCP)},
	row{"CollectionName", 0, "", "", absent{}},
)

func always(*Record) bool { return true }

func isMCP(r *Record) bool { return r.MCP.IsMCP }

func (r *Record) hasGeo() bool {
	g := &r.Geo
	return g.CountryISOCode != "" || g.TimeZone != "" || g.CityGeoNameID != 0 || len(g.CityNames) > 0 ||
		!isZero(g.Latitude) || !isZero(g.Longitude)
}

func (r *Record) hasGraphQL() bool {
	g := &r.GraphQL
	return g.IsGraphQL || g.HasErrors || g.OperationType != 0 || g.Variables != "" ||
		len(g.RootFields) > 0 || len(g.Types) > 0 || len(g.Errors) > 0
}

// spanAttributes are names that only a gateway's own spans have, by the field whose content they have.
var spanAttributes = map[string]string{
	"network.peer.address":   "ip_address",
	"graphql.document":       "graphql_stats",
	"graphql.operation.name": "graphql_stats",
	"mcp.tool.name":          "mcp_stats",
}
