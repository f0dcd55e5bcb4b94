package analytics

import (
	"math"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/msgpack"
	"github.com/otelcol-tyk/otelcol-tyk/internal/plaintext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/protobuf"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// value reads and writes a field in each form. In log records zero values are left out.
type value interface {
	readMsgpack(d *msgpack.Reader, r *Record)
	appendMsgpack(b []byte, r *Record) []byte
	// readProtobuf passes over a field of another wire type, as over an unknown one.
	readProtobuf(d *protobuf.Reader, r *Record)
	appendProtobuf(b []byte, number protowire.Number, r *Record) []byte
	put(b *attributes, key string, r *Record)
	// attributes are those that put writes, the one of this key among them, with what reads them.
	attributes(key string) []attribute
	document(v pcommon.Value, r *Record)
	appendJSON(b []byte, r *Record) []byte
	clear(r *Record)
}

// attribute is one that fields are read from.
type attribute struct {
	key    string
	take   func(r *Record, v pcommon.Value, seen *logReading)
	text   func(*Record) *string // what take sets, if it is a string
	fields FieldSet              // that have their content in it, and those that these are parts of
}

// codec is how values of one type are read and written. What reads gets the value that is there, to
// add to it or to use its memory.
type codec[T any] struct {
	readMsgpack    func(d *msgpack.Reader, old T) T
	appendMsgpack  func(b []byte, v T) []byte
	wire           protowire.Type
	readProtobuf   func(d *protobuf.Reader, old T) T
	appendProtobuf func(b []byte, number protowire.Number, v T) []byte
	put            func(b *attributes, key string, v T)
	take           func(v pcommon.Value, old T) T
	document       func(v pcommon.Value, t T)
	appendJSON     func(b []byte, v T) []byte
	empty          func(old T) T // the zero value where it is nil
}

// typed is a value that lies in one place of a record.
type typed[T any] struct {
	codec *codec[T]
	at    func(*Record) *T
}

func (f typed[T]) place() func(*Record) *T { return f.at }

func (f typed[T]) readMsgpack(d *msgpack.Reader, r *Record) {
	at := f.at(r)
	*at = f.codec.readMsgpack(d, *at)
}

func (f typed[T]) appendMsgpack(b []byte, r *Record) []byte {
	return f.codec.appendMsgpack(b, *f.at(r))
}

func (f typed[T]) readProtobuf(d *protobuf.Reader, r *Record) {
	if d.Type == f.codec.wire {
		at := f.at(r)
		*at = f.codec.readProtobuf(d, *at)
	}
}

func (f typed[T]) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return f.codec.appendProtobuf(b, number, *f.at(r))
}

func (f typed[T]) put(b *attributes, key string, r *Record) { f.codec.put(b, key, *f.at(r)) }

func (f typed[T]) attributes(key string) []attribute {
	a := attribute{key: key, take: func(r *Record, v pcommon.Value, _ *logReading) {
		at := f.at(r)
		*at = f.codec.take(v, *at)
	}}
	a.text, _ = any(f.at).(func(*Record) *string)
	return []attribute{a}
}

func (f typed[T]) document(v pcommon.Value, r *Record) { f.codec.document(v, *f.at(r)) }

func (f typed[T]) appendJSON(b []byte, r *Record) []byte { return f.codec.appendJSON(b, *f.at(r)) }

func (f typed[T]) clear(r *Record) {
	at := f.at(r)
	if f.codec.empty != nil {
		*at = f.codec.empty(*at)
		return
	}
	var zero T
	*at = zero
}

// some is c for lists and maps that have something: of others there is no attribute, an empty value, and JSON's null.
func some[T any](c codec[T], length func(T) int) codec[T] {
	put, document, appendJSON := c.put, c.document, c.appendJSON
	c.put = func(b *attributes, key string, v T) {
		if length(v) > 0 {
			put(b, key, v)
		}
	}
	c.document = func(to pcommon.Value, v T) {
		if length(v) > 0 {
			document(to, v)
		}
	}
	c.appendJSON = func(b []byte, v T) []byte {
		if length(v) == 0 {
			return append(b, "null"...)
		}
		return appendJSON(b, v)
	}
	return c
}

