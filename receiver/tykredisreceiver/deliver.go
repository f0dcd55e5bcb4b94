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

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

const (
	// wholeAttempts is how often a rejected batch is delivered as it is before it
	// is taken apart to find the record to blame.
	wholeAttempts = 3
	// refusalsInARow is how many single records may be refused without one being
	// accepted before the destination, not the records, is held to be at fault.
	refusalsInARow = 16
)

// deliverer hands batches to the pipelines until they are stored. It gives up
// on a record only when the pipelines take others and refuse that one for good.
type deliverer struct {
	next      consumer.Logs
	store     *claim.Store
	obsrep    *receiverhelper.ObsReport
	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger
	health    *health
	version   string
	group     string

	// acceptances counts deliveries that were taken: proof that the destination works.
	acceptances atomic.Int64
}

// deliver returns nil once every record of the batch is stored or a dead letter,
// and an error when ctx was done, or its segments became another worker's, before that.
func (d *deliverer) deliver(ctx context.Context, b batch) error {
	proof := d.acceptances.Load()
	wait := newBackoff()
	for attempt := 1; ; attempt++ {
		if attempt > 1 {
			d.telemetry.TykredisChunksRedelivered.Add(ctx, int64(len(b.chunks)))
		}
		letters, answer := d.attempt(ctx, b)
		switch answer.verdict {
		case accepted, acceptedBut:
			d.health.destination(nil)
			return d.bury(ctx, letters)
		case rejected:
			if attempt < wholeAttempts {
				break
			}
			search := &isolation{deliverer: d}
			if search.find(ctx, b) && d.acceptances.Load() > proof {
				d.health.destination(nil)
				return d.bury(ctx, search.letters)
			}
		case unanswered:
		}
		d.health.destination(answer.err)
		if !wait.sleep(ctx) || b.gone() {
			return fmt.Errorf("deliver %d records: %w", b.entries, answer.err)
		}
	}
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
// the records that were refused by name.
func (d *deliverer) attempt(ctx context.Context, b batch) ([]deadLetter, answer) {
	logs, bad := decodeBatch(b, d.version)
	letters := d.undecodable(bad)
	if logs.LogRecordCount() == 0 {
		return letters, answer{verdict: accepted}
	}
	err := d.consume(ctx, logs)
	v, refused := judge(err)
	if v == accepted || v == acceptedBut {
		d.acceptances.Add(1)
	}
	for _, r := range refused {
		if letter, ok := d.refused(b, r.UID.Segment, r.UID.Index, r.Reason); ok {
			letters = append(letters, letter)
		}
	}
	return letters, answer{verdict: v, err: err}
}

func (d *deliverer) consume(ctx context.Context, logs plog.Logs) error {
	records := logs.LogRecordCount()
	op := d.obsrep.StartLogsOp(ctx)
	err := d.next.ConsumeLogs(op, logs)
	d.obsrep.EndLogsOp(op, metadata.Type.String(), records, err)
	return err
}

// isolation finds the records to blame for a rejected batch by halving it.
type isolation struct {
	*deliverer
	letters []deadLetter
	inARow  int // single records refused since one was accepted
}

// find returns false when it was cut short, or when the destination seems to
// refuse everything: then nothing may be given up.
func (s *isolation) find(ctx context.Context, b batch) bool {
	if ctx.Err() != nil || s.inARow >= refusalsInARow {
		return false
	}
	letters, answer := s.attempt(ctx, b)
	switch {
	case answer.verdict == unanswered:
		return false
	case answer.verdict != rejected:
		s.letters = append(s.letters, letters...)
		s.inARow = 0
		return true
	case b.entries == 1:
		c := b.chunks[0]
		s.letters = append(s.letters, s.letter(c, 0, refusedEntry, answer.err.Error()))
		s.inARow++
		return true
	}
	left, right := b.halve()
	return s.find(ctx, left) && s.find(ctx, right)
}

// halve splits a batch of at least two entries.
func (b batch) halve() (left, right batch) {
	half := b.entries / 2
	for _, c := range b.chunks {
		take := min(max(half-left.entries, 0), len(c.entries))
		if take > 0 {
			left.add(chunk{h: c.h, from: c.from, entries: c.entries[:take]})
		}
		if take < len(c.entries) {
			right.add(chunk{h: c.h, from: c.from + int64(take), entries: c.entries[take:]})
		}
	}
	return left, right
}

// deathReason is the attribute "reason" of the metric that counts dead letters.
type deathReason string

const (
	undecodableEntry deathReason = "undecodable"
	refusedEntry     deathReason = "refused"
)

// deadLetter is a letter with what is counted about it.
type deadLetter struct {
	source *source
	reason deathReason
	letter claim.Letter
}

func (d *deliverer) letter(c chunk, at int, reason deathReason, text string) deadLetter {
	return deadLetter{source: c.h.source, reason: reason, letter: claim.Letter{
		UID:    c.uid(at),
		Reason: string(reason) + ": " + text,
		At:     time.Now().UTC(),
		Group:  d.group,
		Entry:  []byte(c.entries[at]),
	}}
}

func (d *deliverer) undecodable(bad []undecodable) []deadLetter {
	letters := make([]deadLetter, 0, len(bad))
	for _, u := range bad {
		letters = append(letters, d.letter(u.chunk, u.at, undecodableEntry, u.reason.Error()))
	}
	return letters
}

func (d *deliverer) refused(b batch, segment string, index int64, reason string) (deadLetter, bool) {
	for _, c := range b.chunks {
		if c.h.ID == segment && c.from <= index && index < c.end() {
			return d.letter(c, int(index-c.from), refusedEntry, reason), true
		}
	}
	return deadLetter{}, false
}

// bury keeps letters in Redis, trying until ctx is done.
func (d *deliverer) bury(ctx context.Context, letters []deadLetter) error {
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
	kept, dropped, err := d.store.Bury(ctx, src.Source, letters)
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
