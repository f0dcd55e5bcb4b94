package tykredisreceiver

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// refusalsInARow is how many refusals may come without anything being accepted
// before the destination, not the records, is held to be at fault: a wrong token
// shall not turn a day's records into dead letters.
const refusalsInARow = 16

// deliverer hands batches to the pipelines until they are stored. It gives up
// on a record only when the pipelines take others and refuse that one for good.
type deliverer struct {
	next      consumer.Logs // nil where only metrics are wanted
	counting  *counting     // nil where none are
	store     *claim.Store
	obsrep    *receiverhelper.ObsReport
	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger
	health    *health
	watch     *watch
	version   string
	group     string
	ignored   analytics.FieldSet

	redelivery RedeliveryConfig

	// refusals counts those since the last delivery that was taken.
	refusals atomic.Int64
}

// deliver returns nil once every record of the batch is stored or a dead letter,
// and an error when ctx was done, or its segments became another worker's, before that.
func (d *deliverer) deliver(ctx context.Context, b batch) error {
	defer d.watch.delivery()()
	wait := &backoff{next: d.redelivery.InitialInterval, longest: d.redelivery.MaxInterval}
	tally := d.counting.begin()
	for attempt := 1; ; attempt++ {
		if attempt > 1 {
			d.telemetry.TykredisChunksRedelivered.Add(ctx, int64(len(b.chunks)))
		}
		letters, answer := d.attempt(ctx, b, tally)
		switch answer.verdict {
		case accepted, acceptedBut:
			d.health.destination(nil)
			return d.finish(ctx, b, letters, tally)
		case rejected:
			if letters, ok := d.isolate(ctx, b, answer.err); ok {
				d.health.destination(nil)
				return d.finish(ctx, b, letters, tally)
			}
		case unanswered:
		}
		d.health.destination(answer.err)
		if !wait.sleep(ctx) || b.gone() {
			d.counting.abandon(tally)
			return fmt.Errorf("deliver %d records: %w", b.entries, answer.err)
		}
	}
}

// finish keeps the letters of a delivered batch, and counts its records.
func (d *deliverer) finish(ctx context.Context, b batch, letters []deadLetter, tally *measure.Batch) error {
	if err := d.bury(ctx, b, letters); err != nil {
		d.counting.abandon(tally)
		return err
	}
	d.counting.end(b, letters, tally)
	return nil
}

// gone is true once nothing of the batch is this process's any more.
func (b batch) gone() bool {
	for _, c := range b.chunks {
		if !c.h.gone.Load() {
			return false
		}
	}
	return true
}

// answer is what the pipelines said.
type answer struct {
	verdict verdict
	err     error
}

// attempt delivers a batch once. The letters are its undecodable entries and
// the records that were refused by name. The tally, if there is one, holds what
// was decoded.
func (d *deliverer) attempt(ctx context.Context, b batch, tally *measure.Batch) ([]deadLetter, answer) {
	if tally != nil {
		tally.Reset()
	}
	if err := d.recall(ctx, b); err != nil {
		return nil, answer{verdict: unanswered, err: err}
	}
	logs, bad := d.decode(b, tally)
	letters := d.undecodable(bad)
	d.letGo(b)
	if logs.LogRecordCount() == 0 {
		return letters, answer{verdict: accepted}
	}
	err := d.consume(ctx, logs)
	v, refused := judge(err)
	switch v {
	case accepted, acceptedBut:
		d.refusals.Store(0)
	case rejected:
		d.refusals.Add(1)
	case unanswered:
	}
	if len(refused) > 0 {
		if again := d.recall(ctx, b); again != nil {
			return nil, answer{verdict: unanswered, err: again}
		}
	}
	return append(letters, d.refused(b, refused)...), answer{verdict: v, err: err}
}

// refused makes one letter of a record, however many destinations refuse it.
func (d *deliverer) refused(b batch, records []analytics.RefusedRecord) []deadLetter {
	var letters []deadLetter
	places := map[analytics.UID]int{}
	for _, r := range records {
		if place, known := places[r.UID]; known {
			letter := &letters[place].letter
			if letter.Destination != r.Destination {
				letter.Destination += ", " + r.Destination
			}
			letter.Reason += "; " + r.Reason
			continue
		}
		c, at, ok := b.find(r.UID)
		if !ok || at >= len(c.entries) {
			continue
		}
		places[r.UID] = len(letters)
		letter := d.letter(c, at, refusedEntry, r.Reason)
		letter.letter.Destination = r.Destination
		letters = append(letters, letter)
	}
	return letters
}

func (d *deliverer) consume(ctx context.Context, logs plog.Logs) error {
	records := logs.LogRecordCount()
	op := d.obsrep.StartLogsOp(ctx)
	err := d.next.ConsumeLogs(op, logs)
	d.obsrep.EndLogsOp(op, metadata.Type.String(), records, err)
	return err
}

