package layout

import (
	"time"
)

// The instants between which the last time of a rollup can lie in every database.
var (
	EarliestCheck = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	LatestCheck   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// Within is the instant, or the nearest between two others.
func Within(at, earliest, latest time.Time) time.Time {
	switch {
	case at.Before(earliest):
		return earliest
	case at.After(latest):
		return latest
	}
	return at
}

// WithinYears is the instant, or the nearest in whose years a clock shows four digits.
func WithinYears(local time.Time) time.Time {
	switch year := local.Year(); {
	case year < EarliestCheck.Year():
		return EarliestCheck
	case year > LatestCheck.Year():
		return LatestCheck
	}
	return local
}
