package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// classify judges an error of a write to PostgreSQL. What the server says about a value
// itself is a refusal; a lost connection, and a server that is full, stopping or
// read-only, are waited for; whether anything else is a record's fault, the engine finds
// out.
func classify(err error) (engine.Action, sink.Reason) {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pgErr.Code) != 5 {
		return engine.ActionRetry, ""
	}
	switch pgErr.Code {
	case "25006", // read-only transaction: a standby, or a primary that became one
		"57P01", "57P02", "57P03": // the server is shutting down, crashed, or starting
		return engine.ActionReconnect, ""
	case "55P03", "40P01": // others hold locks
		return engine.ActionLocked, ""
	case "22P02", "22P03", "22007", // text or binary form not as the column's type wants it
		"22P04", // the same for the whole COPY
		"08P01", // a value shorter or longer than the column's type
		"23502": // null in a column that is not ours: we write no nulls
		return engine.ActionInspect, ""
	case "22021", "22P05": // not in the encoding; no counterpart in the database's encoding
		return engine.ActionRefuse, push.ReasonEncoding
	case "22001": // too long for varchar(n)
		return engine.ActionRefuse, push.ReasonTooLarge
	case "22003", "22008": // number or time out of range
		return engine.ActionRefuse, push.ReasonRange
	case "23514": // a CHECK has a name; without one it says that no partition takes the row
		if pgErr.ConstraintName == "" {
			return engine.ActionDoubt, ""
		}
		return engine.ActionRefuse, push.ReasonConstraint
	}
	switch pgErr.Code[:2] {
	case "08", "25", "28", "3D", "40", "53", "55", "57", "58": // connections, passwords, transactions, resources, operators, the system
		return engine.ActionRetry, ""
	case "22":
		return engine.ActionRefuse, push.ReasonOther
	case "23":
		if pgErr.TableName == push.LedgerTable { // another process stored the same records meanwhile
			return engine.ActionRetry, ""
		}
		return engine.ActionRefuse, push.ReasonConstraint
	case "42", "3F", "0A": // no such table, column, right or schema; something the table does not do
		return engine.ActionInspect, ""
	case "54": // a program limit, such as an index entry that is too large
		return engine.ActionRefuse, push.ReasonTooLarge
	}
	return engine.ActionDoubt, ""
}
