package tyksqlexporter

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// telemetry counts what the exporter does. Counts are of committed writes only.
type telemetry struct {
	builder  *metadata.TelemetryBuilder
	outcomes []outcomes // of the tables
	notTaken metric.AddOption
}

// outcomes are what can become of a record and one table.
type outcomes struct{ stored, applied metric.AddOption }

func newTelemetry(builder *metadata.TelemetryBuilder, tables []table) *telemetry {
	attributes := func(list ...attribute.KeyValue) metric.AddOption {
		return metric.WithAttributeSet(attribute.NewSet(list...))
	}
	t := &telemetry{builder: builder, notTaken: attributes(attribute.String("outcome", "not_taken"))}
	for _, table := range tables {
		key := attribute.String("table", table.layout.key)
		t.outcomes = append(t.outcomes, outcomes{
			stored:  attributes(attribute.String("outcome", "stored"), key),
			applied: attributes(attribute.String("outcome", "already_applied"), key),
		})
	}
	return t
}

func (t *telemetry) duration(ctx context.Context, d time.Duration) {
	t.builder.ExporterTyksqlWriteDuration.Record(ctx, d.Seconds())
}

// count books a batch whose write was successful.
func (t *telemetry) count(ctx context.Context, b *batch) {
	add := func(n int64, outcome metric.AddOption) {
		if n > 0 {
			t.builder.ExporterTyksqlRecords.Add(ctx, n, outcome)
		}
	}
	for i := range b.parts {
		add(b.parts[i].count(statePending), t.outcomes[i].stored)
		add(b.parts[i].count(stateApplied), t.outcomes[i].applied)
	}
	add(b.notTaken(), t.notTaken)
	for reason, n := range sink.CountReasons(b.refusals) {
		t.builder.ExporterTyksqlRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
}

// countRollups books the records of groups whose write was successful.
func (t *telemetry) countRollups(ctx context.Context, b *rollupBatch) {
	for i := range b.groups {
		n := b.groups[i].Records.Len()
		key := attribute.String("table", latencyLayout.key)
		if to, ok := b.tables.families[b.groups[i].Family]; ok {
			key = attribute.String("table", to.layout.key)
		}
		switch b.states[i] {
		case statePending:
			t.builder.ExporterTyksqlRecords.Add(ctx, n, metric.WithAttributes(attribute.String("outcome", "stored"), key))
		case stateApplied:
			t.builder.ExporterTyksqlRecords.Add(ctx, n, metric.WithAttributes(attribute.String("outcome", "already_applied"), key))
		case stateNotTaken:
			t.builder.ExporterTyksqlRecords.Add(ctx, n, t.notTaken)
		case stateRefused:
			reason, _, _ := strings.Cut(b.reasons[i], ":")
			t.builder.ExporterTyksqlRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", reason)))
		}
	}
}

func (t *telemetry) prunedRows(ctx context.Context, n int64) {
	t.builder.ExporterTyksqlLedgerPrunedRows.Add(ctx, n)
}

func (t *telemetry) droppedTables(ctx context.Context, n int) {
	t.builder.ExporterTyksqlDroppedTables.Add(ctx, int64(n))
}
