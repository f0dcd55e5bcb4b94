package rows

import "errors"

// Change is a row of a rollup to insert, or to set if it is still as it was.
type Change struct {
	Bucket  int64 // Unix seconds
	Columns []Column
	Values  []Value
	// ID and Hits are of the row that is there; nil ID for none.
	ID, Hits Value
}

// ErrChanged says that a row was written meanwhile by somebody else.
var ErrChanged = errors.New("a row has changed meanwhile, since another process writes this bucket: repair buckets that are over")
