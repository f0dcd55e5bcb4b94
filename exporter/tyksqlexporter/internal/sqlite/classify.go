package sqlite

import (
	"errors"

	"modernc.org/sqlite"
	"modernc.org/sqlite/lib"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// classify judges an error of a write to SQLite by the same rule.
func classify(err error) (engine.Action, sink.Reason) {
	sqliteErr, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return engine.ActionRetry, ""
	}
	switch code := sqliteErr.Code(); code & 0xff {
	case sqlite3.SQLITE_TOOBIG:
		return engine.ActionRefuse, push.ReasonTooLarge
	case sqlite3.SQLITE_MISMATCH:
		return engine.ActionRefuse, push.ReasonRange
	case sqlite3.SQLITE_CONSTRAINT:
		if code == sqlite3.SQLITE_CONSTRAINT_NOTNULL { // in a column that is not ours
			return engine.ActionInspect, ""
		}
		return engine.ActionRefuse, push.ReasonConstraint
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA: // no such table or column
		return engine.ActionInspect, ""
	}
	return engine.ActionRetry, ""
}
