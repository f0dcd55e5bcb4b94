package engine

import (
	"maps"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// enoughFailures is after how many failures in a row, each of which may be a record's
// fault, a push is taken apart.
const enoughFailures = 3

// maxDoubts bounds how many pushes are remembered.
const maxDoubts = 64

// doubt is what is remembered of a push that failed, until it succeeds.
type doubt struct {
	key      string
	failures int
	before   map[string]uint64 // what was accepted when it failed first
	refused  map[push.Verdict]sink.Refusal
}

// strong tells whether a record of the push may be at fault.
func (d *doubt) strong() bool { return d.failures >= enoughFailures }

// doubtOf gives what is remembered of a push, which has no key where it cannot be known
// again.
func (s *Store) doubtOf(key string) *doubt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.doubts[key]; d != nil && key != "" {
		return d
	}
	return &doubt{key: key}
}

// remember keeps what is known of a push that failed.
func (s *Store) remember(d *doubt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.before == nil {
		d.before = maps.Clone(s.accepted)
	}
	for key := range s.doubts {
		if len(s.doubts) < maxDoubts {
			break
		}
		delete(s.doubts, key)
	}
	if d.key != "" {
		s.doubts[d.key] = d
	}
}

// settle forgets a push that has succeeded.
func (s *Store) settle(d *doubt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.doubts, d.key)
}

// accept notes that the sinks have taken something.
func (s *Store) accept(sinks []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sink := range sinks {
		s.accepted[sink]++
	}
}

// acceptedSince tells whether a sink has taken something since a push failed first.
func (s *Store) acceptedSince(sink string, d *doubt) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted[sink] > d.before[sink]
}
