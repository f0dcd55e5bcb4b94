package measure

import (
	"bytes"
	"cmp"
	"sort"
	"time"

	"github.com/lightstep/go-expohisto/structure"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// aggregate is what records add up to. Times are whole milliseconds, as the
// gateway measures them, so that sums do not depend on the order of adding.
type aggregate struct {
	count            int64
	sum, least, most int64
	buckets          []uint64           // with explicit bounds
	exponential      *structure.Float64 // without, and without the zeros
	zeros            int64              // of an exponential histogram: the library loses precision where it merges zeros
	exemplars        []exemplar         // none before the first; by bucket with explicit bounds, else one
}

// exemplar is a traced request; its zero value is none.
type exemplar struct {
	trace pcommon.TraceID
	at    pcommon.Timestamp
	value int64
}

// replaces decides which of two exemplars stays: the newer one, and of the same
// age always the same one, whichever came first.
func (e exemplar) replaces(other exemplar) bool {
	return cmp.Or(cmp.Compare(e.at, other.at), bytes.Compare(e.trace[:], other.trace[:]), cmp.Compare(e.value, other.value)) > 0
}

// instrument is an Instrument, prepared for counting.
type instrument struct {
	Instrument
	names  []string
	bounds []float64 // in milliseconds
}

func prepare(in Instrument) instrument {
	return instrument{Instrument: in, names: in.labelNames(), bounds: in.milliseconds()}
}

func (in *instrument) isExponential() bool { return in.Kind == Histogram && in.Bounds == nil }

// add counts one record, whose time is value.
func (in *instrument) add(a *aggregate, value int64, e exemplar) {
	slot := 0
	if in.Kind == Histogram {
		if a.count == 0 || value < a.least {
			a.least = value
		}
		if a.count == 0 || value > a.most {
			a.most = value
		}
		a.sum += value
		switch {
		case !in.isExponential():
			slot = sort.SearchFloat64s(in.bounds, float64(value))
			if a.buckets == nil {
				a.buckets = make([]uint64, len(in.bounds)+1)
			}
			a.buckets[slot]++
		case value == 0:
			a.zeros++
		default:
			in.exponential(a).Update(float64(value) / in.scale())
		}
	}
	a.count++
	if e.trace.IsEmpty() {
		return
	}
	e.value = value
	in.keep(a, slot, e)
}

func (in *instrument) exponential(a *aggregate) *structure.Float64 {
	if a.exponential == nil {
		a.exponential = new(structure.Float64)
		a.exponential.Init(structure.NewConfig())
	}
	return a.exponential
}

// keep keeps an exemplar if it is the newest in its place.
func (in *instrument) keep(a *aggregate, slot int, e exemplar) {
	if a.exemplars == nil {
		slots := 1
		if in.Kind == Histogram && !in.isExponential() {
			slots = len(in.bounds) + 1
		}
		a.exemplars = make([]exemplar, slots)
	}
	if e.replaces(a.exemplars[slot]) {
		a.exemplars[slot] = e
	}
}

// merge adds all of from to a.
func (in *instrument) merge(a, from *aggregate) {
	if from.count == 0 {
		return
	}
	if a.count == 0 || from.least < a.least {
		a.least = from.least
	}
	if a.count == 0 || from.most > a.most {
		a.most = from.most
	}
	a.count += from.count
	a.sum += from.sum
	if from.buckets != nil && a.buckets == nil {
		a.buckets = make([]uint64, len(from.buckets))
	}
	for i, n := range from.buckets {
		a.buckets[i] += n
	}
	a.zeros += from.zeros
	if from.exponential != nil && from.exponential.Count() > 0 {
		in.exponential(a).MergeFrom(from.exponential)
	}
	for slot, e := range from.exemplars {
		if !e.trace.IsEmpty() {
			in.keep(a, slot, e)
		}
	}
}

// reset empties a and keeps its memory.
func (a *aggregate) reset() {
	a.count, a.sum, a.least, a.most, a.zeros = 0, 0, 0, 0, 0
	clear(a.buckets)
	clear(a.exemplars)
	if a.exponential != nil {
		a.exponential.Clear()
	}
}

// timestamp is t as OTLP has it; 0 for times that OTLP has none for.
func timestamp(t time.Time) pcommon.Timestamp {
	if t.Year() < 1970 || t.Year() > 2261 {
		return 0
	}
	return pcommon.NewTimestampFromTime(t)
}

// putSum writes a counter's point.
func (a *aggregate) putSum(dp pmetric.NumberDataPoint) {
	dp.SetIntValue(a.count)
	for _, e := range a.exemplars {
		e.put(dp.Exemplars().AppendEmpty()).SetIntValue(1)
	}
}

// putHistogram writes a point of a histogram with explicit bounds.
func (in *instrument) putHistogram(a *aggregate, dp pmetric.HistogramDataPoint) {
	dp.SetCount(uint64(a.count))
	dp.SetSum(float64(a.sum) / in.scale())
	dp.SetMin(float64(a.least) / in.scale())
	dp.SetMax(float64(a.most) / in.scale())
	dp.ExplicitBounds().FromRaw(in.Bounds)
	dp.BucketCounts().FromRaw(a.buckets)
	for _, e := range a.exemplars {
		if !e.trace.IsEmpty() {
			e.put(dp.Exemplars().AppendEmpty()).SetDoubleValue(float64(e.value) / in.scale())
		}
	}
}

// putExponential writes a point of an exponential histogram.
func (in *instrument) putExponential(a *aggregate, dp pmetric.ExponentialHistogramDataPoint) {
	dp.SetCount(uint64(a.count))
	dp.SetSum(float64(a.sum) / in.scale())
	dp.SetMin(float64(a.least) / in.scale())
	dp.SetMax(float64(a.most) / in.scale())
	dp.SetZeroCount(uint64(a.zeros))
	if h := a.exponential; h != nil {
		dp.SetScale(h.Scale())
		putBuckets(h.Positive(), dp.Positive())
		putBuckets(h.Negative(), dp.Negative())
	}
	for _, e := range a.exemplars {
		e.put(dp.Exemplars().AppendEmpty()).SetDoubleValue(float64(e.value) / in.scale())
	}
}

func putBuckets(from *structure.Buckets, to pmetric.ExponentialHistogramDataPointBuckets) {
	to.SetOffset(from.Offset())
	to.BucketCounts().EnsureCapacity(int(from.Len()))
	for i := range from.Len() {
		to.BucketCounts().Append(from.At(i))
	}
}

func (e exemplar) put(to pmetric.Exemplar) pmetric.Exemplar {
	to.SetTraceID(e.trace)
	to.SetTimestamp(e.at)
	return to
}
