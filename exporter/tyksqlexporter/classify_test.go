package tyksqlexporter

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

func TestOnlyWhatPostgresSaysOfAValueRefusesARecord(t *testing.T) {
	t.Parallel()
	server := func(code string) error { return &pgconn.PgError{Code: code} }
	for name, c := range map[string]struct {
		err    error
		action action
		reason sink.Reason
	}{
		"connection refused":          {err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}, action: actionRetry},
		"connection lost":             {err: io.ErrUnexpectedEOF, action: actionRetry},
		"timeout":                     {err: context.DeadlineExceeded, action: actionRetry},
		"cancelled":                   {err: context.Canceled, action: actionRetry},
		"raced":                       {err: errRaced, action: actionRetry},
		"wrong table":                 {err: schemaErrorf("no"), action: actionRetry},
		"unknown":                     {err: errors.New("whatever"), action: actionRetry},
		"unknown code":                {err: server("ZZ999"), action: actionRetry},
		"no code":                     {err: server(""), action: actionRetry},
		"connection exception":        {err: server("08006"), action: actionRetry},
		"wrong password":              {err: server("28P01"), action: actionRetry},
		"no such database":            {err: server("3D000"), action: actionRetry},
		"serialization failure":       {err: server("40001"), action: actionRetry},
		"deadlock":                    {err: server("40P01"), action: actionRetry},
		"aborted transaction":         {err: server("25P02"), action: actionRetry},
		"idle transaction ended":      {err: server("25P03"), action: actionRetry},
		"disk full":                   {err: server("53100"), action: actionRetry},
		"out of memory":               {err: server("53200"), action: actionRetry},
		"too many connections":        {err: server("53300"), action: actionRetry},
		"lock not available":          {err: server("55P03"), action: actionRetry},
		"statement timeout":           {err: server("57014"), action: actionRetry},
		"I/O error":                   {err: server("58030"), action: actionRetry},
		"internal error":              {err: server("XX000"), action: actionRetry},
		"a trigger's exception":       {err: server("P0001"), action: actionRetry},
		"no partition":                {err: server("23514"), action: actionRetry},
		"ledger row there":            {err: &pgconn.PgError{Code: "23505", TableName: ledgerTable}, action: actionRetry},
		"read-only":                   {err: server("25006"), action: actionReconnect},
		"admin shutdown":              {err: server("57P01"), action: actionReconnect},
		"crash shutdown":              {err: server("57P02"), action: actionReconnect},
		"cannot connect now":          {err: server("57P03"), action: actionReconnect},
		"undefined table":             {err: server("42P01"), action: actionInspect},
		"undefined column":            {err: server("42703"), action: actionInspect},
		"permission denied":           {err: server("42501"), action: actionInspect},
		"syntax error":                {err: server("42601"), action: actionInspect},
		"no such schema":              {err: server("3F000"), action: actionInspect},
		"feature not supported":       {err: server("0A000"), action: actionInspect},
		"protocol violation":          {err: server("08P01"), action: actionInspect},
		"binary form of another type": {err: server("22P03"), action: actionInspect},
		"text form of another type":   {err: server("22P02"), action: actionInspect},
		"bad copy format":             {err: server("22P04"), action: actionInspect},
		"null in a foreign column":    {err: server("23502"), action: actionInspect},
		"bad encoding":                {err: server("22021"), action: actionRefuse, reason: reasonEncoding},
		"untranslatable character":    {err: server("22P05"), action: actionRefuse, reason: reasonEncoding},
		"too long":                    {err: server("22001"), action: actionRefuse, reason: reasonTooLarge},
		"index row too large":         {err: server("54000"), action: actionRefuse, reason: reasonTooLarge},
		"number out of range":         {err: server("22003"), action: actionRefuse, reason: reasonRange},
		"time out of range":           {err: server("22008"), action: actionRefuse, reason: reasonRange},
		"other data exception":        {err: server("22023"), action: actionRefuse, reason: reasonOther},
		"check":                       {err: &pgconn.PgError{Code: "23514", ConstraintName: "c"}, action: actionRefuse, reason: reasonConstraint},
		"unique":                      {err: &pgconn.PgError{Code: "23505", TableName: "tyk_analytics"}, action: actionRefuse, reason: reasonConstraint},
		"foreign key":                 {err: server("23503"), action: actionRefuse, reason: reasonConstraint},
		"exclusion":                   {err: server("23P01"), action: actionRefuse, reason: reasonConstraint},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			action, reason := classifyPostgres(fmt.Errorf("wrapped: %w", c.err))
			assert.Equal(t, c.action, action)
			assert.Equal(t, c.reason, reason)
		})
	}
}

// The errors come from SQLite itself, as the driver gives no way to make one.
func TestOnlyWhatSQLiteSaysOfAValueRefusesARecord(t *testing.T) {
	t.Parallel()
	d := sqliteTarget(t)
	d.exec(t, "create table t (a integer primary key, b text not null, c integer check (c > 0)) strict")
	for name, c := range map[string]struct {
		statement string
		action    action
		reason    sink.Reason
	}{
		"no such table":  {statement: "insert into nowhere values (1)", action: actionInspect},
		"no such column": {statement: "insert into t (z) values (1)", action: actionInspect},
		"not null":       {statement: "insert into t (a, c) values (1, 1)", action: actionInspect},
		"too big":        {statement: "insert into t (b) values (zeroblob(2000000000))", action: actionRefuse, reason: reasonTooLarge},
		"check":          {statement: "insert into t (b, c) values ('', 0)", action: actionRefuse, reason: reasonConstraint},
		"datatype":       {statement: "insert into t (b, c) values ('', 'x')", action: actionRefuse, reason: reasonConstraint},
		"mismatch":       {statement: "insert into t (a, b) values ('x', '')", action: actionRefuse, reason: reasonRange},
		"read-only":      {statement: "pragma query_only = on; insert into t (b) values ('')", action: actionRetry},
	} {
		_, err := d.db.ExecContext(t.Context(), c.statement)
		require.Error(t, err, name)
		var sqliteErr *sqlite.Error
		require.ErrorAs(t, err, &sqliteErr, name)
		action, reason := classifySQLite(fmt.Errorf("wrapped: %w", err))
		assert.Equal(t, c.action, action, name)
		assert.Equal(t, c.reason, reason, name)
		d.exec(t, "pragma query_only = off")
	}
	for _, err := range []error{driver.ErrBadConn, context.Canceled, io.ErrUnexpectedEOF} {
		action, _ := classifySQLite(err)
		assert.Equal(t, actionRetry, action)
	}
}
