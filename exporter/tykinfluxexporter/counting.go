package tykinfluxexporter

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

// maxStreams bounds what is remembered; streams beyond have totals, and no counts.
const maxStreams = 100_000

// stream is what is known of a counter.
type stream struct {
	start, at    pcommon.Timestamp
	value, count int64
	counted      bool
}

// streamKey tells counters apart.
type streamKey struct {
	host string
	target
}

// countingExporter notes with each counter's point how much was counted since the point
// before. It stands in front of the queue, where each point comes by once and in order.
type countingExporter struct {
	exporter.Metrics

	mu      sync.Mutex // guards the fields below
	streams map[streamKey]stream
	// first is when a host was seen first: what counted before is not known.
	first map[string]pcommon.Timestamp
}

func newCounting(next exporter.Metrics) *countingExporter {
	return &countingExporter{Metrics: next, streams: map[streamKey]stream{}, first: map[string]pcommon.Timestamp{}}
}

// Capabilities tells that points get an attribute.
func (c *countingExporter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// ConsumeMetrics notes the counts and hands the metrics on.
func (c *countingExporter) ConsumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	c.note(metrics)
	return c.Metrics.ConsumeMetrics(ctx, metrics)
}

func (c *countingExporter) note(metrics pmetric.Metrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range metrics.ResourceMetrics().All() {
		// Several KrakenDs may have one name of a host.
		host := textOf(resource.Resource().Attributes(), krakend.AttrHost) + " " + textOf(resource.Resource().Attributes(), "service.instance.id")
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				switch metric.Name() {
				case krakend.Responses, krakend.ProxyRequests, krakend.BackendRequests:
				default:
					continue
				}
				if metric.Type() != pmetric.MetricTypeSum {
					continue
				}
				for _, point := range metric.Sum().DataPoints().All() {
					key := streamKey{host: host, target: counterTarget(metric.Name(), point.Attributes())}
					if count, ok := c.count(key, point); ok {
						point.Attributes().PutInt(attrCount, count)
					}
				}
			}
		}
	}
}

// count is how much a counter has counted since its point before, where that is known. A
// point that comes again has the same.
func (c *countingExporter) count(key streamKey, point pmetric.NumberDataPoint) (int64, bool) {
	start, at, value := point.StartTimestamp(), point.Timestamp(), point.IntValue()
	last, known := c.streams[key]
	if known && at == last.at {
		return last.count, last.counted
	}
	first, seen := c.first[key.host]
	if !seen {
		if len(c.first) >= maxStreams {
			return 0, false
		}
		first = at
		c.first[key.host] = at
	}
	next := stream{start: start, at: at, value: value}
	switch {
	case known && at < last.at:
		return 0, false
	case known && (start > last.start || value < last.value):
		next.count, next.counted = value, true // it began anew
	case known:
		next.count, next.counted = value-last.value, true
	case len(c.streams) >= maxStreams:
		return 0, false
	default:
		// One that appeared since: it counts from its start, which was seen.
		next.count, next.counted = value, at > first && start >= first
		if !next.counted {
			next.count = 0
		}
	}
	c.streams[key] = next
	return next.count, next.counted
}
