package held

import (
	"context"
	"errors"
	"sync"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/pace"
)

// Acknowledgement is a chunk whose records are all decided.
type Acknowledgement struct {
	// Chunk is which; its entries are not needed any more.
	Chunk Chunk
	// Outcome is what became of its records.
	Outcome claim.Outcome
}

// acking is how far a segment is done, and how much of that Redis knows. Progress in Redis is
// one number, so a chunk that is done before its predecessor waits here for it.
type acking struct {
	mu        sync.Mutex                // guards the rest
	ahead     map[int64]Acknowledgement // beyond done, by their beginning
	done      int64
	outcome   claim.Outcome // of all up to done
	recording bool          // somebody does so, and takes along what is added
	recorded  int64         // of the delivered entries, those that are acknowledged
	settled   int64         // how far Redis was told
	shown     int64         // how much of that the next visit must show
}

// advance notes a chunk that is done, and tells whether the caller is to record that.
func (a *acking) advance(c Acknowledgement) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ahead[c.Chunk.From] = c
	before := a.done
	for next, ok := a.ahead[a.done]; ok; next, ok = a.ahead[a.done] {
		delete(a.ahead, a.done)
		a.done = next.Chunk.End()
		a.outcome = a.outcome.Plus(next.Outcome)
	}
	if a.done == before || a.recording {
		return false
	}
	a.recording = true
	return true
}

func (a *acking) all() (done int64, outcome claim.Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.done, a.outcome
}

// settle notes what was recorded. It returns how many delivered entries that were
// more than before, and whether that is all there is.
func (a *acking) settle(done, delivered int64) (more int64, all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	more = delivered - a.recorded
	a.recorded, a.settled = delivered, done
	a.recording = a.done > done
	return more, !a.recording
}

// forgotten tells that a visit shows less of a segment than Redis was told before the visit,
// although all count entries were acknowledged: nothing would tell it again.
func (a *acking) forgotten(shown, count int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.shown
	a.shown = a.settled
	return shown < before && a.settled >= count
}

// Acknowledger records progress in Redis. A segment's progress is recorded by one
// goroutine at a time, so that it never goes back, and a segment whose server is
// away does not keep others waiting.
type Acknowledger struct {
	// Store, Logger and Health are the receiver's.
	Store  *claim.Store
	Logger *zap.Logger
	Health *health.Health
	// Chunks are those that are done.
	Chunks chan Acknowledgement
	// Recorded is told how many delivered records Redis recorded as done.
	Recorded func(ctx context.Context, entries int64)

	insisting sync.WaitGroup
}

// Run records chunks until the channel is closed. It tries until ctx is done;
// what it could not record by then is delivered again later.
func (a *Acknowledger) Run(ctx context.Context) {
	defer a.insisting.Wait()
	for c := range a.Chunks {
		s := c.Chunk.Segment
		if s.IsLost() || !s.acking.advance(c) {
			continue
		}
		if err := a.record(ctx, s); err != nil && !a.isFinal(ctx, s, err) {
			a.insisting.Go(func() { a.insist(ctx, s, err) })
		}
	}
}

// insist records a segment's progress, trying until ctx is done.
func (a *Acknowledger) insist(ctx context.Context, s *Segment, err error) {
	defer a.Health.Note(health.Acknowledging, s, nil)
	wait := pace.ForRedis()
	for {
		a.Health.Note(health.Acknowledging, s, err)
		wait.Sleep(ctx)
		if s.IsLost() {
			return // another worker delivers it again
		}
		if err = a.record(ctx, s); err == nil || a.isFinal(ctx, s, err) {
			return
		}
	}
}

// record records all of a segment's progress, or returns the error that Redis gave.
func (a *Acknowledger) record(ctx context.Context, s *Segment) error {
	for {
		done, outcome := s.acking.all()
		if err := a.Store.Ack(ctx, s.Segment, done, outcome); err != nil {
			return err
		}
		more, all := s.acking.settle(done, outcome.Delivered)
		a.Recorded(ctx, more)
		if all {
			return nil
		}
	}
}

// isFinal tells whether trying again is of no use, and says so if it is not.
func (a *Acknowledger) isFinal(ctx context.Context, s *Segment, err error) bool {
	if !errors.Is(err, claim.ErrLeaseLost) && ctx.Err() == nil {
		return false
	}
	s.Lose()
	done, _ := s.acking.all()
	a.Logger.Warn("Delivered records could not be acknowledged and will be delivered again",
		zap.String("segment", s.Key()), zap.Int64("delivered", done), zap.Error(err))
	return true
}
