package tykredisreceiver

import (
	"context"
	"errors"
	"sync"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// acking is how far a segment is delivered. Progress in Redis is one number, so
// a chunk delivered before its predecessor waits here for it.
type acking struct {
	done      int64
	delivered map[int64]passed // chunks beyond done, by their beginning
	owed      owed
}

// owed is what is delivered and not acknowledged yet.
type owed struct {
	mu        sync.Mutex // guards the rest
	recording bool       // somebody does so, and takes along what is added
	done      int64
	outcome   claim.Outcome // of all up to done
	recorded  int64         // of these, the delivered ones that are acknowledged
}

// add notes how far a segment is done, and tells whether the caller is to record it.
func (o *owed) add(done int64, outcome claim.Outcome) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done = done
	o.outcome = o.outcome.Plus(outcome)
	mine := !o.recording
	o.recording = true
	return mine
}

func (o *owed) all() (done int64, outcome claim.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.done, o.outcome
}

// settle notes what was recorded. It returns how many delivered entries that were
// more than before, and whether that is all that is owed.
func (o *owed) settle(done, delivered int64) (more int64, all bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	more = delivered - o.recorded
	o.recorded = delivered
	o.recording = o.done > done
	return more, !o.recording
}

// passed is a delivered chunk, without its entries.
type passed struct {
	end     int64
	outcome claim.Outcome
}

// advance notes a delivered chunk. It returns how far the segment is done now,
// and what became of the entries that this passes.
func (a *acking) advance(c chunk) (done int64, outcome claim.Outcome) {
	a.delivered[c.from] = passed{end: c.end(), outcome: claim.Outcome{
		Delivered: int64(c.count - c.shed - c.dead), Dead: int64(c.dead), Shed: int64(c.shed),
	}}
	for {
		next, ok := a.delivered[a.done]
		if !ok {
			return a.done, outcome
		}
		delete(a.delivered, a.done)
		a.done = next.end
		outcome = outcome.Plus(next.outcome)
	}
}

// acknowledger records progress in Redis. A segment's progress is recorded by one
// goroutine at a time, so that it never goes back, and a segment whose server is
// away does not keep others waiting.
type acknowledger struct {
	store     *claim.Store
	logger    *zap.Logger
	delivered chan chunk
	// acknowledged is told how many delivered records Redis recorded as done.
	acknowledged func(ctx context.Context, entries int64)

	insisting sync.WaitGroup
}

// run records chunks until the channel is closed. It tries until ctx is done;
// what it could not record by then is delivered again later.
func (a *acknowledger) run(ctx context.Context) {
	defer a.insisting.Wait()
	for c := range a.delivered {
		h := c.h
		before := h.acking.done
		done, outcome := h.acking.advance(c)
		if done == before || h.gone.Load() || !h.acking.owed.add(done, outcome) {
			continue
		}
		if err := a.record(ctx, h); err != nil && !a.isFinal(ctx, h, err) {
			a.insisting.Go(func() { a.insist(ctx, h) })
		}
	}
}

// insist records what a segment owes, trying until ctx is done.
func (a *acknowledger) insist(ctx context.Context, h *holding) {
	wait := newBackoff()
	for {
		wait.sleep(ctx)
		if h.gone.Load() {
			return // another worker delivers it again
		}
		if err := a.record(ctx, h); err == nil || a.isFinal(ctx, h, err) {
			return
		}
	}
}

// record records all that a segment owes, or returns the error that Redis gave.
func (a *acknowledger) record(ctx context.Context, h *holding) error {
	for {
		done, outcome := h.acking.owed.all()
		if err := a.store.Ack(ctx, h.Segment, done, outcome); err != nil {
			return err
		}
		more, all := h.acking.owed.settle(done, outcome.Delivered)
		a.acknowledged(ctx, more)
		if all {
			return nil
		}
	}
}

// isFinal tells whether trying again is of no use, and says so if it is not.
func (a *acknowledger) isFinal(ctx context.Context, h *holding, err error) bool {
	if !errors.Is(err, claim.ErrLeaseLost) && ctx.Err() == nil {
		return false
	}
	h.gone.Store(true)
	done, _ := h.acking.owed.all()
	a.logger.Warn("Delivered records could not be acknowledged and will be delivered again",
		zap.String("segment", h.Key()), zap.Int64("delivered", done), zap.Error(err))
	return true
}

// isGone tells the loss of entries, or of the right to them, from trouble with Redis.
func isGone(err error) bool {
	return errors.Is(err, claim.ErrGone) || errors.Is(err, claim.ErrLeaseLost)
}
