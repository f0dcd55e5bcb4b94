package rollup

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// sample is what one record adds to each counter that it is counted by.
type sample struct {
	success, errors                int32
	requestTime, latency, upstream int64
	at                             instant
	code                           int64 // of an error, 0 where there is none
}

// of makes s the sample of a request.
func (s *sample) of(r *analytics.Countable) {
	*s = sample{requestTime: r.RequestTime, latency: r.Latency.Total, upstream: r.Latency.Upstream, at: instantOf(r.TimeStamp)}
	switch code := r.ResponseCode; {
	case code >= firstSuccess && code <= lastSuccess:
		s.success = 1
	case code >= firstError:
		s.errors, s.code = 1, code
	}
}

// instant is a time in seconds of time.Time's own count and nanoseconds, which has no
// pointer and is quicker to compare. The zero one is that of time.Time.
type instant struct {
	seconds     int64
	nanoseconds int32
}

var zeroSeconds = time.Time{}.Unix()

func instantOf(t time.Time) instant {
	return instant{t.Unix() - zeroSeconds, int32(t.Nanosecond())} //nolint:gosec // below a billion
}

func (i instant) time() time.Time {
	return time.Unix(i.seconds+zeroSeconds, int64(i.nanoseconds)).UTC()
}

func (i instant) compare(o instant) int {
	if i.seconds != o.seconds {
		return cmp.Compare(i.seconds, o.seconds)
	}
	return cmp.Compare(i.nanoseconds, o.nanoseconds)
}

// counter is the Counter of a value while a chunk is counted, in a form that a record
// is quickly added to. Minima of both ranks are kept, so that it does not matter which
// one will be told. A look-up reads one of the four cache lines that a counter takes,
// a record changes two others.
type counter struct {
	key key

	hits, success, errors int32 // a chunk has fewer records by far
	nanoseconds           int32 // of the latest record, see instant
	seconds               int64
	requestTime           int64
	latency               spread

	upstream  spread
	human     string // what the latest record calls the value, where records name it
	next      *counter
	latencies *Sketch

	codes       []CodeCount
	network     *analytics.Network // nil where there are only requests
	owner, text string             // of the key, once they are encoded
}

// spread is Span with the minimum of those requests that failed, and of the others.
type spread struct {
	total, most int64
	least       [2]int64
}

// The two minima of spread.
const (
	failed = iota
	succeeded
)

var noSpread = spread{most: math.MinInt64, least: [2]int64{math.MaxInt64, math.MaxInt64}}

// open makes a counter ready that is all zero.
func (c *counter) open(k key) {
	c.key = k
	c.latency, c.upstream = noSpread, noSpread
}

// add counts a request, whose latencies are in the minimum that how says.
func (c *counter) add(h *sample, how int) {
	c.hits++
	c.success += h.success
	c.errors += h.errors
	c.requestTime += h.requestTime
	c.latency.add(h.latency, how)
	c.upstream.add(h.upstream, how)
	if h.code != 0 {
		c.addCode(h.code)
	}
}

func (s *spread) add(latency int64, how int) {
	s.total += latency
	s.most = max(s.most, latency)
	s.least[how] = min(s.least[how], latency)
}

// observe takes over the time of a record if it is the latest.
func (c *counter) observe(at instant) {
	if at.compare(c.last()) > 0 {
		c.seconds, c.nanoseconds = at.seconds, at.nanoseconds
	}
}

// observeNamed does as observe, and takes over the name; of several at the same time the
// greatest, so that the order does not matter.
func (c *counter) observeNamed(at instant, human string) {
	if order := at.compare(c.last()); order > 0 || order == 0 && human > c.human {
		c.seconds, c.nanoseconds, c.human = at.seconds, at.nanoseconds, human
	}
}

func (c *counter) last() instant { return instant{c.seconds, c.nanoseconds} }

// addNetwork counts what a second of a TCP API had.
func (c *counter) addNetwork(n analytics.Network) {
	if c.network == nil {
		c.network = &analytics.Network{}
	}
	c.network.OpenConnections += n.OpenConnections
	c.network.ClosedConnections += n.ClosedConnections
	c.network.BytesIn += n.BytesIn
	c.network.BytesOut += n.BytesOut
}

func (c *counter) addCode(code int64) {
	for i := range c.codes {
		if c.codes[i].Code == code {
			c.codes[i].Count++
			return
		}
	}
	c.codes = append(c.codes, CodeCount{code, 1})
}

// result is what was counted.
func (c *counter) result() Counter {
	slices.SortFunc(c.codes, func(x, y CodeCount) int { return cmp.Compare(x.Code, y.Code) })
	out := Counter{
		Hits: int64(c.hits), Success: int64(c.success), Errors: int64(c.errors), RequestTime: c.requestTime,
		LastTime: c.last().time(), Codes: c.codes, Latencies: c.latencies,
	}
	if n := c.network; n != nil {
		out.OpenConnections, out.ClosedConnections, out.BytesIn, out.BytesOut = n.OpenConnections, n.ClosedConnections, n.BytesIn, n.BytesOut
	}
	out.Identifier, out.HumanIdentifier = c.key.names(c.text)
	if c.key.named() {
		out.HumanIdentifier = c.human
	}
	if rank := out.MinRank(c.key.dimension); rank != RankNone {
		out.Latency, out.Upstream = c.latency.span(rank), c.upstream.span(rank)
	}
	return out
}

func (s *spread) span(rank int) Span {
	least := s.least[failed]
	if rank == RankSucceeded {
		least = s.least[succeeded]
	}
	return Span{Total: s.total, Max: s.most, Min: least}
}
