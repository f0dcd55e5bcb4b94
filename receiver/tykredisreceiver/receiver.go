package tykredisreceiver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/backlog"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/delivery"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/foreign"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/held"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/news"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/poll"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/shutdown"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// redisReceiver runs one pipeline of goroutines, each handing on to the next:
//
//	poller -> reader -> deliveries (max_in_flight) -> acknowledger
//
// and beside it, where metrics are wanted, one that pushes what deliveries counted.
type redisReceiver struct {
	set    receiver.Settings
	cfg    *Config
	forget func() // that this receiver exists, so that another may be made of its configuration
	// together are all receivers of the process, and arrive tells them of this one.
	together *poll.Gathering
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
	sources   []*source.Source
	segments  *held.Segments
	poller    *poll.Poller
	finder    *foreign.Finder
	news      *news.Reporter
	deliverer *delivery.Deliverer
	pusher    *metrics.Pusher // nil where no metrics are wanted

	stopIntake     context.CancelFunc // poller and reader
	stopDeliveries context.CancelFunc // what is in flight, and acknowledging it
	stopPushing    context.CancelFunc
	intake         sync.WaitGroup
	acknowledging  sync.WaitGroup
	pushing        sync.WaitGroup
	acknowledged   chan held.Acknowledgement
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
	if r.logs != nil && r.metrics != nil && len(r.hosts) == 1 {
		return nil
	}
	if r.logs == nil && r.cfg.Uptime.Enabled {
		return errors.New("uptime::enabled: true, but the receiver is in no logs pipeline, and uptime checks make no metrics: " +
			"add a logs pipeline, or leave uptime out")
	}
	client, err := r.cfg.Client(ctx)
	if err != nil {
		return err
	}
	r.client = client
	if err := r.begin(); err != nil {
		r.client = nil
		return errors.Join(err, client.Close())
	}
	r.running = r.process.Add(r.end)
	r.set.Logger.Info("Watching the gateway's lists in Redis",
		zap.Strings("addresses", r.cfg.Addresses), zap.String("group", r.cfg.Group), zap.String("destinations", r.cfg.Destinations), zap.Int("lists", len(r.sources)))
	return nil
}

