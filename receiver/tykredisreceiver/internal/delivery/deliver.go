package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/held"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/pace"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// RedeliveryConfig says how long to wait; each wait doubles the one before.
type RedeliveryConfig struct {
	// InitialInterval is the first wait, above 0.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	// MaxInterval is the longest, at least InitialInterval. For so long pipelines may take for a delivery before another one is
	// begun beside it: an exporter that tries again by itself may wait for what only others can tell, which is that the
	// destination takes records.
	MaxInterval time.Duration `mapstructure:"max_interval"`
}

// Settings are what deliveries are made with.
type Settings struct {
	// Next takes log records; nil where only metrics are wanted.
	Next consumer.Logs
	// Counter counts records; nil where no metrics are wanted.
	Counter *metrics.Counter
	// Store, Obsrep, Telemetry, Logger, Health and Watch are the receiver's.
	Store     *claim.Store
	Obsrep    *receiverhelper.ObsReport
	Telemetry *metadata.TelemetryBuilder
	Logger    *zap.Logger
	Health    *health.Health
	Watch     *health.Watch
	// Version is the collector's, and Group the receiver's.
	Version, Group string
	// Ignored fields are left out of log records.
	Ignored analytics.FieldSet
	// Undecodable entries are delivered, too, for destinations that want entries as they are.
	Undecodable bool
	// Redelivery is the rhythm of attempts.
	Redelivery RedeliveryConfig
	// InFlight is how many deliveries are under way at once; beside them, others may wait
	// that have no more than so many records and bytes together.
	InFlight               int
	WaitRecords, WaitBytes int
	// Acknowledge takes what is done.
	Acknowledge chan<- held.Acknowledgement
}

// Deliverer hands batches to the pipelines until each record is stored or a dead
// letter. It gives up on a record only when the pipelines take others and refuse that
// one for good.
type Deliverer struct {
	Settings
	slots    chan struct{} // a value for each delivery under way
	spare    chan struct{} // one for a delivery that was released
	released atomic.Int64  // how many deliveries wait without a slot, and without records
	evidence evidence
	underWay sync.WaitGroup
	ending   <-chan struct{} // closed once nothing is read any more
}

// New makes a deliverer.
func New(set Settings) *Deliverer {
	return &Deliverer{
		Settings: set, slots: make(chan struct{}, set.InFlight), spare: make(chan struct{}, 1),
		evidence: evidence{mostRecords: max(set.WaitRecords, leastWaiting), mostBytes: set.WaitBytes, lists: map[*source.Source]*legibility{}, through: map[string]int64{}},
	}
}

// leastWaiting is how many records may wait for evidence however small chunks are: a run of
// refused ones must not take all places from those that would bring it.
const leastWaiting = 256

var (
	errRefusesAll = errors.New("the destination refuses everything that is sent to it, which waits; nothing becomes a dead letter")
	errIllegible  = errors.New("no entry of the list can be decoded, so all of them wait: does the gateway write a new format? Upgrade the collector")
)

// Run hands batches of a reader to deliveries until ctx is done; the next batch is read
// while they work, until deliveries is done.
func (d *Deliverer) Run(ctx, deliveries context.Context, in *held.Reader) {
	d.ending = ctx.Done()
	wait := pace.ForRedis()
	for {
		b, err := in.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if !claim.IsGone(err) {
				d.Health.Note(health.Reading, nil, err)
			}
			wait.Sleep(ctx)
			continue
		}
		wait = pace.ForRedis()
		if in.IsWell() {
			d.Health.Note(health.Reading, nil, nil)
		}
		select {
		case <-ctx.Done():
			return
		case d.slots <- struct{}{}:
		}
		d.underWay.Go(func() {
			if err := d.deliver(deliveries, b); err != nil {
				d.Logger.Info("A delivery was cut short; its records stay in Redis", zap.Error(err))
			}
		})
	}
}

// Wait waits until no delivery is under way.
func (d *Deliverer) Wait() { d.underWay.Wait() }

// deliver works on a batch, for which the caller has taken a slot, until all its chunks
// are acknowledged. It returns an error when ctx was done, or its segments became another
// worker's, before that.
func (d *Deliverer) deliver(ctx context.Context, b held.Batch) error {
	dl := newDelivery(b)
	defer d.giveBack(dl)
	d.Watch.Begin(dl)
	defer d.Watch.End(dl)
	wait := &pace.Backoff{Next: d.Redelivery.InitialInterval, Longest: d.Redelivery.MaxInterval}
	for attempt := 1; ; attempt++ {
		if attempt > 1 {
			d.Telemetry.TykredisChunksRedelivered.Add(ctx, dl.undecided())
		}
		trouble := d.attempt(ctx, dl)
		if unfinished := d.finish(ctx, dl); trouble == nil {
			trouble = unfinished
		}
		if dl.isEnded() {
			d.Health.Note(health.Destination, dl, nil)
			return nil
		}
		if ctx.Err() == nil { // else it is the end that cut it short
			d.Health.Note(health.Destination, dl, trouble)
		}
		if !d.wait(ctx, dl, trouble, wait) || dl.isGone() {
			d.Health.Abandon(dl)
			records, _ := dl.left()
			return fmt.Errorf("deliver %d records: %w", records, trouble)
		}
	}
}

