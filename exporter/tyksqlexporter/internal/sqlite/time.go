package sqlite

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// The instants between which times sort as text and SQLite reads them.
var (
	earliestSQLite = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	latestSQLite   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// appendTime adds the instant cut to microseconds, as PostgreSQL has it. One
// outside of SQLite's range becomes the nearest inside.
func appendTime(b []byte, day *layout.DayText, t time.Time, _ int) []byte {
	switch {
	case t.Before(earliestSQLite):
		t = earliestSQLite
	case t.After(latestSQLite):
		t = latestSQLite
	}
	return append(day.Append(b, t.UTC()), "+00:00"...)
}
