package tyksqlexporter

import (
	"context"
	"strings"

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
	outcomes map[string]outcomes // by table
	notTaken metric.AddOption
	firsts   sink.Firsts
}

// outcomes are what can become of a record and one table.
type outcomes struct{ stored, applied metric.AddOption }

func newTelemetry(builder *metadata.TelemetryBuilder, tables []layout.Table) *telemetry {
	attributes := func(list ...attribute.KeyValue) metric.AddOption {
		return metric.WithAttributeSet(attribute.NewSet(list...))
	}
	t := &telemetry{builder: builder, outcomes: map[string]outcomes{}, notTaken: attributes(attribute.String("outcome", "not_taken"))}
	for _, table := range tables {
		key := attribute.String("table", table.Layout.Key)
		t.outcomes[table.Name] = outcomes{
			stored:  attributes(attribute.String("outcome", "stored"), key),
			applied: attributes(attribute.String("outcome", "already_applied"), key),
		}
	}
	return t
}

// begin makes counters that alerts look at begin with 0: what appears with its first value has not
// increased for Prometheus.
func (t *telemetry) begin(ctx context.Context) {
	for _, reason := range push.Reasons {
		t.refused(ctx, reason, 0)
	}
}

// count books a batch whose write was successful.
func (t *telemetry) count(ctx context.Context, b *push.Batch) {
	for i := range b.Parts {
		p := &b.Parts[i]
		t.stored(ctx, p.Name, p.Count(push.StatePending))
		t.add(ctx, p.Count(push.StateApplied), t.outcomes[p.Name].applied)
	}
	t.add(ctx, b.NotTaken(), t.notTaken)
	for reason, n := range sink.CountReasons(b.Refusals) {
		t.refused(ctx, reason, n)
	}
}

// countRollups books the records of groups whose write was successful.
func (t *telemetry) countRollups(ctx context.Context, b *rollups.Batch) {
	for i := range b.Groups {
		n := b.Groups[i].Records.Len()
		to, _ := b.Tables.Of(b.Groups[i].Family)
		switch b.States[i] {
		case push.StatePending:
			t.stored(ctx, to.Name, n)
		case push.StateApplied:
			t.add(ctx, n, t.outcomes[to.Name].applied)
		case push.StateNotTaken:
			t.add(ctx, n, t.notTaken)
		case push.StateRefused:
			reason, _, _ := strings.Cut(b.Reasons[i], ":")
			t.refused(ctx, sink.Reason(reason), n)
		}
	}
}

// stored books records that a table has got.
func (t *telemetry) stored(ctx context.Context, table string, n int64) {
	t.add(ctx, n, t.outcomes[table].stored)
	t.firsts.Stored(table, n)
}

func (t *telemetry) add(ctx context.Context, n int64, outcome metric.AddOption) {
	if n > 0 {
		t.builder.ExporterTyksqlRecords.Add(ctx, n, outcome)
	}
}

// refused books records that are never stored.
func (t *telemetry) refused(ctx context.Context, reason sink.Reason, n int64) {
	t.builder.ExporterTyksqlRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
}