// isolate finds the records to blame for a rejected batch by halving it; what is
// not to blame is delivered on the way. A single record is never sent again. It
// returns false when it was cut short, or when the destination seems to refuse
// everything: then nothing may be given up.
func (d *deliverer) isolate(ctx context.Context, b batch, reason error) ([]deadLetter, bool) {
	if ctx.Err() != nil || d.refusals.Load() >= refusalsInARow {
		return nil, false
	}
	if b.entries == 1 {
		if err := d.recall(ctx, b); err != nil {
			return nil, false
		}
		if len(b.chunks[0].entries) == 0 {
			return nil, true // it is gone
		}
		return []deadLetter{d.letter(b.chunks[0], 0, refusedEntry, reason.Error())}, true
	}
	var all []deadLetter
	left, right := b.halve()
	for _, half := range []batch{left, right} {
		letters, answer := d.attempt(ctx, half, nil)
		switch answer.verdict {
		case unanswered:
			return nil, false
		case rejected:
			var ok bool
			if letters, ok = d.isolate(ctx, half, answer.err); !ok {
				return nil, false
			}
		case accepted, acceptedBut:
		}
		all = append(all, letters...)
	}
	return all, true
}

// halve splits a batch of at least two entries.
func (b batch) halve() (left, right batch) {
	half := b.entries / 2
	for _, c := range b.chunks {
		take := min(max(half-left.entries, 0), c.count)
		if take > 0 {
			left.add(c.part(0, take))
		}
		if take < c.count {
			right.add(c.part(take, c.count))
		}
	}
	return left, right
}

// part is the piece of a chunk from one place to before another.
func (c chunk) part(from, to int) chunk {
	p := chunk{h: c.h, from: c.from + int64(from), count: to - from, bytes: c.bytes * (to - from) / c.count}
	if len(c.entries) == c.count {
		p.entries = c.entries[from:to]
	}
	return p
}

// deathReason is the attribute "reason" of the metric that counts dead letters.
type deathReason string

const (
	undecodableEntry deathReason = "undecodable"
	refusedEntry     deathReason = "refused"
)

// deadLetter is a letter with what is counted about it.
type deadLetter struct {
	h      *holding
	index  int64
	source *source
	reason deathReason
	letter claim.Letter
}

func (d *deliverer) letter(c chunk, at int, reason deathReason, text string) deadLetter {
	uid, entry := c.identify(at)
	return deadLetter{h: c.h, index: c.from + int64(at), source: c.h.source, reason: reason, letter: claim.Letter{
		UID:    uid,
		Reason: string(reason) + ": " + text,
		At:     time.Now().UTC(),
		Group:  d.group,
		Entry:  entry,
	}}
}

func (d *deliverer) undecodable(bad []undecodable) []deadLetter {
	letters := make([]deadLetter, 0, len(bad))
	for _, u := range bad {
		letters = append(letters, d.letter(u.chunk, u.at, undecodableEntry, u.reason.Error()))
	}
	return letters
}

// bury keeps a batch's letters in Redis, trying until ctx is done.
func (d *deliverer) bury(ctx context.Context, b batch, letters []deadLetter) error {
	for i := range b.chunks {
		c := &b.chunks[i]
		c.dead = 0
		for _, l := range letters {
			if l.h == c.h && c.from <= l.index && l.index < c.end() {
				c.dead++
			}
		}
	}
	bySource := map[*source][]deadLetter{}
	for _, l := range letters {
		bySource[l.source] = append(bySource[l.source], l)
	}
	for src, group := range bySource {
		wait := newBackoff()
		for {
			err := d.burySource(ctx, src, group)
			if err == nil {
				break
			}
			d.health.redis(err)
			if !wait.sleep(ctx) {
				return err
			}
		}
	}
	return nil
}

func (d *deliverer) burySource(ctx context.Context, src *source, group []deadLetter) error {
	letters := make([]claim.Letter, len(group))
	for i := range group {
		letters[i] = group[i].letter
	}
	kept, dropped, err := d.store.KeepDeadLetters(ctx, src.Source, letters)
	if err != nil {
		return err
	}
	d.telemetry.TykredisDeadLettersDropped.Add(ctx, dropped)
	if kept == 0 {
		return nil
	}
	for _, l := range group {
		d.telemetry.TykredisRecordsDeadLettered.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", string(l.reason))))
	}
	d.logger.Warn("Entries became dead letters",
		zap.String("source", src.Key()), zap.Int64("entries", kept), zap.String("first_reason", letters[0].Reason))
	if dropped > 0 {
		d.logger.Error("Dead letters were dropped to stay within dead_letters::max_entries",
			zap.String("source", src.Key()), zap.Int64("dropped", dropped))
	}
	return nil
}