// begin puts together what works, and sets it going.
func (r *redisReceiver) begin() error {
	obsrep, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: r.set.ID, Transport: "redis", LongLivedCtx: true, ReceiverCreateSettings: r.set,
	})
	if err != nil {
		return fmt.Errorf("create receiver report: %w", err)
	}
	startCounters(context.Background(), r.telemetry)
	settings := claim.Settings{
		Group: r.cfg.Group, Worker: workerName(), Lease: r.cfg.Lease, MaxHeld: poll.MaxHeld,
		MaxDead: r.cfg.DeadLetters.MaxEntries, MaxDeadBytes: r.cfg.DeadLetters.MaxBytes,
		GroupExpiry: r.cfg.GroupExpiry, WaitForReplicas: r.cfg.WaitForReplicas,
	}
	r.store = claim.NewStore(r.client)
	r.sources = r.cfg.sources(settings)
	r.segments = held.NewSegments(len(r.sources))
	r.acknowledged = make(chan held.Acknowledgement, 64)
	state := health.New(r.hosts, r.set.Logger, r.cfg.Explain)
	watch := health.NewWatch(state, r.cfg.destinations(), r.cfg.exporters(), logging.CausesOf(r.set.Logger))
	r.finder = foreign.New(r.store, r.sources, settings, r.telemetry, r.set.Logger)
	r.poller = poll.New(poll.Settings{
		Store: r.store, Sources: r.sources, Segments: r.segments, Telemetry: r.telemetry, Logger: r.set.Logger, Health: state, Watch: watch,
		Member: claim.Member{
			Group: r.cfg.Group, Worker: settings.Worker, Lease: r.cfg.Lease, Expiry: r.cfg.GroupExpiry, Destinations: r.cfg.Destinations,
		},
		// Leases are renewed with each look, which must come well before they expire.
		Interval: min(r.cfg.PollInterval, r.cfg.Lease/3),
		Together: r.together, Arrive: r.arrive, RolledBack: r.finder.Search,
	})
	r.news = &news.Reporter{
		Redis: r.cfg.Config, KeyPrefix: r.cfg.KeyPrefix, Group: r.cfg.Group, To: r.cfg.destinations(),
		Client: r.client, Logger: r.set.Logger, Health: state, Stats: r.poller.Stats,
	}
	deliveries := delivery.Settings{
		Next: r.logs, Store: r.store, Obsrep: obsrep, Telemetry: r.telemetry, Logger: r.set.Logger, Health: state, Watch: watch,
		Version: r.set.BuildInfo.Version, Group: r.cfg.Group, Redelivery: r.cfg.Redelivery,
		Undecodable: r.cfg.Undecodable == undecodableDelivered,
		InFlight:    r.cfg.MaxInFlight, WaitRecords: r.cfg.ChunkSize, WaitBytes: r.cfg.ChunkBytes, Acknowledge: r.acknowledged,
	}
	deliveries.Ignored, _ = analytics.ParseFields(r.cfg.Requests.IgnoreFields) // which Validate has read
	if r.metrics != nil {
		if r.pusher, err = metrics.New(&r.cfg.Metrics, r.metrics, r.set, obsrep, state); err != nil {
			return err
		}
		deliveries.Counter = r.pusher.Counter
		if err := r.pusher.Observe(r.telemetry, r.cfg.Group); err != nil {
			return err
		}
	}
	if err := r.observe(); err != nil {
		return err
	}
	r.deliverer = delivery.New(deliveries)
	r.run(state, watch)
	return nil
}

func (r *redisReceiver) run(state *health.Health, watch *health.Watch) {
	intakeCtx, stopIntake := context.WithCancel(context.Background())
	deliveryCtx, stopDeliveries := context.WithCancel(context.Background())
	r.stopIntake, r.stopDeliveries = stopIntake, stopDeliveries
	acknowledger := &held.Acknowledger{
		Store: r.store, Logger: r.set.Logger, Health: state, Chunks: r.acknowledged,
		Recorded: func(ctx context.Context, n int64) {
			r.telemetry.TykredisRecordsDelivered.Add(ctx, n)
			r.news.Delivered(n)
			r.poller.Worked()
		},
	}
	reader := held.NewReader(r.store, r.sources, r.segments, r.cfg.ChunkSize, r.cfg.ChunkBytes, r.deliverer.Sample)
	r.acknowledging.Go(func() { acknowledger.Run(deliveryCtx) })
	r.intake.Go(func() { r.deliverer.Run(intakeCtx, deliveryCtx, reader) })
	for _, work := range []func(context.Context){
		r.poller.Run, watch.Run, r.finder.Run, r.news.Run,
		backlog.New(r.cfg.Backlog, r.store, r.sources, r.telemetry, r.set.Logger).Run,
	} {
		r.intake.Go(func() { work(intakeCtx) })
	}
	if r.pusher != nil {
		pushCtx, stopPushing := context.WithCancel(context.Background())
		r.stopPushing = stopPushing
		r.pushing.Go(func() { r.pusher.Run(pushCtx) })
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
	r.deliverer.Wait()
	close(r.acknowledged)
	r.acknowledging.Wait()
	r.stopDeliveries()
	r.endPushing(ctx)
	r.news.Ended()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Timeout)
	defer cancel()
	r.poller.Leave(ctx)
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
	r.pusher.Push(ctx)
}

// workerName tells this process from all others, for ever, and people which it is.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return fmt.Sprintf("%s:%d:%s", strings.Join(strings.Fields(host), "_"), os.Getpid(), hex.EncodeToString(b[:]))
}
