package sqlite

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
)

// earliestSQLite is from when on times sort as text and SQLite reads them.
var earliestSQLite = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)

// appendTime adds the instant cut to microseconds, as PostgreSQL has it. One
// outside of SQLite's range becomes the nearest inside.
func appendTime(b []byte, day *layout.DayText, t time.Time, _ int) []byte {
	return append(day.Append(b, layout.Within(t, earliestSQLite, layout.LatestCheck).UTC()), "+00:00"...)
}
