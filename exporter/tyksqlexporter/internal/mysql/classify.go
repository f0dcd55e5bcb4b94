package mysql

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// classify judges an error of a write to MySQL or MariaDB by the rule of the
// others: what the server says about a value itself is a refusal, and whether anything
// else that it says is a record's fault, the engine finds out.
func classify(err error) (engine.Action, sink.Reason) {
	if errors.Is(err, mysql.ErrPktTooLarge) {
		return engine.ActionRefuse, push.ReasonTooLarge
	}
	mysqlErr, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return engine.ActionRetry, ""
	}
	switch mysqlErr.Number {
	case 1300, 1366, 3854: // text that the character set does not have
		return engine.ActionRefuse, push.ReasonEncoding
	case 1264, 1292, 1690: // number, time or sum out of range
		return engine.ActionRefuse, push.ReasonRange
	case 1406, 1118, 1153, 1301: // too long for the column, the row or a packet
		return engine.ActionRefuse, push.ReasonTooLarge
	case 1062, 1048, 1216, 1452, // duplicate; null; no parent
		3819, 4025: // a CHECK of MySQL, of MariaDB
		return engine.ActionRefuse, push.ReasonConstraint
	case 1265, 3140: // truncated; no JSON
		return engine.ActionRefuse, push.ReasonOther
	case 1105: // "unknown error", of which one speaks of a value
		if strings.Contains(mysqlErr.Message, "send_long_data") {
			return engine.ActionRefuse, push.ReasonTooLarge
		}
	case 1021, 1114: // disk or table full, which may still have room for a small record
		return engine.ActionRetry, ""
	case 1205, 1213: // lock timeout; deadlock, also with another node of Galera
		return engine.ActionLocked, ""
	case 1290, 1792, 1836, // such as --read-only
		1047,       // Galera: this node is not ready for queries
		1142, 1143: // no right to a table or column: those to a database are given to new connections
		return engine.ActionReconnect, ""
	case 1146, 1054, 1364, 1471: // no such table, column; a column without default; a view
		return engine.ActionInspect, ""
	}
	return engine.ActionDoubt, ""
}

// serverText is what the server says about a refused record. Messages that may quote
// it are replaced.
func serverText(err error) string {
	mysqlErr, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return err.Error()
	}
	state := string(mysqlErr.SQLState[:])
	switch mysqlErr.Number {
	case 1406, 1264, 1048, 3819, 4025, 1118, 1153, 1105:
		return fmt.Sprintf("%s (error %d, SQLSTATE %s)", mysqlErr.Message, mysqlErr.Number, state)
	}
	return fmt.Sprintf("the server refuses it with error %d (SQLSTATE %s)", mysqlErr.Number, state)
}
