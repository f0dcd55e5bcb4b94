package rollup

import (
	"cmp"
	"slices"
	"time"
)

// Counter is what is counted of the records of one value (contract: aggregates,
// section 1.3). Times are in milliseconds. Averages are left to the store, which
// alone has the totals.
type Counter struct {
	// Hits are the requests; network records are none.
	Hits int64
	// Success are those with a status from 200 to 299. In the dimensions of GraphQL a
	// request with errors in its answer takes one away, whatever its status.
	Success int64
	// Errors are those with a status of 400 or more, in the dimensions of GraphQL also
	// those with errors in the answer.
	Errors int64
	// RequestTime is the sum of the requests' times.
	RequestTime int64
	// Latency and Upstream are the requests' total and upstream latencies.
	Latency, Upstream Span
	// OpenConnections to BytesOut are sums of network records: Total has all four,
	// APIID has the bytes.
	OpenConnections, ClosedConnections, BytesIn, BytesOut int64
	// LastTime is the latest record's, in UTC.
	LastTime time.Time
	// Identifier and HumanIdentifier name the value, as the latest record does.
	Identifier, HumanIdentifier string
	// Codes counts the errors by status, in rising order.
	Codes []CodeCount
	// Latencies is the sketch of Latency; nil where none is kept.
	Latencies *Sketch
}

// Span sums up the latencies of requests.
type Span struct {
	// Total is the sum, Max the most of all requests; Min is the least of those that
	// Counter.MinRank says.
	Total, Max, Min int64
}

// CodeCount is how often a status occurred.
type CodeCount struct{ Code, Count int64 }

// The classes of HTTP's status codes, and the code that marks a network record.
const (
	firstSuccess, lastSuccess = 200, 299
	firstError                = 400
	networkCode               = -1
)

// Ranks of minima, see Counter.MinRank.
const (
	RankNone      = iota // there are no requests, and so no minimum
	RankFailed           // all requests failed: the least of all
	RankSucceeded        // the least of those that did not fail
)

// MinRank says of which requests Span.Min is the least. Of two counters of a value
// the one of higher rank gives the minimum of both together. A request with an
// error does not lower a minimum; in Total only successes do (contract: section 1.5).
func (c *Counter) MinRank(d Dimension) int {
	switch {
	case c.Hits == 0:
		return RankNone
	case d == Total && c.Success > 0, d != Total && c.Hits > c.Errors:
		return RankSucceeded
	}
	return RankFailed
}

// Add adds what another counter of the same value in dimension d has.
func (c *Counter) Add(o *Counter, d Dimension) {
	mine, others := c.MinRank(d), o.MinRank(d)
	c.Latency.add(o.Latency, cmp.Compare(mine, others), c.Hits, o.Hits)
	c.Upstream.add(o.Upstream, cmp.Compare(mine, others), c.Hits, o.Hits)
	c.Hits += o.Hits
	c.Success += o.Success
	c.Errors += o.Errors
	c.RequestTime += o.RequestTime
	c.OpenConnections += o.OpenConnections
	c.ClosedConnections += o.ClosedConnections
	c.BytesIn += o.BytesIn
	c.BytesOut += o.BytesOut
	c.name(o.LastTime, o.Identifier, o.HumanIdentifier)
	for _, code := range o.Codes {
		c.addCode(code)
	}
	if o.Latencies != nil {
		if c.Latencies == nil {
			c.Latencies = NewSketch()
		}
		c.Latencies.merge(o.Latencies)
	}
}

// add adds latencies whose minimum has a lower (-1), equal or higher (1) rank.
func (s *Span) add(o Span, rank int, hits, others int64) {
	s.Total += o.Total
	switch {
	case others == 0:
		return
	case hits == 0:
		s.Max = o.Max
	default:
		s.Max = max(s.Max, o.Max)
	}
	switch {
	case rank < 0:
		s.Min = o.Min
	case rank == 0:
		s.Min = min(s.Min, o.Min)
	}
}

// name takes over a record's time and names where it is the latest; of several at
// the same time the greatest names stay, so that the order does not matter.
func (c *Counter) name(at time.Time, identifier, human string) {
	order := at.Compare(c.LastTime)
	if order == 0 {
		order = cmp.Or(cmp.Compare(human, c.HumanIdentifier), cmp.Compare(identifier, c.Identifier))
	}
	if order > 0 {
		c.LastTime, c.Identifier, c.HumanIdentifier = at, identifier, human
	}
}

func (c *Counter) addCode(add CodeCount) {
	at, found := slices.BinarySearchFunc(c.Codes, add.Code, func(have CodeCount, code int64) int { return cmp.Compare(have.Code, code) })
	if found {
		c.Codes[at].Count += add.Count
		return
	}
	c.Codes = slices.Insert(c.Codes, at, add)
}
