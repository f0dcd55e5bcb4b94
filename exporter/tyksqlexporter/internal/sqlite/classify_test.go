package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// The errors come from SQLite itself, as the driver gives no way to make one.
func TestOnlyWhatSQLiteSaysOfAValueRefusesARecord(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "tyk.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), "create table t (a integer primary key, b text not null, c integer check (c > 0)) strict")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		statement string
		action    engine.Action
		reason    sink.Reason
	}{
		"no such table":  {statement: "insert into nowhere values (1)", action: engine.ActionInspect},
		"no such column": {statement: "insert into t (z) values (1)", action: engine.ActionInspect},
		"not null":       {statement: "insert into t (a, c) values (1, 1)", action: engine.ActionInspect},
		"too big":        {statement: "insert into t (b) values (zeroblob(2000000000))", action: engine.ActionRefuse, reason: push.ReasonTooLarge},
		"check":          {statement: "insert into t (b, c) values ('', 0)", action: engine.ActionRefuse, reason: push.ReasonConstraint},
		"datatype":       {statement: "insert into t (b, c) values ('', 'x')", action: engine.ActionRefuse, reason: push.ReasonConstraint},
		"mismatch":       {statement: "insert into t (a, b) values ('x', '')", action: engine.ActionRefuse, reason: push.ReasonRange},
		"read-only":      {statement: "pragma query_only = on; insert into t (b) values ('')", action: engine.ActionRetry},
	} {
		_, err := db.ExecContext(t.Context(), c.statement)
		require.Error(t, err, name)
		var sqliteErr *sqlite.Error
		require.ErrorAs(t, err, &sqliteErr, name)
		action, reason := classify(fmt.Errorf("wrapped: %w", err))
		assert.Equal(t, c.action, action, name)
		assert.Equal(t, c.reason, reason, name)
		_, err = db.ExecContext(t.Context(), "pragma query_only = off")
		require.NoError(t, err)
	}
	for _, err := range []error{driver.ErrBadConn, context.Canceled, io.ErrUnexpectedEOF} {
		action, _ := classify(err)
		assert.Equal(t, engine.ActionRetry, action)
	}
}
