package analytics

import (
	"math"
	"time"

	"github.com/tinylib/msgp/msgp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"
)

// value reads and writes a field in each form. In log records zero values are left out.
type value interface {
	readMsgpack(d *msgpackReader, r *Record)
	appendMsgpack(b []byte, r *Record) []byte
	// readProtobuf passes over a field of another wire type, as over an unknown one.
	readProtobuf(d *protobufReader, r *Record)
	appendProtobuf(b []byte, number protowire.Number, r *Record) []byte
	put(b *attributes, key string, r *Record)
	// attributes are those that put writes, the one of this key among them, with what reads them.
	attributes(key string) []attribute
	document(v pcommon.Value, r *Record)
	clear(r *Record)
}

// attribute is one that fields are read from.
type attribute struct {
	key    string
	take   func(r *Record, v pcommon.Value, seen *logReading)
	fields FieldSet // that have their content in it, and those that these are parts of
}

func one(key string, take func(r *Record, v pcommon.Value)) []attribute {
	return []attribute{{key: key, take: func(r *Record, v pcommon.Value, _ *logReading) { take(r, v) }}}
}

// text is a string.
type text func(*Record) *string

func (at text) readMsgpack(d *msgpackReader, r *Record)  { *at(r) = d.str() }
func (at text) appendMsgpack(b []byte, r *Record) []byte { return msgp.AppendString(b, *at(r)) }

func (at text) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.BytesType {
		*at(r) = d.str()
	}
}

func (at text) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return pbAppendStr(b, number, *at(r))
}

func (at text) put(b *attributes, key string, r *Record) { b.str(key, *at(r)) }
func (at text) document(v pcommon.Value, r *Record)      { v.SetStr(*at(r)) }
func (at text) clear(r *Record)                          { *at(r) = "" }

func (at text) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) { *at(r) = asStr(v) })
}

// long is a number of 64 bits.
type long func(*Record) *int64

func (at long) readMsgpack(d *msgpackReader, r *Record)  { *at(r) = d.int() }
func (at long) appendMsgpack(b []byte, r *Record) []byte { return appendSmallestInt(b, *at(r)) }

func (at long) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.VarintType {
		*at(r) = int64(d.varint)
	}
}

func (at long) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return pbAppendInt(b, number, *at(r))
}

func (at long) put(b *attributes, key string, r *Record) { b.int(key, *at(r)) }
func (at long) document(v pcommon.Value, r *Record)      { v.SetInt(*at(r)) }
func (at long) clear(r *Record)                          { *at(r) = 0 }
func (at long) number(r *Record) int64                   { return *at(r) }

func (at long) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) { *at(r) = asInt(v) })
}

// integer is a number that protobuf has in 32 bits.
type integer func(*Record) *int64

func (at integer) readMsgpack(d *msgpackReader, r *Record)  { *at(r) = d.int() }
func (at integer) appendMsgpack(b []byte, r *Record) []byte { return appendSmallestInt(b, *at(r)) }

func (at integer) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.VarintType {
		*at(r) = d.int32()
	}
}

func (at integer) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return pbAppendInt(b, number, int64(int32(*at(r))))
}

func (at integer) put(b *attributes, key string, r *Record) { b.int(key, *at(r)) }
func (at integer) document(v pcommon.Value, r *Record)      { v.SetInt(*at(r)) }
func (at integer) clear(r *Record)                          { *at(r) = 0 }
func (at integer) number(r *Record) int64                   { return *at(r) }

func (at integer) attributes(key string) []attribute { return long(at).attributes(key) }

// unsigned is a number without a sign, which protobuf has in 32 bits.
type unsigned func(*Record) *uint64

func (at unsigned) readMsgpack(d *msgpackReader, r *Record)  { *at(r) = uint64(d.int()) }
func (at unsigned) appendMsgpack(b []byte, r *Record) []byte { return msgp.AppendUint64(b, *at(r)) }

func (at unsigned) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.VarintType {
		*at(r) = uint64(uint32(d.varint))
	}
}

func (at unsigned) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return pbAppendInt(b, number, int64(uint32(*at(r))))
}

func (at unsigned) put(b *attributes, key string, r *Record) { b.int(key, int64(*at(r))) }
func (at unsigned) document(v pcommon.Value, r *Record)      { v.SetInt(int64(*at(r))) }
func (at unsigned) clear(r *Record)                          { *at(r) = 0 }

func (at unsigned) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) { *at(r) = uint64(asInt(v)) })
}

// flag is a boolean.
type flag func(*Record) *bool

func (at flag) readMsgpack(d *msgpackReader, r *Record)  { *at(r) = d.bool() }
func (at flag) appendMsgpack(b []byte, r *Record) []byte { return msgp.AppendBool(b, *at(r)) }

func (at flag) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.VarintType {
		*at(r) = d.varint != 0
	}
}

func (at flag) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return pbAppendInt(b, number, int64(protowire.EncodeBool(*at(r))))
}

