package tykredisreceiver

import (
	"context"
	"fmt"
)

// smallEntry is how many bytes an entry has, on the average of a chunk, whose texts are
// better copied: most of them are names, which a chunk's log records share. Tests change it.
var smallEntry = 2 << 10

// detaches tells whether log records of a chunk get memory of their own. Then its entries
// are let go while pipelines have them, and their memory is used for the next ones: what
// is alive is what garbage collection costs. Metrics may have to be counted again.
func (d *deliverer) detaches(c *chunk) bool {
	return d.counting == nil && c.h.source.detaches() && (d.ignored != 0 || c.bytes <= smallEntry*c.count)
}

// letGo forgets the entries of a batch while pipelines have its records.
func (d *deliverer) letGo(b batch) {
	for i := range b.chunks {
		c := &b.chunks[i]
		if d.detaches(c) {
			c.entries = nil
		}
	}
}

// recall reads again what was let go, for another attempt or for dead letters. It
// tries until ctx is done or the batch is another worker's. A chunk that Redis has no
// more is no longer this delivery's and stays without entries: the next visit finds out
// what is left of its segment.
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
			if ctx.Err() == nil && isGone(err) {
				c.h.gone.Store(true)
				c.entries = []string{}
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
	entries := make([]string, 0, c.count)
	for len(entries) < c.count {
		more, err := d.store.Read(ctx, c.h.Segment, c.from+int64(len(entries)), int64(min(c.count-len(entries), pageRecords)), pageBytes)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return entries, nil
}
