package rollup

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Aggregator counts records. It holds none back, and remembers nothing but which
// values its budget let through. Its methods may be called at the same time.
type Aggregator struct {
	settings    Settings
	zone        *time.Location
	fingerprint string
	ignored     [dimensions]bool
	budget      *budget
	keptSize    atomic.Int64 // bytes that a record took there lately, and a little more
}

// NewAggregator fails for a zone that is not known.
func NewAggregator(s Settings) (*Aggregator, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, fmt.Errorf("load the time zone %q: %w", s.Zone, err)
	}
	a := &Aggregator{settings: s, zone: zone, fingerprint: s.Fingerprint(), budget: newBudget(&s)}
	for _, d := range s.Ignore {
		a.ignored[d] = true
	}
	return a, nil
}

// Tally is what else is to be told of a chunk.
type Tally struct {
	// Records were counted in some family.
	Records int64
	// Uptime are uptime checks, Foreign other log records that are no requests; both
	// are left out.
	Uptime, Foreign int64
	// Ownerless are requests of no organisation, which the family Requests leaves out.
	Ownerless int64
	// Folded counts, by dimension, what is counted as OtherValue.
	Folded [dimensions]int64
	// Alerts are told once for each bucket.
	Alerts []TagAlert
}

// FoldedBy gives the dimensions of which something was folded, and how much.
func (t *Tally) FoldedBy(yield func(Dimension, int64) bool) {
	for d, n := range t.Folded {
		if n > 0 && !yield(Dimension(d), n) { //nolint:gosec // one of a few
			return
		}
	}
}

// Aggregate counts the requests of a chunk. The groups share the memory of the
// log records' texts.
func (a *Aggregator) Aggregate(logs plog.Logs, cut Cut) ([]Group, Tally) {
	b := a.newAggregation(cut)
	defer b.release()
	b.takeAll(logs)
	return b.groups(), b.tally
}

// mostKeptSize bounds the room that is made for a record that has not come yet, in bytes: those
// before it may have been huge.
const mostKeptSize = 512

// AggregateAndKeep does as Aggregate for no cut. The groups share no memory with the log
// records, which nobody needs any more: what is kept is enough to count them anew.
func (a *Aggregator) AggregateAndKeep(logs plog.Logs) ([]Group, Tally, Kept) {
	b := a.newAggregation(nil)
	defer b.release()
	b.texts = map[string]string{}
	records := int64(logs.LogRecordCount())
	b.kept = make([]byte, 0, records*a.keptSize.Load())
	b.takeAll(logs)
	size := int64(len(b.kept)) / max(1, records)
	a.keptSize.Store(min(size+size/20, mostKeptSize))
	return b.groups(), b.tally, Kept{b.kept}
}

// AggregateKept counts records anew of which AggregateAndKeep gave what it kept.
func (a *Aggregator) AggregateKept(kept Kept, cut Cut) []Group {
	b := a.newAggregation(cut)
	defer b.release()
	for from := keptReader(kept.records); from != ""; {
		r := &analytics.Countable{}
		b.givenUp = from.record(r)
		b.countRecord(r)
	}
	return b.groups()
}

// takeAll takes the requests of a chunk.
func (b *aggregation) takeAll(logs plog.Logs) {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			if at := analytics.GivenUp(scope.Scope()); !at.Equal(b.givenUp) {
				b.countRead()
				b.givenUp = at
			}
			for _, log := range scope.LogRecords().All() {
				switch log.EventName() {
				case analytics.EventRequest:
					b.take(log)
				case analytics.EventUptime:
					b.tally.Uptime++
				default:
					b.tally.Foreign++
				}
			}
		}
	}
	b.countRead()
}
