package tykredisreceiver

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

// counting counts records into metrics, each once while the process lives: when
// it is delivered, and only if it has not been counted before. What is delivered
// again, because its lease or its acknowledgement was lost, is known by its
// segment and its place there.
type counting struct {
	meter *measure.Meter
	spare sync.Pool // of *measure.Batch

	mu      sync.Mutex // guards counted
	counted *simplelru.LRU[string, *spans]
}

func newCounting(meter *measure.Meter) (*counting, error) {
	counted, err := simplelru.NewLRU[string, *spans](countedSegments, nil)
	if err != nil {
		return nil, fmt.Errorf("remember what is counted: %w", err)
	}
	c := &counting{meter: meter, counted: counted}
	c.spare.New = func() any { return meter.NewBatch() }
	return c, nil
}

// begin gives an empty tally for a chunk; nil where nothing is counted.
func (c *counting) begin() *measure.Batch {
	if c == nil {
		return nil
	}
	return c.spare.Get().(*measure.Batch) //nolint:forcetypeassert // the pool holds nothing else
}

// count counts what is delivered of a chunk, whose tally holds all that is decodable. A
// dead letter counts when its replay is delivered.
func (c *counting) count(dl *delivery, k *delivering) {
	if k.tally == nil {
		return
	}
	fresh := c.take(&k.chunk)
	if fresh.length() < int64(k.count) || slices.Contains(dl.fates[k.first:k.first+k.count], refused) {
		k.tally.Reset()
		dl.recount(k, fresh)
	}
	c.meter.Merge(time.Now(), k.tally)
	c.spare.Put(k.tally)
	k.tally = nil
}

// take marks a chunk as counted and returns what of it was not before.
func (c *counting) take(k *chunk) spans {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.counted.Get(k.h.ID)
	if !ok {
		s = new(spans)
		c.counted.Add(k.h.ID, s)
	}
	return s.add(k.from, k.end())
}

// recount adds those records of a chunk to its tally that lie in fresh and are delivered.
func (dl *delivery) recount(k *delivering, fresh spans) {
	d := decoder{form: k.h.source.form, tally: k.tally}
	for _, s := range fresh {
		for index := s.from; index < s.end; index++ {
			if dl.fates[k.first+int(index-k.from)] != delivered {
				continue
			}
			if _, bytes, err := k.h.source.unframe(k.entries[index-k.from]); err == nil {
				_ = d.take(bytes, "") // which was decoded before
			}
		}
	}
}

// span is a run of a segment's entries, from a first one to before an end.
type span struct{ from, end int64 }

// spans are runs in rising order that do not touch.
type spans []span

func (s spans) length() int64 {
	n := int64(0)
	for _, run := range s {
		n += run.end - run.from
	}
	return n
}

// add adds a run and returns what of it was not there before.
func (s *spans) add(from, end int64) spans {
	var fresh spans
	var kept spans
	merged, at := span{from, end}, from
	for _, run := range *s {
		if run.end < merged.from || run.from > merged.end {
			kept = append(kept, run)
			continue
		}
		if run.from > at {
			fresh = append(fresh, span{at, run.from})
		}
		at = max(at, run.end)
		merged = span{min(merged.from, run.from), max(merged.end, run.end)}
	}
	if at < end {
		fresh = append(fresh, span{at, end})
	}
	i, _ := slices.BinarySearchFunc(kept, merged, func(a, b span) int { return int(a.from - b.from) })
	*s = slices.Insert(kept, i, merged)
	return fresh
}
