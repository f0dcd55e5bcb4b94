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
	spare                    bool // while released: it has the spare place
	records, bytes           int  // how much of it waits without a place
}

// isElsewhere tells whether others have the place.
func (s *slot) isElsewhere() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lent || s.released
}

// needsPlace tells whether a delivery that was released has none.
func (s *slot) needsPlace() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.released && !s.spare
}

// mostReleased is how many deliveries may wait without a place whose records nobody needs any more.
const mostReleased = 10

// release frees the entries of a delivery that pipelines have, and lets others have its place, as far as there is
// room for what still waits.
func (d *Deliverer) release(dl *delivery) {
	s := &dl.slot
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.consumed {
		return
	}
	dl.release()
	switch {
	case s.spare:
		d.giveSpare(s)
	case s.lent, s.released:
	case d.released.Add(1) > mostReleased:
		d.released.Add(-1)
	default:
		s.released = true
		<-d.slots
	}
}

// enter has a delivery that was released take a place again before its entries are read again. One of them at a
// time has a spare one, since all others may be taken by deliveries that wait for what only these can tell.
func (d *Deliverer) enter(ctx context.Context, dl *delivery) error {
	s := &dl.slot
	if !s.needsPlace() {
		return nil
	}
	isSpare := false
	select { // nobody else changes what needsPlace has seen: the delivery is not with the pipelines
	case <-ctx.Done():
		return ctx.Err()
	case d.spare <- struct{}{}:
		isSpare = true
	case d.slots <- struct{}{}:
		d.released.Add(-1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare, s.released = isSpare, isSpare
	return nil
}

// pause takes the spare place from a delivery that waits before its next attempt.
func (d *Deliverer) pause(dl *delivery) {
	s := &dl.slot
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spare {
		dl.release()
		d.giveSpare(s)
	}
}

func (d *Deliverer) giveSpare(s *slot) {
	<-d.spare
	s.spare = false
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
	s := &dl.slot
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumed = true
	if s.spare {
		d.giveSpare(s)
	}
	switch {
	case s.lent:
		d.evidence.leave(s.records, s.bytes)
	case s.released:
		d.released.Add(-1)
	default:
		<-d.slots
	}
}
