package pages

import (
	"math"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// meanChart stands where there are no percentiles.
func (s *Site) meanChart(b *base, absent query.Latency, traffic query.Traffic) *chart {
	r := b.scope.Range
	count := len(r.Buckets())
	per := func(of func(query.Counts) float64) []float64 {
		return series(traffic.Buckets, count, func(c query.Counts) float64 {
			if c.Requests == 0 {
				return math.NaN()
			}
			return of(c)
		})
	}
	mean, worst := per(meanLatency), per(func(c query.Counts) float64 { return float64(c.MaxLatency) })
	c := &chart{
		ID: "latency", Title: "Latency, mean", Note: "percentiles need latencies: true", BigFields: "mean",
		MarkTitle: absent.Answer.Reason,
		Keys:      []key{{"k-p50", "mean", "mean", view.Unknown}, {"k-p99", "greatest", "max", view.Unknown}},
		Data:      chartData{From: r.From.Unix(), Step: r.Width.Seconds(), Format: "ms", Values: map[string][]float64{"mean": known(mean, 10), "max": known(worst, 1)}},
	}
	c.Big = view.Unknown
	if traffic.Totals.Requests > 0 {
		c.Big, c.Unit = view.Latency(meanLatency(traffic.Totals))
		c.Keys[0].Value, c.Keys[1].Value = view.LatencyText(meanLatency(traffic.Totals)), view.LatencyText(float64(traffic.Totals.MaxLatency))
	}
	c.Chart = s.newChart("Latency: mean "+c.Keys[0].Value+", greatest "+c.Keys[1].Value, r, chartHeight, view.PlotShare)
	scale := s.logScale(c.Chart, [][]float64{mean, worst})
	c.Chart.Band(scale, "f-band2", mean, worst)
	c.Chart.Line(scale, "l-p99", worst)
	c.Chart.Line(scale, "l-p50", mean)
	return c
}

func meanLatency(c query.Counts) float64 {
	if c.Requests == 0 {
		return math.NaN()
	}
	return float64(c.LatencySum) / float64(c.Requests)
}

// splitChart answers whether it is the gateway or the upstream.
func (s *Site) splitChart(b *base, now query.Traffic) *chart {
	r := b.scope.Range
	count := len(r.Buckets())
	gateway := series(now.Buckets, count, func(c query.Counts) float64 { return perRequest(c.LatencySum-c.UpstreamSum, c.Requests) })
	upstream := series(now.Buckets, count, func(c query.Counts) float64 { return perRequest(c.UpstreamSum, c.Requests) })
	g, u := perRequest(now.Totals.LatencySum-now.Totals.UpstreamSum, now.Totals.Requests), perRequest(now.Totals.UpstreamSum, now.Totals.Requests)
	c := &chart{
		ID: "split", Title: "Gateway or upstream", Note: "means of a request", BigFields: "gateway+upstream",
		Keys: []key{{"box k-gateway", "gateway", "gateway", view.LatencyText(g)}, {"box k-upstream", "upstream", "upstream", view.LatencyText(u)}},
		Data: chartData{From: r.From.Unix(), Step: r.Width.Seconds(), Format: "ms", Values: map[string][]float64{"gateway": known(gateway, 10), "upstream": known(upstream, 10)}},
	}
	c.Big, c.Unit = view.Latency(g + u)
	c.Chart = s.newChart("Mean latency: gateway "+c.Keys[0].Value+", upstream "+c.Keys[1].Value, r, chartHeight, view.PlotShare)
	both := make([]float64, count)
	for i := range both {
		both[i] = gateway[i] + upstream[i]
	}
	ymax := math.Max(1, greatest(both)*1.12)
	scale := view.Linear(ymax)
	c.Chart.YTick(0, "")
	for _, t := range view.NiceTicks(ymax / 1.05) {
		c.Chart.YTick(scale(t), view.LatencyTick(t))
	}
	c.Chart.Band(scale, "f-upstream", gateway, both)
	c.Chart.Band(scale, "f-gateway", make([]float64, count), gateway)
	c.Chart.Line(scale, "l-upstream", both)
	c.Chart.Line(scale, "l-gateway", gateway)
	return c
}

func perRequest(sum, requests int64) float64 {
	if requests == 0 {
		return math.NaN()
	}
	return float64(max(0, sum)) / float64(requests)
}

// distributionChart shows how many requests took how long.
func (s *Site) distributionChart(now query.Latency) *chart {
	const columns = 48
	c := &chart{
		ID: "distribution", Title: "Distribution", Note: "requests by latency", BigFields: "", Big: latency(now.Totals, now.Totals.P50),
		Keys: []key{{"k-p50", "p50", "", latency(now.Totals, now.Totals.P50)}, {"k-p95", "p95", "", latency(now.Totals, now.Totals.P95)}, {"k-p99", "p99", "", latency(now.Totals, now.Totals.P99)}},
		Data: chartData{Values: map[string][]float64{}},
	}
	c.Chart = view.NewChart("Distribution of latencies: median "+c.Keys[0].Value+", 95 of 100 within "+c.Keys[1].Value, columns, chartHeight, view.PlotShare)
	c.Chart.YTick(0, "")
	least, top := math.Inf(1), 0.0
	for _, bin := range now.Bins {
		if bin.Requests > 0 {
			least, top = math.Min(least, math.Max(bin.Milliseconds, 0.5)), math.Max(top, bin.Milliseconds)
		}
	}
	if top == 0 {
		return c
	}
	scale := view.Logarithmic(least*0.9, math.Max(top*1.1, least*2))
	values := make([]float64, columns)
	for _, bin := range now.Bins {
		values[min(columns-1, int(scale(math.Max(bin.Milliseconds, 0.5))*columns))] += float64(bin.Requests)
	}
	for _, t := range view.LogTicks(least*0.9, top*1.1) {
		c.Chart.XTick(scale(t)*columns, view.PlotShare, view.LatencyTick(t))
	}
	high := greatest(values) * 1.1
	for _, t := range view.NiceTicks(high / 1.05) {
		c.Chart.YTick(t/high, view.Short(t))
	}
	c.Chart.Bars(view.Linear(high), []string{"f-bin"}, [][]float64{values}, columnGap(columns), false)
	return c
}
