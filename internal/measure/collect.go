package measure

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// attrOverflow marks the series of what is beyond the limit, as OpenTelemetry's SDKs do.
const attrOverflow = "otel.metric.overflow"

// Overflow says that a metric has reached its limit.
type Overflow struct {
	// Metric is its name.
	Metric string
	// Label is the one with the most values, and Values how many those are.
	Label  string
	Values int
	// Series is how many series the metric has.
	Series int
}

// Collect appends all metrics as they are now, and the ends of series that expired. An
// end is told at each collection until Taken confirms one. It tells of metrics that
// have reached their limit, once until expiry has made room again.
func (m *Meter) Collect(now time.Time, into pmetric.MetricSlice) []Overflow {
	m.mu.Lock()
	defer m.mu.Unlock()
	var overflows []Overflow
	for i := range m.instruments {
		in, st := &m.instruments[i], &m.states[i]
		st.expire(now, m.settings.Expiry, m.settings.SeriesLimit)
		if len(st.series) > 0 || st.overflow != nil {
			in.collect(st, now, into.AppendEmpty())
		}
		for _, s := range st.ended {
			// A metric of its own for each: the Prometheus exporter looks at nothing
			// behind the first point without a value.
			in.end(s, now, into.AppendEmpty())
		}
		if len(st.series) < m.settings.SeriesLimit-1 {
			st.reported = false
		}
		if st.overflow != nil && !st.reported {
			st.reported = true
			overflows = append(overflows, in.blame(st))
		}
	}
	m.collected = now
	return overflows
}

// Taken says that the metrics of the last collection arrived.
func (m *Meter) Taken() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.states {
		clear(m.states[i].ended)
		m.states[i].ended = m.states[i].ended[:0]
	}
}

// expire takes out the series that have been idle for too long. Of ends that are not
// taken, it keeps no more than there may be series, the latest.
func (st *state) expire(now time.Time, after time.Duration, limit int) {
	if after == 0 {
		return
	}
	// Series that came back are alive.
	st.ended = slices.DeleteFunc(st.ended, func(s *series) bool {
		if s.overflow {
			return st.overflow != nil
		}
		return st.series[s.key] != nil
	})
	for key, s := range st.series {
		if now.Sub(s.seen) >= after {
			st.ended = append(st.ended, s)
			delete(st.series, key)
		}
	}
	if st.overflow != nil && now.Sub(st.overflow.seen) >= after {
		st.ended = append(st.ended, st.overflow)
		st.overflow = nil
	}
	if over := len(st.ended) - limit; over > 0 {
		st.ended = slices.Delete(st.ended, 0, over)
	}
}

// blame finds the label with the most values.
func (in *instrument) blame(st *state) Overflow {
	o := Overflow{Metric: in.Name, Series: len(st.series) + 1}
	distinct := make([]map[string]struct{}, len(in.names))
	for i := range distinct {
		distinct[i] = map[string]struct{}{}
	}
	for key := range st.series {
		for i, value := range values(key, len(in.names)) {
			distinct[i][value] = struct{}{}
		}
	}
	for i, name := range in.names {
		if len(distinct[i]) > o.Values {
			o.Label, o.Values = name, len(distinct[i])
		}
	}
	return o
}

// point is what the points of the three kinds of metrics have in common.
type point interface {
	Attributes() pcommon.Map
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
}

// collect writes a metric with all its series.
func (in *instrument) collect(st *state, now time.Time, to pmetric.Metric) {
	in.describe(to)
	n := len(st.series) + 1
	switch {
	case in.Kind == Counter:
		to.Sum().DataPoints().EnsureCapacity(n)
	case in.isExponential():
		to.ExponentialHistogram().DataPoints().EnsureCapacity(n)
	default:
		to.Histogram().DataPoints().EnsureCapacity(n)
	}
	for _, s := range st.series {
		in.put(s, now, to)
	}
	if s := st.overflow; s != nil {
		in.put(s, now, to)
	}
}

// describe sets all of a metric but its points.
func (in *instrument) describe(to pmetric.Metric) {
	to.SetName(in.Name)
	to.SetDescription(in.Description)
	to.SetUnit(in.Unit)
	switch {
	case in.Kind == Counter:
		to.SetEmptySum().SetIsMonotonic(true)
		to.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case in.isExponential():
		to.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	default:
		to.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
}

// put writes a series' point.
func (in *instrument) put(s *series, now time.Time, to pmetric.Metric) {
	var p point
	switch {
	case in.Kind == Counter:
		dp := to.Sum().DataPoints().AppendEmpty()
		s.putSum(dp)
		p = dp
	case in.isExponential():
		dp := to.ExponentialHistogram().DataPoints().AppendEmpty()
		in.putExponential(&s.aggregate, dp)
		p = dp
	default:
		dp := to.Histogram().DataPoints().AppendEmpty()
		in.putHistogram(&s.aggregate, dp)
		p = dp
	}
	in.stamp(s, now, p)
}

// end writes the point by which a series' consumers know that it is no more.
func (in *instrument) end(s *series, now time.Time, to pmetric.Metric) {
	in.describe(to)
	var p point
	switch {
	case in.Kind == Counter:
		p = to.Sum().DataPoints().AppendEmpty()
	case in.isExponential():
		p = to.ExponentialHistogram().DataPoints().AppendEmpty()
	default:
		p = to.Histogram().DataPoints().AppendEmpty()
	}
	in.stamp(s, now, p)
	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
}

// stamp sets a point's times and attributes.
func (in *instrument) stamp(s *series, now time.Time, p point) {
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(s.start))
	p.SetTimestamp(pcommon.NewTimestampFromTime(now))
	if s.overflow {
		p.Attributes().PutBool(attrOverflow, true)
		return
	}
	p.Attributes().EnsureCapacity(len(in.names))
	for i, value := range values(s.key, len(in.names)) {
		p.Attributes().PutStr(in.names[i], value)
	}
}
