package tyksqlexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
)

// telemetry counts what the exporter does. Counts are of committed writes only.
type telemetry struct {
	builder                   *metadata.TelemetryBuilder
	stored, applied, notTaken metric.AddOption
}

func newTelemetry(builder *metadata.TelemetryBuilder) *telemetry {
	outcome := func(value string) metric.AddOption {
		return metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", value)))
	}
	return &telemetry{
		builder:  builder,
		stored:   outcome("stored"),
		applied:  outcome("already_applied"),
		notTaken: outcome("not_taken"),
	}
}

func (t *telemetry) duration(ctx context.Context, d time.Duration) {
	t.builder.ExporterTyksqlWriteDuration.Record(ctx, d.Seconds())
}

// count books a batch whose write was successful.
func (t *telemetry) count(ctx context.Context, b *batch) {
	var states [stateRefused + 1]int64
	for i := range b.entries {
		states[b.entries[i].state]++
	}
	add := func(n int64, outcome metric.AddOption) {
		if n > 0 {
			t.builder.ExporterTyksqlRecords.Add(ctx, n, outcome)
		}
	}
	add(states[statePending], t.stored)
	add(states[stateApplied], t.applied)
	add(states[stateNotTaken], t.notTaken)
	if states[stateRefused] == 0 {
		return
	}
	reasons := map[refusalReason]int64{}
	for _, r := range b.refusals {
		reasons[r.reason]++
	}
	for reason, n := range reasons {
		t.builder.ExporterTyksqlRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
}

func (t *telemetry) prunedRows(ctx context.Context, n int64) {
	t.builder.ExporterTyksqlLedgerPrunedRows.Add(ctx, n)
}
