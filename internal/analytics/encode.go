package analytics

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tinylib/msgp/msgp"
	"google.golang.org/protobuf/encoding/protowire"
)

// AppendMsgpack appends r in the msgpack form, byte for byte as a gateway writes
// it (contract: records and raw stores, section 2.1), and returns the extended
// slice. Maps come in the order of their keys; a gateway's order is random.
func AppendMsgpack(dst []byte, r *Record) []byte {
	b := msgp.AppendMapHeader(dst, uint32(len(recordKeys)))
	b = appendStr(b, "Method", r.Method)
	b = appendStr(b, "Host", r.Host)
	b = appendStr(b, "Path", r.Path)
	b = appendStr(b, "RawPath", r.RawPath)
	b = appendInt(b, "ContentLength", r.ContentLength)
	b = appendStr(b, "UserAgent", r.UserAgent)
	b = appendInt(b, "Day", r.Day)
	b = appendInt(b, "Month", r.Month)
	b = appendInt(b, "Year", r.Year)
	b = appendInt(b, "Hour", r.Hour)
	b = appendInt(b, "ResponseCode", r.ResponseCode)
	b = appendStr(b, "APIKey", r.APIKey)
	b = appendTime(b, "TimeStamp", r.TimeStamp)
	b = appendStr(b, "APIVersion", r.APIVersion)
	b = appendStr(b, "APIName", r.APIName)
	b = appendStr(b, "APIID", r.APIID)
	b = appendStr(b, "OrgID", r.OrgID)
	b = appendStr(b, "OauthID", r.OauthID)
	b = appendInt(b, "RequestTime", r.RequestTime)
	b = appendStr(b, "RawRequest", r.RawRequest)
	b = appendStr(b, "RawResponse", r.RawResponse)
	b = appendStr(b, "IPAddress", r.IPAddress)
	b = r.Geo.appendMsgpack(msgp.AppendString(b, "Geo"))
	b = r.Network.appendMsgpack(msgp.AppendString(b, "Network"))
	b = r.Latency.appendMsgpack(msgp.AppendString(b, "Latency"))
	b = appendStrs(msgp.AppendString(b, "Tags"), r.Tags)
	b = appendStr(b, "Alias", r.Alias)
	b = appendBool(b, "TrackPath", r.TrackPath)
	b = appendTime(b, "ExpireAt", r.ExpireAt)
	b = appendStr(b, "ApiSchema", r.APISchema)
	b = appendStr(b, "OriginalPath", r.OriginalPath)
	b = appendStr(b, "ListenPath", r.ListenPath)
	b = r.GraphQL.appendMsgpack(msgp.AppendString(b, "GraphQLStats"))
	b = r.MCP.appendMsgpack(msgp.AppendString(b, "MCPStats"))
	return appendStr(b, "CollectionName", "")
}

func (g *Geo) appendMsgpack(b []byte) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(geoKeys)))
	b = appendStruct(b, "Country", countryKeys)
	b = appendStr(b, "ISOCode", g.CountryISOCode)
	b = appendStruct(b, "City", cityKeys)
	b = msgp.AppendUint64(msgp.AppendString(b, "GeoNameID"), g.CityGeoNameID)
	b = msgp.AppendString(b, "Names")
	if g.CityNames == nil {
		b = msgp.AppendNil(b)
	} else {
		b = msgp.AppendMapHeader(b, uint32(len(g.CityNames)))
		for _, language := range sortedKeys(g.CityNames) {
			b = appendStr(b, language, g.CityNames[language])
		}
	}
	b = appendStruct(b, "Location", locationKeys)
	b = msgp.AppendFloat64(msgp.AppendString(b, "Latitude"), g.Latitude)
	b = msgp.AppendFloat64(msgp.AppendString(b, "Longitude"), g.Longitude)
	return appendStr(b, "TimeZone", g.TimeZone)
}

func (n *Network) appendMsgpack(b []byte) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(networkKeys)))
	b = appendInt(b, "OpenConnections", n.OpenConnections)
	b = appendInt(b, "ClosedConnection", n.ClosedConnections)
	b = appendInt(b, "BytesIn", n.BytesIn)
	return appendInt(b, "BytesOut", n.BytesOut)
}

