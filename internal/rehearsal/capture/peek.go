package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/redis/go-redis/v9"
)

// How much is asked of Redis at a time.
const (
	mostEntries = 200
	pageBytes   = 1 << 20
)

// flushEvery is how much a capture that is killed may lack at its end.
const flushEvery = time.Second

// Peek copies what lists have, and what is pushed to them, without taking it away. Who reads the lists goes on taking; what it
// takes between two looks is missed.
type Peek struct {
	Redis redis.Cmdable
	// Lists are keys with the names that they have in the file.
	Lists []List
	// Redact changes an entry, and leaves out one for which it says false; nil for none.
	Redact func(list string, entry []byte) ([]byte, bool)
	// Most is how many entries to take, 0 for no bound.
	Most int64

	// Taken counts how often a list was taken away between two looks: what was pushed in between may be missing.
	Taken int64
	// LeftOut counts entries that Redact did.
	LeftOut int64
}

// List is one to look at.
type List struct{ Key, Name string }

// position is how far a list was copied.
type position struct {
	next int64  // the place of the first entry that is new
	last uint64 // the hash of the one before
	size int64  // of a usual entry, in bytes
}

// Run looks every so often until the context ends, or there is enough. One look is made in any case.
func (p *Peek) Run(ctx context.Context, w *Writer, every time.Duration) error {
	positions := make([]position, len(p.Lists))
	tick := time.NewTicker(max(every, time.Millisecond))
	defer tick.Stop()
	flushed, then := w.Entries, time.Now()
	for {
		for i, l := range p.Lists {
			if err := p.look(ctx, w, l, &positions[i]); err != nil {
				if ctx.Err() != nil {
					return nil // the time is over
				}
				return fmt.Errorf("read %s: %w", l.Key, err)
			}
			if p.enough(w) {
				return nil
			}
		}
		if every == 0 {
			return nil
		}
		if w.Entries > flushed && time.Since(then) >= flushEvery {
			if err := w.Flush(); err != nil {
				return err
			}
			flushed, then = w.Entries, time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (p *Peek) enough(w *Writer) bool { return p.Most > 0 && w.Entries >= p.Most }

// look copies what is new in a list.
func (p *Peek) look(ctx context.Context, w *Writer, l List, at *position) error {
	if at.next > 0 {
		if err := p.find(ctx, l, at); err != nil {
			return err
		}
	}
	for {
		page, err := p.page(ctx, l, at.next, at)
		if err != nil {
			return err
		}
		now := time.Now()
		for _, entry := range page {
			at.next++
			at.last = xxhash.Sum64String(entry)
			data, keep := []byte(entry), true
			if p.Redact != nil {
				data, keep = p.Redact(l.Name, data)
			}
			if !keep {
				p.LeftOut++
				continue
			}
			if err := w.Write(Entry{List: l.Name, At: now, Data: data}); err != nil {
				return err
			}
			if p.enough(w) {
				return nil
			}
		}
		if len(page) == 0 {
			return nil
		}
	}
}

// page reads some entries, so many as make a megabyte.
func (p *Peek) page(ctx context.Context, l List, from int64, at *position) ([]string, error) {
	n := int64(mostEntries)
	if at.size > 0 {
		n = max(min(n, pageBytes/at.size), 1)
	} else {
		n = 10 // whose size tells how many may come at a time
	}
	page, err := p.Redis.LRange(ctx, l.Key, from, from+n-1).Result()
	if err != nil {
		return nil, err
	}
	var bytes int64
	for _, entry := range page {
		bytes += int64(len(entry))
	}
	if len(page) > 0 {
		at.size = max(bytes/int64(len(page)), 1)
	}
	return page, nil
}

// find looks where the last entry that was copied is now, since who reads the list takes entries from its beginning.
func (p *Peek) find(ctx context.Context, l List, at *position) error {
	last, err := p.Redis.LRange(ctx, l.Key, at.next-1, at.next-1).Result()
	if err != nil {
		return err
	}
	if len(last) == 1 && xxhash.Sum64String(last[0]) == at.last {
		return nil
	}
	p.Taken++
	before := at.next
	at.next = 0
	for from := int64(0); from < before; {
		page, err := p.page(ctx, l, from, at)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i, entry := range page {
			if xxhash.Sum64String(entry) == at.last {
				at.next = from + int64(i) + 1
			}
		}
		if at.next > 0 {
			break
		}
		from += int64(len(page))
	}
	return nil
}
