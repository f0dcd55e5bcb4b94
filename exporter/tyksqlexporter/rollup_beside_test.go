package tyksqlexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/sqltest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

func testRollupsBesideRecords(t *testing.T, fresh newTarget) {
	d := withRollups(fresh(t))
	e, a := d.start(t), sqltest.Aggregator(t, nil)
	groups, _ := a.Aggregate(sqltest.Hits("seg", 0, 9), nil)
	for range 2 {
		logs := sqltest.Hits("seg", 0, 4)
		rollup.AppendLogs(logs, "", groups)
		require.NoError(t, e.ConsumeLogs(t.Context(), logs))
	}
	assert.EqualValues(t, 10, totalHits(t, d))
	assert.EqualValues(t, 5, d.rows(t))
}

func testRecordsBesideRollupTables(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sqltest.Hits("seg", 0, 9)))
	require.NoError(t, rolledUp(t, e, sqltest.Aggregator(t, nil), sqltest.Hits("seg", 0, 9)))
	assert.EqualValues(t, 10, totalHits(t, d))
}

// Rollups without a table wait, and so do the records beside them.
func testRollupsRefusedBesideRecords(t *testing.T, fresh newTarget) {
	d := fresh(t)
	groups, _ := sqltest.Aggregator(t, nil).Aggregate(sqltest.Hits("seg", 0, 9), nil)
	logs := sqltest.Hits("seg", 0, 4)
	rollup.AppendLogs(logs, "", groups)
	err := d.start(t).ConsumeLogs(t.Context(), logs)
	require.Error(t, err)
	assert.False(t, consumererror.IsPermanent(err))
	require.NoError(t, withRollups(d).start(t).ConsumeLogs(t.Context(), logs))
	assert.EqualValues(t, 5, d.rows(t))
	assert.EqualValues(t, 10, totalHits(t, d))
}
