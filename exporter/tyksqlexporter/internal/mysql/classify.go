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

// The numbers of MySQL's and MariaDB's errors that matter here.
const (
	mysqlDiskFull           = 1021
	mysqlUnknownCommand     = 1047 // Galera: this node is not ready for queries
	mysqlNull               = 1048
	mysqlUnknownColumn      = 1054
	mysqlDuplicateColumn    = 1060
	mysqlDuplicate          = 1062
	mysqlUnknown            = 1105
	mysqlTableFull          = 1114
	mysqlRowTooLarge        = 1118
	mysqlTableDenied        = 1142
	mysqlColumnDenied       = 1143
	mysqlNoTable            = 1146
	mysqlPacketTooLarge     = 1153
	mysqlLockTimeout        = 1205
	mysqlDeadlock           = 1213 // also what Galera says of a conflict with another node
	mysqlNoParent           = 1216
	mysqlRange              = 1264
	mysqlTruncated          = 1265
	mysqlNotWhileOption     = 1290 // such as --read-only
	mysqlWrongValue         = 1292
	mysqlBadString          = 1300
	mysqlPacketOverflow     = 1301
	mysqlNoDefault          = 1364
	mysqlWrongTypeValue     = 1366
	mysqlTooLong            = 1406
	mysqlForeignKey         = 1452
	mysqlNotInsertable      = 1471
	mysqlOutOfRange         = 1690
	mysqlReadOnlySession    = 1792
	mysqlReadOnlyMode       = 1836
	mysqlInvalidJSON        = 3140
	mysqlCheck              = 3819
	mysqlCannotConvertText  = 3854
	mariaDBCheck            = 4025
	mysqlLongDataPhrase     = "send_long_data" // of the only error 1105 that speaks of a value
	mysqlWithoutValuePhrase = "the server refuses it with error %d (SQLSTATE %s)"
)

// mysqlRefusals are the errors that speak of a value.
var mysqlRefusals = map[uint16]sink.Reason{
	mysqlBadString: push.ReasonEncoding, mysqlWrongTypeValue: push.ReasonEncoding, mysqlCannotConvertText: push.ReasonEncoding,
	mysqlRange: push.ReasonRange, mysqlWrongValue: push.ReasonRange, mysqlOutOfRange: push.ReasonRange,
	mysqlTooLong: push.ReasonTooLarge, mysqlRowTooLarge: push.ReasonTooLarge, mysqlPacketTooLarge: push.ReasonTooLarge, mysqlPacketOverflow: push.ReasonTooLarge,
	mysqlCheck: push.ReasonConstraint, mariaDBCheck: push.ReasonConstraint, mysqlDuplicate: push.ReasonConstraint, mysqlNull: push.ReasonConstraint,
	mysqlNoParent: push.ReasonConstraint, mysqlForeignKey: push.ReasonConstraint,
	mysqlTruncated: push.ReasonOther, mysqlInvalidJSON: push.ReasonOther,
}

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
	if reason, ok := mysqlRefusals[mysqlErr.Number]; ok {
		return engine.ActionRefuse, reason
	}
	switch mysqlErr.Number {
	case mysqlUnknown:
		if strings.Contains(mysqlErr.Message, mysqlLongDataPhrase) {
			return engine.ActionRefuse, push.ReasonTooLarge
		}
	case mysqlDiskFull, mysqlTableFull: // which may still have room for a small record
		return engine.ActionRetry, ""
	case mysqlLockTimeout, mysqlDeadlock:
		return engine.ActionLocked, ""
	case mysqlNotWhileOption, mysqlReadOnlySession, mysqlReadOnlyMode, mysqlUnknownCommand,
		mysqlTableDenied, mysqlColumnDenied: // rights to a database are given to new connections
		return engine.ActionReconnect, ""
	case mysqlNoTable, mysqlUnknownColumn, mysqlNoDefault, mysqlNotInsertable:
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
	case mysqlTooLong, mysqlRange, mysqlNull, mysqlCheck, mariaDBCheck, mysqlRowTooLarge, mysqlPacketTooLarge, mysqlUnknown:
		return fmt.Sprintf("%s (error %d, SQLSTATE %s)", mysqlErr.Message, mysqlErr.Number, state)
	}
	return fmt.Sprintf(mysqlWithoutValuePhrase, mysqlErr.Number, state)
}
