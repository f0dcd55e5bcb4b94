package layout

import (
	"database/sql/driver"
	"fmt"
	"math"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Value is the record's value for the column as drivers of database/sql take it, and
// whether it is blank; instants each database spells in its own way. What is not a
// number, and infinities, are null. The scratch is overwritten.
func (c *Column) Value(r *analytics.Record, scratch *[]byte) (driver.Value, bool) {
	switch c.Class {
	case ClassText:
		v := c.Text(r)
		return CleanText(v), v == ""
	case ClassJSON:
		*scratch = c.JSON((*scratch)[:0], r)
		return string(*scratch), len(*scratch) <= len("[]")
	case ClassInteger:
		v := c.Integer(r)
		return v, v == 0
	case ClassUnsigned:
		v := int64(c.Unsigned(r)) //nolint:gosec // who calls has looked
		return v, v == 0
	case ClassFloat:
		v := c.Float(r)
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, false
		}
		return v, math.Float64bits(v) == 0
	case ClassBool:
		v := c.Boolean(r)
		return v, !v
	}
	return nil, true
}

// OutOfRange says that a column of the table does not hold a record's value.
func OutOfRange(column string, value any, typ string) error {
	return fmt.Errorf("column %q: %v does not fit %s", column, value, typ)
}
