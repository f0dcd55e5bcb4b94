package analytics

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of the message AnalyticsRecord (contract: records and raw
// stores, section 2.2). TimeZone, 30, is not read: TimeStamp is an instant, and
// the zone's effect on it is already in Day, Month, Year and Hour.
const (
	pbHost protowire.Number = iota + 1
	pbMethod
	pbPath
	pbRawPath
	pbContentLength
	pbUserAgent
	pbDay
	pbMonth
	pbYear
	pbHour
	pbResponseCode
	pbAPIKey
	pbTimeStamp
	pbAPIVersion
	pbAPIName
	pbAPIID
	pbOrgID
	pbRequestTime
	pbLatency
	pbRawRequest
	pbRawResponse
	pbIPAddress
	pbGeo
	pbNetwork
	pbTags
	pbAlias
	pbTrackPath
	pbExpireAt
	pbOauthID
	pbTimeZone
	pbAPISchema
	pbGraphQL
	pbMCP
	pbOriginalPath
	pbListenPath
)

// DecodeProtobuf empties r and fills it from one entry of a protobuf list
// (contract: records and raw stores, section 2.2). Missing sub-messages, unknown
// fields and unknown time zones are fine; a known field of another wire type is
// passed over like an unknown one. Latency.Gateway, which this form lacks, is
// derived as Total - Upstream. An entry that is no protobuf message gives an
// error that names the field and the byte; r is then half filled.
//
// r's strings share memory with entry, which must not change afterwards.
func DecodeProtobuf(entry []byte, r *Record) error {
	r.Reset()
	if len(entry) == 0 {
		return errNoBytes
	}
	d := protobufReader{rest: entry}
	for d.next() {
		if d.wireType == protowire.BytesType {
			d.recordBytes(r)
		} else {
			d.recordVarint(r)
		}
	}
	r.Latency.Gateway = r.Latency.Total - r.Latency.Upstream
	if d.err != nil {
		return fmt.Errorf("decode protobuf: %s at byte %d: %w", d.field, len(entry)-d.failedAt, d.err)
	}
	return nil
}

// recordBytes takes a field that has a length: a string or a message.
func (d *protobufReader) recordBytes(r *Record) {
	switch d.number {
	case pbHost:
		r.Host = d.str()
	case pbMethod:
		r.Method = d.str()
	case pbPath:
		r.Path = d.str()
	case pbRawPath:
		r.RawPath = d.str()
	case pbUserAgent:
		r.UserAgent = d.str()
	case pbAPIKey:
		r.APIKey = d.str()
	case pbTimeStamp:
		r.TimeStamp = d.time()
	case pbAPIVersion:
		r.APIVersion = d.str()
	case pbAPIName:
		r.APIName = d.str()
	case pbAPIID:
		r.APIID = d.str()
	case pbOrgID:
		r.OrgID = d.str()
	case pbLatency:
		d.latency(&r.Latency)
	case pbRawRequest:
		r.RawRequest = d.str()
	case pbRawResponse:
		r.RawResponse = d.str()
	case pbIPAddress:
		r.IPAddress = d.str()
	case pbGeo:
		d.geo(&r.Geo)
	case pbNetwork:
		d.network(&r.Network)
	case pbTags:
		r.Tags = append(r.Tags, d.str())
	case pbAlias:
		r.Alias = d.str()
	case pbExpireAt:
		r.ExpireAt = d.time()
	case pbOauthID:
		r.OauthID = d.str()
	case pbAPISchema:
		r.APISchema = d.str()
	case pbGraphQL:
		d.graphQL(&r.GraphQL)
	case pbMCP:
		d.mcp(&r.MCP)
	case pbOriginalPath:
		r.OriginalPath = d.str()
	case pbListenPath:
		r.ListenPath = d.str()
	}
}

// recordVarint takes a number. Those that are 32 bits wide in the message are cut to them.
func (d *protobufReader) recordVarint(r *Record) {
	if d.wireType != protowire.VarintType {
		return
	}
	switch d.number {
	case pbContentLength:
		r.ContentLength = int64(d.varint)
	case pbDay:
		r.Day = d.int32()
	case pbMonth:
		r.Month = d.int32()
	case pbYear:
		r.Year = d.int32()
	case pbHour:
		r.Hour = d.int32()
	case pbResponseCode:
		r.ResponseCode = d.int32()
	case pbRequestTime:
		r.RequestTime = int64(d.varint)
	case pbTrackPath:
		r.TrackPath = d.varint != 0
	}
}

func (d *protobufReader) latency(l *Latency) {
	m := d.message()
	for m.next() {
		switch m.asVarint() {
		case 1:
			l.Total = int64(m.varint)
		case 2:
			l.Upstream = int64(m.varint)
		}
	}
	d.leave(&m, "Latency")
}

func (d *protobufReader) geo(g *Geo) {
	m := d.message()
	for m.next() {
		switch m.asBytes() {
		case 1:
			m.country(g)
		case 2:
			m.city(g)
		case 3:
			m.location(g)
		}
	}
	d.leave(&m, "Geo")
}

func (d *protobufReader) country(g *Geo) {
	m := d.message()
	for m.next() {
		if m.asBytes() == 1 {
			g.CountryISOCode = m.str()
		}
	}
	d.leave(&m, "Country")
}

func (d *protobufReader) city(g *Geo) {
	m := d.message()
	for m.next() {
		switch {
		case m.asBytes() == 1:
			name := m.message()
			key, value := name.mapEntry()
			if m.leave(&name, "Names"); m.err != nil {
				break
			}
			if g.CityNames == nil {
				g.CityNames = make(map[string]string)
			}
			g.CityNames[key] = bytesAsString(value)
		case m.asVarint() == 2:
			g.CityGeoNameID = uint64(uint32(m.varint))
		}
	}
	d.leave(&m, "City")
}

func (d *protobufReader) location(g *Geo) {
	m := d.message()
	for m.next() {
		switch {
		case m.number == 1 && m.wireType == protowire.Fixed64Type:
			g.Latitude = math.Float64frombits(m.varint)
		case m.number == 2 && m.wireType == protowire.Fixed64Type:
			g.Longitude = math.Float64frombits(m.varint)
		case m.asBytes() == 3:
			g.TimeZone = m.str()
		}
	}
	d.leave(&m, "Location")
}

func (d *protobufReader) network(n *Network) {
	m := d.message()
	for m.next() {
		switch m.asVarint() {
		case 1:
			n.OpenConnections = int64(m.varint)
		case 2:
			n.ClosedConnections = int64(m.varint)
		case 3:
			n.BytesIn = int64(m.varint)
		case 4:
			n.BytesOut = int64(m.varint)
		}
	}
	d.leave(&m, "Network")
}

func (d *protobufReader) graphQL(g *GraphQLStats) {
	m := d.message()
	for m.next() {
		switch m.asVarint() {
		case 1:
			g.IsGraphQL = m.varint != 0
		case 3:
			g.OperationType = OperationType(m.int32())
		case 6:
			g.HasErrors = m.varint != 0
		}
		switch m.asBytes() {
		case 2:
			m.graphQLType(g)
		case 4:
			g.Variables = m.str()
		case 5:
			g.RootFields = append(g.RootFields, m.str())
		case 7:
			g.Errors = append(g.Errors, GraphQLError{Message: m.str()})
		}
	}
	d.leave(&m, "GraphQLStats")
}

// graphQLType takes one entry of the map of types: a name and the message RepeatedFields.
func (d *protobufReader) graphQLType(g *GraphQLStats) {
	m := d.message()
	key, value := m.mapEntry()
	fields := protobufReader{rest: value}
	var names []string
	for fields.next() {
		if fields.asBytes() == 1 {
			names = append(names, fields.str())
		}
	}
	m.leave(&fields, "fields")
	if d.leave(&m, "Types"); d.err != nil {
		return
	}
	if g.Types == nil {
		g.Types = make(map[string][]string)
	}
	g.Types[key] = names
}

func (d *protobufReader) mcp(s *MCPStats) {
	m := d.message()
	for m.next() {
		if m.asVarint() == 1 {
			s.IsMCP = m.varint != 0
		}
		switch m.asBytes() {
		case 2:
			s.JSONRPCMethod = m.str()
		case 3:
			s.PrimitiveType = m.str()
		case 4:
			s.PrimitiveName = m.str()
		}
	}
	d.leave(&m, "MCPStats")
}