// attempt sends what no destination has decided on. It returns nil when nothing is left
// to send, or why that is to wait.
func (d *Deliverer) attempt(ctx context.Context, dl *delivery) error {
	if err := d.restore(ctx, dl); err != nil {
		return err
	}
	switch {
	case dl.state == probing && d.evidence.takes(dl.since, dl.unproven):
		dl.trust()
	case dl.state == probing:
		candidates := dl.places(pending)
		if len(candidates) == 0 {
			candidates = dl.places(doubtful)
		}
		dl.probe(candidates)
	}
	for {
		for {
			if err := errors.Join(d.restore(ctx, dl), ctx.Err()); err != nil { // what was sent before may be released
				return err
			}
			next := dl.next()
			if len(next) == 0 {
				break
			}
			if a := d.send(ctx, dl, next); a.retry {
				return fmt.Errorf("pipelines did not take a delivery: %w", a.err)
			}
		}
		isDoubtful := len(dl.places(doubtful)) > 0
		switch {
		case !isDoubtful && (dl.state != probing || len(dl.places(pending)) == 0):
			return nil
		case isDoubtful && dl.state != probing && dl.isProven():
			dl.search()
		default:
			dl.state = probing
			return fmt.Errorf("%w: %w", errRefusesAll, dl.said)
		}
	}
}

// send sends records and notes the answer.
func (d *Deliverer) send(ctx context.Context, dl *delivery, places []int) answer {
	logs, sent := d.decode(dl, places)
	var a answer
	var passed selection.Passed
	at := d.evidence.send()
	if len(sent) > 0 && d.Next != nil {
		released := func() {}
		if dl.state == whole { // else the next part is sent soon
			released = func() { d.release(dl) }
		}
		a = judge(d.consume(analytics.WithEntries(passed.Context(ctx), newEntries(dl, released)), dl, logs))
	}
	if a.err != nil && !a.retry && dl.since == 0 {
		dl.since = at
	}
	if accepted, through := dl.take(sent, a, passed.By()); accepted {
		d.evidence.accept(at, through)
	}
	return a
}

func (d *Deliverer) consume(ctx context.Context, dl *delivery, logs plog.Logs) error {
	dl.slot.begin()
	slow := time.AfterFunc(d.Redelivery.MaxInterval, func() { d.lend(dl) })
	defer func() {
		slow.Stop()
		d.takeBack(dl)
	}()
	records := logs.LogRecordCount()
	op := d.Obsrep.StartLogsOp(ctx)
	err := d.Next.ConsumeLogs(op, logs)
	d.Obsrep.EndLogsOp(op, metadata.Type.String(), records, err)
	return err
}

// finish ends the chunks whose records are all decided: it keeps their dead letters,
// counts them and has them acknowledged. It returns why one of them must wait.
func (d *Deliverer) finish(ctx context.Context, dl *delivery) (trouble error) {
	for i := 0; i < len(dl.chunks); i++ { //nolint:intrange // one may be split on the way
		c := &dl.chunks[i]
		if c.ended || !dl.isDecided(c) {
			continue
		}
		if !d.isLegible(c) {
			if c.tail == c.Count {
				trouble = fmt.Errorf("%s: %w", c.Segment.Of.Key(), errIllegible)
				continue
			}
			if err := c.ReadAgain(ctx, d.Store); err != nil { // it may have waited without its entries
				trouble = d.Health.OfRedis(err)
				continue
			}
			dl.split(i) // what is in front of these need not wait with them
			c = &dl.chunks[i]
		}
		err := d.keepDeadLetters(ctx, dl, c)
		if c.unkept = err != nil; c.unkept {
			trouble = d.Health.OfRedis(err)
			continue
		}
		if err := d.count(ctx, dl, c); err != nil {
			trouble = d.Health.OfRedis(err)
			continue
		}
		d.Acknowledge <- held.Acknowledgement{Chunk: held.Chunk{Segment: c.Segment, From: c.From, Count: c.Count}, Outcome: dl.outcome(c)}
		c.ended, c.Entries = true, nil
	}
	return trouble
}

// isLegible tells whether a chunk's undecodable entries are to blame themselves.
func (d *Deliverer) isLegible(c *delivering) bool {
	return c.tail == 0 || d.evidence.isLegible(c.Segment.Of, c.since)
}

// wait waits for the next attempt, and returns false when ctx was done first. Who needs
// what others bring lets them have its slot, as far as memory allows.
func (d *Deliverer) wait(ctx context.Context, dl *delivery, trouble error, until *pace.Backoff) bool {
	d.pause(dl)
	switch records, bytes := dl.left(); {
	case dl.standAside(1):
		defer dl.standAside(-1)
		if !dl.slot.isElsewhere() {
			defer func() { d.slots <- struct{}{} }()
			<-d.slots
		}
	case dl.slot.isElsewhere():
	case !errors.Is(trouble, errRefusesAll):
		return until.Sleep(ctx)
	default:
		keeps, ok := d.evidence.enter(records, bytes)
		if !ok {
			break
		}
		if keeps < bytes {
			dl.release()
		}
		defer d.evidence.leave(records, keeps)
		defer func() { d.slots <- struct{}{} }()
		<-d.slots
	}
	var ending <-chan struct{}
	if errors.Is(trouble, errIllegible) { // and nothing is read any more that could tell otherwise
		ending = d.ending
	}
	timer := time.NewTimer(until.Advance())
	defer timer.Stop()
	for {
		news := d.evidence.news()
		if ctx.Err() == nil && d.isHopeful(dl) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-ending:
			return false
		case <-timer.C:
			return true
		case <-news:
		}
	}
}

// isHopeful tells whether other deliveries have brought evidence that one waits for. What
// Redis did not keep needs time, not evidence.
func (d *Deliverer) isHopeful(dl *delivery) bool {
	if dl.state == probing && d.evidence.takes(dl.since, dl.unproven) {
		return true
	}
	for i := range dl.chunks {
		if c := &dl.chunks[i]; !c.ended && c.tail > 0 && dl.isDecided(c) && !c.unkept && d.isLegible(c) {
			return true
		}
	}
	return false
}
