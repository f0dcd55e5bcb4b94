package sink

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// ReasonForeign is why a log record is refused that is no analytics record.
const ReasonForeign Reason = "foreign"

// ReasonRange is why a record is refused of which a value, such as its time, has no form in what is sent.
const ReasonRange Reason = "out_of_range"

// Requests are the analytics records of a push, and what is refused of them.
type Requests struct {
	entries  []plog.LogRecord
	refusals []Refusal
}

// Each hands every analytics record of a push to encode, with its place and its identity, which is
// empty where it has none; the record is encode's until it returns. What is no analytics record is refused.
func (p *Requests) Each(logs plog.Logs, encode func(entry int32, r *analytics.Record, uid string)) {
	for _, resource := range logs.ResourceLogs().All() {
		p.EachOf(resource, encode)
	}
}

// EachOf is Each for a part of a push.
func (p *Requests) EachOf(resource plog.ResourceLogs, encode func(entry int32, r *analytics.Record, uid string)) {
	var record analytics.Record
	for _, scope := range resource.ScopeLogs().All() {
		for _, log := range scope.LogRecords().All() {
			entry := int32(len(p.entries)) //nolint:gosec // a push has fewer records
			p.entries = append(p.entries, log)
			if log.EventName() != analytics.EventRequest {
				p.Refuse(entry, ReasonForeign, fmt.Sprintf("not an analytics record: its event name is %q, want %q", log.EventName(), analytics.EventRequest))
				continue
			}
			uid := record.FromLog(log)
			encode(entry, &record, uid)
		}
	}
}

// Refuse notes that a record will never be taken.
func (p *Requests) Refuse(entry int32, reason Reason, text string) {
	p.refusals = append(p.refusals, Refusal{Entry: entry, Reason: reason, Text: text})
}

// Refused counts what is refused, by reason.
func (p *Requests) Refused() map[Reason]int64 { return CountReasons(p.refusals) }

// CountRefused adds what is refused to a counter, by reason.
func (p *Requests) CountRefused(ctx context.Context, counter metric.Int64Counter) {
	for reason, n := range p.Refused() {
		counter.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
}

// Err names the refused records to the receiver, for good; it is nil where all were taken.
// Everything else of the push must be stored by then.
func (p *Requests) Err(destination string) error {
	if len(p.refusals) == 0 {
		return nil
	}
	records := RefusedRecords(p.refusals, func(entry int32) plog.LogRecord { return p.entries[entry] }, destination)
	return consumererror.NewPermanent(&analytics.RefusedError{Records: records})
}

// Rest is a push without the records that are stored, for another attempt. It asks of each record by its place.
func Rest(logs plog.Logs, stored func(entry int32) bool) plog.Logs {
	rest := plog.NewLogs()
	logs.CopyTo(rest)
	entry := int32(-1)
	rest.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
		resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
			scope.LogRecords().RemoveIf(func(plog.LogRecord) bool {
				entry++
				return stored(entry)
			})
			return scope.LogRecords().Len() == 0
		})
		return resource.ScopeLogs().Len() == 0
	})
	return rest
}