func (l *Latency) appendMsgpack(b []byte) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(latencyKeys)))
	b = appendInt(b, "Total", l.Total)
	b = appendInt(b, "Upstream", l.Upstream)
	return appendInt(b, "Gateway", l.Gateway)
}

func (g *GraphQLStats) appendMsgpack(b []byte) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(graphQLKeys)))
	b = appendStr(b, "Variables", g.Variables)
	b = appendStrs(msgp.AppendString(b, "RootFields"), g.RootFields)
	b = msgp.AppendString(b, "Types")
	if g.Types == nil {
		b = msgp.AppendNil(b)
	} else {
		b = msgp.AppendMapHeader(b, uint32(len(g.Types)))
		for _, name := range sortedKeys(g.Types) {
			b = appendStrs(msgp.AppendString(b, name), g.Types[name])
		}
	}
	b = msgp.AppendString(b, "Errors")
	if g.Errors == nil {
		b = msgp.AppendNil(b)
	} else {
		b = msgp.AppendArrayHeader(b, uint32(len(g.Errors)))
		for i := range g.Errors {
			b = g.Errors[i].appendMsgpack(b)
		}
	}
	b = appendInt(b, "OperationType", int64(g.OperationType))
	b = appendBool(b, "HasErrors", g.HasErrors)
	return appendBool(b, "IsGraphQL", g.IsGraphQL)
}

func (e *GraphQLError) appendMsgpack(b []byte) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(graphQLErrorKeys)))
	b = appendStr(b, "Message", e.Message)
	b = msgp.AppendString(b, "Path")
	if e.Path == nil {
		return msgp.AppendNil(b)
	}
	b = msgp.AppendArrayHeader(b, uint32(len(e.Path)))
	for _, step := range e.Path {
		switch step := step.(type) {
		case string:
			b = msgp.AppendString(b, step)
		case int64:
			b = appendSmallestInt(b, step)
		default:
			b = msgp.AppendNil(b)
		}
	}
	return b
}

func (s *MCPStats) appendMsgpack(b []byte) []byte {
	b = msgp.AppendMapHeader(b, uint32(len(mcpKeys)))
	b = appendBool(b, "IsMCP", s.IsMCP)
	b = appendStr(b, "JSONRPCMethod", s.JSONRPCMethod)
	b = appendStr(b, "PrimitiveType", s.PrimitiveType)
	return appendStr(b, "PrimitiveName", s.PrimitiveName)
}

// AppendUptime appends u as a gateway writes it (contract: records and raw
// stores, section 2.6), and returns the extended slice.
func AppendUptime(dst []byte, u *Uptime) []byte {
	b := msgp.AppendMapHeader(dst, uint32(len(uptimeKeys)))
	b = appendStr(b, "URL", u.URL)
	b = appendInt(b, "RequestTime", u.RequestTime)
	b = appendInt(b, "ResponseCode", u.ResponseCode)
	b = appendBool(b, "TCPError", u.TCPError)
	b = appendBool(b, "ServerError", u.ServerError)
	b = appendInt(b, "Day", u.Day)
	b = appendInt(b, "Month", u.Month)
	b = appendInt(b, "Year", u.Year)
	b = appendInt(b, "Hour", u.Hour)
	b = appendInt(b, "Minute", u.Minute)
	b = appendTime(b, "TimeStamp", u.TimeStamp)
	b = appendTime(b, "ExpireAt", u.ExpireAt)
	b = appendStr(b, "APIID", u.APIID)
	return appendStr(b, "OrgID", u.OrgID)
}

// sortedKeys makes nothing for the many records whose maps are empty.
func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func appendStruct(b []byte, key string, keys []msgpackKey) []byte {
	return msgp.AppendMapHeader(msgp.AppendString(b, key), uint32(len(keys)))
}

func appendStr(b []byte, key, value string) []byte {
	return msgp.AppendString(msgp.AppendString(b, key), value)
}

func appendBool(b []byte, key string, value bool) []byte {
	return msgp.AppendBool(msgp.AppendString(b, key), value)
}

func appendInt(b []byte, key string, value int64) []byte {
	return appendSmallestInt(msgp.AppendString(b, key), value)
}

