package tykfilterprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// metricsProcessor judges every data point by its attributes. It never empties
// attributes, since points that differ in them only would become one series.
type metricsProcessor struct {
	filter   selection.Filter
	counters *counters
}

func newMetricsProcessor(cfg *Config, set component.TelemetrySettings) (*metricsProcessor, error) {
	builder, err := newCounters(set)
	return &metricsProcessor{filter: selection.NewFilter(cfg.Lists), counters: builder}, err
}

func (p *metricsProcessor) shutdown(context.Context) error {
	p.counters.builder.Shutdown()
	return nil
}

// process is called by several goroutines at a time. Unlike logs and spans, the
// points are removed in place: there are few of them, whatever the traffic.
func (p *metricsProcessor) process(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	if p.filter.PassesAll() {
		return md, nil
	}
	var count [selection.Verdicts]int64
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool {
				return p.removePoints(m, &count) == 0
			})
			return sm.Metrics().Len() == 0
		})
		return rm.ScopeMetrics().Len() == 0
	})
	p.counters.addDataPoints(ctx, &count)
	if md.ResourceMetrics().Len() == 0 {
		return md, processorhelper.ErrSkipProcessingData
	}
	return md, nil
}

// removePoints gives the number of points that stay.
func (p *metricsProcessor) removePoints(m pmetric.Metric, count *[selection.Verdicts]int64) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return removePoints(p, m.Gauge().DataPoints(), count)
	case pmetric.MetricTypeSum:
		return removePoints(p, m.Sum().DataPoints(), count)
	case pmetric.MetricTypeHistogram:
		return removePoints(p, m.Histogram().DataPoints(), count)
	case pmetric.MetricTypeExponentialHistogram:
		return removePoints(p, m.ExponentialHistogram().DataPoints(), count)
	case pmetric.MetricTypeSummary:
		return removePoints(p, m.Summary().DataPoints(), count)
	case pmetric.MetricTypeEmpty:
	}
	return 0
}

// points are the data points of one metric, of any kind.
type points[P interface{ Attributes() pcommon.Map }] interface {
	RemoveIf(remove func(P) bool)
	Len() int
}

func removePoints[P interface{ Attributes() pcommon.Map }](p *metricsProcessor, all points[P], count *[selection.Verdicts]int64) int {
	all.RemoveIf(func(point P) bool {
		v := p.filter.Judge(pointSubject(point.Attributes()))
		count[v]++
		return v != selection.Passes
	})
	return all.Len()
}

// pointSubject is subjectOf, and knows the labels of Tyk Pump's Prometheus pump
// (contract: other back-ends, section 14.3) for what has no attribute.
func pointSubject(attrs pcommon.Map) selection.Subject {
	s := subjectOf(attrs)
	for key, value := range attrs.All() {
		switch key {
		case "api", "api_id":
			if s.APIID == "" {
				s.APIID = analytics.AttributeString(value)
			}
		case "org_id":
			if s.OrgID == "" {
				s.OrgID = analytics.AttributeString(value)
			}
		case "code", "response_code":
			if s.ResponseCode == 0 {
				s.ResponseCode = analytics.AttributeInt(value)
			}
		}
	}
	return s
}
