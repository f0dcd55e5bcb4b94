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
	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/shutdown"
)

// redisReceiver runs one pipeline of goroutines, each handing on to the next:
//
//	claimer -> reader -> deliveries (max_in_flight) -> acknowledger
//
// and beside it, where metrics are wanted, one that pushes what deliveries counted.
type redisReceiver struct {
	set    receiver.Settings
	cfg    *Config
	forget func() // that this receiver exists, so that another may be made of its configuration
	// together are all receivers of the process, and arrive tells them of this one.
	together *gathering
	arrive   func()
	// process lets all of them end together; running is this one, once it has started.
	process *shutdown.Process
	running *shutdown.Receiver

	// At least one of them is there.
	logs    consumer.Logs
	metrics consumer.Metrics

	mu    sync.Mutex // guards hosts
	hosts hosts      // of the signals that were started

	telemetry *metadata.TelemetryBuilder
	client    redis.UniversalClient
	store     *claim.Store
	settings  claim.Settings
	sources   []*source
	holdings  *holdings
	claimer   *claimer
	finder    *finder
	news      *news

	stopIntake     context.CancelFunc // claimer and reader
	stopDeliveries context.CancelFunc // what is in flight, and acknowledging it
	intake         sync.WaitGroup
	deliveries     sync.WaitGroup
	acknowledging  sync.WaitGroup
	acknowledged   chan acknowledgement

	meter       *measure.Meter // nil where no metrics are wanted
	pusher      *pusher
	pushing     sync.WaitGroup
	stopPushing context.CancelFunc
}

func newReceiver(set receiver.Settings, cfg *Config) (*redisReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("create telemetry: %w", err)
	}
	return &redisReceiver{set: set, cfg: cfg, telemetry: telemetry}, nil
}

// Start is called for each signal. With the last one everything is prepared, since
// only then all that the receiver delivers to has started; a Redis out of reach is waited for.
func (r *redisReceiver) Start(ctx context.Context, host component.Host) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts = append(r.hosts, host)
	if len(r.hosts) < one(r.logs != nil)+one(r.metrics != nil) {
		return nil
	}
	return r.begin(ctx)
}

func one(present bool) int {
	if present {
		return 1
	}
	return 0
}

func (r *redisReceiver) begin(ctx context.Context) error {
	if r.logs == nil && r.cfg.Uptime.Enabled {
		return errors.New("uptime::enabled: true, but the receiver is in no logs pipeline, and uptime checks make no metrics: " +
			"add a logs pipeline, or leave uptime out")
	}
	client, err := newClient(ctx, r.cfg)
	if err != nil {
		return err
	}
	r.client = client
	r.store = claim.NewStore(client)
	r.settings = claim.Settings{
		Group:        r.cfg.Group,
		Worker:       workerName(),
		Lease:        r.cfg.Lease,
		MaxHeld:      maxHeld,
		MaxDead:      r.cfg.DeadLetters.MaxEntries,
		MaxDeadBytes: r.cfg.DeadLetters.MaxBytes,
		GroupExpiry:  r.cfg.GroupExpiry,

		WaitForReplicas: r.cfg.WaitForReplicas,
	}
	r.sources = sources(r.cfg, r.settings)
	r.holdings = newHoldings(len(r.sources))
	if err := r.assemble(); err != nil {
		r.client = nil
		return errors.Join(err, client.Close())
	}
	r.running = r.process.Add(r.end)
	r.set.Logger.Info("Watching the gateway's lists in Redis",
		zap.Strings("addresses", r.cfg.Addresses), zap.String("group", r.cfg.Group), zap.String("destinations", r.cfg.Destinations), zap.Int("lists", len(r.sources)))
	return nil
}

