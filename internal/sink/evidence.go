package sink

import (
	"sync"
	"time"
)

// EqualFailures is how often in a row something fails in the same way before it is
// looked at apart from its neighbours: what heals by itself has done so by then, or
// fails in another way meanwhile.
const EqualFailures = 5

// What Evidence remembers of failures.
const (
	evidenceBytes     = 4 << 20
	evidenceRetention = time.Hour
)

// Finding is what the failures of something say so far.
type Finding uint8

// Findings.
const (
	// Wait for more evidence: it failed too seldom.
	Wait Finding = iota
	// Suspect: it failed often enough, but nothing else was taken either. Whoever can
	// take it apart finds out whether parts of it are; whoever cannot waits.
	Suspect
	// Blamed: it failed often enough, and others were taken meanwhile.
	Blamed
)

// Failure is one failure of something that a store was asked to take.
type Failure struct {
	// Place is where it was to be stored; others of the place are its neighbours.
	Place string
	// Item names it, the same whenever it is tried again.
	Item string
	// Fault names what the store said, the same for equal failures.
	Fault string
	// Beside tells that neighbours were taken along with it.
	Beside bool
	// Enough is after how many equal failures in a row it is suspected; 0 means
	// EqualFailures.
	Enough int
}

// Evidence decides by what happened where an error does not say whether waiting
// helps. Its zero value knows of nothing; its methods may be called from several
// goroutines.
type Evidence struct {
	mu       sync.Mutex       // guards the fields below
	accepted map[string]int64 // by place
	runs     *Cache[run]
}

// run is a row of equal failures.
type run struct {
	fault    string
	often    int
	accepted int64 // of the place, when the row began
	beside   bool
}

// Accepted books that a place took something.
func (e *Evidence) Accepted(place string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.accepted == nil {
		e.accepted = map[string]int64{}
	}
	e.accepted[place]++
}

// Neighbours books that a place took others of what an item was sent with, before anybody learned what it says to the item. After
// EqualFailures of its own the item is to blame: they may be all that there is left to send, so that nothing else will be taken.
func (e *Evidence) Neighbours(place, item string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := place + "\x00" + item
	r, known := e.runsOf().Get(key)
	if known && r.beside {
		return
	}
	e.runs.Put(key, run{fault: r.fault, often: 1 - EqualFailures, accepted: e.accepted[place], beside: true})
}

// runsOf is the memory of failures.
func (e *Evidence) runsOf() *Cache[run] {
	if e.runs == nil {
		e.runs = NewCache[run](evidenceBytes, evidenceRetention)
	}
	return e.runs
}

// Failed books a failure, and tells what is known now.
func (e *Evidence) Failed(f Failure) Finding {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := f.Place + "\x00" + f.Item
	r, known := e.runsOf().Get(key)
	if !known || r.fault != f.Fault {
		r = run{fault: f.Fault, accepted: e.accepted[f.Place]}
	}
	if f.Beside {
		r.often = max(r.often, 0)
	}
	r.often++
	r.beside = r.beside || f.Beside
	e.runs.Put(key, r)
	enough := f.Enough
	if enough == 0 {
		enough = EqualFailures
	}
	switch {
	case r.often < enough:
		return Wait
	case r.beside || e.accepted[f.Place] > r.accepted:
		return Blamed
	}
	return Suspect
}

// Settled forgets the failures of something that is stored or refused.
func (e *Evidence) Settled(place, item string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runs != nil {
		e.runs.Delete(place + "\x00" + item)
	}
}
