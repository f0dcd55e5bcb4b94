package msgpack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unsafe"

	"github.com/tinylib/msgp/msgp"
)

// MaxPreallocated bounds what a list's header alone, which may lie, can make us
// allocate; longer lists grow as their elements are really there.
const MaxPreallocated = 64

// First bytes of the msgpack types that nearly every value of a record has. They
// are read in place; all others go through msgp.
const (
	fixMap      = 0x80 // to 0x8f
	fixArray    = 0x90 // to 0x9f
	fixStr      = 0xa0 // to 0xbf
	null        = 0xc0
	float64Lead = 0xcb
	uint8Lead   = 0xcc
	uint16Lead  = 0xcd
	uint32Lead  = 0xce
	str8        = 0xd9
)

// Reader walks over one msgpack value. After the first error, which it
// keeps, every read gives zero. Strings that it gives share the entry's memory.
type Reader struct {
	entry []byte
	// text is entry's memory as a string, so that cutting it gives the strings.
	text string
	pos  int
	err  *Error
}

// NewReader begins at an entry's first byte. Nobody may change the entry while a string of it lives.
func NewReader(entry []byte) Reader {
	return Reader{entry: entry, text: unsafe.String(unsafe.SliceData(entry), len(entry))}
}

// Error says where in an entry which field could not be read, and why.
type Error struct {
	field  string
	offset int
	cause  error
}

// Error names the field and the byte.
func (e *Error) Error() string {
	where := "record"
	if e.field != "" {
		where = "field " + e.field
	}
	return fmt.Sprintf("decode msgpack: %s at byte %d: %v", where, e.offset, e.cause)
}

// Unwrap gives why.
func (e *Error) Unwrap() error { return e.cause }

// Err is the first error, nil if there is none.
func (d *Reader) Err() error {
	if d.err == nil {
		return nil
	}
	return d.err
}

// Position is where the next value begins, for Rewind.
func (d *Reader) Position() int { return d.pos }

// Rewind goes back to a position, unless a read has failed.
func (d *Reader) Rewind(position int) {
	if d.err == nil {
		d.pos = position
	}
}

func (d *Reader) fail(cause error) {
	if d.err == nil {
		d.err = &Error{offset: d.pos, cause: cause}
	}
	d.pos = len(d.text)
}

// failWant fails with what is there, which is not what was wanted.
func (d *Reader) failWant(want string) {
	if d.pos >= len(d.text) {
		d.fail(fmt.Errorf("%w: want %s", msgp.ErrShortBytes, want))
		return
	}
	lead := d.entry[d.pos]
	if found := msgp.NextType(d.entry[d.pos:]); found != msgp.InvalidType {
		d.fail(fmt.Errorf("found %s (0x%02x), want %s", found, lead, want))
		return
	}
	d.fail(fmt.Errorf("found 0x%02x, which starts no value; want %s", lead, want))
}

// Str reads a string: str, bin or nil.
func (d *Reader) Str() string {
	if d.pos < len(d.text) {
		var start, end int
		switch lead := d.text[d.pos]; {
		case lead&0xe0 == fixStr:
			start = d.pos + 1
			end = start + int(lead&0x1f)
		case lead == str8 && d.pos+1 < len(d.text):
			start = d.pos + 2
			end = start + int(d.text[d.pos+1])
		}
		if end > 0 && end <= len(d.text) {
			d.pos = end
			return d.text[start:end]
		}
	}
	return d.longStr()
}

func (d *Reader) longStr() string {
	if d.takeNil() {
		return ""
	}
	rest := d.entry[d.pos:]
	value, after, err := msgp.ReadStringZC(rest)
	if err != nil && msgp.NextType(rest) == msgp.BinType {
		value, after, err = msgp.ReadBytesZC(rest)
	}
	if err != nil {
		d.failRead(err, "a string")
		return ""
	}
	d.pos = len(d.text) - len(after)
	start := d.pos - len(value)
	return d.text[start:d.pos]
}

// failRead fails with an error of msgp's: the type, or too few bytes.
func (d *Reader) failRead(err error, want string) {
	if errors.Is(err, msgp.ErrShortBytes) {
		d.fail(fmt.Errorf("%w: %d bytes left for %s", err, len(d.text)-d.pos, want))
		return
	}
	d.failWant(want)
}

// Take passes over these bytes if they come next.
func (d *Reader) Take(literal string) bool {
	if !strings.HasPrefix(d.text[d.pos:], literal) {
		return false
	}
	d.pos += len(literal)
	return true
}

func (d *Reader) takeNil() bool {
	if d.pos < len(d.text) && d.text[d.pos] == null {
		d.pos++
		return true
	}
	return false
}

// Int reads an integer of any width and sign, or nil. Above 2^63 it wraps, as
// the gateways' library does.
func (d *Reader) Int() int64 {
	if rest := d.text[d.pos:]; len(rest) > 0 {
		switch lead := rest[0]; {
		case lead < 0x80:
			d.pos++
			return int64(lead)
		case lead == uint8Lead && len(rest) > 1:
			d.pos += 2
			return int64(rest[1])
		case lead == uint16Lead && len(rest) > 2:
			d.pos += 3
			return int64(rest[1])<<8 | int64(rest[2])
		case lead == uint32Lead && len(rest) > 4:
			d.pos += 5
			return int64(rest[1])<<24 | int64(rest[2])<<16 | int64(rest[3])<<8 | int64(rest[4])
		}
	}
	return d.wideInt()
}

