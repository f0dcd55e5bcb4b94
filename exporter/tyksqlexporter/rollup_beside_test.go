package tyksqlexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func testRollupsBesideRecords(t *testing.T, fresh newTarget) {
	d := withRollups(fresh(t))
	e, a := d.start(t), sinktest.Aggregator(t, nil)
	groups, _ := a.Aggregate(sinktest.Hits("seg", 0, 9), nil)
	for range 2 {
		logs := sinktest.Hits("seg", 0, 4)
		rollup.AppendLogs(logs, "", groups)
		require.NoError(t, e.ConsumeLogs(t.Context(), logs))
	}
	assert.EqualValues(t, 10, totalHits(t, d))
	assert.EqualValues(t, 5, d.rows(t))
}

func testRecordsBesideRollupTables(t *testing.T, fresh newTarget) {
	d := onlyRollups(fresh(t))
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Hits("seg", 0, 9)))
	require.NoError(t, rolledUp(t, e, sinktest.Aggregator(t, nil), sinktest.Hits("seg", 0, 9)))
	assert.EqualValues(t, 10, totalHits(t, d))
}

// Rollups without a table wait, and so do the records beside them.
func testRollupsRefusedBesideRecords(t *testing.T, fresh newTarget) {
	d := fresh(t)
	groups, _ := sinktest.Aggregator(t, nil).Aggregate(sinktest.Hits("seg", 0, 9), nil)
	logs := sinktest.Hits("seg", 0, 4)
	rollup.AppendLogs(logs, "", groups)
	err := d.start(t).ConsumeLogs(t.Context(), logs)
	require.Error(t, err)
	assert.False(t, consumererror.IsPermanent(err))
	require.NoError(t, withRollups(d).start(t).ConsumeLogs(t.Context(), logs))
	assert.EqualValues(t, 5, d.rows(t))
	assert.EqualValues(t, 10, totalHits(t, d))
}
