package tyksqlexporter

import (
	"math/bits"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// shape is a set of a layout's columns, at most 64: those that an insert takes values
// for. The others are blank in each of its rows, as most columns are in most records,
// and the statement says so itself, which spares the driver a value.
type shape uint64

func (s shape) has(column int) bool { return s>>column&1 != 0 }

// with is the shape and one more column.
func (s shape) with(column int) shape { return s | 1<<column }

// size is how many columns it has.
func (s shape) size() int { return bits.OnesCount64(uint64(s)) }

// blanksOf are, in SQL, what columns hold in a record that says nothing about them.
// Those of instants are empty, which are never left out.
func blanksOf(columns []column) []string {
	blanks := make([]string, len(columns))
	for i := range columns {
		switch c := &columns[i]; c.class {
		case classText:
			blanks[i] = "''"
		case classJSON:
			blanks[i] = "'" + string(c.json(nil, &analytics.Record{})) + "'"
		case classInteger, classUnsigned, classBool:
			blanks[i] = "0"
		case classFloat:
			blanks[i] = "0e0"
		case classTime:
		}
	}
	return blanks
}

// shapeOf is the shape that has at least the columns of another, and all without a blank.
func shapeOf(least shape, blanks []string) shape {
	for i := range blanks {
		if blanks[i] == "" {
			least = least.with(i)
		}
	}
	return least
}

// row is one row of an insert.
func (s shape) row(blanks []string) string {
	values := make([]string, len(blanks))
	for i := range blanks {
		if values[i] = blanks[i]; s.has(i) {
			values[i] = "?"
		}
	}
	return "(" + strings.Join(values, ",") + ")"
}