// appendSmallestInt prefers unsigned forms, as the gateways' library does and msgp does not.
func appendSmallestInt(b []byte, value int64) []byte {
	if value >= 0 {
		return msgp.AppendUint64(b, uint64(value))
	}
	return msgp.AppendInt64(b, value)
}

func appendTime(b []byte, key string, t time.Time) []byte {
	b = msgp.AppendArrayHeader(msgp.AppendString(b, key), 2)
	b = appendSmallestInt(b, t.Unix())
	return appendSmallestInt(b, int64(t.Nanosecond()))
}

func appendStrs(b []byte, values []string) []byte {
	if values == nil {
		return msgp.AppendNil(b)
	}
	b = msgp.AppendArrayHeader(b, uint32(len(values)))
	for _, value := range values {
		b = msgp.AppendString(b, value)
	}
	return b
}

// AppendProtobuf appends r in the protobuf form, byte for byte as a gateway
// writes it (contract: records and raw stores, section 2.2), and returns the
// extended slice. The zone is that of r.TimeStamp. Maps come in the order of
// their keys; a gateway's order is random. What this form lacks is lost:
// Latency.Gateway, the paths of GraphQL errors, GraphQL and MCP unless IsGraphQL
// and IsMCP, and all but 32 bits of some numbers. A gateway drops records with
// invalid UTF-8 in this form; here it is the caller's task.
func AppendProtobuf(dst []byte, r *Record) []byte {
	b := pbAppendStr(dst, pbHost, r.Host)
	b = pbAppendStr(b, pbMethod, r.Method)
	b = pbAppendStr(b, pbPath, r.Path)
	b = pbAppendStr(b, pbRawPath, r.RawPath)
	b = pbAppendInt(b, pbContentLength, r.ContentLength)
	b = pbAppendStr(b, pbUserAgent, r.UserAgent)
	b = pbAppendInt(b, pbDay, int64(int32(r.Day)))
	b = pbAppendInt(b, pbMonth, int64(int32(r.Month)))
	b = pbAppendInt(b, pbYear, int64(int32(r.Year)))
	b = pbAppendInt(b, pbHour, int64(int32(r.Hour)))
	b = pbAppendInt(b, pbResponseCode, int64(int32(r.ResponseCode)))
	b = pbAppendStr(b, pbAPIKey, r.APIKey)
	b = pbAppendTime(b, pbTimeStamp, r.TimeStamp)
	b = pbAppendStr(b, pbAPIVersion, r.APIVersion)
	b = pbAppendStr(b, pbAPIName, r.APIName)
	b = pbAppendStr(b, pbAPIID, r.APIID)
	b = pbAppendStr(b, pbOrgID, r.OrgID)
	b = pbAppendInt(b, pbRequestTime, r.RequestTime)
	b = r.Latency.appendProtobuf(b)
	b = pbAppendStr(b, pbRawRequest, r.RawRequest)
	b = pbAppendStr(b, pbRawResponse, r.RawResponse)
	b = pbAppendStr(b, pbIPAddress, r.IPAddress)
	b = r.Geo.appendProtobuf(b)
	b = r.Network.appendProtobuf(b)
	b = pbAppendStrs(b, pbTags, r.Tags)
	b = pbAppendStr(b, pbAlias, r.Alias)
	b = pbAppendBool(b, pbTrackPath, r.TrackPath)
	b = pbAppendTime(b, pbExpireAt, r.ExpireAt)
	b = pbAppendStr(b, pbOauthID, r.OauthID)
	b = pbAppendStr(b, pbTimeZone, r.TimeStamp.Location().String())
	b = pbAppendStr(b, pbAPISchema, r.APISchema)
	if r.GraphQL.IsGraphQL {
		b = r.GraphQL.appendProtobuf(b)
	}
	if r.MCP.IsMCP {
		b = r.MCP.appendProtobuf(b)
	}
	b = pbAppendStr(b, pbOriginalPath, r.OriginalPath)
	return pbAppendStr(b, pbListenPath, r.ListenPath)
}

func (l *Latency) appendProtobuf(b []byte) []byte {
	b, start := pbBegin(b, pbLatency)
	b = pbAppendInt(b, 1, l.Total)
	b = pbAppendInt(b, 2, l.Upstream)
	return pbEnd(b, start)
}

