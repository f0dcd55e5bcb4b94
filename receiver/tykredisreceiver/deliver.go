package tykredisreceiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// deliverer hands batches to the pipelines until each record is stored or a dead
// letter. It gives up on a record only when the pipelines take others and refuse that
// one for good.
type deliverer struct {
	next        consumer.Logs // nil where only metrics are wanted
	counting    *counting     // nil where none are
	store       *claim.Store
	obsrep      *receiverhelper.ObsReport
	telemetry   *metadata.TelemetryBuilder
	logger      *zap.Logger
	health      *health
	watch       *watch
	version     string
	group       string
	ignored     analytics.FieldSet
	redelivery  RedeliveryConfig
	acknowledge chan<- acknowledgement

	// slots has a value for each delivery under way; max_in_flight is its capacity.
	slots    chan struct{}
	evidence evidence
}

var (
	errRefusesAll = errors.New("the destination refuses everything that is sent to it, which waits; nothing becomes a dead letter")
	errIllegible  = errors.New("no entry of the list can be decoded, so all of them wait: does the gateway write a new format? Upgrade the collector")
)

const (
	// mostWaiting is how many deliveries of a list may wait for a decodable entry, or for
	// room for dead letters, before it is read no further. They hold neither slot nor entries.
	mostWaiting = 256
	// fullFor is how long a list without room for dead letters is not tried again.
	fullFor = 5 * time.Second
)

// deliver works on a batch, for which the caller has taken a slot, until all its chunks
// are acknowledged. It returns an error when ctx was done, or its segments became another
// worker's, before that.
func (d *deliverer) deliver(ctx context.Context, b batch) error {
	defer func() { <-d.slots }()
	defer d.watch.delivery()()
	dl := newDelivery(b)
	defer func() { d.health.forget(dl, dl.isEnded()) }()
	wait := &backoff{next: d.redelivery.InitialInterval, longest: d.redelivery.MaxInterval}
	for attempt := 1; ; attempt++ {
		if attempt > 1 {
			d.telemetry.TykredisChunksRedelivered.Add(ctx, int64(len(dl.chunks)))
		}
		trouble := d.attempt(ctx, dl)
		if unfinished := d.finish(ctx, dl); trouble == nil {
			trouble = unfinished
		}
		if dl.isEnded() {
			return nil
		}
		if ctx.Err() == nil { // else it is the end that cut it short
			d.health.delivery(dl, trouble)
		}
		if !d.wait(ctx, dl, trouble, wait) || dl.isGone() {
			records, _ := dl.left()
			return fmt.Errorf("deliver %d records: %w", records, trouble)
		}
	}
}

// attempt sends what no destination has decided on. It returns nil when nothing is left
// to send, or why that is to wait.
func (d *deliverer) attempt(ctx context.Context, dl *delivery) error {
	if err := d.restore(ctx, dl); err != nil {
		return d.health.ofRedis(err)
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
		for next := dl.next(); len(next) > 0; next = dl.next() {
			if err := ctx.Err(); err != nil {
				return err
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
func (d *deliverer) send(ctx context.Context, dl *delivery, places []int) answer {
	logs, sent := d.decode(dl, places)
	var a answer
	var passed analytics.Passed
	at := d.evidence.send()
	if len(sent) > 0 && d.next != nil {
		a = judge(d.consume(passed.Context(ctx), logs))
	}
	if a.err != nil && !a.retry && dl.since == 0 {
		dl.since = at
	}
	if accepted, through := dl.take(sent, a, passed.By()); accepted {
		d.evidence.accept(at, through)
	}
	return a
}

func (d *deliverer) consume(ctx context.Context, logs plog.Logs) error {
	records := logs.LogRecordCount()
	op := d.obsrep.StartLogsOp(ctx)
	err := d.next.ConsumeLogs(op, logs)
	d.obsrep.EndLogsOp(op, metadata.Type.String(), records, err)
	return err
}

// finish ends the chunks whose records are all decided: it keeps their dead letters,
// counts them and has them acknowledged. It returns why one of them must wait.
func (d *deliverer) finish(ctx context.Context, dl *delivery) (trouble error) {
	for i := range dl.chunks {
		c := &dl.chunks[i]
		if c.ended || !dl.isDecided(c) {
			continue
		}
		if c.bad && !d.evidence.isLegible(c.h.source, c.since) {
			trouble = fmt.Errorf("%s: %w", c.h.source.Key(), errIllegible)
			continue
		}
		err := d.keepDeadLetters(ctx, dl, c)
		if c.unkept = err != nil; c.unkept {
			trouble = d.health.ofRedis(err)
			continue
		}
		d.counting.count(dl, c)
		d.acknowledge <- acknowledgement{h: c.h, from: c.from, end: c.end(), outcome: dl.outcome(c)}
		c.ended, c.entries = true, nil
	}
	return trouble
}

// wait waits for the next attempt, and returns false when ctx was done first. Who needs
// what others bring lets them have its slot, as far as memory allows.
func (d *deliverer) wait(ctx context.Context, dl *delivery, trouble error, until *backoff) bool {
	switch records, bytes := dl.left(); {
	case dl.standAside(1):
		defer dl.standAside(-1)
		defer func() { d.slots <- struct{}{} }()
		<-d.slots
	case !errors.Is(trouble, errRefusesAll):
		return until.sleep(ctx)
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
	timer := time.NewTimer(until.advance())
	defer timer.Stop()
	for {
		news := d.evidence.news()
		if ctx.Err() == nil && d.isHopeful(dl) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-news:
		}
	}
}

// isHopeful tells whether other deliveries have brought evidence that one waits for. What
// Redis did not keep needs time, not evidence.
func (d *deliverer) isHopeful(dl *delivery) bool {
	if dl.state == probing && d.evidence.takes(dl.since, dl.unproven) {
		return true
	}
	for i := range dl.chunks {
		if c := &dl.chunks[i]; !c.ended && c.bad && dl.isDecided(c) && !c.unkept && d.evidence.isLegible(c.h.source, c.since) {
			return true
		}
	}
	return false
}
