package analytics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tinylib/msgp/msgp"
)

// host has its port apart in log records where joining them gives the host again.
type host struct{ text }

func (host) put(b *attributes, _ string, r *Record) {
	if r.Host == "" {
		return
	}
	address, port := splitHost(r.Host)
	b.str(AttrServerAddress, address)
	b.int(AttrServerPort, port)
}

func (host) attributes(string) []attribute {
	return []attribute{
		{key: AttrServerAddress, take: func(_ *Record, v pcommon.Value, seen *logReading) { seen.address = asStr(v) }},
		{key: AttrServerPort, take: func(_ *Record, v pcommon.Value, seen *logReading) { seen.port = asInt(v) }},
	}
}

// template is the path that statistics are made of: a route where a tracked endpoint matched,
// else what the request asked for, which url.path tells, or that with parts of it replaced.
type template struct{ text }

func (template) put(b *attributes, _ string, r *Record) {
	switch {
	case r.TrackPath && r.Path != "":
		b.str(AttrRoute, r.Path)
	case r.Path != r.RawPath:
		b.Str(AttrNormalisedPath, cleanUTF8(r.Path))
	}
}

func (t template) attributes(string) []attribute {
	take := func(r *Record, v pcommon.Value, seen *logReading) {
		*t.text(r) = asStr(v)
		seen.has |= hasPath
	}
	return []attribute{{key: AttrRoute, take: take}, {key: AttrNormalisedPath, take: take}}
}

// natural is a number of OpenTelemetry's that is never negative; where Tyk says something by a
// negative one, it has an attribute of its own.
type natural struct {
	numeric
	negative string
}

type numeric interface {
	value
	number(r *Record) int64
}

func (n natural) put(b *attributes, key string, r *Record) {
	if number := n.number(r); number < 0 {
		key = n.negative
	}
	n.numeric.put(b, key, r)
}

func (n natural) attributes(key string) []attribute {
	return append(n.numeric.attributes(key), n.numeric.attributes(n.negative)...)
}

// date is a part of the gateway's own calendar, left out where it is UTC's.
type date struct {
	integer
	part hasBits
}

// put writes the whole calendar with its first part.
func (p date) put(b *attributes, _ string, r *Record) {
	if p.part == hasDay {
		b.calendar(r.TimeStamp, [4]int64{r.Day, r.Month, r.Year, r.Hour})
	}
}

func (p date) attributes(key string) []attribute { return noting(key, p.integer, p.part) }

// noting is the attribute of a number that follows from others where it has none.
func noting[T ~func(*Record) *int64](key string, at T, bit hasBits) []attribute {
	return []attribute{{key: key, take: func(r *Record, v pcommon.Value, seen *logReading) {
		*at(r) = asInt(v)
		seen.has |= bit
	}}}
}

// timestamp is the log record's own time where that can hold it.
type timestamp struct{ instant }

func (timestamp) put(b *attributes, key string, r *Record) {
	if !r.TimeStamp.IsZero() && logTime(r.TimeStamp) == 0 {
		b.instant(key, r.TimeStamp)
	}
}

// total is the request's time, left out where it is the total latency.
type total struct{ long }

func (total) put(b *attributes, key string, r *Record) {
	if r.RequestTime != r.Latency.Total {
		b.Int(key, r.RequestTime)
	}
}

func (t total) attributes(key string) []attribute { return noting(key, t.long, hasRequestTime) }

// operation is named as in semantic conventions; numbers without a name stay numbers.
type operation struct{ integer }

var operationNames = [...]string{
	OperationQuery: "query", OperationMutation: "mutation", OperationSubscription: "subscription",
}

func (o operation) put(b *attributes, key string, r *Record) {
	if op := r.GraphQL.OperationType; op > 0 && int64(op) < int64(len(operationNames)) {
		b.Str(key, operationNames[op])
		return
	}
	o.integer.put(b, AttrGraphQLOperationID, r)
}

func (o operation) attributes(key string) []attribute {
	name := one(key, func(r *Record, v pcommon.Value) {
		name := asStr(v)
		for op := OperationQuery; int(op) < len(operationNames); op++ {
			if operationNames[op] == name {
				r.GraphQL.OperationType = op
			}
		}
	})
	return append(name, o.integer.attributes(AttrGraphQLOperationID)...)
}

// cityNames maps languages to a city's name. The English one has the conventions' attribute.
type cityNames struct{ absent }

// english is the language of AttrGeoCity.
const english = "en"

func (cityNames) readMsgpack(d *msgpackReader, r *Record) {
	r.Geo.CityNames = d.names(r.Geo.CityNames)
}

func (cityNames) appendMsgpack(b []byte, r *Record) []byte {
	return appendMap(b, r.Geo.CityNames, msgp.AppendString)
}

func (cityNames) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType != protowire.BytesType {
		return
	}
	around := d.enter()
	language, name := d.mapEntry()
	if d.leave(around, "Names"); d.err != nil {
		return
	}
	r.Geo.setName(language, bytesAsString(name))
}

func (g *Geo) setName(language, name string) {
	if g.CityNames == nil {
		g.CityNames = make(map[string]string)
	}
	g.CityNames[language] = name
}

func (cityNames) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	for _, language := range sortedKeys(r.Geo.CityNames) {
		var entry int
		b, entry = pbBegin(b, number)
		b = pbAppendEntryStr(b, 1, language)
		b = pbEnd(pbAppendEntryStr(b, 2, r.Geo.CityNames[language]), entry)
	}
	return b
}

func (cityNames) put(b *attributes, key string, r *Record) {
	all := r.Geo.CityNames
	if len(all) == 0 {
		return
	}
	city, others := all[english], len(all)
	if city != "" {
		b.str(AttrGeoCity, city)
		others--
	}
	if others == 0 {
		return
	}
	names := b.room.Inner(others)
	for language, name := range cleanKeys(all) {
		if language != english || city == "" {
			names.Str(language, cleanUTF8(name))
		}
	}
	names.Into(b.Empty(key).SetEmptyMap())
}

func (cityNames) attributes(key string) []attribute {
	return []attribute{
		{key: AttrGeoCity, take: func(_ *Record, v pcommon.Value, seen *logReading) { seen.city = asStr(v) }},
		{key: key, take: func(r *Record, v pcommon.Value, _ *logReading) {
			if v.Type() != pcommon.ValueTypeMap {
				return
			}
			for language, name := range v.Map().All() {
				r.Geo.setName(language, asStr(name))
			}
		}},
	}
}

func (cityNames) document(v pcommon.Value, r *Record) {
	if len(r.Geo.CityNames) == 0 {
		return
	}
	m := v.SetEmptyMap()
	m.EnsureCapacity(len(r.Geo.CityNames))
	for _, language := range sortedKeys(r.Geo.CityNames) {
		m.PutStr(language, r.Geo.CityNames[language])
	}
}

func (cityNames) clear(r *Record) { clear(r.Geo.CityNames) }