func (g *Geo) appendProtobuf(b []byte) []byte {
	b, geo := pbBegin(b, pbGeo)
	b, country := pbBegin(b, 1)
	b = pbEnd(pbAppendStr(b, 1, g.CountryISOCode), country)
	b, city := pbBegin(b, 2)
	for _, language := range sortedKeys(g.CityNames) {
		var entry int
		b, entry = pbBegin(b, 1)
		b = pbAppendEntryStr(b, 1, language)
		b = pbAppendEntryStr(b, 2, g.CityNames[language])
		b = pbEnd(b, entry)
	}
	b = pbEnd(pbAppendInt(b, 2, int64(uint32(g.CityGeoNameID))), city)
	b, location := pbBegin(b, 3)
	b = pbAppendFloat(b, 1, g.Latitude)
	b = pbAppendFloat(b, 2, g.Longitude)
	b = pbEnd(pbAppendStr(b, 3, g.TimeZone), location)
	return pbEnd(b, geo)
}

func (n *Network) appendProtobuf(b []byte) []byte {
	b, start := pbBegin(b, pbNetwork)
	b = pbAppendInt(b, 1, n.OpenConnections)
	b = pbAppendInt(b, 2, n.ClosedConnections)
	b = pbAppendInt(b, 3, n.BytesIn)
	b = pbAppendInt(b, 4, n.BytesOut)
	return pbEnd(b, start)
}

func (g *GraphQLStats) appendProtobuf(b []byte) []byte {
	b, start := pbBegin(b, pbGraphQL)
	b = pbAppendBool(b, 1, g.IsGraphQL)
	for _, name := range sortedKeys(g.Types) {
		var entry, fields int
		b, entry = pbBegin(b, 2)
		b = pbAppendEntryStr(b, 1, name)
		b, fields = pbBegin(b, 2)
		b = pbEnd(pbAppendStrs(b, 1, g.Types[name]), fields)
		b = pbEnd(b, entry)
	}
	b = pbAppendInt(b, 3, int64(int32(g.OperationType)))
	b = pbAppendStr(b, 4, g.Variables)
	b = pbAppendStrs(b, 5, g.RootFields)
	b = pbAppendBool(b, 6, g.HasErrors)
	for i := range g.Errors {
		b = pbAppendEntryStr(b, 7, g.Errors[i].Message)
	}
	return pbEnd(b, start)
}

func (s *MCPStats) appendProtobuf(b []byte) []byte {
	b, start := pbBegin(b, pbMCP)
	b = pbAppendBool(b, 1, s.IsMCP)
	b = pbAppendStr(b, 2, s.JSONRPCMethod)
	b = pbAppendStr(b, 3, s.PrimitiveType)
	b = pbAppendStr(b, 4, s.PrimitiveName)
	return pbEnd(b, start)
}

// pbBegin begins a message, whose length pbEnd puts in at start.
func pbBegin(b []byte, number protowire.Number) (begun []byte, start int) {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	return b, len(b)
}

func pbEnd(b []byte, start int) []byte {
	var length [5]byte
	return slices.Insert(b, start, protowire.AppendVarint(length[:0], uint64(len(b)-start))...)
}

func pbAppendStr(b []byte, number protowire.Number, value string) []byte {
	if value == "" {
		return b
	}
	return pbAppendEntryStr(b, number, value)
}

// pbAppendEntryStr writes a string even if it is empty, as elements of lists and maps are.
func pbAppendEntryStr(b []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func pbAppendStrs(b []byte, number protowire.Number, values []string) []byte {
	for _, value := range values {
		b = pbAppendEntryStr(b, number, value)
	}
	return b
}

func pbAppendInt(b []byte, number protowire.Number, value int64) []byte {
	if value == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(value))
}

func pbAppendBool(b []byte, number protowire.Number, value bool) []byte {
	return pbAppendInt(b, number, int64(protowire.EncodeBool(value)))
}

func pbAppendFloat(b []byte, number protowire.Number, value float64) []byte {
	if math.Float64bits(value) == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), math.Float64bits(value))
}

func pbAppendTime(b []byte, number protowire.Number, t time.Time) []byte {
	b, start := pbBegin(b, number)
	b = pbAppendInt(b, 1, t.Unix())
	b = pbAppendInt(b, 2, int64(t.Nanosecond()))
	return pbEnd(b, start)
}
