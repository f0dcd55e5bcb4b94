package krakendreceiver

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

// ringSize is how many pauses Go's runtime remembers.
const ringSize = 256

// tracker knows what one snapshot alone does not tell: which window it belongs to, since
// when counters count, and what has ended in between.
type tracker struct {
	previous *snapshot
	began    pcommon.Timestamp // of the process, as far as it was seen
	// starts are the series that were not there when the process was first seen.
	starts map[series]pcommon.Timestamp
	// connections are what was told last, by the router's key.
	connections map[string]int64
	windowBegan pcommon.Timestamp // 0 where it was not seen
	collections uint32            // garbage collections whose pauses were told
}

// turn is what a snapshot and those before it say together.
type turn struct {
	now         *snapshot
	starts      func(series) pcommon.Timestamp
	connections map[string]int64
	// window is set where one is to be told.
	window *window
	// missed windows began and ended unseen.
	missed int64
}

// window is a period of a KrakenD that has ended, or is told as it is.
type window struct {
	began         pcommon.Timestamp
	distributions map[series]distribution
	// pauses are those of garbage collections, in nanoseconds and in their order.
	pauses []uint64
	// gauges is true where those of the snapshot are of this window.
	gauges bool
}

// next takes a snapshot in. With running, each one's own window is told.
func (t *tracker) next(s *snapshot, running bool) turn {
	last := t.previous
	t.previous = s
	began := last == nil
	restarted := !began && restarted(last, s)
	if began || restarted {
		t.start(s, last, running)
	}
	for key := range s.counters {
		if _, known := t.starts[key]; !known && !began && !restarted && !has(last.counters, key) {
			t.starts[key] = last.at
		}
	}
	if !began {
		t.forget(last, s)
	}
	result := turn{now: s, starts: t.startOf, connections: t.sums(last, s, began || restarted)}
	ticked := restarted
	if !began && !restarted {
		var ended int64
		ticked, ended = tick(last, s)
		result.missed = max(0, ended-1)
	}
	switch {
	case running:
		result.window = &window{began: t.windowBegan, distributions: s.windows, gauges: true}
	case ticked:
		result.window = &window{began: t.windowBegan, distributions: last.windows, gauges: !restarted || s.tick > 0}
	}
	if result.window != nil {
		result.window.pauses = t.pauses(s, running)
	}
	if ticked {
		t.windowBegan = s.at
	}
	return result
}

// forget drops the starts of series that neither of two answers has: one that could not be read
// once may come again.
func (t *tracker) forget(last, s *snapshot) {
	for key := range t.starts {
		if !has(last.counters, key) && !has(s.counters, key) {
			delete(t.starts, key)
		}
	}
}

// start begins anew with a process that was not seen before, and which began after the
// last answer of the one before it.
func (t *tracker) start(s, last *snapshot, running bool) {
	t.starts, t.connections = map[series]pcommon.Timestamp{}, map[string]int64{}
	t.began, t.collections = s.at, collections(s, running)
	if last != nil {
		t.began, t.collections = last.at, 0
	}
}

func (t *tracker) startOf(key series) pcommon.Timestamp {
	if at, ok := t.starts[key]; ok {
		return at
	}
	return t.began
}

// sums adds the connections of the running window to those of all before it. An answer is
// not of one moment: where a window ended within it, its connections may be in neither
// number, or in both. Sums never fall, and connections that no response explains wait.
func (t *tracker) sums(last, s *snapshot, fresh bool) map[string]int64 {
	for _, key := range []string{connected, disconnected} {
		running, ok := s.router[key]
		total, hasTotal := s.router[key+totalSuffix]
		if !ok || !hasTotal {
			continue
		}
		sum := total + running
		if !fresh {
			told := t.connections[key]
			if total != last.router[key+totalSuffix] && running > 0 && sum-told >= responses(s)-responses(last)+running {
				sum = total
			}
			sum = max(sum, told)
		}
		t.connections[key] = sum
	}
	return t.connections
}

func responses(s *snapshot) (n int64) {
	for key, count := range s.counters {
		if key.metric == krakend.Responses {
			n += count
		}
	}
	return n
}

// collections counts garbage collections: those up to the end of the last window, where
// KrakenD says, or those up to now.
func collections(s *snapshot, running bool) uint32 {
	n, ok := s.integers[krakend.DebugPrefix+"GCStats.NumGC"]
	if !ok || running || n < 0 || n > int64(s.memory.NumGC) {
		return s.memory.NumGC
	}
	return uint32(n) //nolint:gosec // not more than NumGC
}

// pauses are those of garbage collections since they were told last, as far as the
// runtime remembers them.
func (t *tracker) pauses(s *snapshot, running bool) []uint64 {
	var pauses []uint64
	ring := s.memory.PauseNs
	first, end := t.collections, collections(s, running)
	t.collections = end
	if len(ring) != ringSize {
		return nil
	}
	if s.memory.NumGC > ringSize {
		first = max(first, s.memory.NumGC-ringSize)
	}
	for i := first; i < end; i++ {
		pauses = append(pauses, ring[i%ringSize])
	}
	return pauses
}

// restarted is true where the second answer is of another process than the first. A
// process that has counted more than the one before it is told by the number of its
// windows, or by its memory.
func restarted(last, s *snapshot) bool {
	if last.hasTick && s.hasTick && s.tick < last.tick ||
		s.memory.NumGC < last.memory.NumGC || s.memory.TotalAlloc < last.memory.TotalAlloc {
		return true
	}
	for key, n := range last.counters {
		now, ok := s.counters[key]
		if ok && now < n || !ok && s.unreadable == 0 {
			return true
		}
	}
	return false
}

// tick tells whether windows have ended between two answers of a process, and how many.
func tick(last, s *snapshot) (bool, int64) {
	if last.hasTick && s.hasTick {
		return s.tick != last.tick, s.tick - last.tick
	}
	for key, d := range last.windows {
		if s.windows[key][statCount] < d[statCount] {
			return true, 1
		}
	}
	return false, 0
}

func has[V any](all map[series]V, key series) bool {
	_, ok := all[key]
	return ok
}
