package tykmongoexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmongoexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// telemetry counts what the exporter does.
type telemetry struct {
	builder  *metadata.TelemetryBuilder
	outcomes map[*collectionKind]outcomes
	notTaken metric.AddOption
	firsts   sink.Firsts
}

// outcomes are what can become of a record and a collection.
type outcomes struct {
	collection      string
	stored, already metric.AddOption
}

func newTelemetry(builder *metadata.TelemetryBuilder, collections *CollectionsConfig) *telemetry {
	attributes := func(list ...attribute.KeyValue) metric.AddOption {
		return metric.WithAttributeSet(attribute.NewSet(list...))
	}
	t := &telemetry{
		builder: builder, outcomes: map[*collectionKind]outcomes{},
		notTaken: attributes(attribute.String("outcome", "not_taken")),
	}
	for _, k := range collectionKinds {
		key := attribute.String("collection", k.key)
		t.outcomes[k] = outcomes{
			collection: k.describe(collections),
			stored:     attributes(attribute.String("outcome", "stored"), key),
			already:    attributes(attribute.String("outcome", "already_stored"), key),
		}
	}
	return t
}

func (t *telemetry) duration(ctx context.Context, d time.Duration) {
	t.builder.ExporterTykmongoWriteDuration.Record(ctx, d.Seconds())
}

// stored books what the database answered, also where the push fails later.
func (t *telemetry) stored(ctx context.Context, k *collectionKind, n counts) {
	t.firsts.Stored(t.outcomes[k].collection, n.stored)
	if n.stored > 0 {
		t.builder.ExporterTykmongoRecords.Add(ctx, n.stored, t.outcomes[k].stored)
	}
	if n.already > 0 {
		t.builder.ExporterTykmongoRecords.Add(ctx, n.already, t.outcomes[k].already)
	}
}

// finished books what a push that did not fail was not able to store.
func (t *telemetry) finished(ctx context.Context, b *batch) {
	if b.notTaken > 0 {
		t.builder.ExporterTykmongoRecords.Add(ctx, b.notTaken, t.notTaken)
	}
	if b.replaced > 0 {
		t.builder.ExporterTykmongoReplacedBodies.Add(ctx, b.replaced)
	}
	reasons := sink.CountReasons(b.refusals)
	for reason, n := range b.reasons {
		reasons[reason] += n
	}
	for reason, n := range reasons {
		t.refused(ctx, reason, n)
	}
}

// refused books records that are never stored.
func (t *telemetry) refused(ctx context.Context, reason sink.Reason, n int64) {
	t.builder.ExporterTykmongoRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
}
