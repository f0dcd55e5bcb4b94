package metrics

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
)

// countedSegments is how many segments are remembered as counted. A segment comes
// again only while it is not acknowledged in full, or after Redis came back in an
// older state.
const countedSegments = 4096

// Counter counts records into metrics, each once while the process lives: when
// it is delivered, and only if it has not been counted before. What is delivered
// again, because its lease or its acknowledgement was lost, is known by its
// segment and its place there.
type Counter struct {
	meter *measure.Meter
	spare sync.Pool // of *measure.Batch

	mu      sync.Mutex // guards counted
	counted *simplelru.LRU[string, *Spans]
}

func newCounter(meter *measure.Meter) (*Counter, error) {
	counted, err := simplelru.NewLRU[string, *Spans](countedSegments, nil)
	if err != nil {
		return nil, fmt.Errorf("remember what is counted: %w", err)
	}
	c := &Counter{meter: meter, counted: counted}
	c.spare.New = func() any { return meter.NewBatch() }
	return c, nil
}

// Begin gives an empty tally for a chunk.
func (c *Counter) Begin() *measure.Batch {
	return c.spare.Get().(*measure.Batch) //nolint:forcetypeassert // the pool holds nothing else
}

// Take marks a run of a segment's entries as counted and returns what of it was not before.
func (c *Counter) Take(segment string, from, end int64) Spans {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.counted.Get(segment)
	if !ok {
		s = new(Spans)
		c.counted.Add(segment, s)
	}
	return s.add(from, end)
}

// Count merges a tally, and ends it.
func (c *Counter) Count(tally *measure.Batch) {
	c.meter.Merge(time.Now(), tally)
	c.spare.Put(tally)
}

// Span is a run of a segment's entries, from a first one to before an end.
type Span struct{ From, End int64 }

// Spans are runs in rising order that do not touch.
type Spans []Span

// Length is how many entries the runs have.
func (s Spans) Length() int64 {
	n := int64(0)
	for _, run := range s {
		n += run.End - run.From
	}
	return n
}

// add adds a run and returns what of it was not there before.
func (s *Spans) add(from, end int64) Spans {
	var fresh Spans
	var kept Spans
	merged, at := Span{from, end}, from
	for _, run := range *s {
		if run.End < merged.From || run.From > merged.End {
			kept = append(kept, run)
			continue
		}
		if run.From > at {
			fresh = append(fresh, Span{at, run.From})
		}
		at = max(at, run.End)
		merged = Span{min(merged.From, run.From), max(merged.End, run.End)}
	}
	if at < end {
		fresh = append(fresh, Span{at, end})
	}
	i, _ := slices.BinarySearchFunc(kept, merged, func(a, b Span) int { return int(a.From - b.From) })
	*s = slices.Insert(kept, i, merged)
	return fresh
}
