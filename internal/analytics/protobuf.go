package analytics

import (
	"fmt"
	"math"
	"time"
	"unsafe"

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

// protobufReader walks over the fields of one message.
type protobufReader struct {
	rest []byte
	// The field read last: its number and type, and its value in bytes, or in
	// varint for the types that are numbers.
	number   protowire.Number
	wireType protowire.Type
	varint   uint64
	bytes    []byte
	// err is the first error; it lies failedAt bytes before the end of the
	// message, in the field of this name.
	err      error
	field    string
	failedAt int
}

// next reads the next field; it is false at the end and after an error.
func (d *protobufReader) next() bool {
	if len(d.rest) == 0 || d.err != nil {
		return false
	}
	// Nearly all fields are strings and messages of less than 128 bytes: those are
	// read in place, all others by protowire.
	if tag, n := shortTag(d.rest); tag >= 1<<3 && tag&7 == uint64(protowire.BytesType) && n < len(d.rest) {
		size := int(d.rest[n])
		if end := n + 1 + size; size < 0x80 && end <= len(d.rest) {
			d.number, d.wireType = protowire.Number(tag>>3), protowire.BytesType
			d.bytes, d.rest = d.rest[n+1:end], d.rest[end:]
			return true
		}
	}
	number, wireType, n := protowire.ConsumeTag(d.rest)
	if n < 0 {
		d.fail(n, "tag")
		return false
	}
	value := d.rest[n:]
	d.number, d.wireType = number, wireType
	switch wireType {
	case protowire.BytesType:
		d.bytes, n = protowire.ConsumeBytes(value)
	case protowire.VarintType:
		d.varint, n = protowire.ConsumeVarint(value)
	case protowire.Fixed64Type:
		d.varint, n = protowire.ConsumeFixed64(value)
	default:
		n = protowire.ConsumeFieldValue(number, wireType, value)
	}
	if n < 0 {
		d.fail(n, fmt.Sprintf("field %d", number))
		return false
	}
	d.rest = value[n:]
	return true
}

// shortTag reads a tag of one byte or two; size is 0 where it is longer or cut.
func shortTag(b []byte) (tag uint64, size int) {
	if b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	if len(b) > 1 && b[1] < 0x80 {
		return uint64(b[0]&0x7f) | uint64(b[1])<<7, 2
	}
	return 0, 0
}

func (d *protobufReader) fail(code int, field string) {
	d.err = protowire.ParseError(code)
	d.field = field
	d.failedAt = len(d.rest)
}

// message is a reader of the message that is the field read last.
func (d *protobufReader) message() protobufReader {
	return protobufReader{rest: d.bytes}
}

// leave takes over the error of m, the reader of the field of this name.
func (d *protobufReader) leave(m *protobufReader, field string) {
	if m.err == nil || d.err != nil {
		return
	}
	d.err = m.err
	d.field = field + "." + m.field
	d.failedAt = len(d.rest) + m.failedAt
}

// asBytes is the field's number if it has a length, else 0, which no field has.
func (d *protobufReader) asBytes() protowire.Number {
	if d.wireType != protowire.BytesType {
		return 0
	}
	return d.number
}

// asVarint is the field's number if it is a varint, else 0, which no field has.
func (d *protobufReader) asVarint() protowire.Number {
	if d.wireType != protowire.VarintType {
		return 0
	}
	return d.number
}

func (d *protobufReader) str() string { return bytesAsString(d.bytes) }

func (d *protobufReader) int32() int64 { return int64(int32(d.varint)) }

// time reads a google.protobuf.Timestamp.
func (d *protobufReader) time() time.Time {
	m := d.message()
	var seconds, nanoseconds int64
	for m.next() {
		switch m.asVarint() {
		case 1:
			seconds = int64(m.varint)
		case 2:
			nanoseconds = m.int32()
		}
	}
	if m.err != nil {
		d.leave(&m, fmt.Sprintf("field %d", d.number))
		return time.Time{}
	}
	return time.Unix(seconds, nanoseconds).UTC()
}

// mapEntry reads a map's key and the bytes of its value.
func (d *protobufReader) mapEntry() (key string, value []byte) {
	for d.next() {
		switch d.asBytes() {
		case 1:
			key = d.str()
		case 2:
			value = d.bytes
		}
	}
	return key, value
}

func bytesAsString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
