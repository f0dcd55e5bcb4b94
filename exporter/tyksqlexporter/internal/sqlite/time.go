package sqlite

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// storedTime is an instant as databases read and SQLite sorts it, or the nearest
// that they have.
func storedTime(at time.Time) string { return layout.WithinChecks(at).UTC().Format(sqliteTimeForm) }

// sqliteTimeForm sorts as text, and SQLite's date functions read it.
const sqliteTimeForm = "2006-01-02 15:04:05.000000+00:00"

// The instants between which sqliteTimeForm sorts and SQLite reads it.
var (
	earliestSQLite = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	latestSQLite   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// appendTime adds the instant cut to microseconds, as PostgreSQL has it. One
// outside of SQLite's range becomes the nearest inside.
func appendTime(b []byte, day *layout.DayText, t time.Time) []byte {
	switch {
	case t.Before(earliestSQLite):
		t = earliestSQLite
	case t.After(latestSQLite):
		t = latestSQLite
	}
	return append(day.Append(b, t.UTC()), "+00:00"...)
}
