package krakendreceiver

import (
	"maps"
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

// perSecond turns a KrakenD's nanoseconds into seconds.
const perSecond = 1e9

// description is what a metric is beside its numbers.
type description struct {
	unit, text string
	scale      float64 // of distributions: by what KrakenD's values are divided
}

var descriptions = map[string]description{
	krakend.Responses:            {unit: "{response}", text: "Responses of the router by endpoint and status."},
	krakend.Connections:          {unit: "{connection}", text: "Requests that the router has taken."},
	krakend.Disconnections:       {unit: "{connection}", text: "Requests that the router is done with."},
	krakend.TLSConnections:       {unit: "{connection}", text: "Requests over TLS by version."},
	krakend.TLSCipherConnections: {unit: "{connection}", text: "Requests over TLS by cipher."},
	krakend.ProxyRequests:        {unit: "{request}", text: "Calls of endpoints' pipes."},
	krakend.BackendRequests:      {unit: "{request}", text: "Calls of backends."},

	krakend.ResponseDuration: {unit: "s", text: "Durations of the router's responses in one window, of a sample of at most 1028.", scale: perSecond},
	krakend.ResponseSize:     {unit: "By", text: "Sizes of the router's responses in one window, of a sample of at most 1028; -1 is an empty one.", scale: 1},
	krakend.ProxyDuration:    {unit: "s", text: "Durations of endpoints' pipes in one window, of a sample of at most 1028.", scale: perSecond},
	krakend.BackendDuration:  {unit: "s", text: "Durations of backend calls in one window, of a sample of at most 1028.", scale: perSecond},
	krakend.GCPause:          {unit: "s", text: "Pauses for garbage collection in one window.", scale: perSecond},

	krakend.GCLastPause:           {unit: "s", text: "The last pause for garbage collection of the window."},
	krakend.WindowConnections:     {unit: "{connection}", text: "Requests that the router took in the last window that ended."},
	krakend.WindowDisconnections:  {unit: "{connection}", text: "Requests that the router was done with in the last window that ended."},
	krakend.RunningConnections:    {unit: "{connection}", text: "Requests that the router has taken in the running window."},
	krakend.RunningDisconnections: {unit: "{connection}", text: "Requests that the router is done with in the running window."},

	"go.memory.used":        {unit: "By", text: "Memory used by the Go runtime."},
	"go.memory.allocated":   {unit: "By", text: "Memory allocated to the heap by the application."},
	"go.memory.allocations": {unit: "{allocation}", text: "Count of allocations to the heap by the application."},
	"go.memory.gc.goal":     {unit: "By", text: "Heap size target for the end of the GC cycle."},
	"go.goroutine.count":    {unit: "{goroutine}", text: "Count of live goroutines when the last window ended."},
}

// writer lays points out by metric.
type writer struct {
	config *Config
	now    pcommon.Timestamp
	into   pmetric.MetricSlice
	known  map[string]pmetric.Metric
}

// write makes metrics of a turn.
func write(config *Config, t turn, into pmetric.MetricSlice) {
	w := &writer{config: config, now: t.now.at, into: into, known: map[string]pmetric.Metric{}}
	for key, n := range t.now.counters {
		point := w.counter(key.metric, t.starts(key), n)
		key.attributes(point.Attributes())
	}
	w.connections(t)
	w.runtime(t)
	if t.window == nil {
		return
	}
	for key, d := range t.window.distributions {
		w.distribution(key, d, t.window.began)
	}
	w.pauses(t.window)
	if t.window.gauges {
		w.gauges(t.now)
	}
}

// metric gives the metric of a name back, new where there is none.
func (w *writer) metric(name string, d description) (metric pmetric.Metric, isNew bool) {
	if metric, ok := w.known[name]; ok {
		return metric, false
	}
	metric = w.into.AppendEmpty()
	metric.SetName(name)
	metric.SetUnit(d.unit)
	metric.SetDescription(d.text)
	w.known[name] = metric
	return metric, true
}

func (w *writer) counter(name string, start pcommon.Timestamp, value int64) pmetric.NumberDataPoint {
	return w.sum(name, start, value, true)
}

func (w *writer) sum(name string, start pcommon.Timestamp, value int64, monotonic bool) pmetric.NumberDataPoint {
	metric, isNew := w.metric(name, descriptions[name])
	if isNew {
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(monotonic)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
	point := metric.Sum().DataPoints().AppendEmpty()
	point.SetStartTimestamp(start)
	point.SetTimestamp(w.now)
	point.SetIntValue(value)
	return point
}

func (w *writer) gauge(name string, d description) pmetric.NumberDataPoint {
	metric, isNew := w.metric(name, d)
	if isNew {
		metric.SetEmptyGauge()
	}
	point := metric.Gauge().DataPoints().AppendEmpty()
	point.SetTimestamp(w.now)
	return point
}

func (w *writer) connections(t turn) {
	for _, side := range []struct{ key, sum, running string }{
		{connected, krakend.Connections, krakend.RunningConnections},
		{disconnected, krakend.Disconnections, krakend.RunningDisconnections},
	} {
		if sum, ok := t.connections[side.key]; ok {
			w.counter(side.sum, t.starts(series{metric: side.sum}), sum)
			// What is in the sum beside the windows that have ended.
			w.gauge(side.running, descriptions[side.running]).SetIntValue(sum - t.now.router[side.key+totalSuffix])
		}
	}
}

// runtime writes what the semantic conventions have names for, as it is now.
func (w *writer) runtime(t turn) {
	m := t.now.memory
	start := t.starts(series{})
	if m.Sys > 0 {
		w.counter("go.memory.allocated", start, clamp(m.TotalAlloc))
		w.counter("go.memory.allocations", start, clamp(m.Mallocs))
		w.sum("go.memory.gc.goal", start, clamp(m.NextGC), false)
		stack := w.sum("go.memory.used", start, clamp(m.StackInuse), false)
		stack.Attributes().PutStr("go.memory.type", "stack")
		other := w.sum("go.memory.used", start, clamp(m.Sys-min(m.Sys, m.HeapReleased+m.StackInuse)), false)
		other.Attributes().PutStr("go.memory.type", "other")
	}
	if n, ok := t.now.integers[krakend.RuntimePrefix+"NumGoroutine"]; ok {
		w.sum("go.goroutine.count", start, n, false)
	}
}

// gauges writes what changes when a window ends.
func (w *writer) gauges(s *snapshot) {
	for _, side := range []struct{ key, window string }{
		{connected, krakend.WindowConnections}, {disconnected, krakend.WindowDisconnections},
	} {
		if n, ok := s.router[side.key+previousSuffix]; ok {
			w.gauge(side.window, descriptions[side.window]).SetIntValue(n)
		}
	}
	for _, g := range krakend.Gauges {
		d := description{unit: g.Unit, text: "KrakenD's " + g.Key + " when the last window ended."}
		if v, ok := s.gauges[g.Key]; ok {
			w.gauge(g.Name, d).SetDoubleValue(v)
		} else if n, ok := s.integers[g.Key]; ok {
			w.gauge(g.Name, d).SetIntValue(n)
		}
	}
}

// distribution writes one that has values.
func (w *writer) distribution(key series, d distribution, began pcommon.Timestamp) {
	if d[statCount] < 1 {
		return
	}
	scaled := maps.Clone(d)
	for stat := range scaled {
		if stat != statCount {
			scaled[stat] /= descriptions[key.metric].scale
		}
	}
	w.summary(key, scaled, began)
}

// summary writes a distribution in the metric's unit.
func (w *writer) summary(key series, d distribution, began pcommon.Timestamp) {
	about := descriptions[key.metric]
	value := func(suffix string, stat statistic, about description) {
		if v, ok := d[stat]; ok {
			point := w.gauge(key.metric+suffix, about)
			point.SetDoubleValue(v)
			key.attributes(point.Attributes())
		}
	}
	value(krakend.StdDev, statStdDev, description{unit: about.unit, text: "Standard deviation. " + about.text})
	if w.config.AsGauges {
		value(krakend.Count, statCount, description{unit: "1", text: "Number. " + about.text})
		value(krakend.Mean, statMean, description{unit: about.unit, text: "Mean. " + about.text})
		value(krakend.Min, statMin, description{unit: about.unit, text: "Least. " + about.text})
		value(krakend.Max, statMax, description{unit: about.unit, text: "Greatest. " + about.text})
		for _, q := range krakend.Quantiles {
			value(q.Suffix, statistic(q.Key), description{unit: about.unit, text: "Percentile. " + about.text})
		}
		return
	}
	metric, isNew := w.metric(key.metric, about)
	if isNew {
		metric.SetEmptySummary()
	}
	point := metric.Summary().DataPoints().AppendEmpty()
	point.SetStartTimestamp(began)
	point.SetTimestamp(w.now)
	point.SetCount(uint64(d[statCount]))
	point.SetSum(d[statMean] * d[statCount])
	key.attributes(point.Attributes())
	quantile := func(q float64, stat statistic) {
		if v, ok := d[stat]; ok {
			at := point.QuantileValues().AppendEmpty()
			at.SetQuantile(q)
			at.SetValue(v)
		}
	}
	quantile(0, statMin)
	for _, q := range krakend.Quantiles {
		quantile(q.Value, statistic(q.Key))
	}
	quantile(1, statMax)
}

// pauses writes those of a window, also where there was none: KrakenD's own distribution
// of them is always empty.
func (w *writer) pauses(of *window) {
	d := distributionOf(of.pauses)
	w.summary(series{metric: krakend.GCPause}, d, of.began)
	if n := len(of.pauses); n > 0 {
		last := descriptions[krakend.GCLastPause]
		w.gauge(krakend.GCLastPause, last).SetDoubleValue(float64(of.pauses[n-1]) / perSecond)
	}
}

// attributes writes what tells one series of a metric from the others.
func (s series) attributes(into pcommon.Map) {
	switch s.metric {
	case krakend.TLSConnections:
		into.PutStr(krakend.AttrTLSName, "tls")
		if version, ok := strings.CutPrefix(s.name, "VersionTLS"); ok && len(version) == 2 {
			into.PutStr(krakend.AttrTLSVersion, version[:1]+"."+version[1:])
		}
		return
	case krakend.TLSCipherConnections:
		into.PutStr(krakend.AttrTLSCipher, valid(s.name))
		return
	case krakend.BackendRequests, krakend.BackendDuration:
		into.PutStr(krakend.AttrTemplate, valid(s.name))
		into.PutStr(krakend.AttrStage, krakend.StageBackend)
	case krakend.ProxyRequests, krakend.ProxyDuration:
		into.PutStr(krakend.AttrRoute, valid(s.name))
		into.PutStr(krakend.AttrStage, krakend.StageProxy)
	case krakend.Responses, krakend.ResponseDuration, krakend.ResponseSize:
		into.PutStr(krakend.AttrRoute, valid(s.name))
	}
	if s.status != 0 {
		into.PutInt(krakend.AttrStatus, int64(s.status))
	}
	if s.calls() {
		into.PutBool(krakend.AttrComplete, s.complete)
		into.PutBool(krakend.AttrError, s.failed)
	}
}

// valid is text as OTLP carries it.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func clamp(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
