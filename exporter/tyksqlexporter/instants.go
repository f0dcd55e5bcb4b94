package tyksqlexporter

import "time"

// The instants between which the last time of a rollup can lie in every database.
var (
	earliestCheck = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latestCheck   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// storedTime is an instant as databases read and SQLite sorts it, or the nearest
// that they have.
func storedTime(at time.Time) string { return withinChecks(at).UTC().Format(sqliteTimeForm) }

// withinChecks is the instant, or the nearest that databases have.
func withinChecks(at time.Time) time.Time {
	switch {
	case at.Before(earliestCheck):
		return earliestCheck
	case at.After(latestCheck):
		return latestCheck
	}
	return at
}
