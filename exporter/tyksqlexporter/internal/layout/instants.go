package layout

import (
	"time"
)

// The instants between which the last time of a rollup can lie in every database.
var (
	EarliestCheck = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	LatestCheck   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// WithinChecks is the instant, or the nearest that databases have.
func WithinChecks(at time.Time) time.Time {
	switch {
	case at.Before(EarliestCheck):
		return EarliestCheck
	case at.After(LatestCheck):
		return LatestCheck
	}
	return at
}
