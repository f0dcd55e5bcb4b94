package sink_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

func TestRefusedRecordsAreNamedOnce(t *testing.T) {
	t.Parallel()
	logs := plog.NewLogRecordSlice()
	for _, uid := range []string{"seg-7", "seg-8", "of somebody else"} {
		logs.AppendEmpty().Attributes().PutStr(analytics.AttrUID, uid)
	}
	refusals := []sink.Refusal{
		{Entry: 2, Reason: "range", Text: "too much"},
		{Entry: 0, Reason: "name", Text: "odd"},
		{Entry: 2, Reason: "name", Text: "odd too"},
	}
	assert.Equal(t, map[sink.Reason]int64{"range": 1, "name": 2}, sink.CountReasons(refusals))
	records := sink.RefusedRecords(refusals, func(entry int32) plog.LogRecord { return logs.At(int(entry)) }, "to")
	assert.Equal(t, []analytics.RefusedRecord{
		{UID: analytics.UID{Segment: "seg", Index: 7}, Reason: "name: odd", Destination: "to"},
		{UID: analytics.UID{Index: 2}, Reason: "range: too much; name: odd too", Destination: "to"},
	}, records)
}

func TestRefusedGroupsNameTheirRecords(t *testing.T) {
	t.Parallel()
	g := rollup.Group{Segment: "seg"}
	g.Records.Add(3)
	g.Records.Add(5)
	assert.Equal(t, []analytics.RefusedRecord{
		{UID: analytics.UID{Segment: "seg", Index: 3}, Reason: "why", Destination: "to"},
		{UID: analytics.UID{Segment: "seg", Index: 5}, Reason: "why", Destination: "to"},
	}, sink.RefusedGroup(&g, "why", "to"))
	assert.Equal(t, []analytics.RefusedRecord{{Reason: "why", Destination: "to"}}, sink.RefusedGroup(&rollup.Group{}, "why", "to"))
}
