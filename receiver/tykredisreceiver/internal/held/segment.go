// Package held is about the segments that this process holds leases of: reading them in
// chunks, and acknowledging what is delivered of them.
package held

import (
	"sync"
	"sync/atomic"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// Segment is one that is leased to this process. The reader owns how far it is read, and the
// acknowledger how far it is delivered.
type Segment struct {
	claim.Segment
	// Of is where it comes from.
	Of *source.Source

	count  atomic.Int64 // how many entries it has by now: the newest one grows
	gone   atomic.Bool
	broken atomic.Int64 // one more than the index from which on Redis has no entries; 0 if it has

	reading reading
	acking  acking
}

func newSegment(src *source.Source, g claim.Segment) *Segment {
	start := g.Start()
	s := &Segment{
		Segment: g,
		Of:      src,
		reading: reading{next: start},
		acking: acking{
			done: start, ahead: map[int64]Acknowledgement{},
			outcome: g.Outcome.Plus(claim.Outcome{Lost: start - g.Done}), recorded: g.Outcome.Delivered,
		},
	}
	s.count.Store(g.Count)
	return s
}

// now is the segment with as many entries as it has by now.
func (s *Segment) now() claim.Segment {
	g := s.Segment
	g.Count = s.count.Load()
	return g
}

// Lose notes that the segment is no longer this process's to read or acknowledge.
func (s *Segment) Lose() { s.gone.Store(true) }

// IsLost tells whether it is no longer.
func (s *Segment) IsLost() bool { return s.gone.Load() }

// isSpent is true once Redis has no more of a segment to read, and all that was read of
// it is acknowledged.
func (s *Segment) isSpent(acknowledged int64) bool {
	broken := s.broken.Load()
	return broken > 0 && acknowledged >= broken-1
}

// Segments are all that this process holds.
type Segments struct {
	wake chan struct{} // has a value when there may be something new to read

	mu   sync.Mutex   // guards held
	held [][]*Segment // by source, oldest first
}

// NewSegments is for a number of sources.
func NewSegments(sources int) *Segments {
	return &Segments{wake: make(chan struct{}, 1), held: make([][]*Segment, sources)}
}

// Update takes over what a visit to a source found. Segments not seen before
// are added; those that have grown are read on; those that the visit no longer shows
// are done or lost, and go. What Redis has forgotten that it was told, after a failover or
// since the group was removed, is delivered again.
func (all *Segments) Update(i int, src *source.Source, seen []claim.Segment) (added []*Segment) {
	all.mu.Lock()
	defer all.mu.Unlock()
	known := map[int64]*Segment{}
	for _, s := range all.held[i] {
		known[s.Seq] = s
	}
	kept := make([]*Segment, 0, len(seen))
	grown := false
	for _, g := range seen {
		s := known[g.Seq]
		if s == nil || s.ID != g.ID || s.IsLost() || s.isSpent(g.Done) || s.acking.forgotten(g.Done, g.Count) {
			s = newSegment(src, g)
			added = append(added, s)
		} else {
			delete(known, g.Seq)
			if g.Count > s.count.Load() {
				s.count.Store(g.Count)
				grown = true
			}
		}
		kept = append(kept, s)
	}
	for _, s := range known {
		s.Lose()
	}
	all.held[i] = kept
	if grown || len(added) > 0 {
		select {
		case all.wake <- struct{}{}:
		default:
		}
	}
	return added
}

// Of returns those of a source, oldest first.
func (all *Segments) Of(i int) []*Segment {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.held[i]
}
