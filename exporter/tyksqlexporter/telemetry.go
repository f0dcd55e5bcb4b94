package tyksqlexporter

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// telemetry counts what the exporter does. Counts are of committed writes only.
type telemetry struct {
	builder  *metadata.TelemetryBuilder
	outcomes []outcomes // of the tables
	notTaken metric.AddOption
	firsts   sink.Firsts
}

// outcomes are what can become of a record and one table.
type outcomes struct {
	table           string
	stored, applied metric.AddOption
}

func newTelemetry(builder *metadata.TelemetryBuilder, tables []layout.Table) *telemetry {
	attributes := func(list ...attribute.KeyValue) metric.AddOption {
		return metric.WithAttributeSet(attribute.NewSet(list...))
	}
	t := &telemetry{builder: builder, notTaken: attributes(attribute.String("outcome", "not_taken"))}
	for _, table := range tables {
		key := attribute.String("table", table.Layout.Key)
		t.outcomes = append(t.outcomes, outcomes{
			table:   table.Name,
			stored:  attributes(attribute.String("outcome", "stored"), key),
			applied: attributes(attribute.String("outcome", "already_applied"), key),
		})
	}
	return t
}

// begin makes counters that alerts look at begin with 0: what appears with its first value has not
// increased for Prometheus.
func (t *telemetry) begin(ctx context.Context) {
	for _, reason := range push.Reasons {
		t.builder.ExporterTyksqlRefusedRecords.Add(ctx, 0, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
}

func (t *telemetry) duration(ctx context.Context, d time.Duration) {
	t.builder.ExporterTyksqlWriteDuration.Record(ctx, d.Seconds())
}

// count books a batch whose write was successful.
func (t *telemetry) count(ctx context.Context, b *push.Batch) {
	add := func(n int64, outcome metric.AddOption) {
		if n > 0 {
			t.builder.ExporterTyksqlRecords.Add(ctx, n, outcome)
		}
	}
	for i := range b.Parts {
		stored := b.Parts[i].Count(push.StatePending)
		add(stored, t.outcomes[i].stored)
		t.firsts.Stored(t.outcomes[i].table, stored)
		add(b.Parts[i].Count(push.StateApplied), t.outcomes[i].applied)
	}
	add(b.NotTaken(), t.notTaken)
	for reason, n := range sink.CountReasons(b.Refusals) {
		t.refused(ctx, reason, n)
	}
}

// refused books records that are never stored.
func (t *telemetry) refused(ctx context.Context, reason sink.Reason, n int64) {
	t.builder.ExporterTyksqlRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
}

// countRollups books the records of groups whose write was successful.
func (t *telemetry) countRollups(ctx context.Context, b *rollups.Batch) {
	for i := range b.Groups {
		n := b.Groups[i].Records.Len()
		table, key := layout.LatencyLayout.Key, attribute.String("table", layout.LatencyLayout.Key)
		if to, ok := b.Tables.Families[b.Groups[i].Family]; ok {
			key = attribute.String("table", to.Layout.Key)
			table = to.Name
		}
		switch b.States[i] {
		case push.StatePending:
			t.builder.ExporterTyksqlRecords.Add(ctx, n, metric.WithAttributes(attribute.String("outcome", "stored"), key))
			t.firsts.Stored(table, n)
		case push.StateApplied:
			t.builder.ExporterTyksqlRecords.Add(ctx, n, metric.WithAttributes(attribute.String("outcome", "already_applied"), key))
		case push.StateNotTaken:
			t.builder.ExporterTyksqlRecords.Add(ctx, n, t.notTaken)
		case push.StateRefused:
			reason, _, _ := strings.Cut(b.Reasons[i], ":")
			t.refused(ctx, sink.Reason(reason), n)
		}
	}
}

func (t *telemetry) prunedRows(ctx context.Context, n int64) {
	t.builder.ExporterTyksqlLedgerPrunedRows.Add(ctx, n)
}

func (t *telemetry) droppedTables(ctx context.Context, n int) {
	t.builder.ExporterTyksqlDroppedTables.Add(ctx, int64(n))
}
