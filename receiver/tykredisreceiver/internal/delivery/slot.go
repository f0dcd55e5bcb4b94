package delivery

import "sync"

// slot is a delivery's place among max_in_flight, which others may have while pipelines take long for it.
type slot struct {
	mu             sync.Mutex // guards the rest
	lent, consumed bool
	records, bytes int // how much of it waits without a place
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
	if s.lent || s.consumed {
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
	if dl.slot.lent {
		d.evidence.leave(dl.slot.records, dl.slot.bytes)
		return
	}
	<-d.slots
}
