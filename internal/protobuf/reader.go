package protobuf

import (
	"fmt"
	"time"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// Reader walks over the fields of one message. Strings that it gives share the message's memory.
type Reader struct {
	// Number and Type are those of the field read last. Its value is in Bytes, or in
	// Varint for the types that are numbers.
	Number protowire.Number
	Type   protowire.Type
	Varint uint64
	Bytes  []byte

	rest []byte
	// err is the first error; it lies failedAt bytes before the end of the
	// message, in the field of this name.
	err      error
	field    string
	failedAt int
}

// NewReader begins at a message's first byte.
func NewReader(message []byte) Reader { return Reader{rest: message} }

// Next reads the next field; it is false at the end and after an error.
func (d *Reader) Next() bool {
	if len(d.rest) == 0 || d.err != nil {
		return false
	}
	number, wireType, n := protowire.ConsumeTag(d.rest)
	if n < 0 {
		d.fail(n, "tag")
		return false
	}
	value := d.rest[n:]
	d.Number, d.Type = number, wireType
	switch wireType {
	case protowire.BytesType:
		d.Bytes, n = protowire.ConsumeBytes(value)
	case protowire.VarintType:
		d.Varint, n = protowire.ConsumeVarint(value)
	case protowire.Fixed64Type:
		d.Varint, n = protowire.ConsumeFixed64(value)
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

// Err is what the message, of so many bytes, has first that is none: it names the field and the byte.
func (d *Reader) Err(length int) error {
	if d.err == nil {
		return nil
	}
	return fmt.Errorf("decode protobuf: %s at byte %d: %w", d.field, length-d.failedAt, d.err)
}

func (d *Reader) fail(code int, field string) {
	d.err = protowire.ParseError(code)
	d.field = field
	d.failedAt = len(d.rest)
}

// Enter goes into the message that is the field read last, and gives what is left of the one around
// it for Leave.
func (d *Reader) Enter() (around []byte) {
	around, d.rest = d.rest, d.Bytes
	return around
}

// Leave goes back into the message around the field of this name; it is false after an error.
func (d *Reader) Leave(around []byte, field string) bool {
	if d.rest = around; d.err != nil {
		d.field = field + "." + d.field
		d.failedAt += len(around)
		return false
	}
	return true
}

// Str is the value as a string.
func (d *Reader) Str() string { return Text(d.Bytes) }

// Int64 is the value as an int64.
func (d *Reader) Int64() int64 { return int64(d.Varint) }

// Int32 is the value as an int32.
func (d *Reader) Int32() int64 { return int64(int32(d.Varint)) }

// Time reads a google.protobuf.Timestamp.
func (d *Reader) Time() time.Time {
	number, around := d.Number, d.Enter()
	var seconds, nanoseconds int64
	for d.Next() {
		switch {
		case d.Type != protowire.VarintType:
		case d.Number == 1:
			seconds = d.Int64()
		case d.Number == 2:
			nanoseconds = d.Int32()
		}
	}
	if d.err != nil {
		d.Leave(around, fmt.Sprintf("field %d", number))
		return time.Time{}
	}
	d.rest = around
	return time.Unix(seconds, nanoseconds).UTC()
}

// MapEntry reads the entry of a map that is the field of this name: the key, and the bytes of the value.
func (d *Reader) MapEntry(field string) (key string, value []byte, ok bool) {
	around := d.Enter()
	for d.Next() {
		switch {
		case d.Type != protowire.BytesType:
		case d.Number == 1:
			key = d.Str()
		case d.Number == 2:
			value = d.Bytes
		}
	}
	return key, value, d.Leave(around, field)
}

// Text is a string that shares the memory of bytes, which nobody may change.
func Text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
