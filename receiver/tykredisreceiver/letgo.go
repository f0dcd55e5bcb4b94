package tykredisreceiver

import (
	"context"
	"fmt"
)

// letsGo tells whether entries are let go once log records are made of them: where
// these have fewer fields, and so memory of their own, the entries would take most of
// a delivery's memory for nothing. Metrics may have to be counted again.
func (d *deliverer) letsGo() bool { return d.ignored != 0 && d.counting == nil }

// letGo forgets the entries of a batch while pipelines have its records.
func (d *deliverer) letGo(b batch) {
	if !d.letsGo() {
		return
	}
	for i := range b.chunks {
		c := &b.chunks[i]
		c.entries = nil
		if c.h.source.detaches() {
			c.blocks.Reuse()
		}
	}
}

// recall reads again what was let go, for another attempt or for dead letters. It
// tries until ctx is done or the batch is another worker's.
func (d *deliverer) recall(ctx context.Context, b batch) error {
	wait := newBackoff()
	for i := range b.chunks {
		c := &b.chunks[i]
		for c.entries == nil {
			entries, err := d.read(ctx, c)
			if err == nil {
				c.entries = entries
				break
			}
			d.health.redis(err)
			if !wait.sleep(ctx) || b.gone() {
				return fmt.Errorf("read %d records again: %w", c.count, err)
			}
		}
	}
	return nil
}

// read reads a chunk in pages, since an answer of Redis is held as a whole.
func (d *deliverer) read(ctx context.Context, c *chunk) ([]string, error) {
	const pageBytes = 1 << 20
	average := c.bytes/c.count + 1
	page := int64(min(max(pageBytes/average, 1), pageRecords))
	entries := make([]string, 0, c.count)
	for at := c.from; at < c.end(); at += page {
		more, err := d.store.Read(ctx, c.h.Segment, at, min(at+page, c.end()))
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return entries, nil
}
