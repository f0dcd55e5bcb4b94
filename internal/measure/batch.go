package measure

import (
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// keptKeys is how many series of an instrument a Batch remembers from one use to
// the next: those of the records before are likely to come again.
const keptKeys = 2048

// Batch holds what records add up to until they are to count. It belongs to one
// goroutine, and is meant to be used again and again.
type Batch struct {
	meter  *Meter
	parts  []part // by instrument
	key    []byte
	less   analytics.Record // a record without the fields that are ignored
	values int              // added since the last merge
}

// part is what a batch adds to one instrument.
type part struct {
	known   map[string]*addition
	touched []*addition
}

// addition is what a batch adds to one series.
type addition struct {
	key string
	aggregate
}

// Len is how many records were added since the last merge.
func (b *Batch) Len() int { return b.values }

// Add adds a record, of which the batch keeps nothing.
func (b *Batch) Add(r *analytics.Record) {
	if b.meter.only.Judge(selection.Subject{APIID: r.APIID, OrgID: r.OrgID, ResponseCode: r.ResponseCode}) != selection.Passes {
		return
	}
	if ignored := b.meter.settings.Ignored; ignored != 0 {
		b.less = *r
		b.less.Clear(ignored)
		b.add(&b.less)
		b.less = analytics.Record{}
		return
	}
	b.add(r)
}

func (b *Batch) add(r *analytics.Record) {
	var e exemplar
	if b.meter.settings.Exemplars {
		if id, ok := r.TraceID(); ok {
			e.trace, e.at = id, timestamp(r.TimeStamp)
		}
	}
	b.values++
	for i := range b.meter.instruments {
		in := &b.meter.instruments[i]
		if in.condition != nil && !in.condition(r) {
			continue
		}
		if in.Kind == Counter {
			in.add(b.find(i, in, "", r), 0, e)
			continue
		}
		for _, t := range in.times {
			// A clock that was set back makes latencies negative, and a negative time would
			// take from a sum that only grows.
			in.add(b.find(i, in, t.kind, r), max(t.of(r), 0), e)
		}
	}
}

// find gives the aggregate of the series that a record belongs to.
func (b *Batch) find(i int, in *instrument, kind string, r *analytics.Record) *aggregate {
	b.key = appendKey(b.key[:0], kind, in.typed(), in.Labels, r)
	p := &b.parts[i]
	a, ok := p.known[string(b.key)]
	if !ok {
		a = &addition{key: string(b.key)}
		p.known[a.key] = a
	}
	if a.count == 0 {
		p.touched = append(p.touched, a)
	}
	return &a.aggregate
}

// Reset forgets what was added since the last merge.
func (b *Batch) Reset() {
	for i := range b.parts {
		p := &b.parts[i]
		for _, a := range p.touched {
			a.reset()
		}
		p.touched = p.touched[:0]
		if len(p.known) > keptKeys {
			clear(p.known)
		}
	}
	b.values = 0
}
