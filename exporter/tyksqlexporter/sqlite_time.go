package tyksqlexporter

import "time"

// sqliteTimeForm sorts as text, and SQLite's date functions read it.
const sqliteTimeForm = "2006-01-02 15:04:05.000000+00:00"

// The instants between which sqliteTimeForm sorts and SQLite reads it.
var (
	earliestSQLite = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	latestSQLite   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// appendSQLiteTime adds the instant cut to microseconds, as PostgreSQL has it. One
// outside of SQLite's range becomes the nearest inside.
func appendSQLiteTime(b []byte, day *dayText, t time.Time) []byte {
	switch {
	case t.Before(earliestSQLite):
		t = earliestSQLite
	case t.After(latestSQLite):
		t = latestSQLite
	}
	return append(day.append(b, t.UTC()), "+00:00"...)
}
