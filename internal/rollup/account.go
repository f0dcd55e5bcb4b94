package rollup

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// hit is what one record adds to each account that it is booked to.
type hit struct {
	success, errors                int32
	requestTime, latency, upstream int64
	at                             instant
	code                           int64 // of an error, 0 where there is none
}

// of makes h the hit of a request.
func (h *hit) of(r *analytics.Countable) {
	*h = hit{requestTime: r.RequestTime, latency: r.Latency.Total, upstream: r.Latency.Upstream, at: instantOf(r.TimeStamp)}
	switch code := r.ResponseCode; {
	case code >= firstSuccess && code <= lastSuccess:
		h.success = 1
	case code >= firstError:
		h.errors, h.code = 1, code
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

// account is the Counter of a value while a chunk is counted, in a form that a record
// is quickly added to. Minima of both ranks are kept, so that it does not matter which
// one will be told. A look-up reads one of the four cache lines that an account takes,
// a record changes two others.
type account struct {
	key key

	hits, success, errors int32 // a chunk has fewer records by far
	nanoseconds           int32 // of the latest record, see instant
	seconds               int64
	requestTime           int64
	latency               spread

	upstream  spread
	human     string // what the latest record calls the value, where records name it
	next      *account
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
	passed
)

var noSpread = spread{most: math.MinInt64, least: [2]int64{math.MaxInt64, math.MaxInt64}}

// open makes an account ready that is all zero.
func (a *account) open(k key) {
	a.key = k
	a.latency, a.upstream = noSpread, noSpread
}

// add counts a request, whose latencies are in the minimum that how says.
func (a *account) add(h *hit, how int) {
	a.hits++
	a.success += h.success
	a.errors += h.errors
	a.requestTime += h.requestTime
	a.latency.add(h.latency, how)
	a.upstream.add(h.upstream, how)
	if h.code != 0 {
		a.addCode(h.code)
	}
}

func (s *spread) add(latency int64, how int) {
	s.total += latency
	s.most = max(s.most, latency)
	s.least[how] = min(s.least[how], latency)
}

// meet takes over the time of a record if it is the latest.
func (a *account) meet(at instant) {
	if at.compare(a.last()) > 0 {
		a.seconds, a.nanoseconds = at.seconds, at.nanoseconds
	}
}

// meetNamed does as meet, and takes over the name; of several at the same time the
// greatest, so that the order does not matter.
func (a *account) meetNamed(at instant, human string) {
	if order := at.compare(a.last()); order > 0 || order == 0 && human > a.human {
		a.seconds, a.nanoseconds, a.human = at.seconds, at.nanoseconds, human
	}
}

func (a *account) last() instant { return instant{a.seconds, a.nanoseconds} }

// addNetwork counts what a second of a TCP API had.
func (a *account) addNetwork(n analytics.Network) {
	if a.network == nil {
		a.network = &analytics.Network{}
	}
	a.network.OpenConnections += n.OpenConnections
	a.network.ClosedConnections += n.ClosedConnections
	a.network.BytesIn += n.BytesIn
	a.network.BytesOut += n.BytesOut
}

func (a *account) addCode(code int64) {
	for i := range a.codes {
		if a.codes[i].Code == code {
			a.codes[i].Count++
			return
		}
	}
	a.codes = append(a.codes, CodeCount{code, 1})
}

// counter is what was counted.
func (a *account) counter() Counter {
	slices.SortFunc(a.codes, func(x, y CodeCount) int { return cmp.Compare(x.Code, y.Code) })
	c := Counter{
		Hits: int64(a.hits), Success: int64(a.success), Errors: int64(a.errors), RequestTime: a.requestTime,
		LastTime: a.last().time(), Codes: a.codes, Latencies: a.latencies,
	}
	if n := a.network; n != nil {
		c.OpenConnections, c.ClosedConnections, c.BytesIn, c.BytesOut = n.OpenConnections, n.ClosedConnections, n.BytesIn, n.BytesOut
	}
	c.Identifier, c.HumanIdentifier = a.key.names(a.text)
	if a.key.named() {
		c.HumanIdentifier = a.human
	}
	if rank := c.MinRank(a.key.dimension); rank != RankNone {
		c.Latency, c.Upstream = a.latency.span(rank), a.upstream.span(rank)
	}
	return c
}

func (s *spread) span(rank int) Span {
	least := s.least[failed]
	if rank == RankPassed {
		least = s.least[passed]
	}
	return Span{Total: s.total, Max: s.most, Min: least}
}
