package postgres

import (
	"io"
	"slices"
	"sync"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// copySource gives the driver the lines of a COPY in text, a few rows at a time, so that memory
// does not grow with the chunk. A record that is not taken or cannot be encoded is
// left out, and marked so in the batch.
type copySource struct {
	mu        sync.Mutex // guards the fields below: the driver reads in a goroutine of its own
	encodings []encoding
	part      *push.Part
	list      []int32
	next      int // place in list
	scratch   *copyScratch
	unread    []byte // of scratch.buf
}

// copyScratch is what is worth keeping from one COPY to the next.
type copyScratch struct {
	buf    []byte
	days   []layout.DayText // by column
	record analytics.Record
}

var copyScratches = sync.Pool{New: func() any { return &copyScratch{} }}

// roomBeside is about what the other columns of a row take, in bytes.
const roomBeside = 2 << 10

// maxKeptBuffer bounds the buffer that is kept: one big record must not hold its
// memory for ever.
const maxKeptBuffer = 1 << 20

func newCopySource(encodings []encoding, p *push.Part, list []int32) *copySource {
	s := &copySource{encodings: encodings, part: p, list: list}
	s.scratch = copyScratches.Get().(*copyScratch) //nolint:forcetypeassert // the pool holds nothing else
	if len(s.scratch.days) < len(encodings) {
		s.scratch.days = make([]layout.DayText, len(encodings))
	}
	return s
}

// Read gives the next bytes. It encodes as many rows as fill p.
func (s *copySource) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scratch == nil {
		return 0, io.ErrClosedPipe
	}
	if len(s.unread) < len(p) {
		s.fill(len(p))
	}
	if len(s.unread) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

// fill encodes rows until there are at least size bytes unread, or no more rows.
func (s *copySource) fill(size int) {
	buf := append(s.scratch.buf[:0], s.unread...)
	for len(buf) < size && s.next < len(s.list) {
		buf = s.encode(buf, s.list[s.next])
		s.next++
	}
	s.scratch.buf, s.unread = buf, buf
}

// encode adds the row of one entry.
func (s *copySource) encode(buf []byte, i int32) []byte {
	record := &s.scratch.record
	e := &s.part.Batch.Entries[i]
	record.FromLog(e.Log)
	e.Kind = layout.KindOf(record)
	if !s.part.Takes(i) {
		return buf
	}
	// Recorded bodies make most of a big row: growing step by step would hold it twice.
	buf = slices.Grow(buf, len(record.RawRequest)+len(record.RawResponse)+roomBeside)
	buf, err := appendRow(buf, s.part.Layout.Columns, s.encodings, s.scratch.days, record)
	if err != nil {
		s.part.Refuse(i, push.ReasonRange, err.Error())
		return buf
	}
	return buf
}

// stop ends all reading.
func (s *copySource) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scratch == nil {
		return
	}
	s.scratch.record = analytics.Record{} // its strings are the batch's
	if cap(s.scratch.buf) <= maxKeptBuffer {
		copyScratches.Put(s.scratch)
	}
	s.scratch, s.unread = nil, nil
}
