package tykredisreceiver

import (
	"context"
	"errors"
	"sync"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// acknowledgement is a chunk whose records are all decided, without its entries.
type acknowledgement struct {
	h         *holding
	from, end int64
	outcome   claim.Outcome
}

// acking is how far a segment is done. Progress in Redis is one number, so a chunk that
// is done before its predecessor waits here for it.
type acking struct {
	done     int64
	ahead    map[int64]acknowledgement // beyond done, by their beginning
	progress progress
}

// advance notes a chunk that is done. It returns how far the segment is done now, and
// what became of the entries that this passes.
func (a *acking) advance(c acknowledgement) (done int64, outcome claim.Outcome) {
	a.ahead[c.from] = c
	for {
		next, ok := a.ahead[a.done]
		if !ok {
			return a.done, outcome
		}
		delete(a.ahead, a.done)
		a.done = next.end
		outcome = outcome.Plus(next.outcome)
	}
}

// progress is how far a segment is done, and how much of that Redis knows.
type progress struct {
	mu        sync.Mutex // guards the rest
	recording bool       // somebody does so, and takes along what is added
	done      int64
	outcome   claim.Outcome // of all up to done
	recorded  int64         // of these, the delivered ones that are acknowledged
}

// add notes how far a segment is done, and tells whether the caller is to record it.
func (p *progress) add(done int64, outcome claim.Outcome) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
	p.outcome = p.outcome.Plus(outcome)
	mine := !p.recording
	p.recording = true
	return mine
}

func (p *progress) all() (done int64, outcome claim.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done, p.outcome
}

// settle notes what was recorded. It returns how many delivered entries that were
// more than before, and whether that is all there is.
func (p *progress) settle(done, delivered int64) (more int64, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	more = delivered - p.recorded
	p.recorded = delivered
	p.recording = p.done > done
	return more, !p.recording
}

// acknowledger records progress in Redis. A segment's progress is recorded by one
// goroutine at a time, so that it never goes back, and a segment whose server is
// away does not keep others waiting.
type acknowledger struct {
	store  *claim.Store
	logger *zap.Logger
	health *health
	// chunks are those that are done.
	chunks chan acknowledgement
	// acknowledged is told how many delivered records Redis recorded as done.
	acknowledged func(ctx context.Context, entries int64)

	insisting sync.WaitGroup
}

// run records chunks until the channel is closed. It tries until ctx is done;
// what it could not record by then is delivered again later.
func (a *acknowledger) run(ctx context.Context) {
	defer a.insisting.Wait()
	for c := range a.chunks {
		h := c.h
		before := h.acking.done
		done, outcome := h.acking.advance(c)
		if done == before || h.gone.Load() || !h.acking.progress.add(done, outcome) {
			continue
		}
		if err := a.record(ctx, h); err != nil && !a.isFinal(ctx, h, err) {
			a.insisting.Go(func() { a.insist(ctx, h, err) })
		}
	}
}

// insist records a segment's progress, trying until ctx is done.
func (a *acknowledger) insist(ctx context.Context, h *holding, err error) {
	defer a.health.acknowledging(h, nil)
	wait := newBackoff()
	for {
		a.health.acknowledging(h, err)
		wait.sleep(ctx)
		if h.gone.Load() {
			return // another worker delivers it again
		}
		if err = a.record(ctx, h); err == nil || a.isFinal(ctx, h, err) {
			return
		}
	}
}

// record records all of a segment's progress, or returns the error that Redis gave.
func (a *acknowledger) record(ctx context.Context, h *holding) error {
	for {
		done, outcome := h.acking.progress.all()
		if err := a.store.Ack(ctx, h.Segment, done, outcome); err != nil {
			return err
		}
		more, all := h.acking.progress.settle(done, outcome.Delivered)
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
	done, _ := h.acking.progress.all()
	a.logger.Warn("Delivered records could not be acknowledged and will be delivered again",
		zap.String("segment", h.Key()), zap.Int64("delivered", done), zap.Error(err))
	return true
}

// isGone tells the loss of entries, or of the right to them, from trouble with Redis.
func isGone(err error) bool {
	return errors.Is(err, claim.ErrGone) || errors.Is(err, claim.ErrLeaseLost)
}
