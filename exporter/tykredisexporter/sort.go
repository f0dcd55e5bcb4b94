package tykredisexporter

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// pushes are the entries of a push that go to one list, in order.
type pushes struct {
	list string
	runs []claim.Run
}

// sortEntries finds the entries of log records, and to which lists they go. What was made of no entry is
// refused; where an entry is missing, something is wrong between the receiver and the exporter.
func sortEntries(logs plog.Logs, entries analytics.Entries) (sorted []pushes, refusals []sink.Refusal, err error) {
	place := int32(-1)
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, log := range scope.LogRecords().All() {
				place++
				uid, err := identity(log.Attributes())
				if err != nil {
					refusals = append(refusals, sink.Refusal{Entry: place, Reason: sink.ReasonForeign, Text: err.Error()})
					continue
				}
				entry, ok := entries.Entry(uid)
				if !ok {
					return nil, nil, fmt.Errorf("%w (record %s)", errNoEntries, uid)
				}
				sorted = add(sorted, uid, entry)
			}
		}
	}
	return sorted, refusals, nil
}

func identity(attributes pcommon.Map) (analytics.UID, error) {
	value, ok := attributes.Get(analytics.AttrUID)
	if !ok {
		return analytics.UID{}, fmt.Errorf("made of no entry: it has no %s", analytics.AttrUID)
	}
	return analytics.ParseUID(value.Str())
}

// add puts an entry behind those that go to the same list. Those of a segment lie together.
func add(sorted []pushes, uid analytics.UID, entry analytics.Entry) []pushes {
	at := slices.IndexFunc(sorted, func(p pushes) bool { return p.list == entry.List })
	if at < 0 {
		at = len(sorted)
		sorted = append(sorted, pushes{list: entry.List})
	}
	runs := sorted[at].runs
	if len(runs) == 0 || runs[len(runs)-1].Segment != uid.Segment {
		runs = append(runs, claim.Run{Segment: uid.Segment})
	}
	run := &runs[len(runs)-1]
	run.Indices, run.Entries = append(run.Indices, uid.Index), append(run.Entries, entry.Bytes)
	sorted[at].runs = runs
	return sorted
}
