package analytics

import (
	"fmt"
	"time"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

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

func (d *protobufReader) fail(code int, field string) {
	d.err = protowire.ParseError(code)
	d.field = field
	d.failedAt = len(d.rest)
}

// enter goes into the message that is the field read last, and gives what is left of the one around
// it for leave.
func (d *protobufReader) enter() (around []byte) {
	around, d.rest = d.rest, d.bytes
	return around
}

// leave goes back into the message around the field of this name.
func (d *protobufReader) leave(around []byte, field string) {
	if d.rest = around; d.err != nil {
		d.field = field + "." + d.field
		d.failedAt += len(around)
	}
}

func (d *protobufReader) str() string { return bytesAsString(d.bytes) }

func (d *protobufReader) int64() int64 { return int64(d.varint) }

func (d *protobufReader) int32() int64 { return int64(int32(d.varint)) }

// time reads a google.protobuf.Timestamp.
func (d *protobufReader) time() time.Time {
	number, around := d.number, d.enter()
	var seconds, nanoseconds int64
	for d.next() {
		switch {
		case d.wireType != protowire.VarintType:
		case d.number == 1:
			seconds = int64(d.varint)
		case d.number == 2:
			nanoseconds = d.int32()
		}
	}
	if d.err != nil {
		d.leave(around, fmt.Sprintf("field %d", number))
		return time.Time{}
	}
	d.rest = around
	return time.Unix(seconds, nanoseconds).UTC()
}

// mapEntry reads a map's key and the bytes of its value.
func (d *protobufReader) mapEntry() (key string, value []byte) {
	for d.next() {
		switch {
		case d.wireType != protowire.BytesType:
		case d.number == 1:
			key = d.str()
		case d.number == 2:
			value = d.bytes
		}
	}
	return key, value
}

func bytesAsString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
