package tyksqlexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// TestSQLite runs what holds for each driver.
func TestSQLite(t *testing.T) {
	t.Parallel()
	for name, test := range anyDatabase() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, sqliteTarget)
		})
	}
}

// An operator's trigger ends the whole transaction, savepoints and all. Nothing may be
// written after that without its ledger row.
func TestSQLiteNeverWritesHalf(t *testing.T) {
	t.Parallel()
	d := sqliteTarget(t)
	e := d.start(t)
	d.exec(t, "create trigger operators before insert on tyk_analytics begin select raise(rollback, 'no') where new.path in ('/items/3', '/items/17'); end")
	for range 8 {
		require.Error(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 19)))
		require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("other", 20, 24)))
	}
	assert.EqualValues(t, 5, d.rows(t))
	d.exec(t, "drop trigger operators")
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 19)))
	assert.EqualValues(t, 25, d.rows(t))
}

func TestSQLiteTriggerRefusesOneByOne(t *testing.T) {
	t.Parallel()
	d := sqliteTarget(t)
	e := d.start(t)
	d.exec(t, "create trigger operators before insert on tyk_analytics begin select raise(abort, 'no') where new.path in ('/items/3', '/items/17'); end")
	assert.Len(t, refusedOf(t, e.ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 19))), 2)
	assert.EqualValues(t, 18, d.rows(t))
}