func (at flag) put(b *attributes, key string, r *Record) { b.bool(key, *at(r)) }
func (at flag) document(v pcommon.Value, r *Record)      { v.SetBool(*at(r)) }
func (at flag) clear(r *Record)                          { *at(r) = false }

func (at flag) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) { *at(r) = asBool(v) })
}

// degrees is a floating-point number.
type degrees func(*Record) *float64

// isZero compares bits, so that minus zero stays.
func isZero(f float64) bool { return math.Float64bits(f) == 0 }

func (at degrees) readMsgpack(d *msgpackReader, r *Record)  { *at(r) = d.float() }
func (at degrees) appendMsgpack(b []byte, r *Record) []byte { return msgp.AppendFloat64(b, *at(r)) }

func (at degrees) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.Fixed64Type {
		*at(r) = math.Float64frombits(d.varint)
	}
}

func (at degrees) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	if isZero(*at(r)) {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), math.Float64bits(*at(r)))
}

func (at degrees) put(b *attributes, key string, r *Record) {
	if !isZero(*at(r)) {
		b.Float(key, *at(r))
	}
}

// document leaves what JSON has no number for as null, since an exporter would refuse the whole
// batch for it.
func (at degrees) document(v pcommon.Value, r *Record) {
	if f := *at(r); !math.IsNaN(f) && !math.IsInf(f, 0) {
		v.SetDouble(f)
	}
}

func (at degrees) clear(r *Record) { *at(r) = 0 }

func (at degrees) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) { *at(r) = asFloat(v) })
}

// instant is a time; the zero one is absent.
type instant func(*Record) *time.Time

func (at instant) readMsgpack(d *msgpackReader, r *Record)  { *at(r) = d.time() }
func (at instant) appendMsgpack(b []byte, r *Record) []byte { return appendTime(b, *at(r)) }

func (at instant) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.BytesType {
		*at(r) = d.time()
	}
}

func (at instant) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	b, start := pbBegin(b, number)
	b = pbAppendInt(b, 1, at(r).Unix())
	b = pbAppendInt(b, 2, int64(at(r).Nanosecond()))
	return pbEnd(b, start)
}

func (at instant) put(b *attributes, key string, r *Record) {
	if !at(r).IsZero() {
		b.instant(key, *at(r))
	}
}

// document writes what Go's JSON encoder makes of a time.
func (at instant) document(v pcommon.Value, r *Record) { v.SetStr(at(r).Format(time.RFC3339Nano)) }

func (at instant) clear(r *Record) { *at(r) = time.Time{} }

// attributes reads nothing from a value that is no instant.
func (at instant) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) {
		if t, ok := Instant(v); ok {
			*at(r) = t
		}
	})
}

// texts is a list of strings, whose memory is used again.
type texts func(*Record) *[]string

func (at texts) readMsgpack(d *msgpackReader, r *Record)  { *at(r) = d.strs((*at(r))[:0]) }
func (at texts) appendMsgpack(b []byte, r *Record) []byte { return appendStrs(b, *at(r)) }

func (at texts) readProtobuf(d *protobufReader, r *Record) {
	if d.wireType == protowire.BytesType {
		*at(r) = append(*at(r), d.str())
	}
}

func (at texts) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return pbAppendStrs(b, number, *at(r))
}

func (at texts) put(b *attributes, key string, r *Record) { b.strs(key, *at(r)) }
func (at texts) document(v pcommon.Value, r *Record)      { putStrs(v, *at(r)) }
func (at texts) clear(r *Record)                          { *at(r) = (*at(r))[:0] }

func (at texts) attributes(key string) []attribute {
	return one(key, func(r *Record, v pcommon.Value) { *at(r) = asStrs(v, (*at(r))[:0]) })
}

// absent is what has nothing of a record: what forms have beside its fields begins with it.
type absent struct{}

func (absent) readMsgpack(d *msgpackReader, _ *Record)                       { d.skip() }
func (absent) appendMsgpack(b []byte, _ *Record) []byte                      { return msgp.AppendString(b, "") }
func (absent) readProtobuf(*protobufReader, *Record)                         {}
func (absent) appendProtobuf(b []byte, _ protowire.Number, _ *Record) []byte { return b }
func (absent) put(*attributes, string, *Record)                              {}
func (absent) attributes(string) []attribute                                 { return nil }
func (absent) document(pcommon.Value, *Record)                               {}
func (absent) clear(*Record)                                                 {}

// unused is a key that gateways write, always empty.
type unused struct{ absent }

// zone is that of the timestamp, which only protobuf has. It is not read: the timestamp is an
// instant, and the zone's effect on it is already in day, month, year and hour.
type zone struct{ absent }

func (zone) appendProtobuf(b []byte, number protowire.Number, r *Record) []byte {
	return pbAppendStr(b, number, r.TimeStamp.Location().String())
}
