package delivery

import (
	"context"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// count counts what is delivered of a chunk, whose tally holds all that is decodable. A
// dead letter counts when its replay is delivered. Where not all of a chunk is to be counted,
// it needs the entries, and fails as long as they cannot be read.
func (d *Deliverer) count(ctx context.Context, dl *delivery, c *delivering) error {
	if c.tally == nil {
		return nil
	}
	if c.fresh == nil {
		c.fresh = d.Counter.Take(c.Segment.ID, c.From, c.End())
	}
	if c.fresh.Length() < int64(c.Count) || slices.Contains(c.fates(dl), refused) {
		if err := c.ReadAgain(ctx, d.Store); err != nil {
			return err
		}
		c.tally.Reset()
		dl.recount(c, c.fresh)
	}
	d.Counter.Count(c.tally)
	c.tally = nil
	return nil
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
