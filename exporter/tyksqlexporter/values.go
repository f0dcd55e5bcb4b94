package tyksqlexporter

import (
	"database/sql/driver"
	"math"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// value is the record's value for the column as drivers of database/sql take it, and
// whether it is blank; instants each database spells in its own way. What is not a
// number, and infinities, are null. The scratch is overwritten.
func (c *column) value(r *analytics.Record, scratch *[]byte) (driver.Value, bool) {
	switch c.class {
	case classText:
		v := c.text(r)
		return cleanText(v), v == ""
	case classJSON:
		*scratch = c.json((*scratch)[:0], r)
		return string(*scratch), len(*scratch) <= len("[]")
	case classInteger:
		v := c.integer(r)
		return v, v == 0
	case classUnsigned:
		v := int64(c.unsigned(r)) //nolint:gosec // who calls has looked
		return v, v == 0
	case classFloat:
		v := c.float(r)
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, false
		}
		return v, math.Float64bits(v) == 0
	case classBool:
		v := c.boolean(r)
		return v, !v
	case classTime:
	}
	return nil, true
}