// fresh is for what has no use for the value that is there.
func fresh[From, T any](read func(From) T) func(From, T) T {
	return func(from From, _ T) T { return read(from) }
}

// isZero compares bits, so that minus zero stays.
func isZero(f float64) bool { return math.Float64bits(f) == 0 }

func text(at func(*Record) *string) typed[string] { return typed[string]{&textCodec, at} }

var textCodec = codec[string]{
	readMsgpack: fresh((*msgpack.Reader).Str), appendMsgpack: msgp.AppendString,
	wire: protowire.BytesType, readProtobuf: fresh((*protobuf.Reader).Str), appendProtobuf: protobuf.AppendString,
	put: (*attributes).str, take: fresh(AttributeString), document: pcommon.Value.SetStr,
	appendJSON: jsontext.AppendString,
}

func long(at func(*Record) *int64) typed[int64] { return typed[int64]{&longCodec, at} }

var longCodec = codec[int64]{
	readMsgpack: fresh((*msgpack.Reader).Int), appendMsgpack: msgpack.AppendInt,
	wire: protowire.VarintType, readProtobuf: fresh((*protobuf.Reader).Int64), appendProtobuf: protobuf.AppendInt,
	put: (*attributes).int, take: fresh(AttributeInt), document: pcommon.Value.SetInt,
	appendJSON: func(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) },
}

// integer is a number that protobuf has in 32 bits.
func integer(at func(*Record) *int64) typed[int64] { return typed[int64]{&integerCodec, at} }

var integerCodec = func() codec[int64] {
	c := longCodec
	c.readProtobuf = fresh((*protobuf.Reader).Int32)
	c.appendProtobuf = func(b []byte, number protowire.Number, v int64) []byte {
		return protobuf.AppendInt(b, number, int64(int32(v)))
	}
	return c
}()

// unsigned is a number without a sign, which protobuf has in 32 bits.
func unsigned(at func(*Record) *uint64) typed[uint64] { return typed[uint64]{&unsignedCodec, at} }

var unsignedCodec = codec[uint64]{
	readMsgpack:   func(d *msgpack.Reader, _ uint64) uint64 { return uint64(d.Int()) },
	appendMsgpack: msgp.AppendUint64,
	wire:          protowire.VarintType,
	readProtobuf:  func(d *protobuf.Reader, _ uint64) uint64 { return uint64(uint32(d.Varint)) },
	appendProtobuf: func(b []byte, number protowire.Number, v uint64) []byte {
		return protobuf.AppendInt(b, number, int64(uint32(v)))
	},
	put:        func(b *attributes, key string, v uint64) { b.int(key, int64(v)) },
	take:       func(v pcommon.Value, _ uint64) uint64 { return uint64(AttributeInt(v)) },
	document:   func(v pcommon.Value, n uint64) { v.SetInt(int64(n)) },
	appendJSON: func(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) },
}

func boolean(at func(*Record) *bool) typed[bool] { return typed[bool]{&booleanCodec, at} }

var booleanCodec = codec[bool]{
	readMsgpack: fresh((*msgpack.Reader).Bool), appendMsgpack: msgp.AppendBool,
	wire: protowire.VarintType, readProtobuf: func(d *protobuf.Reader, _ bool) bool { return d.Varint != 0 },
	appendProtobuf: func(b []byte, number protowire.Number, v bool) []byte {
		return protobuf.AppendInt(b, number, int64(protowire.EncodeBool(v)))
	},
	put: (*attributes).bool, take: fresh(asBool), document: pcommon.Value.SetBool,
	appendJSON: strconv.AppendBool,
}

func degrees(at func(*Record) *float64) typed[float64] { return typed[float64]{&degreesCodec, at} }

