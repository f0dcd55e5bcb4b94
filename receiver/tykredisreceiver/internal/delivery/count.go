package delivery

import (
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// count counts what is delivered of a chunk, whose tally holds all that is decodable. A
// dead letter counts when its replay is delivered.
func (d *Deliverer) count(dl *delivery, c *delivering) {
	if c.tally == nil {
		return
	}
	fresh := d.Counter.Take(c.Segment.ID, c.From, c.End())
	if fresh.Length() < int64(c.Count) || slices.Contains(c.fates(dl), refused) {
		c.tally.Reset()
		dl.recount(c, fresh)
	}
	d.Counter.Count(c.tally)
	c.tally = nil
}

// recount adds those records of a chunk to its tally that lie in fresh and are delivered.
func (dl *delivery) recount(c *delivering, fresh metrics.Spans) {
	d := source.Decoder{Form: c.Segment.Of.Form, Tally: c.tally}
	for _, run := range fresh {
		for index := run.From; index < run.End; index++ {
			i := int(index - c.From)
			if c.fates(dl)[i] != delivered {
				continue
			}
			if _, bytes, err := c.Segment.Of.Unframe(c.Entries[i]); err == nil {
				_ = d.Take(bytes, "") // which was decoded before
			}
		}
	}
}