// assemble puts together what works, and sets it going.
func (r *redisReceiver) assemble() error {
	obsrep, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: r.set.ID, Transport: "redis", LongLivedCtx: true, ReceiverCreateSettings: r.set,
	})
	if err != nil {
		return fmt.Errorf("create receiver report: %w", err)
	}
	startCounters(context.Background(), r.telemetry)
	state := &health{host: r.hosts, logger: r.set.Logger, explain: r.cfg.explain}
	progress := newWatch(state)
	progress.to, progress.exporters, progress.causes = r.cfg.destinations(), r.cfg.exporters(), logging.CausesOf(r.set.Logger)
	r.finder = newFinder(r, r.settings)
	r.claimer = &claimer{
		store: r.store, registries: r.registries(), member: claim.Member{
			Group: r.cfg.Group, Worker: r.settings.Worker, Lease: r.cfg.Lease, Expiry: r.cfg.GroupExpiry,
			Destinations: r.cfg.Destinations,
		},
		rivals:   &rivals{health: state, logger: r.set.Logger},
		together: r.together, arrive: r.arrive,
		rolledBack: r.finder.search, more: make(chan struct{}, 1), sources: r.sources, holdings: r.holdings, telemetry: r.telemetry,
		logger: r.set.Logger, health: state, watch: progress,
		// Leases are renewed with each look, which must come well before they expire.
		interval: min(r.cfg.PollInterval, r.cfg.Lease/3),
	}
	r.news = &news{cfg: r.cfg, logger: r.set.Logger, health: state, client: r.client, stats: &r.claimer.stats}
	var tallies *counting
	if r.metrics != nil {
		r.meter = r.cfg.Metrics.newMeter(time.Now())
		if tallies, err = newCounting(r.meter); err != nil {
			return err
		}
		r.pusher = &pusher{
			next: r.metrics, meter: r.meter, obsrep: obsrep, health: state, logger: r.set.Logger,
			resource: resourceOf(r.set), version: r.set.BuildInfo.Version,
		}
	}
	if err := r.observe(); err != nil {
		return err
	}
	r.run(state, &deliverer{
		next: r.logs, counting: tallies, store: r.store, obsrep: obsrep, telemetry: r.telemetry, logger: r.set.Logger,
		health: state, watch: progress, version: r.set.BuildInfo.Version, group: r.cfg.Group,
		ignored:    fieldSet(r.cfg.Requests.IgnoreFields),
		redelivery: r.cfg.Redelivery,
		slots:      make(chan struct{}, r.cfg.MaxInFlight),
		evidence:   evidence{mostRecords: r.cfg.ChunkSize, mostBytes: r.cfg.ChunkBytes},
	})
	return nil
}

// registries are those of the lists that the receiver reads.
func (r *redisReceiver) registries() map[registry]*claim.Registry {
	all := map[registry]*claim.Registry{}
	for _, src := range r.sources {
		if all[src.registry] == nil {
			all[src.registry] = r.store.Registry(string(src.registry))
		}
	}
	return all
}

func (r *redisReceiver) run(state *health, d *deliverer) {
	intakeCtx, stopIntake := context.WithCancel(context.Background())
	deliveryCtx, stopDeliveries := context.WithCancel(context.Background())
	r.stopIntake, r.stopDeliveries = stopIntake, stopDeliveries
	r.acknowledged = make(chan acknowledgement, 64)
	d.acknowledge = r.acknowledged

	a := &acknowledger{store: r.store, logger: r.set.Logger, health: state, chunks: r.acknowledged, acknowledged: func(ctx context.Context, n int64) {
		r.telemetry.TykredisRecordsDelivered.Add(ctx, n)
		r.news.acknowledged(n)
		r.claimer.worked()
	}}
	r.acknowledging.Go(func() { a.run(deliveryCtx) })
	r.intake.Go(func() { r.claimer.run(intakeCtx) })
	r.intake.Go(func() { d.watch.run(intakeCtx) })
	b := &bound{cfg: r.cfg.Backlog, store: r.store, sources: r.sources, telemetry: r.telemetry, logger: r.set.Logger}
	r.intake.Go(func() { b.run(intakeCtx) })
	r.intake.Go(func() { r.finder.run(intakeCtx) })
	r.intake.Go(func() { r.news.run(intakeCtx) })
	r.intake.Go(func() { r.read(intakeCtx, deliveryCtx, state, d) })
	if r.pusher != nil {
		pushCtx, stopPushing := context.WithCancel(context.Background())
		r.stopPushing = stopPushing
		r.pushing.Go(func() { r.pusher.run(pushCtx, r.cfg.Metrics.Interval) })
	}
}

