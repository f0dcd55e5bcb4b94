package tykredisreceiver

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// startCounters makes counters that alerts look at begin with 0: what appears with its first value has
// not increased for Prometheus.
func startCounters(ctx context.Context, t *metadata.TelemetryBuilder) {
	for _, counter := range []metric.Int64Counter{
		t.TykredisRecordsClaimed, t.TykredisRecordsDelivered, t.TykredisChunksRedelivered, t.TykredisDeadLettersDropped,
		t.TykredisEntriesAdopted, t.TykredisEntriesLost, t.TykredisRollbacks,
	} {
		counter.Add(ctx, 0)
	}
	for _, reason := range []string{"undecodable", "refused"} {
		t.TykredisRecordsDeadLettered.Add(ctx, 0, metric.WithAttributes(attribute.String("reason", reason)))
	}
	for _, policy := range []string{shedBodies, shedSuccesses, shedOldest} {
		t.TykredisShed.Add(ctx, 0, metric.WithAttributes(attribute.String("policy", policy)))
	}
}
