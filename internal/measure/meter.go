package measure

import (
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// Settings bound what a Meter keeps.
type Settings struct {
	// SeriesLimit is the most series of each metric, from 2, with the one that
	// stands for all beyond.
	SeriesLimit int
	// Expiry is how long a series stays without a record; 0 is for ever.
	Expiry time.Duration
	// Exemplars is whether points name traces of their requests.
	Exemplars bool
	// Only says which records count.
	Only selection.Lists
	// Ignored are fields that count as if records had none.
	Ignored analytics.FieldSet
}

// Meter holds cumulative metrics. It may be used by several goroutines.
type Meter struct {
	settings    Settings
	only        selection.Filter
	instruments []instrument

	mu        sync.Mutex // guards the rest
	collected time.Time  // the last time; before the first, when the meter was made
	states    []state    // by instrument
}

// state is what an instrument's records added up to.
type state struct {
	series     map[string]*series
	overflow   *series   // of records whose own series would be beyond the limit; nil for none
	overflowed int64     // such records, ever
	reported   bool      // the overflow
	ended      []*series // whose end was not taken yet, oldest first
}

// series is one set of attributes of a metric.
type series struct {
	key      string
	overflow bool // it stands for all beyond the limit, and has no key
	aggregate
	start time.Time // from which on its records count
	seen  time.Time // when the last one was merged
}

// NewMeter makes a Meter that counts from now on.
func NewMeter(instruments []Instrument, settings Settings, now time.Time) *Meter {
	m := &Meter{settings: settings, only: selection.NewFilter(settings.Only), collected: now, states: make([]state, len(instruments))}
	for i := range instruments {
		m.instruments = append(m.instruments, prepare(instruments[i]))
		m.states[i].series = map[string]*series{}
	}
	return m
}

// NewBatch makes an empty batch for this meter.
func (m *Meter) NewBatch() *Batch {
	b := &Batch{meter: m, parts: make([]part, len(m.instruments))}
	for i := range b.parts {
		b.parts[i].known = map[string]*addition{}
	}
	return b
}

// Merge counts what was added to a batch, which is empty afterwards.
func (m *Meter) Merge(now time.Time, b *Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.parts {
		in, st := &m.instruments[i], &m.states[i]
		for _, a := range b.parts[i].touched {
			s := st.find(a.key, m.settings.SeriesLimit, m.collected)
			if s == st.overflow {
				st.overflowed += a.count
			}
			in.merge(&s.aggregate, &a.aggregate)
			s.seen = now
		}
	}
	b.Reset()
}

// find gives a key's series, or the one for all beyond the limit. A new series
// starts at the last collection, since when its records have not been told of: so
// its points never overlap with those of an expired series of the same attributes.
func (st *state) find(key string, limit int, start time.Time) *series {
	if s, ok := st.series[key]; ok {
		return s
	}
	if len(st.series) >= limit-1 {
		if st.overflow == nil {
			st.overflow = &series{overflow: true, start: start}
		}
		return st.overflow
	}
	s := &series{key: key, start: start}
	st.series[key] = s
	return s
}

// Usage tells how full a metric is.
type Usage struct {
	// Metric is its name.
	Metric string
	// Series is how many it has, with the one for all beyond the limit.
	Series int
	// Overflowed is how many measurements were beyond the limit, ever.
	Overflowed int64
}

// Usage tells how full each metric is.
func (m *Meter) Usage() []Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Usage, len(m.states))
	for i := range m.states {
		st := &m.states[i]
		all[i] = Usage{Metric: m.instruments[i].Name, Series: len(st.series), Overflowed: st.overflowed}
		if st.overflow != nil {
			all[i].Series++
		}
	}
	return all
}
