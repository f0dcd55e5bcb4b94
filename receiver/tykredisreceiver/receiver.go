package tykredisreceiver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// redisReceiver runs one pipeline of goroutines, each handing on to the next:
//
//	claimer -> reader -> deliveries (max_in_flight) -> acknowledger
type redisReceiver struct {
	set  receiver.Settings
	cfg  *Config
	next consumer.Logs

	telemetry *metadata.TelemetryBuilder
	client    redis.UniversalClient
	store     *claim.Store
	sources   []*source
	holdings  *holdings
	claimer   *claimer

	stopIntake     context.CancelFunc // claimer and reader
	stopDeliveries context.CancelFunc // what is in flight, and acknowledging it
	intake         sync.WaitGroup
	deliveries     sync.WaitGroup
	acknowledging  sync.WaitGroup
	delivered      chan chunk
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*redisReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("create telemetry: %w", err)
	}
	return &redisReceiver{set: set, cfg: cfg, next: next, telemetry: telemetry}, nil
}

// Start prepares everything and returns; a Redis out of reach is waited for.
func (r *redisReceiver) Start(ctx context.Context, host component.Host) error {
	client, err := newClient(ctx, r.cfg)
	if err != nil {
		return err
	}
	r.client = client
	r.store = claim.NewStore(client)
	r.sources = sources(r.cfg, claim.Settings{
		Group:        r.cfg.Group,
		Worker:       workerName(),
		Lease:        r.cfg.Lease,
		ChunkRecords: r.cfg.ChunkSize,
		ChunkBytes:   r.cfg.ChunkBytes,
		MaxHeld:      maxHeld,
		MaxDead:      r.cfg.DeadLetters.MaxEntries,
		GroupExpiry:  r.cfg.GroupExpiry,

		WaitForReplicas: r.cfg.WaitForReplicas,
	})
	r.holdings = newHoldings(len(r.sources))

	obsrep, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: r.set.ID, Transport: "redis", LongLivedCtx: true, ReceiverCreateSettings: r.set,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("create receiver report: %w", err), client.Close())
	}
	state := &health{host: host, logger: r.set.Logger, explain: r.cfg.explain}
	progress := newWatch(state)
	r.claimer = &claimer{
		store: r.store, sources: r.sources, holdings: r.holdings, telemetry: r.telemetry,
		logger: r.set.Logger, health: state, watch: progress, records: r.cfg.ChunkSize,
		// Leases are renewed with each look, which must come well before they expire.
		interval: min(r.cfg.PollInterval, r.cfg.Lease/3),
	}
	if err := r.observe(); err != nil {
		return errors.Join(err, client.Close())
	}
	r.run(state, &deliverer{
		next: r.next, store: r.store, obsrep: obsrep, telemetry: r.telemetry, logger: r.set.Logger,
		health: state, watch: progress, version: r.set.BuildInfo.Version, group: r.cfg.Group,
		redelivery: r.cfg.Redelivery,
	})
	r.set.Logger.Info("Watching the gateway's lists in Redis",
		zap.Strings("addresses", r.cfg.Addresses), zap.String("group", r.cfg.Group), zap.Int("lists", len(r.sources)))
	return nil
}

func (r *redisReceiver) run(state *health, d *deliverer) {
	intakeCtx, stopIntake := context.WithCancel(context.Background())
	deliveryCtx, stopDeliveries := context.WithCancel(context.Background())
	r.stopIntake, r.stopDeliveries = stopIntake, stopDeliveries
	r.delivered = make(chan chunk, 64)

	a := &acknowledger{store: r.store, logger: r.set.Logger, delivered: r.delivered, acknowledged: func(ctx context.Context, n int64) {
		r.telemetry.TykredisRecordsDelivered.Add(ctx, n)
	}}
	r.acknowledging.Go(func() { a.run(deliveryCtx) })
	r.intake.Go(func() { r.claimer.run(intakeCtx) })
	r.intake.Go(func() { d.watch.run(intakeCtx) })
	if r.cfg.Backlog.bounded() {
		b := &bound{cfg: r.cfg.Backlog, store: r.store, sources: r.sources, telemetry: r.telemetry, logger: r.set.Logger}
		r.intake.Go(func() { b.run(intakeCtx) })
	}
	r.intake.Go(func() { r.read(intakeCtx, deliveryCtx, state, d) })
}

