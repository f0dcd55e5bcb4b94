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
	delivered map[int64]passed // chunks beyond done, by their beginning
}

// passed is a delivered chunk, without its entries.
type passed struct{ end, gone int64 }

// advance notes a delivered chunk. It returns how far the segment is done now,
// and how many of the entries that this passes gave way.
func (a *acking) advance(c chunk) (done, gone int64) {
	a.delivered[c.from] = passed{end: c.end(), gone: int64(c.gone)}
	for {
		next, ok := a.delivered[a.done]
		if !ok {
			return a.done, gone
		}
		delete(a.delivered, a.done)
		a.done = next.end
		gone += next.gone
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
		done, gone := h.acking.advance(c)
		if done == before || h.gone.Load() {
			continue
		}
		if err := a.record(ctx, h, done, gone); err != nil {
			h.gone.Store(true)
			a.logger.Warn("Delivered records could not be acknowledged and will be delivered again",
				zap.String("segment", h.Key()), zap.Int64("acknowledged", before), zap.Int64("delivered", done), zap.Error(err))
			continue
		}
		a.acknowledged(ctx, done-before)
	}
}

func (a *acknowledger) record(ctx context.Context, h *holding, done, gone int64) error {
	wait := newBackoff()
	for {
		err := a.store.Ack(ctx, h.Segment, done, claim.Shortfall{Gone: gone})
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
