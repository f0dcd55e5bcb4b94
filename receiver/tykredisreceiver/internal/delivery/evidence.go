package delivery

import (
	"sync"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// illegible is how many entries of a list in a row may be undecodable before its
// gateway, not the entries, is held to be at fault: it may write a new format.
const illegible = 16

// evidence is what deliveries know of each other: whether the destination takes
// records at all, and whether what a list holds can be decoded at all.
type evidence struct {
	mu      sync.Mutex       // guards the rest
	clock   int64            // counts what was sent
	taken   int64            // when the latest that was accepted was sent
	through map[string]int64 // of these, what a filter let through
	lists   map[*source.Source]*legibility
	changed chan struct{} // closed with the next good news; nil where nobody waits

	// What waits for evidence without a place among max_in_flight is bounded.
	records, bytes         int
	mostRecords, mostBytes int
}

// legibility is what is known of a list's entries.
type legibility struct {
	row     int   // undecodable ones since the last decodable
	decoded int64 // chunks with decodable ones
}

// send notes that something is sent, and returns when.
func (e *evidence) send() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clock++
	return e.clock
}

// accept notes that something sent at a time was accepted, and which filters let some of
// it through.
func (e *evidence) accept(sent int64, through []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taken = max(e.taken, sent)
	for _, filter := range through {
		e.through[filter] = max(e.through[filter], sent)
	}
	e.tell()
}

// takes tells whether something was accepted that was sent after a time, and through
// each of the filters.
func (e *evidence) takes(since int64, through map[string]bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for filter := range through {
		if e.through[filter] <= since {
			return false
		}
	}
	return e.taken > since
}

// decode notes a chunk: how many entries were decodable, and how many were not since the
// last of these. It returns what isLegible wants to know.
func (e *evidence) decode(src *source.Source, decodable, row int) (since int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.lists[src]
	if l == nil {
		l = &legibility{}
		e.lists[src] = l
	}
	if decodable > 0 {
		l.row = 0
		l.decoded++
		e.tell()
	}
	l.row += row
	return l.decoded
}

// isLegible tells whether undecodable entries of a list are to blame themselves: few came
// in a row, or decodable ones came since.
func (e *evidence) isLegible(src *source.Source, since int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.lists[src]
	return l.row <= illegible || l.decoded > since
}

// tell wakes who waits.
func (e *evidence) tell() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// news is closed with the next good news.
func (e *evidence) news() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return e.changed
}

// enter tells whether a delivery may wait without a place of max_in_flight, which the number
// of its records decides, and how many bytes it keeps in memory meanwhile: all or none.
func (e *evidence) enter(records, bytes int) (keeps int, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.records > 0 && e.records+records > e.mostRecords {
		return 0, false
	}
	if e.bytes+bytes <= e.mostBytes {
		keeps = bytes
	}
	e.records += records
	e.bytes += keeps
	return keeps, true
}

// lend tells whether a delivery that pipelines have may wait without a place: alone, or if all of it fits beside the others.
func (e *evidence) lend(records, bytes int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.records > 0 && (e.records+records > e.mostRecords || e.bytes+bytes > e.mostBytes) {
		return false
	}
	e.records += records
	e.bytes += bytes
	return true
}

// leave is the end of what enter or lend began.
func (e *evidence) leave(records, keeps int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.records -= records
	e.bytes -= keeps
}
