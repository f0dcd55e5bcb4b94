package delivery

import (
	"context"
	"sync"
)

// slot is a delivery's place among max_in_flight, which others may have while pipelines take long for it, and
// once nobody needs its records any more.
type slot struct {
	mu                       sync.Mutex // guards the rest
	lent, released, consumed bool
	records, bytes           int // how much of it waits without a place
}

// isElsewhere tells whether others have the place.
func (s *slot) isElsewhere() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lent || s.released
}

// mostReleased is how many chunks may wait without a place whose records nobody needs any more: what waits of them
// takes a fraction of their memory.
const mostReleased = 10

// release frees the entries of a delivery that pipelines have, and lets others have its place, as far as there is
// room for what still waits.
func (d *Deliverer) release(dl *delivery) {
	s := &dl.slot
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released || s.consumed {
		return
	}
	dl.release()
	if s.lent {
		return
	}
	s.records, _ = dl.left()
	if all := d.released.Add(int64(s.records)); all > int64(mostReleased*d.WaitRecords) {
		d.released.Add(-int64(s.records))
		return
	}
	s.released = true
	<-d.slots
}

// enter has a delivery that was released take a place again before its entries are read again.
func (d *Deliverer) enter(ctx context.Context, dl *delivery) error {
	s := &dl.slot
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.released {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case d.slots <- struct{}{}:
	}
	s.released = false
	d.released.Add(-int64(s.records))
	return nil
}

// begin is before pipelines are asked.
func (s *slot) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumed = false
}

// lend lets others have the place of a delivery that pipelines have not answered, as far as memory allows. It is called at the
// end of patience, at which they may just have answered.
func (d *Deliverer) lend(dl *delivery) {
	s := &dl.slot
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lent || s.released || s.consumed {
		return
	}
	if s.records, s.bytes = dl.left(); d.evidence.lend(s.records, s.bytes) {
		s.lent = true
		<-d.slots
	}
}

// takeBack has a delivery that was answered take a place again, if there is one. Without, it goes on all the same: what is stored
// is not to wait for what is not.
func (d *Deliverer) takeBack(dl *delivery) {
	s := &dl.slot
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumed = true
	if !s.lent {
		return
	}
	select {
	case d.slots <- struct{}{}:
		s.lent = false
		d.evidence.leave(s.records, s.bytes)
	default:
	}
}

// giveBack is the end of a delivery.
func (d *Deliverer) giveBack(dl *delivery) {
	switch s := &dl.slot; {
	case s.lent:
		d.evidence.leave(s.records, s.bytes)
	case s.released:
		d.released.Add(-int64(s.records))
	default:
		<-d.slots
	}
}
