package mysql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

func TestOnlyWhatMySQLSaysOfAValueRefusesARecord(t *testing.T) {
	t.Parallel()
	number := func(n uint16) error { return &mysql.MySQLError{Number: n, Message: "m"} }
	type want struct {
		action engine.Action
		reason sink.Reason
	}
	refused := func(reason sink.Reason) want { return want{engine.ActionRefuse, reason} }
	for name, c := range map[string]struct {
		err error
		want
	}{
		"connection refused":               {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, want{action: engine.ActionRetry}},
		"connection lost":                  {mysql.ErrInvalidConn, want{action: engine.ActionRetry}},
		"cut short":                        {io.ErrUnexpectedEOF, want{action: engine.ActionRetry}},
		"timeout":                          {context.DeadlineExceeded, want{action: engine.ActionRetry}},
		"raced":                            {engine.ErrRaced, want{action: engine.ActionRetry}},
		"wrong table":                      {layout.Errorf("no"), want{action: engine.ActionRetry}},
		"unknown number":                   {number(65000), want{action: engine.ActionDoubt}},
		"unknown error":                    {number(1105), want{action: engine.ActionDoubt}},
		"disk full":                        {number(1021), want{action: engine.ActionRetry}},
		"out of memory":                    {number(1037), want{action: engine.ActionDoubt}},
		"too many connections":             {number(1040), want{action: engine.ActionDoubt}},
		"no right to the database":         {number(1044), want{action: engine.ActionDoubt}},
		"wrong password":                   {number(1045), want{action: engine.ActionDoubt}},
		"no such database":                 {number(1049), want{action: engine.ActionDoubt}},
		"server shuts down":                {number(1053), want{action: engine.ActionDoubt}},
		"table full":                       {number(1114), want{action: engine.ActionRetry}},
		"host blocked":                     {number(1129), want{action: engine.ActionDoubt}},
		"too many connections of one":      {number(1203), want{action: engine.ActionDoubt}},
		"lock wait timeout":                {number(1205), want{action: engine.ActionLocked}},
		"too much of a resource":           {number(1226), want{action: engine.ActionDoubt}},
		"interrupted":                      {number(1317), want{action: engine.ActionDoubt}},
		"table definition has changed":     {number(1412), want{action: engine.ActionDoubt}},
		"no partition":                     {number(1526), want{action: engine.ActionDoubt}},
		"statement to be prepared anew":    {number(1615), want{action: engine.ActionDoubt}},
		"a trigger's signal":               {number(1644), want{action: engine.ActionDoubt}},
		"not in STATEMENT's binary log":    {number(1665), want{action: engine.ActionDoubt}},
		"connection killed":                {number(1927), want{action: engine.ActionDoubt}},
		"statement too long":               {number(1969), want{action: engine.ActionDoubt}},
		"deadlock":                         {number(1213), want{action: engine.ActionLocked}},
		"Galera's node not ready":          {number(1047), want{action: engine.ActionReconnect}},
		"read-only option":                 {number(1290), want{action: engine.ActionReconnect}},
		"read-only transaction":            {number(1792), want{action: engine.ActionReconnect}},
		"read-only mode":                   {number(1836), want{action: engine.ActionReconnect}},
		"no such table":                    {number(1146), want{action: engine.ActionInspect}},
		"no such column":                   {number(1054), want{action: engine.ActionInspect}},
		"no right to the table":            {number(1142), want{action: engine.ActionReconnect}},
		"no right to the column":           {number(1143), want{action: engine.ActionReconnect}},
		"a foreign column without default": {number(1364), want{action: engine.ActionInspect}},
		"not insertable":                   {number(1471), want{action: engine.ActionInspect}},
		"null":                             {number(1048), refused(push.ReasonConstraint)},
		"duplicate":                        {number(1062), refused(push.ReasonConstraint)},
		"no parent row":                    {number(1452), refused(push.ReasonConstraint)},
		"MySQL's check":                    {number(3819), refused(push.ReasonConstraint)},
		"MariaDB's check":                  {number(4025), refused(push.ReasonConstraint)},
		"too long":                         {number(1406), refused(push.ReasonTooLarge)},
		"row too large":                    {number(1118), refused(push.ReasonTooLarge)},
		"packet too large":                 {number(1153), refused(push.ReasonTooLarge)},
		"packet too large for the driver":  {mysql.ErrPktTooLarge, refused(push.ReasonTooLarge)},
		"value larger than a packet":       {&mysql.MySQLError{Number: 1105, Message: "set through mysql_send_long_data() is longer"}, refused(push.ReasonTooLarge)},
		"number out of range":              {number(1264), refused(push.ReasonRange)},
		"wrong time":                       {number(1292), refused(push.ReasonRange)},
		"sum out of range":                 {number(1690), refused(push.ReasonRange)},
		"text that the column cannot hold": {number(1366), refused(push.ReasonEncoding)},
		"text that is invalid":             {number(1300), refused(push.ReasonEncoding)},
		"text that cannot be converted":    {number(3854), refused(push.ReasonEncoding)},
		"truncated":                        {number(1265), refused(push.ReasonOther)},
		"text that is no JSON":             {number(3140), refused(push.ReasonOther)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			action, reason := classify(fmt.Errorf("wrapped: %w", c.err))
			assert.Equal(t, c.want, want{action, reason})
		})
	}
}
