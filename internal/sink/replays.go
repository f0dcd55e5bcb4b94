package sink

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// ReasonForgotten is of dead letters that are replayed after the store may have
// forgotten what it stored of them.
const ReasonForgotten Reason = "forgotten"

// Replays refuses dead letters that are replayed too late: another table may have
// stored their records at the time, and would store them twice.
type Replays struct {
	// Retention is for how long the store remembers; 0 is for ever.
	Retention time.Duration
	// Key is Retention's in the configuration.
	Key string
	// Destination names the exporter.
	Destination string
	// RollupsOnly is for a store that recognises records themselves for ever.
	RollupsOnly bool
}

// Push stores the logs by store, but for what is replayed too late, which refused is
// told and the error names.
func (r Replays) Push(logs plog.Logs, store func(plog.Logs) error, refused func(records int)) error {
	rest, late, err := r.split(logs, time.Now())
	if err != nil {
		return err
	}
	err = store(rest)
	if len(late) == 0 || err != nil && !consumererror.IsPermanent(err) {
		return err // another attempt refuses again what is refused now
	}
	refused(len(late))
	return errors.Join(err, consumererror.NewPermanent(&analytics.RefusedError{Records: late}))
}

// split parts logs into what may be stored and the records of what may not.
func (r Replays) split(logs plog.Logs, now time.Time) (plog.Logs, []analytics.RefusedRecord, error) {
	reasons := r.late(logs, now)
	if len(reasons) == 0 {
		return logs, nil, nil
	}
	rest := plog.NewLogs() // the logs may be others', too
	logs.CopyTo(rest)
	var records []analytics.RefusedRecord
	var fault error
	rest.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
		resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
			reason, late := reasons[analytics.GivenUp(scope.Scope())]
			if !late || r.RollupsOnly && !IsRollups(resource) {
				return false
			}
			if IsRollups(resource) {
				named, err := r.ofRollups(resource, reason)
				records, fault = append(records, named...), errors.Join(fault, err)
				return true
			}
			for i, log := range scope.LogRecords().All() {
				records = append(records, analytics.RefusedRecord{UID: uidOf(log, int32(i)), Reason: reason, Destination: r.Destination}) //nolint:gosec // as many as records
			}
			return true
		})
		return resource.ScopeLogs().Len() == 0
	})
	return rest, records, fault
}

// late gives why what was given up at a moment is refused.
func (r Replays) late(logs plog.Logs, now time.Time) map[time.Time]string {
	var reasons map[time.Time]string
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			at := analytics.GivenUp(scope.Scope())
			if at.IsZero() || r.Retention == 0 || now.Sub(at) < r.Retention {
				continue
			}
			if reasons == nil {
				reasons = map[time.Time]string{}
			}
			reasons[at] = Refusal{Reason: ReasonForgotten, Text: fmt.Sprintf("a dead letter of %s, longer ago than the %s of %s, so that the store may have forgotten that it has the record: "+
				"look whether it has, then drop the letter, or replay it with tykctl dead replay -old", at.Format(time.RFC3339), r.Retention, r.Key)}.String()
		}
	}
	return reasons
}

// IsRollups tells whether a part of a push is a group of rollups.
func IsRollups(resource plog.ResourceLogs) bool {
	_, is := resource.Resource().Attributes().Get(rollup.AttrFamily)
	return is
}

// ofRollups names the records that a resource of rollups counts.
func (r Replays) ofRollups(resource plog.ResourceLogs, reason string) ([]analytics.RefusedRecord, error) {
	one := plog.NewLogs()
	resource.CopyTo(one.ResourceLogs().AppendEmpty())
	groups, err := Rollups(one)
	if err != nil {
		return nil, err
	}
	var records []analytics.RefusedRecord
	for i := range groups {
		records = append(records, RefusedGroup(&groups[i], reason, r.Destination)...)
	}
	return records, nil
}
