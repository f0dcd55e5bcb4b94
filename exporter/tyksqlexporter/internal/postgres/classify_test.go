package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

func TestOnlyWhatPostgresSaysOfAValueRefusesARecord(t *testing.T) {
	t.Parallel()
	server := func(code string) error { return &pgconn.PgError{Code: code} }
	for name, c := range map[string]struct {
		err    error
		action engine.Action
		reason sink.Reason
	}{
		"connection refused":          {err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}, action: engine.ActionRetry},
		"connection lost":             {err: io.ErrUnexpectedEOF, action: engine.ActionRetry},
		"timeout":                     {err: context.DeadlineExceeded, action: engine.ActionRetry},
		"cancelled":                   {err: context.Canceled, action: engine.ActionRetry},
		"raced":                       {err: engine.ErrRaced, action: engine.ActionRetry},
		"wrong table":                 {err: layout.Errorf("no"), action: engine.ActionRetry},
		"unknown":                     {err: errors.New("whatever"), action: engine.ActionRetry},
		"unknown code":                {err: server("ZZ999"), action: engine.ActionDoubt},
		"no code":                     {err: server(""), action: engine.ActionRetry},
		"connection exception":        {err: server("08006"), action: engine.ActionRetry},
		"wrong password":              {err: server("28P01"), action: engine.ActionRetry},
		"no such database":            {err: server("3D000"), action: engine.ActionRetry},
		"serialization failure":       {err: server("40001"), action: engine.ActionRetry},
		"deadlock":                    {err: server("40P01"), action: engine.ActionLocked},
		"aborted transaction":         {err: server("25P02"), action: engine.ActionRetry},
		"idle transaction ended":      {err: server("25P03"), action: engine.ActionRetry},
		"disk full":                   {err: server("53100"), action: engine.ActionRetry},
		"out of memory":               {err: server("53200"), action: engine.ActionRetry},
		"too many connections":        {err: server("53300"), action: engine.ActionRetry},
		"lock not available":          {err: server("55P03"), action: engine.ActionLocked},
		"statement timeout":           {err: server("57014"), action: engine.ActionRetry},
		"I/O error":                   {err: server("58030"), action: engine.ActionRetry},
		"internal error":              {err: server("XX000"), action: engine.ActionDoubt},
		"a trigger's exception":       {err: server("P0001"), action: engine.ActionDoubt},
		"no partition":                {err: server("23514"), action: engine.ActionDoubt},
		"ledger row there":            {err: &pgconn.PgError{Code: "23505", TableName: push.LedgerTable}, action: engine.ActionRetry},
		"read-only":                   {err: server("25006"), action: engine.ActionReconnect},
		"admin shutdown":              {err: server("57P01"), action: engine.ActionReconnect},
		"crash shutdown":              {err: server("57P02"), action: engine.ActionReconnect},
		"cannot connect now":          {err: server("57P03"), action: engine.ActionReconnect},
		"undefined table":             {err: server("42P01"), action: engine.ActionInspect},
		"undefined column":            {err: server("42703"), action: engine.ActionInspect},
		"permission denied":           {err: server("42501"), action: engine.ActionInspect},
		"syntax error":                {err: server("42601"), action: engine.ActionInspect},
		"no such schema":              {err: server("3F000"), action: engine.ActionInspect},
		"feature not supported":       {err: server("0A000"), action: engine.ActionInspect},
		"protocol violation":          {err: server("08P01"), action: engine.ActionInspect},
		"binary form of another type": {err: server("22P03"), action: engine.ActionInspect},
		"text form of another type":   {err: server("22P02"), action: engine.ActionInspect},
		"bad copy format":             {err: server("22P04"), action: engine.ActionInspect},
		"null in a foreign column":    {err: server("23502"), action: engine.ActionInspect},
		"bad encoding":                {err: server("22021"), action: engine.ActionRefuse, reason: push.ReasonEncoding},
		"untranslatable character":    {err: server("22P05"), action: engine.ActionRefuse, reason: push.ReasonEncoding},
		"too long":                    {err: server("22001"), action: engine.ActionRefuse, reason: push.ReasonTooLarge},
		"index row too large":         {err: server("54000"), action: engine.ActionRefuse, reason: push.ReasonTooLarge},
		"number out of range":         {err: server("22003"), action: engine.ActionRefuse, reason: push.ReasonRange},
		"time out of range":           {err: server("22008"), action: engine.ActionRefuse, reason: push.ReasonRange},
		"other data exception":        {err: server("22023"), action: engine.ActionRefuse, reason: push.ReasonOther},
		"check":                       {err: &pgconn.PgError{Code: "23514", ConstraintName: "c"}, action: engine.ActionRefuse, reason: push.ReasonConstraint},
		"unique":                      {err: &pgconn.PgError{Code: "23505", TableName: "tyk_analytics"}, action: engine.ActionRefuse, reason: push.ReasonConstraint},
		"foreign key":                 {err: server("23503"), action: engine.ActionRefuse, reason: push.ReasonConstraint},
		"exclusion":                   {err: server("23P01"), action: engine.ActionRefuse, reason: push.ReasonConstraint},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			action, reason := classify(fmt.Errorf("wrapped: %w", c.err))
			assert.Equal(t, c.action, action)
			assert.Equal(t, c.reason, reason)
		})
	}
}