// read hands batches to deliveries, of which max_in_flight run at once; the
// next batch is read while they do.
func (r *redisReceiver) read(ctx, deliveryCtx context.Context, state *health, d *deliverer) {
	in := &reader{store: r.store, sources: r.sources, holdings: r.holdings, records: r.cfg.ChunkSize, bytes: r.cfg.ChunkBytes, page: pageBytes}
	wait := newBackoff()
	for {
		b, err := in.next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if !isGone(err) {
				state.reading(err)
			}
			wait.sleep(ctx)
			continue
		}
		wait = newBackoff()
		if len(in.rests) == 0 { // no list waits to be read again
			state.reading(nil)
		}
		select {
		case <-ctx.Done():
			return
		case d.slots <- struct{}{}:
		}
		r.deliveries.Go(func() {
			if err := d.deliver(deliveryCtx, b); err != nil {
				r.set.Logger.Info("A delivery was cut short; its records stay in Redis", zap.Error(err))
			}
		})
	}
}

// Shutdown ends this receiver, and with it all others of the process: the collector shuts all
// receivers down before anything that they deliver to.
func (r *redisReceiver) Shutdown(ctx context.Context) error {
	r.forget()
	r.arrive()
	if r.running == nil {
		r.telemetry.Shutdown()
		return nil
	}
	return r.running.Shutdown(ctx)
}

// end stops reading, lets deliveries end for as long as shutdown_timeout, gives the rest
// back for others, and pushes the metrics a last time.
func (r *redisReceiver) end(ctx context.Context) error {
	defer r.telemetry.Shutdown()
	r.stopIntake()
	r.intake.Wait()
	cutShort := time.AfterFunc(r.cfg.ShutdownTimeout, r.stopDeliveries)
	defer cutShort.Stop()
	stopEarly := context.AfterFunc(ctx, r.stopDeliveries)
	defer stopEarly()
	r.deliveries.Wait()
	close(r.acknowledged)
	r.acknowledging.Wait()
	r.stopDeliveries()
	r.endPushing(ctx)
	r.news.ended()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Timeout)
	defer cancel()
	if err := r.store.Release(ctx, plain(r.sources)); err != nil && len(r.claimer.used()) > 0 {
		// Not a failed shutdown: the leases expire by themselves.
		r.set.Logger.Warn("Leases could not be given back; peers wait until they expire",
			zap.Duration("lease", r.cfg.Lease), zap.Error(brief(err)))
	}
	if err := r.claimer.leave(ctx); err != nil {
		r.set.Logger.Debug("The registry goes on naming this process until its lease has run out", zap.Error(err))
	}
	return r.client.Close()
}

// endPushing pushes what was counted since the last time.
func (r *redisReceiver) endPushing(ctx context.Context) {
	if r.pusher == nil {
		return
	}
	r.stopPushing()
	r.pushing.Wait()
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ShutdownTimeout)
	defer cancel()
	r.pusher.push(ctx)
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
					"lost": s.Receipts.Lost, "shed": s.Receipts.Shed, "in_flight": s.Claimed,
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
		r.telemetry.RegisterTykredisForeignBacklogCallback(func(_ context.Context, o metric.Int64Observer) error {
			if found := r.finder.found.Load(); found != nil {
				for at, n := range *found {
					o.Observe(n, metric.WithAttributes(attribute.String("group", at.group), attribute.String("source", at.source)))
				}
			}
			return nil
		}),
		r.telemetry.RegisterTykredisWorkersCallback(func(_ context.Context, o metric.Int64Observer) error {
			workers := r.claimer.workers.Load()
			if r.claimer.health.away() {
				workers = 0
			}
			o.Observe(workers, metric.WithAttributes(group))
			return nil
		}),
		r.observeMeter(),
	)
}

// observeMeter offers how full the metrics made of records are.
func (r *redisReceiver) observeMeter() error {
	if r.meter == nil {
		return nil
	}
	each := func(o metric.Int64Observer, of func(measure.Usage) int64) {
		for _, u := range r.meter.Usage() {
			o.Observe(of(u), metric.WithAttributes(attribute.String("metric", u.Metric), attribute.String("group", r.cfg.Group)))
		}
	}
	return errors.Join(
		r.telemetry.RegisterTykredisMetricSeriesCallback(func(_ context.Context, o metric.Int64Observer) error {
			each(o, func(u measure.Usage) int64 { return int64(u.Series) })
			return nil
		}),
		r.telemetry.RegisterTykredisMetricOverflowsCallback(func(_ context.Context, o metric.Int64Observer) error {
			each(o, func(u measure.Usage) int64 { return u.Overflowed })
			return nil
		}),
	)
}
