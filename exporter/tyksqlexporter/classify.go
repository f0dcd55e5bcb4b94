package tyksqlexporter

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// action is what to do about a failed write. Whatever can heal, by itself or by
// an operator's hand, is tried again: waiting loses nothing, refusing would.
type action uint8

const (
	// actionRetry tries the same again later.
	actionRetry action = iota
	// actionAgain tries the same again at once, a few times: another transaction was
	// in the way, and is done.
	actionAgain
	// actionReconnect tries again later over new connections: those that exist
	// lead to a server that does not take writes any more.
	actionReconnect
	// actionInspect looks at the table again and tries again later: it is not as
	// it was.
	actionInspect
	// actionRefuse finds the record that the database does not take, and refuses
	// that one.
	actionRefuse
)

// What groups refused records for people and metrics.
const (
	reasonForeign    sink.Reason = "foreign"    // not an analytics record
	reasonEncoding   sink.Reason = "encoding"   // text that the database's encoding does not have
	reasonRange      sink.Reason = "range"      // a number or time that the column does not hold
	reasonTooLarge   sink.Reason = "too_large"  // too long for the column, an index or the database
	reasonConstraint sink.Reason = "constraint" // a rule that the operator gave the table
	reasonOther      sink.Reason = "other"
)

// classifyPostgres judges an error of a write to PostgreSQL. Only what the server
// says about a value itself is a refusal; a lost connection, a server that is
// full, stopping or read-only, missing rights, a missing table or partition, and
// everything unknown is tried again.
func classifyPostgres(err error) (action, sink.Reason) {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pgErr.Code) != 5 {
		return actionRetry, ""
	}
	switch pgErr.Code {
	case "25006", // read-only transaction: a standby, or a primary that became one
		"57P01", "57P02", "57P03": // the server is shutting down, crashed, or starting
		return actionReconnect, ""
	case "22P02", "22P03", // text or binary form not as the column's type wants it
		"22P04", // the same for the whole COPY
		"08P01", // a value shorter or longer than the column's type
		"23502": // null in a column that is not ours: we write no nulls
		return actionInspect, ""
	case "22021", "22P05": // not in the encoding; no counterpart in the database's encoding
		return actionRefuse, reasonEncoding
	case "22001": // too long for varchar(n)
		return actionRefuse, reasonTooLarge
	case "22003", "22008": // number or time out of range
		return actionRefuse, reasonRange
	case "23514": // a CHECK has a name; without one it says that no partition takes the row
		if pgErr.ConstraintName == "" {
			return actionRetry, ""
		}
		return actionRefuse, reasonConstraint
	}
	switch pgErr.Code[:2] {
	case "22":
		return actionRefuse, reasonOther
	case "23":
		if pgErr.TableName == ledgerTable { // another process stored the same records meanwhile
			return actionRetry, ""
		}
		return actionRefuse, reasonConstraint
	case "42", "3F", "0A": // no such table, column, right or schema; something the table does not do
		return actionInspect, ""
	case "54": // a program limit, such as an index entry that is too large
		return actionRefuse, reasonTooLarge
	}
	return actionRetry, ""
}

// classifySQLite judges an error of a write to SQLite by the same rule.
func classifySQLite(err error) (action, sink.Reason) {
	sqliteErr, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return actionRetry, ""
	}
	switch code := sqliteErr.Code(); code & 0xff {
	case sqlite3.SQLITE_TOOBIG:
		return actionRefuse, reasonTooLarge
	case sqlite3.SQLITE_MISMATCH:
		return actionRefuse, reasonRange
	case sqlite3.SQLITE_CONSTRAINT:
		if code == sqlite3.SQLITE_CONSTRAINT_NOTNULL { // in a column that is not ours
			return actionInspect, ""
		}
		return actionRefuse, reasonConstraint
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA: // no such table or column
		return actionInspect, ""
	}
	return actionRetry, ""
}
