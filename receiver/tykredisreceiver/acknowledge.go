package tykredisreceiver

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// acking is how far a segment is delivered. Progress in Redis is one number, so
// a chunk delivered before its predecessor waits here for it.
type acking struct {
	done      int64
	delivered map[int64]int64 // chunks beyond done: from -> end
}

// advance notes a delivered chunk and returns how far the segment is done now.
func (a *acking) advance(from, end int64) int64 {
	a.delivered[from] = end
	for {
		next, ok := a.delivered[a.done]
		if !ok {
			return a.done
		}
		delete(a.delivered, a.done)
		a.done = next
	}
}

// acknowledger records progress in Redis, one segment after the other, so that
// progress never goes back.
type acknowledger struct {
	store     *claim.Store
	logger    *zap.Logger
	delivered chan chunk
	// acknowledged is told how many entries Redis recorded as done.
	acknowledged func(ctx context.Context, entries int64)
}

// run records chunks until the channel is closed. It tries until ctx is done;
// what it could not record by then is delivered again later.
func (a *acknowledger) run(ctx context.Context) {
	for c := range a.delivered {
		h := c.h
		before := h.acking.done
		done := h.acking.advance(c.from, c.end())
		if done == before || h.gone.Load() {
			continue
		}
		if err := a.record(ctx, h, done); err != nil {
			h.gone.Store(true)
			a.logger.Warn("Delivered records could not be acknowledged and will be delivered again",
				zap.String("segment", h.Key()), zap.Int64("acknowledged", before), zap.Int64("delivered", done), zap.Error(err))
			continue
		}
		a.acknowledged(ctx, done-before)
	}
}

func (a *acknowledger) record(ctx context.Context, h *holding, done int64) error {
	wait := newBackoff()
	for {
		err := a.store.Ack(ctx, h.Segment, done, 0)
		if err == nil || errors.Is(err, claim.ErrLeaseLost) {
			return err
		}
		if !wait.sleep(ctx) {
			return err
		}
	}
}

// isGone tells the loss of entries, or of the right to them, from trouble with Redis.
func isGone(err error) bool {
	return errors.Is(err, claim.ErrGone) || errors.Is(err, claim.ErrLeaseLost)
}