func (d *Reader) wideInt() int64 {
	if d.takeNil() {
		return 0
	}
	rest := d.entry[d.pos:]
	value, after, err := msgp.ReadInt64Bytes(rest)
	if overflow, ok := errors.AsType[msgp.UintOverflow](err); ok {
		value, after, err = int64(overflow.Value), rest[9:], nil
	}
	if err != nil {
		d.failRead(err, "an integer")
		return 0
	}
	d.pos = len(d.text) - len(after)
	return value
}

// Float reads a float of either width, an integer or nil.
func (d *Reader) Float() float64 {
	rest := d.entry[d.pos:]
	if len(rest) >= 9 && rest[0] == float64Lead {
		d.pos += 9
		return math.Float64frombits(binary.BigEndian.Uint64(rest[1:]))
	}
	switch msgp.NextType(rest) {
	case msgp.Float64Type, msgp.Float32Type:
	case msgp.IntType, msgp.UintType, msgp.NilType:
		return float64(d.Int())
	default:
		d.failWant("a number")
		return 0
	}
	return read(d, msgp.ReadFloat64Bytes, "a number")
}

// Bool reads a boolean or nil.
func (d *Reader) Bool() bool {
	if d.takeNil() {
		return false
	}
	return read(d, msgp.ReadBoolBytes, "a boolean")
}

// Time reads an array of seconds and nanoseconds; nothing else is a time.
func (d *Reader) Time() time.Time {
	if d.pos >= len(d.text) || d.text[d.pos] != fixArray|2 {
		d.failWant("a time, which is an array of 2 integers")
		return time.Time{}
	}
	d.pos++
	seconds := d.Int()
	nanoseconds := d.Int()
	if d.err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, nanoseconds).UTC()
}

// ArrayHeader reads an array's length; nil is 0.
func (d *Reader) ArrayHeader() int {
	if d.takeNil() {
		return 0
	}
	if d.pos < len(d.text) && d.text[d.pos]&0xf0 == fixArray {
		d.pos++
		return int(d.text[d.pos-1] & 0x0f)
	}
	return d.length(read(d, msgp.ReadArrayHeaderBytes, "an array"), 1)
}

// MapHeader reads a map's length in pairs; nil is 0.
func (d *Reader) MapHeader() int {
	if d.takeNil() {
		return 0
	}
	return d.length(read(d, msgp.ReadMapHeaderBytes, "a map"), 2)
}

// read reads a value with one of msgp's functions; zero where that fails.
func read[T any](d *Reader, with func([]byte) (T, []byte, error), want string) T {
	value, after, err := with(d.entry[d.pos:])
	if err != nil {
		d.failRead(err, want)
		return value
	}
	d.pos = len(d.text) - len(after)
	return value
}

// length takes a header's count only if the bytes after it could hold as many
// elements: each takes at least size.
func (d *Reader) length(n uint32, size int64) int {
	if left := len(d.text) - d.pos; int64(n)*size > int64(left) {
		d.fail(fmt.Errorf("%w: a header announces %d elements, %d bytes follow", msgp.ErrShortBytes, n, left))
		return 0
	}
	return int(n)
}

// Strs appends an array of strings, or nothing for nil, to list.
func (d *Reader) Strs(list []string) []string {
	n := d.ArrayHeader()
	if n > cap(list) {
		list = make([]string, 0, min(n, MaxPreallocated))
	}
	for range n {
		list = append(list, d.Str())
		if d.err != nil {
			break
		}
	}
	return list
}

// SkipStrs passes over so many strings.
func (d *Reader) SkipStrs(n int) {
	for range n {
		if d.Str(); d.err != nil {
			return
		}
	}
}

// ReadList reads a list, nil where it has nothing.
func ReadList[V any](d *Reader, value func(*Reader) V) (list []V) {
	n := d.ArrayHeader()
	if n > 0 {
		list = make([]V, 0, min(n, MaxPreallocated))
	}
	for range n {
		v := value(d)
		if d.err != nil {
			break
		}
		list = append(list, v)
	}
	return list
}

// ReadMap reads a map into m, which it makes where it is nil.
func ReadMap[V any](d *Reader, m map[string]V, value func(*Reader) V) map[string]V {
	n := d.MapHeader()
	if n > 0 && m == nil {
		m = make(map[string]V, min(n, MaxPreallocated))
	}
	for range n {
		key := d.Str()
		v := value(d)
		if d.err != nil {
			break
		}
		m[key] = v
	}
	return m
}

// Path reads a list of names and indices. Whole floats, which JSON decoders make
// of indices, become integers; what is neither name nor index is left out.
func (d *Reader) Path() []any {
	n := d.ArrayHeader()
	if n == 0 {
		return nil
	}
	path := make([]any, 0, min(n, MaxPreallocated))
	for range n {
		if d.err != nil {
			break
		}
		switch msgp.NextType(d.entry[d.pos:]) {
		case msgp.StrType, msgp.BinType:
			path = append(path, d.Str())
		case msgp.IntType, msgp.UintType:
			path = append(path, d.Int())
		case msgp.Float64Type, msgp.Float32Type:
			if f := d.Float(); f == math.Trunc(f) && math.Abs(f) < 1<<53 {
				path = append(path, int64(f))
			}
		default:
			d.Skip()
		}
	}
	return path
}

// Skip passes over one value of any type. It does not recurse, so that no
// nesting is too deep.
func (d *Reader) Skip() {
	for pending := int64(1); pending > 0 && d.err == nil; pending-- {
		switch msgp.NextType(d.entry[d.pos:]) {
		case msgp.MapType:
			pending += 2 * int64(d.MapHeader())
		case msgp.ArrayType:
			pending += int64(d.ArrayHeader())
		default:
			after, err := msgp.Skip(d.entry[d.pos:])
			if err != nil {
				d.failRead(err, "a value")
				return
			}
			d.pos = len(d.text) - len(after)
		}
	}
}
