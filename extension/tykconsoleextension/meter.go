package tykconsoleextension

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/pages"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
)

const (
	metricsTime = time.Second
	// measuredEvery is how soon the metrics are read again at most, ratesOver the time over which rates are taken.
	measuredEvery = 2 * time.Second
	ratesOver     = time.Minute
)

// meter reads this process' own metrics, and tells rates by what it read up to a minute ago.
type meter struct {
	url string
	now func() time.Time

	mu    sync.Mutex
	tried time.Time
	err   string
	seen  []reading            // the oldest first
	grew  map[string]time.Time // when an exporter's counts were last seen to grow
}

// reading is what the metrics said at a moment.
type reading struct {
	at           time.Time
	destinations map[string]inspect.Destination
}

func newMeter(at string) *meter {
	return &meter{url: at, now: time.Now, grew: map[string]time.Time{}}
}

// measure reads the metrics, unless they were read a moment ago or are being read.
func (m *meter) measure(ctx context.Context) {
	m.mu.Lock()
	now := m.now()
	due := now.Sub(m.tried) >= measuredEvery
	if due {
		m.tried = now
	}
	m.mu.Unlock()
	if !due {
		return
	}
	process, err := inspect.ReadProcess(ctx, m.url, metricsTime)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.err = err.Error()
		return
	}
	m.err = ""
	r := reading{at: m.now(), destinations: map[string]inspect.Destination{}}
	for _, d := range process.Details() {
		r.destinations[d.Exporter] = d
	}
	m.keep(r)
}

// keep adds a reading, and forgets those that are older than rates need.
func (m *meter) keep(r reading) {
	if n := len(m.seen); n > 0 {
		for id, d := range r.destinations {
			if accepted(d) > accepted(m.seen[n-1].destinations[id]) {
				m.grew[id] = r.at
			}
		}
	}
	m.seen = append(m.seen, r)
	for len(m.seen) > 2 && r.at.Sub(m.seen[1].at) >= ratesOver {
		m.seen = m.seen[1:]
	}
}

// accepted is how much an exporter was sent and took.
func accepted(d inspect.Destination) int64 { return d.Sent + d.Spans + d.Points }

// read is what was measured, in the words of pages.
func (m *meter) read() pages.Metrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	place, _ := netaddr.Bare(m.url)
	out := pages.Metrics{Place: place, Error: m.err}
	if len(m.seen) == 0 {
		return out
	}
	first, last := m.seen[0], m.seen[len(m.seen)-1]
	out.At = last.at
	out.Destinations = map[string]pages.Destination{}
	for id, d := range last.destinations {
		was, known := first.destinations[id]
		out.Destinations[id] = destinationOf(d, was, known, last.at.Sub(first.at))
	}
	out.Grew = maps.Clone(m.grew)
	return out
}

// destinationOf is what an exporter counts, with rates since an earlier reading.
func destinationOf(d, was inspect.Destination, known bool, since time.Duration) pages.Destination {
	out := pages.Destination{
		Stored: accepted(d), Had: d.Known, NotTaken: d.NotTaken, Refused: d.Refused, Failed: d.Failed,
		Writes: d.Writes, P99: d.P99, P99Beyond: d.P99Beyond, Rate: -1, WriteRate: -1,
	}
	if d.Stored >= 0 {
		out.Stored = d.Stored
	}
	if !known || since <= 0 {
		return out
	}
	per := func(now, then int64) float64 { return float64(max(0, now-then)) / since.Seconds() }
	out.Rate = per(accepted(d), accepted(was))
	if d.Writes >= 0 {
		out.WriteRate = per(d.Writes, max(0, was.Writes))
	}
	return out
}
