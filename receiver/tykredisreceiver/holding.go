package tykredisreceiver

import (
	"sync"
	"sync/atomic"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// holding is a segment leased to this process. The reader owns how far it is
// read, the acknowledger how far it is delivered.
type holding struct {
	claim.Segment
	source *source
	// count is how many entries the segment has by now: the newest one grows.
	count atomic.Int64
	// gone is set once the segment is no longer this process's to read or acknowledge.
	gone atomic.Bool
	// broken is one more than the index from which on Redis has no entries; 0 if it has.
	broken atomic.Int64

	reading reading
	acking  acking
}

// holdings are the segments that this process holds leases of.
type holdings struct {
	// wake has a value when there may be something new to read.
	wake chan struct{}

	// mu guards held.
	mu   sync.Mutex
	held [][]*holding // by source, oldest first
}

func newHoldings(sources int) *holdings {
	return &holdings{wake: make(chan struct{}, 1), held: make([][]*holding, sources)}
}

// update takes over what a visit to a source found. Segments not seen before
// are added; those that have grown are read on; those that the visit no longer shows
// are done or lost, and go.
func (hs *holdings) update(i int, src *source, seen []claim.Segment) (added []*holding) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	known := map[int64]*holding{}
	for _, h := range hs.held[i] {
		known[h.Seq] = h
	}
	kept := make([]*holding, 0, len(seen))
	grown := false
	for _, g := range seen {
		h := known[g.Seq]
		if h == nil || h.ID != g.ID || h.gone.Load() || h.isSpent(g.Done) {
			h = newHolding(src, g)
			added = append(added, h)
		} else {
			delete(known, g.Seq)
			if g.Count > h.count.Load() {
				h.count.Store(g.Count)
				grown = true
			}
		}
		kept = append(kept, h)
	}
	for _, h := range known {
		h.gone.Store(true)
	}
	hs.held[i] = kept
	if grown || len(added) > 0 {
		hs.nudge()
	}
	return added
}

// isSpent is true once Redis has no more of a segment to read, and all that was read of
// it is acknowledged.
func (h *holding) isSpent(acknowledged int64) bool {
	broken := h.broken.Load()
	return broken > 0 && acknowledged >= broken-1
}

// nudge tells the reader to look again.
func (hs *holdings) nudge() {
	select {
	case hs.wake <- struct{}{}:
	default:
	}
}

// of returns a source's holdings, oldest first.
func (hs *holdings) of(i int) []*holding {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.held[i]
}

func newHolding(src *source, g claim.Segment) *holding {
	start := g.Start()
	h := &holding{
		Segment: g,
		source:  src,
		reading: reading{next: start},
		acking: acking{
			done: start, ahead: map[int64]acknowledgement{},
			progress: progress{outcome: g.Outcome.Plus(claim.Outcome{Lost: start - g.Done}), recorded: g.Outcome.Delivered},
		},
	}
	h.count.Store(g.Count)
	return h
}
