package analytics

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/msgpack"
	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/protobuf"
)

// host has its port apart in log records where joining them gives the host again.
type host struct{ typed[string] }

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
		{key: AttrServerAddress, take: func(_ *Record, v pcommon.Value, seen *logReading) { seen.address = AttributeString(v) }},
		{key: AttrServerPort, take: func(_ *Record, v pcommon.Value, seen *logReading) { seen.port = AttributeInt(v) }},
	}
}

// tags are a list, of which one may tell the trace.
type tags struct{ typed[[]string] }

func (tags) copyMsgpack(d *msgpack.Reader, b *attributes, key string, r *Record) {
	n := d.ArrayHeader()
	if n == 0 {
		return
	}
	list := b.List(key, min(n, msgpack.MaxPreallocated))
	for range n {
		tag := d.Str()
		if d.Err() != nil {
			return
		}
		if strings.HasPrefix(tag, traceTagPrefix) {
			r.Tags = append(r.Tags, tag)
		}
		list.Str(plaintext.CleanUTF8(tag))
	}
}

func (tags) skipMsgpack(d *msgpack.Reader) { d.SkipStrs(d.ArrayHeader()) }

// linked is a value whose attributes follow from other fields, too: they come last.
type linked interface {
	value
	linked()
}

// template is the path that statistics are made of: a route where a tracked endpoint matched,
// else what the request asked for, which url.path tells, or that with parts of it replaced.
type template struct{ typed[string] }

func (template) put(b *attributes, _ string, r *Record) {
	switch {
	case r.TrackPath && r.Path != "":
		b.str(AttrRoute, r.Path)
	case r.Path != r.RawPath:
		b.Str(AttrNormalisedPath, plaintext.CleanUTF8(r.Path))
	}
}

func (template) linked() {}

func (t template) attributes(string) []attribute {
	take := func(r *Record, v pcommon.Value, seen *logReading) {
		*t.at(r) = AttributeString(v)
		seen.has |= hasPath
	}
	return []attribute{{key: AttrRoute, take: take}, {key: AttrNormalisedPath, take: take}}
}

// natural is a number of OpenTelemetry's that is never negative; where Tyk says something by a
// negative one, it has an attribute of its own.
type natural struct {
	typed[int64]

	negative string
}

func (n natural) put(b *attributes, key string, r *Record) {
	if *n.at(r) < 0 {
		key = n.negative
	}
	n.typed.put(b, key, r)
}

func (n natural) attributes(key string) []attribute {
	return append(n.typed.attributes(key), n.typed.attributes(n.negative)...)
}

// date is a part of the gateway's own calendar, left out where it is UTC's.
type date struct {
	typed[int64]

	part hasBits
}

// put writes the whole calendar with its first part.
func (p date) put(b *attributes, _ string, r *Record) {
	if p.part == hasDay {
		b.calendar(r.TimeStamp, [4]int64{r.Day, r.Month, r.Year, r.Hour})
	}
}

func (date) linked() {}

func (p date) attributes(key string) []attribute { return noting(key, p.at, p.part) }

// noting is the attribute of a number that follows from others where it has none.
func noting(key string, at func(*Record) *int64, bit hasBits) []attribute {
	return []attribute{{key: key, take: func(r *Record, v pcommon.Value, seen *logReading) {
		*at(r) = AttributeInt(v)
		seen.has |= bit
	}}}
}

// timestamp is the log record's own time where that can hold it.
type timestamp struct{ typed[time.Time] }

func (timestamp) put(b *attributes, key string, r *Record) {
	if logTime(r.TimeStamp) == 0 {
		b.instant(key, r.TimeStamp)
	}
}

// total is the request's time, left out where it is the total latency.
type total struct{ typed[int64] }

func (total) put(b *attributes, key string, r *Record) {
	if r.RequestTime != r.Latency.Total {
		b.Int(key, r.RequestTime)
	}
}

func (total) linked() {}

func (t total) attributes(key string) []attribute { return noting(key, t.at, hasRequestTime) }

// operation is named as in semantic conventions; numbers without a name stay numbers.
type operation struct{ typed[int64] }

var operationNames = [...]string{
	OperationQuery: "query", OperationMutation: "mutation", OperationSubscription: "subscription",
}

