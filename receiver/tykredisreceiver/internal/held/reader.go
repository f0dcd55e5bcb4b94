package held

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
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

// Chunk is a run of a segment's entries, as long as this receiver's settings allow.
type Chunk struct {
	// Segment is where it lies.
	Segment *Segment
	// From is the index of its first entry, Count how many it has, and Bytes how many these have.
	From         int64
	Count, Bytes int
	// Entries are the entries, as long as they are needed.
	Entries []string
}

// End is the index after the chunk's last entry.
func (c Chunk) End() int64 { return c.From + int64(c.Count) }

// ReadAgain reads the entries of a chunk that has waited without them.
func (c *Chunk) ReadAgain(ctx context.Context, store *claim.Store) error {
	var ahead claim.Ahead
	for entries := []string{}; c.Entries == nil; {
		more, err := store.Read(ctx, c.Segment.now(), &ahead, c.From+int64(len(entries)), int64(c.Count-len(entries)), pageBytes)
		if err != nil {
			if claim.IsGone(err) && ctx.Err() == nil {
				c.Segment.Lose()
			}
			return err
		}
		if entries = append(entries, more...); len(entries) == c.Count {
			c.Entries = entries
		}
	}
	return nil
}

// reading is how far a segment is read, and what was read beyond the last chunk.
type reading struct {
	next  int64    // index of the first entry not yet in a chunk
	ahead []string // entries from next on
	known claim.Ahead
}

// Batch is what travels in one delivery: one chunk of a big segment, or small
// chunks of several sources.
type Batch struct {
	// Chunks are what it has, Entries and Bytes how much.
	Chunks         []Chunk
	Entries, Bytes int
}

// Add adds a chunk.
func (b *Batch) Add(c Chunk) {
	b.Chunks = append(b.Chunks, c)
	b.Entries += c.Count
	b.Bytes += c.Bytes
}

// Reader cuts chunks off the held segments, one source after the other so that
// no source waits for another's backlog. It is one goroutine's.
type Reader struct {
	store    *claim.Store
	sources  []*source.Source
	segments *Segments
	records  int // a chunk's and a batch's most entries
	bytes    int // and about its most bytes

	page  int               // about the most bytes of the next answer of Redis
	turn  int               // source to look at next
	carry *Chunk            // cut, but it did not fit the batch before
	rests map[int]time.Time // until when sources that could not be read are left alone
	// sample is shown what gateways write now into a list that is not read.
	sample func(src *source.Source, entry string)
}

// NewReader reads chunks of at most so many records, and about so many bytes. Of a list that is
// read no further, sample is shown the newest entry now and then.
func NewReader(store *claim.Store, sources []*source.Source, segments *Segments, records, bytes int,
	sample func(src *source.Source, entry string),
) *Reader {
	return &Reader{
		store: store, sources: sources, segments: segments, records: records, bytes: bytes, sample: sample,
		page: pageBytes, rests: map[int]time.Time{},
	}
}

// Next blocks until there is a batch. It returns an error when Redis cannot be
// read, and ctx's when that is done.
func (r *Reader) Next(ctx context.Context) (Batch, error) {
	for {
		b, err := r.assemble(ctx)
		if b.Entries > 0 {
			return b, nil // an error after the first chunk comes again
		}
		if err != nil {
			return b, err
		}
		select {
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		case <-r.segments.wake:
		case <-r.rested():
		}
	}
}

// IsWell is true while no source is left alone because it could not be read.
func (r *Reader) IsWell() bool { return len(r.rests) == 0 }

// rest leaves a source alone for a while: the others, which another server may
// hold, shall not wait for it.
func (r *Reader) rest(i int, took time.Duration) {
	r.rests[i] = time.Now().Add(min(max(took, shortRest), longRest))
}

// isResting tells whether a source is left alone.
func (r *Reader) isResting(ctx context.Context, i int) bool {
	until, ok := r.rests[i]
	if ok && time.Now().Before(until) {
		return true
	}
	delete(r.rests, i)
	if !r.sources[i].IsBlocked() {
		return false
	}
	// What it waits for may lie behind all that it would be read for.
	begin := time.Now()
	if newest, err := r.store.Newest(ctx, r.sources[i].Source); err == nil {
		r.sample(r.sources[i], newest)
	}
	r.rest(i, time.Since(begin))
	return true
}

// rested fires when the first rest is over; never when there is none.
func (r *Reader) rested() <-chan time.Time {
	if r.IsWell() {
		return nil
	}
	return time.After(time.Until(slices.MinFunc(slices.Collect(maps.Values(r.rests)), time.Time.Compare)))
}

// assemble fills a batch as far as there is something to read now. A batch that
// comes with an error is whole as far as it goes.
func (r *Reader) assemble(ctx context.Context) (Batch, error) {
	var b Batch
	if r.carry != nil {
		b.Add(*r.carry)
		r.carry = nil
	}
	var trouble error
	for idle := 0; idle < len(r.sources) && b.Entries < r.records && b.Bytes < r.bytes; idle++ {
		i := r.turn
		r.turn = (r.turn + 1) % len(r.sources)
		if r.isResting(ctx, i) {
			continue
		}
		begin := time.Now()
		c, err := r.cut(ctx, i)
		switch {
		case err == nil:
		case claim.IsGone(err) || ctx.Err() != nil:
			return b, err
		default:
			r.rest(i, time.Since(begin))
			trouble = err
		}
		if c.Count == 0 {
			continue
		}
		if b.Entries > 0 && (b.Entries+c.Count > r.records || b.Bytes+c.Bytes > r.bytes) {
			r.carry = &c
			break
		}
		b.Add(c)
		idle = -1
	}
	return b, trouble
}

// cut returns the next chunk of a source's oldest unread segment; an empty one when
// there is none.
func (r *Reader) cut(ctx context.Context, i int) (Chunk, error) {
	for _, s := range r.segments.Of(i) {
		if s.IsLost() || s.broken.Load() > 0 || s.reading.next >= s.count.Load() {
			continue
		}
		c, err := r.readChunk(ctx, s)
		if ctx.Err() == nil && !s.IsLost() && claim.IsGone(err) {
			// A later visit finds out what Redis still has.
			s.broken.Store(s.reading.next + 1)
		}
		return c, err
	}
	return Chunk{}, nil
}

// readChunk reads what is missing of the next chunk and takes it off.
func (r *Reader) readChunk(ctx context.Context, s *Segment) (Chunk, error) {
	at := &s.reading
	most := int(min(int64(r.records), s.count.Load()-at.next))
	for {
		n, bytes, whole := fit(at.ahead, most, r.bytes)
		if whole {
			c := Chunk{Segment: s, From: at.next, Count: n, Entries: at.ahead[:n:n], Bytes: bytes}
			at.ahead = slices.Clone(at.ahead[n:]) // so that a delivered chunk's entries are not kept with them
			at.next += int64(n)
			return c, nil
		}
		missing := most - len(at.ahead)
		entries, err := r.store.Read(ctx, s.now(), &at.known, at.next+int64(len(at.ahead)),
			int64(missing), min(r.page, max(r.bytes-bytes, 1)))
		if err != nil {
			if claim.IsLate(err) {
				r.page = max(r.page/2, 1)
			}
			return Chunk{}, err
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