var degreesCodec = codec[float64]{
	readMsgpack: fresh((*msgpack.Reader).Float), appendMsgpack: msgp.AppendFloat64,
	wire:         protowire.Fixed64Type,
	readProtobuf: func(d *protobuf.Reader, _ float64) float64 { return math.Float64frombits(d.Varint) },
	appendProtobuf: func(b []byte, number protowire.Number, v float64) []byte {
		if isZero(v) {
			return b
		}
		return protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), math.Float64bits(v))
	},
	put: func(b *attributes, key string, v float64) {
		if !isZero(v) {
			b.Double(key, v)
		}
	},
	take: fresh(asFloat),
	// What JSON has no number for stays null, since an exporter would refuse the whole batch for it.
	document: func(v pcommon.Value, f float64) {
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			v.SetDouble(f)
		}
	},
	appendJSON: jsontext.AppendFloat,
}

// instant is a time; the zero one is absent.
func instant(at func(*Record) *time.Time) typed[time.Time] {
	return typed[time.Time]{&instantCodec, at}
}

var instantCodec = codec[time.Time]{
	readMsgpack: fresh((*msgpack.Reader).Time), appendMsgpack: msgpack.AppendTime,
	wire: protowire.BytesType, readProtobuf: fresh((*protobuf.Reader).Time),
	appendProtobuf: protobuf.AppendTime,
	put:            (*attributes).instant,
	take: func(v pcommon.Value, old time.Time) time.Time {
		if t, ok := Instant(v); ok {
			return t
		}
		return old
	},
	// What Go's JSON encoder makes of a time.
	document: func(v pcommon.Value, t time.Time) { v.SetStr(t.Format(time.RFC3339Nano)) },
	appendJSON: func(b []byte, t time.Time) []byte {
		return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	},
}

// texts is a list of strings, whose memory is used again.
func texts(at func(*Record) *[]string) typed[[]string] { return typed[[]string]{&textsCodec, at} }

var textsCodec = some(codec[[]string]{
	readMsgpack:    func(d *msgpack.Reader, old []string) []string { return d.Strs(old[:0]) },
	appendMsgpack:  appendTexts,
	wire:           protowire.BytesType,
	readProtobuf:   func(d *protobuf.Reader, old []string) []string { return append(old, d.Str()) },
	appendProtobuf: protobuf.AppendStrings,
	put:            func(b *attributes, key string, list []string) { putTexts(&b.Builder, key, list) },
	take:           func(v pcommon.Value, old []string) []string { return asStrs(v, old[:0]) },
	document:       setTexts,
	appendJSON:     jsontext.AppendStrings,
	empty:          func(old []string) []string { return old[:0] },
}, func(list []string) int { return len(list) })

func appendTexts(b []byte, list []string) []byte {
	return msgpack.AppendList(b, list, msgp.AppendString)
}

func putTexts(b *slab.Builder, key string, list []string) {
	to := b.List(key, len(list))
	for _, value := range list {
		to.Str(plaintext.CleanUTF8(value))
	}
}

func setTexts(v pcommon.Value, list []string) {
	to := v.SetEmptySlice()
	to.EnsureCapacity(len(list))
	for _, value := range list {
		to.AppendEmpty().SetStr(plaintext.CleanUTF8(value))
	}
}

// absent is what has nothing of a record: a key that gateways write, always empty.
type absent struct{}

func (absent) readMsgpack(d *msgpack.Reader, _ *Record)                      { d.Skip() }
func (absent) appendMsgpack(b []byte, _ *Record) []byte                      { return msgp.AppendString(b, "") }
func (absent) readProtobuf(*protobuf.Reader, *Record)                        {}
func (absent) appendProtobuf(b []byte, _ protowire.Number, _ *Record) []byte { return b }
func (absent) put(*attributes, string, *Record)                              {}
func (absent) attributes(string) []attribute                                 { return nil }
func (absent) document(pcommon.Value, *Record)                               {}
func (absent) appendJSON(b []byte, _ *Record) []byte                         { return b }
func (absent) clear(*Record)                                                 {}

// zone is that of the timestamp, which only protobuf has. It is not read: the timestamp is an
// instant, and the zone's effect on it is already in day, month, year and hour.
type zone struct{ absent }

func (zone) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return protobuf.AppendString(b, number, r.TimeStamp.Location().String())
}
