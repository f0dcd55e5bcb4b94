package layout

import (
	"math/bits"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Shape is a set of a layout's columns, at most 64: those that an insert takes values
// for. The others are blank in each of its rows, as most columns are in most records,
// and the statement says so itself, which spares the driver a value.
type Shape uint64

// Has tells whether the shape has a column.
func (s Shape) Has(column int) bool { return s>>column&1 != 0 }

// With is the shape and one more column.
func (s Shape) With(column int) Shape { return s | 1<<column }

// Size is how many columns it has.
func (s Shape) Size() int { return bits.OnesCount64(uint64(s)) }

// BlanksOf are, in SQL, what columns hold in a record that says nothing about them.
// Those of instants are empty, which are never left out.
func BlanksOf(columns []Column) []string {
	blanks := make([]string, len(columns))
	for i := range columns {
		switch c := &columns[i]; c.Class {
		case ClassText:
			blanks[i] = "''"
		case ClassJSON:
			blanks[i] = "'" + string(c.JSON(nil, &analytics.Record{})) + "'"
		case ClassInteger, ClassUnsigned, ClassBool:
			blanks[i] = "0"
		case ClassFloat:
			blanks[i] = "0e0"
		}
	}
	return blanks
}

// ShapeOf is the shape that has at least the columns of another, and all without a blank.
func ShapeOf(least Shape, blanks []string) Shape {
	for i := range blanks {
		if blanks[i] == "" {
			least = least.With(i)
		}
	}
	return least
}

// Row is one row of an insert.
func (s Shape) Row(blanks []string) string {
	values := make([]string, len(blanks))
	for i := range blanks {
		if values[i] = blanks[i]; s.Has(i) {
			values[i] = "?"
		}
	}
	return "(" + strings.Join(values, ",") + ")"
}
