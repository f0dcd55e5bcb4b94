package tykfilterprocessor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadatatest"
)

func startMetrics(tb testing.TB, cfg *Config, set processor.Settings) (processor.Metrics, *consumertest.MetricsSink) {
	tb.Helper()
	sink := new(consumertest.MetricsSink)
	p, err := NewFactory().CreateMetrics(tb.Context(), set, cfg, sink)
	require.NoError(tb, err)
	require.NoError(tb, p.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { require.NoError(tb, p.Shutdown(context.WithoutCancel(tb.Context()))) })
	return p, sink
}

// filterMetrics counts the data points that come out, by metric.
func filterMetrics(tb testing.TB, cfg *Config, md pmetric.Metrics) map[string]int {
	tb.Helper()
	p, sink := startMetrics(tb, cfg, processortest.NewNopSettings(metadata.Type))
	if !p.Capabilities().MutatesData {
		md.MarkReadOnly()
	}
	require.NoError(tb, p.ConsumeMetrics(tb.Context(), md))
	out := map[string]int{}
	for _, md := range sink.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			require.NotZero(tb, rm.ScopeMetrics().Len(), "an empty resource")
			for _, sm := range rm.ScopeMetrics().All() {
				require.NotZero(tb, sm.Metrics().Len(), "an empty scope")
				for _, m := range sm.Metrics().All() {
					out[m.Name()] += len(pointAttributes(m))
				}
			}
		}
	}
	return out
}

func pointAttributes(m pmetric.Metric) (all []pcommon.Map) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			all = append(all, p.Attributes())
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			all = append(all, p.Attributes())
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			all = append(all, p.Attributes())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			all = append(all, p.Attributes())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			all = append(all, p.Attributes())
		}
	case pmetric.MetricTypeEmpty:
	}
	return all
}

func gatewayMetrics(tb testing.TB) pmetric.Metrics {
	tb.Helper()
	md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(gatewayFile(tb, "metrics.json.gz"))
	require.NoError(tb, err)
	return md
}

// TestMetricsOfAGatewayByAPI counts against the capture itself.
func TestMetricsOfAGatewayByAPI(t *testing.T) {
	captured := map[string]map[string]int{} // points by API and metric
	for _, rm := range gatewayMetrics(t).ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, attrs := range pointAttributes(m) {
					id := ""
					if value, ok := attrs.Get(analytics.AttrAPIID); ok {
						id = value.Str()
					}
					if captured[id] == nil {
						captured[id] = map[string]int{}
					}
					captured[id][m.Name()]++
				}
			}
		}
	}
	require.Greater(t, len(captured), 5)
	without := map[string]int{}
	for id, want := range captured {
		assert.Equal(t, want, filterMetrics(t, &Config{Lists: selection.Lists{APIIDs: []string{id}}}, gatewayMetrics(t)), "API %q", id)
		if id != "slow-upstream" {
			for name, n := range want {
				without[name] += n
			}
		}
	}
	assert.Equal(t, without, filterMetrics(t, &Config{Lists: selection.Lists{SkipAPIIDs: []string{"slow-upstream"}}}, gatewayMetrics(t)))
	assert.Empty(t, filterMetrics(t, &Config{Lists: selection.Lists{APIIDs: []string{"nobody"}}}, gatewayMetrics(t)))
}

func TestDataPointsOfEveryKindAreJudged(t *testing.T) {
	put := func(attrs pcommon.Map, org string) { attrs.PutStr(analytics.AttrOrgID, org) }
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	metric := func(name string) pmetric.Metric {
		m := metrics.AppendEmpty()
		m.SetName(name)
		return m
	}
	gauge, sum := metric("gauge").SetEmptyGauge(), metric("sum").SetEmptySum()
	histogram, exponential := metric("histogram").SetEmptyHistogram(), metric("exponential").SetEmptyExponentialHistogram()
	summary := metric("summary").SetEmptySummary()
	for _, org := range []string{"acme", "globex", "acme"} {
		put(gauge.DataPoints().AppendEmpty().Attributes(), org)
		put(sum.DataPoints().AppendEmpty().Attributes(), org)
		put(histogram.DataPoints().AppendEmpty().Attributes(), org)
		put(exponential.DataPoints().AppendEmpty().Attributes(), org)
		put(summary.DataPoints().AppendEmpty().Attributes(), org)
	}
	metric("empty")
	assert.Equal(t, map[string]int{"gauge": 2, "sum": 2, "histogram": 2, "exponential": 2, "summary": 2},
		filterMetrics(t, &Config{Lists: selection.Lists{OrgIDs: []string{"acme"}}}, md))
}

func TestLabelsOfTykPumpAreKnown(t *testing.T) {
	for name, test := range map[string]struct {
		labels map[string]any
		cfg    Config
		want   bool
	}{
		"api":           {map[string]any{"api": "orders"}, Config{Lists: selection.Lists{APIIDs: []string{"orders"}}}, true},
		"api_id":        {map[string]any{"api_id": "orders"}, Config{Lists: selection.Lists{SkipAPIIDs: []string{"orders"}}}, false},
		"org_id":        {map[string]any{"org_id": "acme"}, Config{Lists: selection.Lists{OrgIDs: []string{"acme"}}}, true},
		"code":          {map[string]any{"code": "404"}, Config{Lists: selection.Lists{SkipResponseCodes: []int64{404}}}, false},
		"response_code": {map[string]any{"response_code": 200}, Config{Lists: selection.Lists{ResponseCodes: []int64{200}}}, true},
		"the attribute is the better source": {
			map[string]any{"api": "a label of somebody else", analytics.AttrAPIID: "orders"}, Config{Lists: selection.Lists{APIIDs: []string{"orders"}}}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			md := pmetric.NewMetrics()
			m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			require.NoError(t, m.SetEmptySum().DataPoints().AppendEmpty().Attributes().FromRaw(test.labels))
			assert.Equal(t, test.want, len(filterMetrics(t, &test.cfg, md)) == 1)
		})
	}
}

func TestMetricsCountDroppedDataPoints(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context()))) })
	p, _ := startMetrics(t, &Config{Lists: selection.Lists{APIIDs: []string{"orders"}}}, metadatatest.NewSettings(telemetry))
	md := gatewayMetrics(t)
	n := int64(md.DataPointCount())
	require.NoError(t, p.ConsumeMetrics(t.Context(), md))
	metadatatest.AssertEqualTykfilterDroppedDataPoints(t, telemetry, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("reason", "api_ids")), Value: n},
	}, metricdatatest.IgnoreTimestamp())
}