func (o operation) put(b *attributes, key string, r *Record) {
	if op := r.GraphQL.OperationType; op > 0 && int64(op) < int64(len(operationNames)) {
		b.Str(key, operationNames[op])
		return
	}
	o.typed.put(b, AttrGraphQLOperationID, r)
}

func (o operation) attributes(key string) []attribute {
	return append(o.typed.attributes(AttrGraphQLOperationID), attribute{key: key, take: func(r *Record, v pcommon.Value, _ *logReading) {
		if op := slices.Index(operationNames[:], AttributeString(v)); op > 0 {
			r.GraphQL.OperationType = OperationType(op)
		}
	}})
}

// cityNames maps languages to a city's name. The English one has the conventions' attribute.
type cityNames struct{ typed[map[string]string] }

// english is the language of AttrGeoCity.
const english = "en"

func (n cityNames) attributes(key string) []attribute {
	english := attribute{key: AttrGeoCity, take: func(_ *Record, v pcommon.Value, seen *logReading) { seen.city = AttributeString(v) }}
	return append([]attribute{english}, n.typed.attributes(key)...)
}

func (n cityNames) copyMsgpack(d *msgpack.Reader, b *attributes, key string, r *Record) {
	const most = 16
	var languages [most]string
	start, city, others := d.Position(), "", 0
	count := d.MapHeader()
	names := b.room.Inner(min(count, most))
	for i := range count {
		language, name := d.Str(), d.Str()
		// What a map makes of these is not to be had in passing.
		if i == most || !plaintext.IsASCII(language) || slices.Contains(languages[:i], language) {
			names.Drop()
			d.Rewind(start)
			n.readMsgpack(d, r)
			n.put(b, key, r)
			return
		}
		languages[i] = language
		if language == english && name != "" {
			city = name
			continue
		}
		names.Str(language, plaintext.CleanUTF8(name))
		others++
	}
	b.str(AttrGeoCity, city)
	if others > 0 {
		names.Into(b.Empty(key).SetEmptyMap())
	}
}

func (cityNames) skipMsgpack(d *msgpack.Reader) { d.SkipStrs(2 * d.MapHeader()) }

var namesCodec = some(codec[map[string]string]{
	readMsgpack: func(d *msgpack.Reader, old map[string]string) map[string]string {
		return msgpack.ReadMap(d, old, (*msgpack.Reader).Str)
	},
	appendMsgpack: func(b []byte, names map[string]string) []byte { return msgpack.AppendMap(b, names, msgp.AppendString) },
	wire:          protowire.BytesType,
	readProtobuf: func(d *protobuf.Reader, old map[string]string) map[string]string {
		if language, name, ok := d.MapEntry("Names"); ok {
			old = with(old, language, protobuf.Text(name))
		}
		return old
	},
	appendProtobuf: func(b []byte, number protowire.Number, names map[string]string) []byte {
		return protobuf.AppendMap(b, number, names, func(b []byte, name string) []byte { return protobuf.AppendElement(b, 2, name) })
	},
	put: putNames,
	take: func(v pcommon.Value, old map[string]string) map[string]string {
		if v.Type() == pcommon.ValueTypeMap {
			for language, name := range v.Map().All() {
				old = with(old, language, AttributeString(name))
			}
		}
		return old
	},
	document:   func(v pcommon.Value, names map[string]string) { setMap(v, names, pcommon.Value.SetStr) },
	appendJSON: jsontext.AppendMap,
	empty: func(old map[string]string) map[string]string {
		clear(old)
		return old
	},
}, func(names map[string]string) int { return len(names) })

func with[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = make(map[string]V)
	}
	m[key] = value
	return m
}

func putNames(b *attributes, key string, all map[string]string) {
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
			names.Str(language, plaintext.CleanUTF8(name))
		}
	}
	names.Into(b.Empty(key).SetEmptyMap())
}

// setMap writes a map in the order of its keys.
func setMap[V any](v pcommon.Value, m map[string]V, set func(pcommon.Value, V)) {
	var b xpdata.MapBuilder // a map's own Put looks at all keys that are there
	b.EnsureCapacity(len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		set(b.AppendEmpty(key), m[key])
	}
	b.UnsafeIntoMap(v.SetEmptyMap())
}
