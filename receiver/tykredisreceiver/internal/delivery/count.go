package delivery

import (
	"context"
	"slices"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// readToCount finds out which records of a chunk are not counted yet, and reads the entries if
// they are needed for that: unless all are counted together.
func (d *Deliverer) readToCount(ctx context.Context, dl *delivery, c *delivering) error {
	if c.tally == nil {
		return nil
	}
	if c.fresh == nil {
		c.fresh = d.Counter.Take(c.Segment.ID, c.From, c.End())
		if c.fresh == nil {
			c.fresh = metrics.Spans{}
		}
	}
	if c.isCountedWhole(dl) {
		return nil
	}
	return c.ReadAgain(ctx, d.Store)
}

// isCountedWhole tells whether the tally has exactly what is to be counted.
func (c *delivering) isCountedWhole(dl *delivery) bool {
	return c.fresh.Length() == int64(c.Count) && !slices.Contains(c.fates(dl), refused)
}

// count counts what is delivered of a chunk, whose tally holds all that is decodable. A
// dead letter counts when its replay is delivered.
func (d *Deliverer) count(dl *delivery, c *delivering) {
	if c.tally == nil {
		return
	}
	if !c.isCountedWhole(dl) {
		c.tally.Reset()
		dl.recount(c, c.fresh)
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