// read hands batches to deliveries, of which max_in_flight run at once; the
// next batch is read while they do.
func (r *redisReceiver) read(ctx, deliveryCtx context.Context, state *health, d *deliverer) {
	in := &reader{store: r.store, sources: r.sources, holdings: r.holdings, records: r.cfg.ChunkSize, bytes: r.cfg.ChunkBytes}
	slots := make(chan struct{}, r.cfg.MaxInFlight)
	wait := newBackoff()
	for {
		b, err := in.next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if !isGone(err) {
				state.redis(err)
			}
			wait.sleep(ctx)
			continue
		}
		wait = newBackoff()
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		r.deliveries.Go(func() {
			defer func() { <-slots }()
			if err := d.deliver(deliveryCtx, b); err != nil {
				r.set.Logger.Info("A delivery was cut short; its records stay in Redis", zap.Error(err))
				return
			}
			for _, c := range b.chunks {
				r.delivered <- c
			}
		})
	}
}

// Shutdown stops reading, lets deliveries end for as long as shutdown_timeout,
// and gives the rest back for others.
func (r *redisReceiver) Shutdown(ctx context.Context) error {
	defer r.telemetry.Shutdown()
	if r.client == nil {
		return nil
	}
	r.stopIntake()
	r.intake.Wait()
	cutShort := time.AfterFunc(r.cfg.ShutdownTimeout, r.stopDeliveries)
	defer cutShort.Stop()
	stopEarly := context.AfterFunc(ctx, r.stopDeliveries)
	defer stopEarly()
	r.deliveries.Wait()
	close(r.delivered)
	r.acknowledging.Wait()
	r.stopDeliveries()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Timeout)
	defer cancel()
	if err := r.store.Release(ctx, plain(r.sources)); err != nil {
		// Not a failed shutdown: the leases expire by themselves.
		r.set.Logger.Warn("Leases could not be given back; peers wait until they expire",
			zap.Duration("lease", r.cfg.Lease), zap.Error(err))
	}
	err := r.client.Close()
	r.client = nil
	return err
}

// observe offers what the last look at the backlog found.
func (r *redisReceiver) observe() error {
	each := func(report func(src *source, s claim.Stat)) {
		if stats := r.claimer.stats.Load(); stats != nil {
			for i, s := range *stats {
				if s != (claim.Stat{}) { // a gateway uses few of the lists
					report(r.sources[i], s)
				}
			}
		}
	}
	// Receivers of several groups may run in one process.
	group := attribute.String("group", r.cfg.Group)
	of := func(src *source, more ...attribute.KeyValue) metric.ObserveOption {
		return metric.WithAttributes(append(more, attribute.String("source", src.Key()), group)...)
	}
	return errors.Join(
		r.telemetry.RegisterTykredisBacklogCallback(func(_ context.Context, o metric.Int64Observer) error {
			each(func(src *source, s claim.Stat) { o.Observe(s.Unclaimed+s.Claimed, of(src)) })
			return nil
		}),
		r.telemetry.RegisterTykredisDeadLettersCallback(func(_ context.Context, o metric.Int64Observer) error {
			each(func(src *source, s claim.Stat) {
				if !src.replay { // which shares them with its source
					o.Observe(s.Dead, of(src))
				}
			})
			return nil
		}),
		r.telemetry.RegisterTykredisReceiptsCallback(func(_ context.Context, o metric.Int64Observer) error {
			each(func(src *source, s claim.Stat) {
				for state, n := range map[string]int64{
					"claimed": s.Receipts.Seen, "delivered": s.Receipts.Delivered, "dead_lettered": s.Receipts.Dead,
					"lost": s.Receipts.Lost, "gave_way": s.Receipts.Gone, "in_flight": s.Claimed,
				} {
					o.Observe(n, of(src, attribute.String("state", state)))
				}
			})
			return nil
		}),
		r.telemetry.RegisterTykredisOldestClaimAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			oldest := time.Duration(0)
			each(func(_ *source, s claim.Stat) { oldest = max(oldest, s.OldestAge) })
			o.Observe(oldest.Seconds(), metric.WithAttributes(group))
			return nil
		}),
	)
}
