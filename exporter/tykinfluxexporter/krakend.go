package tykinfluxexporter

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

// attrCount is an attribute of counters' points: how much was counted since the point before.
// The counting exporter puts it there, in front of the queue, so that a write that is tried
// again, also by another process, has the same.
const attrCount = "tykinflux.count"

// KrakenD's measurements of garbage collection's pauses.
const (
	lastPause = "service.debug.GCStats.Pause"
	allPauses = "service.runtime.MemStats.PauseNs"
)

// target is which point of KrakenD's a metric's point goes to.
type target struct {
	measurement string
	tags        [4][2]string // in order, without host
}

// point collects the fields of one measurement, its tags and time.
type point struct {
	target
	host   string
	at     pcommon.Timestamp
	fields map[string]any
}

// points makes KrakenD's points of metrics of the krakend receiver.
type points struct {
	host    string
	byPlace map[placeKey]*point
	// foreign counts points of other metrics.
	foreign int64
}

type placeKey struct {
	target
	host string
	at   pcommon.Timestamp
}

// krakendLines makes the lines of metrics, each point of KrakenD's with all of its fields.
func krakendLines(metrics pmetric.Metrics) (lines []batchhttp.Item, foreign int64) {
	p := &points{byPlace: map[placeKey]*point{}}
	for _, resource := range metrics.ResourceMetrics().All() {
		p.host = textOf(resource.Resource().Attributes(), krakend.AttrHost)
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				p.add(metric)
			}
		}
	}
	e := newEncoder()
	for _, one := range p.byPlace {
		e.begin(one.measurement)
		tags := append([][2]string{{"host", one.host}}, one.tags[:]...)
		slices.SortFunc(tags, func(x, y [2]string) int { return strings.Compare(x[0], y[0]) })
		for _, tag := range tags {
			e.tag(tag[0], tag[1])
		}
		for _, key := range slices.Sorted(maps.Keys(one.fields)) {
			e.field(key, one.fields[key])
		}
		if text, err := e.end(timeOf(one.at)); err == nil {
			lines = append(lines, batchhttp.Item{Body: text})
		}
	}
	slices.SortFunc(lines, func(x, y batchhttp.Item) int { return bytes.Compare(x.Body, y.Body) })
	for i := range lines {
		lines[i].Entry = int32(i) //nolint:gosec // a KrakenD has fewer points
	}
	return lines, p.foreign
}

// fields gives the fields of a place back.
func (p *points) fields(to target, at pcommon.Timestamp) map[string]any {
	key := placeKey{target: to, host: p.host, at: at}
	if p.byPlace[key] == nil {
		p.byPlace[key] = &point{target: to, host: p.host, at: at, fields: map[string]any{}}
	}
	return p.byPlace[key].fields
}

var gaugesByName = func() map[string]krakend.Gauge {
	gauges := map[string]krakend.Gauge{}
	for _, g := range krakend.Gauges {
		gauges[g.Name] = g
	}
	return gauges
}()

// add takes the points of a metric.
func (p *points) add(metric pmetric.Metric) {
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		for _, point := range metric.Sum().DataPoints().All() {
			p.sum(metric.Name(), point)
		}
	case pmetric.MetricTypeGauge:
		for _, point := range metric.Gauge().DataPoints().All() {
			p.gauge(metric.Name(), point)
		}
	case pmetric.MetricTypeSummary:
		for _, point := range metric.Summary().DataPoints().All() {
			p.summary(metric.Name(), point)
		}
	default:
		p.foreign++
	}
}

func (p *points) sum(name string, point pmetric.NumberDataPoint) {
	switch name {
	case krakend.Responses, krakend.ProxyRequests, krakend.BackendRequests:
		fields := p.fields(counterTarget(name, point.Attributes()), point.Timestamp())
		fields["total"] = point.IntValue()
		if count, ok := point.Attributes().Get(attrCount); ok {
			fields["count"] = count.Int()
		}
	case krakend.Connections, krakend.Disconnections:
		// KrakenD's total is of the windows that have ended: the running one comes off.
		fields := p.fields(routerTarget(name == krakend.Connections), point.Timestamp())
		addTo(fields, "total", point.IntValue())
	case krakend.TLSConnections, krakend.TLSCipherConnections:
		// KrakenD does not write these.
	default:
		if !strings.HasPrefix(name, "go.") {
			p.foreign++
		}
	}
}

func addTo(fields map[string]any, key string, n int64) {
	before, _ := fields[key].(int64)
	fields[key] = before + n
}

