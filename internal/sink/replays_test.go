package sink

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// replayed makes a scope of one record that was given up at a time.
func replayed(t *testing.T, to plog.Logs, segment string, at time.Time) {
	t.Helper()
	record := analytics.Record{OrgID: "acme", TimeStamp: time.Now()}
	record.ToLog(analytics.AppendScope(to).AppendEmpty(), segment+"-7")
	analytics.StampGivenUp(to.ResourceLogs().At(to.ResourceLogs().Len()-1).ScopeLogs().At(0).Scope(), at)
}

// count stores nothing but counts.
func count(stored *int, err error) func(plog.Logs) error {
	return func(logs plog.Logs) error {
		*stored += logs.LogRecordCount()
		return err
	}
}

func TestReplaysThatAStoreMayHaveForgottenAreRefused(t *testing.T) {
	r := Replays{Retention: 72 * time.Hour, Key: "ledger::retention", Destination: "tyksql"}
	logs := plog.NewLogs()
	replayed(t, logs, "fresh", time.Time{})
	replayed(t, logs, "young", time.Now().Add(-71*time.Hour))
	replayed(t, logs, "old", time.Now().Add(-73*time.Hour))
	logs.MarkReadOnly()

	stored, told := 0, 0
	err := r.Push(logs, count(&stored, nil), func(n int) { told += n })
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.True(t, consumererror.IsPermanent(err))
	require.Len(t, refused.Records, 1)
	assert.Equal(t, analytics.UID{Segment: "old", Index: 7}, refused.Records[0].UID)
	assert.Equal(t, "tyksql", refused.Records[0].Destination)
	assert.Contains(t, refused.Records[0].Reason, "72h0m0s of ledger::retention")
	assert.Equal(t, 2, stored)
	assert.Equal(t, 1, told)

	outage := errors.New("no answer")
	assert.Equal(t, outage, r.Push(logs, count(&stored, outage), func(int) { t.Error("told before the others are stored") }))
	r.Retention, stored = 0, 0
	require.NoError(t, r.Push(logs, count(&stored, nil), nil))
	assert.Equal(t, 3, stored, "who never forgets takes all")
}

func TestRollupsOfForgottenReplaysAreRefused(t *testing.T) {
	a, err := rollup.NewAggregator(rollup.Settings{Minutes: 60, Zone: "UTC"})
	require.NoError(t, err)
	records := plog.NewLogs()
	replayed(t, records, "fresh", time.Time{})
	replayed(t, records, "old", time.Now().Add(-73*time.Hour))
	groups, _ := a.Aggregate(records, nil)
	require.Len(t, groups, 2)
	logs := plog.NewLogs()
	rollup.AppendLogs(logs, "test", groups)
	replayed(t, logs, "record", time.Now().Add(-73*time.Hour))

	var stored []rollup.Group
	rest := 0
	err = Replays{Retention: 72 * time.Hour, RollupsOnly: true}.Push(logs, func(logs plog.Logs) (err error) {
		stored, err = Rollups(logs)
		rest = logs.ResourceLogs().Len() - len(stored)
		return err
	}, func(int) {})
	var refused *analytics.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Records, 1)
	assert.Equal(t, analytics.UID{Segment: "old", Index: 7}, refused.Records[0].UID)
	require.Len(t, stored, 1)
	assert.Equal(t, "fresh", stored[0].Segment)
	assert.True(t, stored[0].GivenUp.IsZero())
	assert.Equal(t, 1, rest, "records have identities for ever")
}
