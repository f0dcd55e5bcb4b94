package tyksqlexporter

import (
	"database/sql/driver"
	"math"
	"unsafe"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// boxes hands values to a driver without an allocation for each: its interfaces point
// to where the boxes keep the value. A value is good until its place gets another or
// the boxes are emptied, which is soon enough for a driver, since it has copied all
// values when it has executed a statement.
type boxes struct {
	texts   []string
	numbers []uint64 // the bits of any number
	written []byte   // the texts that were made for the database
}

// newBoxes makes boxes with a number of places.
func newBoxes(places int) boxes {
	return boxes{texts: make([]string, places), numbers: make([]uint64, places)}
}

// empty makes room for other values.
func (b *boxes) empty() { b.written = b.written[:0] }

func (b *boxes) text(place int, v string) driver.Value {
	b.texts[place] = v
	return boxed("", unsafe.Pointer(&b.texts[place]))
}

func (b *boxes) integer(place int, v int64) driver.Value {
	b.numbers[place] = uint64(v) //nolint:gosec // its bits
	return boxed(int64(0), unsafe.Pointer(&b.numbers[place]))
}

func (b *boxes) float(place int, v float64) driver.Value {
	b.numbers[place] = math.Float64bits(v)
	return boxed(float64(0), unsafe.Pointer(&b.numbers[place]))
}

// json is a value of a column of that class, and whether it is blank.
func (b *boxes) json(place int, c *column, r *analytics.Record) (driver.Value, bool) {
	from := len(b.written)
	b.written = c.json(b.written, r)
	return b.text(place, b.tail(from)), len(b.written)-from <= len("[]")
}

// tail is the text that was appended to written since it had a length.
func (b *boxes) tail(from int) string {
	return unsafe.String(unsafe.SliceData(b.written[from:]), len(b.written)-from)
}

// boxed is an interface of the type of like that reads its value at a place: an
// interface is a type, and where the value lies.
func boxed(like driver.Value, place unsafe.Pointer) driver.Value {
	(*[2]unsafe.Pointer)(unsafe.Pointer(&like))[1] = place
	return like
}