func (p *points) gauge(name string, point pmetric.NumberDataPoint) {
	at := point.Timestamp()
	switch name {
	case krakend.RunningConnections, krakend.RunningDisconnections:
		fields := p.fields(routerTarget(name == krakend.RunningConnections), at)
		fields["current"] = point.IntValue()
		addTo(fields, "total", -point.IntValue())
		return
	case krakend.WindowConnections, krakend.WindowDisconnections:
		p.fields(routerTarget(name == krakend.WindowConnections), at)["gauge"] = point.IntValue()
		return
	case krakend.GCLastPause:
		last := nanoseconds(point.DoubleValue())
		fields := p.fields(target{measurement: lastPause}, at)
		putEqual(fields, last)
		return
	}
	if metric, ok := strings.CutSuffix(name, krakend.StdDev); ok {
		if to, scale, ok := windowTarget(metric, point.Attributes()); ok {
			fields := p.fields(to, at)
			deviation := scaled(point.DoubleValue(), scale)
			fields["stddev"] = truncated(deviation)
			fields["variance"] = truncated(deviation * deviation)
			return
		}
	}
	g, ok := gaugesByName[name]
	switch {
	case !ok:
		p.foreign++
	case g.Float: // KrakenD leaves it out, too
	case strings.HasPrefix(g.Key, krakend.DebugPrefix):
		p.fields(target{measurement: "debug"}, at)[strings.TrimPrefix(g.Key, krakend.DebugPrefix)] = point.IntValue()
	default:
		p.fields(target{measurement: "runtime"}, at)[strings.TrimPrefix(g.Key, krakend.RuntimePrefix)] = point.IntValue()
	}
}

// influxQuantiles are the fields of quantiles that a KrakenD's statistics have.
var influxQuantiles = map[float64]string{0.5: "p0.5", 0.75: "p0.75", 0.95: "p0.95", 0.99: "p0.99"}

func (p *points) summary(name string, point pmetric.SummaryDataPoint) {
	to, scale, ok := windowTarget(name, point.Attributes())
	if !ok {
		p.foreign++
		return
	}
	fields := p.fields(to, point.Timestamp())
	if point.Count() == 0 {
		if name == krakend.GCPause { // there was no pause: KrakenD writes zeros
			putEqual(fields, 0)
			putEqual(p.fields(target{measurement: lastPause}, point.Timestamp()), 0)
		}
		return
	}
	fields["mean"] = truncated(scaled(point.Sum()/float64(point.Count()), scale))
	for _, q := range point.QuantileValues().All() {
		value := scaled(q.Value(), scale)
		switch q.Quantile() {
		case 0:
			fields["min"] = truncated(value)
		case 1:
			fields["max"] = truncated(value)
		default:
			if key, ok := influxQuantiles[q.Quantile()]; ok {
				fields[key] = value
			}
		}
	}
}

// putEqual writes a distribution of one value.
func putEqual(fields map[string]any, value float64) {
	for _, key := range []string{"max", "mean", "min"} {
		fields[key] = truncated(value)
	}
	for _, key := range influxQuantiles {
		fields[key] = value
	}
	fields["stddev"], fields["variance"] = int64(0), int64(0)
}

func routerTarget(in bool) target {
	direction := "out"
	if in {
		direction = "in"
	}
	return target{measurement: "router", tags: [4][2]string{{"direction", direction}}}
}

// counterTarget is the point of a counter, and of the calls' durations.
func counterTarget(metric string, attributes pcommon.Map) target {
	if metric == krakend.Responses {
		status, _ := attributes.Get(krakend.AttrStatus)
		return target{measurement: "responses", tags: [4][2]string{
			{"name", textOf(attributes, krakend.AttrRoute)}, {"status", strconv.FormatInt(status.Int(), 10)},
		}}
	}
	layer, name := "pipe", krakend.AttrRoute
	if metric == krakend.BackendRequests {
		layer, name = "backend", krakend.AttrTemplate
	}
	complete, _ := attributes.Get(krakend.AttrComplete)
	failed, _ := attributes.Get(krakend.AttrError)
	return target{measurement: "requests", tags: [4][2]string{
		{"complete", strconv.FormatBool(complete.Bool())},
		{"error", strconv.FormatBool(failed.Bool())},
		{"layer", layer},
		{"name", textOf(attributes, name)},
	}}
}

// windowTarget is the point of a distribution, and what its values are multiplied by.
func windowTarget(metric string, attributes pcommon.Map) (target, float64, bool) {
	const perSecond = 1e9
	switch metric {
	case krakend.ProxyDuration:
		return counterTarget(krakend.ProxyRequests, attributes), perSecond, true
	case krakend.BackendDuration:
		return counterTarget(krakend.BackendRequests, attributes), perSecond, true
	case krakend.ResponseDuration, krakend.ResponseSize:
		measurement, scale := "router.response-time", perSecond
		if metric == krakend.ResponseSize {
			measurement, scale = "router.response-size", 1
		}
		return target{measurement: measurement, tags: [4][2]string{{"name", textOf(attributes, krakend.AttrRoute)}}}, scale, true
	case krakend.GCPause:
		return target{measurement: allPauses}, perSecond, true
	}
	return target{}, 0, false
}

func textOf(attributes pcommon.Map, key string) string {
	value, ok := attributes.Get(key)
	if !ok {
		return ""
	}
	return value.AsString()
}

func nanoseconds(seconds float64) float64 { return scaled(seconds, 1e9) }

// scaled undoes a division. What is within its rounding of a whole number is that.
func scaled(value, scale float64) float64 {
	value *= scale
	if whole := math.Round(value); math.Abs(value-whole) <= math.Abs(value)*1e-15 {
		return whole
	}
	return value
}

// truncated is the integer that KrakenD makes of a value, for which InfluxDB has room.
func truncated(value float64) int64 {
	const beyond = 1 << 63 // the least that is too much
	switch {
	case math.IsNaN(value):
		return 0
	case value >= beyond:
		return math.MaxInt64
	case value <= -beyond:
		return math.MinInt64
	}
	return int64(value)
}
