package tykredisreceiver

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/backlog"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
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
	for _, policy := range backlog.Policies {
		t.TykredisShed.Add(ctx, 0, metric.WithAttributes(attribute.String("policy", policy)))
	}
}

// observe offers what the last look at the backlog found.
func (r *redisReceiver) observe() error {
	// Receivers of several groups may run in one process.
	group := attribute.String("group", r.cfg.Group)
	each := func(report func(src *source.Source, s claim.Stat, observe func(n int64, more ...attribute.KeyValue))) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			for i, s := range r.poller.Stats() {
				if s == (claim.Stat{}) { // a gateway uses few of the lists
					continue
				}
				report(r.sources[i], s, func(n int64, more ...attribute.KeyValue) {
					o.Observe(n, metric.WithAttributes(append(more, attribute.String("source", r.sources[i].Key()), group)...))
				})
			}
			return nil
		}
	}
	return errors.Join(
		r.telemetry.RegisterTykredisBacklogCallback(each(func(_ *source.Source, s claim.Stat, observe func(int64, ...attribute.KeyValue)) {
			observe(s.Unclaimed + s.Claimed)
		})),
		r.telemetry.RegisterTykredisDeadLettersCallback(each(func(src *source.Source, s claim.Stat, observe func(int64, ...attribute.KeyValue)) {
			if !src.Replay { // which shares them with its source
				observe(s.Dead)
			}
		})),
		r.telemetry.RegisterTykredisReceiptsCallback(each(func(_ *source.Source, s claim.Stat, observe func(int64, ...attribute.KeyValue)) {
			for state, n := range map[string]int64{
				"claimed": s.Receipts.Seen, "delivered": s.Receipts.Delivered, "dead_lettered": s.Receipts.Dead,
				"lost": s.Receipts.Lost, "shed": s.Receipts.Shed, "in_flight": s.Claimed,
			} {
				observe(n, attribute.String("state", state))
			}
		})),
		r.telemetry.RegisterTykredisOldestClaimAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			oldest := time.Duration(0)
			for _, s := range r.poller.Stats() {
				oldest = max(oldest, s.OldestAge)
			}
			o.Observe(oldest.Seconds(), metric.WithAttributes(group))
			return nil
		}),
		r.telemetry.RegisterTykredisForeignBacklogCallback(func(_ context.Context, o metric.Int64Observer) error {
			for at, n := range r.finder.Found() {
				o.Observe(n, metric.WithAttributes(attribute.String("group", at.Group), attribute.String("source", at.Source)))
			}
			return nil
		}),
		r.telemetry.RegisterTykredisWorkersCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(r.poller.Workers(), metric.WithAttributes(group))
			return nil
		}),
	)
}
