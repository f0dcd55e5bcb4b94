package tykredisreceiver

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

const (
	// pageBytes bounds one answer of Redis, which must arrive within the timeout, and is
	// held as a whole.
	pageBytes = 256 << 10
	// shortRest and longRest bound how long a source that could not be read is left
	// alone: as long as the attempt took, so that a server which does not answer
	// takes at most half of the time.
	shortRest, longRest = 500 * time.Millisecond, 5 * time.Second
)

// chunk is a run of a segment's entries, as long as this receiver's settings allow.
type chunk struct {
	h       *holding
	from    int64
	count   int
	entries []string // count of them
	bytes   int
}

// end is the index after the chunk's last entry.
func (c chunk) end() int64 { return c.from + int64(c.count) }

// reading is how far a segment is read, and what was read beyond the last chunk.
type reading struct {
	next  int64    // index of the first entry not yet in a chunk
	ahead []string // entries from next on
	known claim.Ahead
}

// batch is what travels in one delivery: one chunk of a big segment, or small
// chunks of several sources.
type batch struct {
	chunks  []chunk
	entries int
	bytes   int
}

func (b *batch) add(c chunk) {
	b.chunks = append(b.chunks, c)
	b.entries += c.count
	b.bytes += c.bytes
}

// reader cuts chunks off the held segments, one source after the other so that
// no source waits for another's backlog. It is one goroutine's.
type reader struct {
	store    *claim.Store
	sources  []*source
	holdings *holdings
	records  int // a chunk's and a batch's most entries
	bytes    int // and about its most bytes

	page  int               // about the most bytes of the next answer of Redis
	turn  int               // source to look at next
	carry *chunk            // cut, but it did not fit the batch before
	rests map[int]time.Time // until when sources that could not be read are left alone
}

// next blocks until there is a batch. It returns an error when Redis cannot be
// read, and ctx's when that is done.
func (r *reader) next(ctx context.Context) (batch, error) {
	for {
		b, err := r.assemble(ctx)
		if b.entries > 0 {
			return b, nil // an error after the first chunk comes again
		}
		if err != nil {
			return b, err
		}
		select {
		case <-ctx.Done():
			return batch{}, ctx.Err()
		case <-r.holdings.wake:
		case <-r.rested():
		}
	}
}

// rest leaves a source alone for a while: the others, which another server may
// hold, shall not wait for it.
func (r *reader) rest(i int, took time.Duration) {
	if r.rests == nil {
		r.rests = map[int]time.Time{}
	}
	r.rests[i] = time.Now().Add(min(max(took, shortRest), longRest))
}

// isResting tells whether a source is left alone.
func (r *reader) isResting(i int) bool {
	if r.sources[i].waiting.Load() >= mostWaiting {
		r.rest(i, 0)
		return true
	}
	until, ok := r.rests[i]
	if ok && time.Now().After(until) {
		delete(r.rests, i)
		ok = false
	}
	return ok
}

// rested fires when the first rest is over; never when there is none.
func (r *reader) rested() <-chan time.Time {
	if len(r.rests) == 0 {
		return nil
	}
	return time.After(time.Until(slices.MinFunc(slices.Collect(maps.Values(r.rests)), time.Time.Compare)))
}

// assemble fills a batch as far as there is something to read now. A batch that
// comes with an error is whole as far as it goes.
func (r *reader) assemble(ctx context.Context) (batch, error) {
	var b batch
	if r.carry != nil {
		b.add(*r.carry)
		r.carry = nil
	}
	var trouble error
	for idle := 0; idle < len(r.sources) && b.entries < r.records && b.bytes < r.bytes; {
		i := r.turn
		r.turn = (r.turn + 1) % len(r.sources)
		if r.isResting(i) {
			idle++
			continue
		}
		begin := time.Now()
		c, ok, err := r.cut(ctx, i)
		switch {
		case err == nil:
		case isGone(err) || ctx.Err() != nil:
			return b, err
		default:
			r.rest(i, time.Since(begin))
			trouble = err
		}
		if !ok {
			idle++
			continue
		}
		idle = 0
		if b.entries > 0 && (b.entries+c.count > r.records || b.bytes+c.bytes > r.bytes) {
			r.carry = &c
			break
		}
		b.add(c)
		if b.entries >= r.records {
			break
		}
	}
	return b, trouble
}

// cut returns the next chunk of a source's oldest unread segment; false when
// there is none.
func (r *reader) cut(ctx context.Context, i int) (chunk, bool, error) {
	for _, h := range r.holdings.of(i) {
		if h.gone.Load() || h.broken.Load() > 0 || h.reading.next >= h.count.Load() {
			continue
		}
		c, err := r.readChunk(ctx, h)
		if err != nil {
			if ctx.Err() == nil && !h.gone.Load() && isGone(err) {
				// A later visit finds out what Redis still has.
				h.broken.Store(h.reading.next + 1)
			}
			return chunk{}, false, err
		}
		return c, true, nil
	}
	return chunk{}, false, nil
}

// readChunk reads what is missing of the next chunk and takes it off.
func (r *reader) readChunk(ctx context.Context, h *holding) (chunk, error) {
	at := &h.reading
	most := int(min(int64(r.records), h.count.Load()-at.next))
	for {
		n, bytes, whole := fit(at.ahead, most, r.bytes)
		if whole {
			c := chunk{h: h, from: at.next, count: n, entries: at.ahead[:n:n], bytes: bytes}
			at.ahead = slices.Clone(at.ahead[n:]) // so that a delivered chunk's entries are not kept with them
			at.next += int64(n)
			return c, nil
		}
		missing := most - len(at.ahead)
		entries, err := r.store.Read(ctx, h.Segment, &at.known, at.next+int64(len(at.ahead)),
			int64(missing), min(r.page, max(r.bytes-bytes, 1)))
		if err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				r.page = max(r.page/2, 1)
			}
			return chunk{}, err
		}
		r.page = min(2*r.page, pageBytes)
		if at.ahead == nil {
			at.ahead = make([]string, 0, most)
		}
		at.ahead = append(at.ahead, entries...)
	}
}

// fit finds how many entries make a chunk: at most records of them, and at
// most limit bytes unless a single one is bigger. It is not whole while further
// entries might still fit.
func fit(entries []string, records, limit int) (n, bytes int, whole bool) {
	for ; n < len(entries) && n < records; n++ {
		if n > 0 && bytes+len(entries[n]) > limit {
			return n, bytes, true
		}
		bytes += len(entries[n])
	}
	return n, bytes, n == records || bytes >= limit
}
