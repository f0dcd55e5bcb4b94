package pages

import (
	"fmt"
	"math"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// chart is a chart with its heading, whose figures become those of one bucket while somebody points at it.
type chart struct {
	ID, Title, Note string
	BigFields       string
	Big, Unit       string
	Delta           string
	Worse           bool
	Then            *key
	Keys            []key
	Mark, MarkTitle string
	Chart           *view.Chart
	Data            chartData
}

// key names one series of a chart, with the figure of the whole time.
type key struct{ Swatch, Name, Field, Value string }

// chartData is what scripts read.
type chartData struct {
	From   int64                `json:"t0"`
	Step   float64              `json:"step"`
	Format string               `json:"fmt"`
	Values map[string][]float64 `json:"v"`
}

const (
	chartHeight = 132
	// worseLatency is from which growth a 95th percentile is called worse, worseErrors from how many points a share is.
	worseLatency = 1.15
	worseErrors  = 0.1
	highErrors   = 1.0
)

func (s *Site) newChart(label string, r query.Range, height int, plotShare float64) *view.Chart {
	c := view.NewChart(label, len(r.Buckets()), height, plotShare)
	ticks := 5
	if plotShare > view.PlotShare {
		ticks = 8
	}
	for _, t := range view.TimeTicks(r.From, r.From.Add(time.Duration(c.Count)*r.Width), r.Width, s.Zone, ticks) {
		c.XTick(t.Bucket, plotShare, t.Text)
	}
	return c
}

// series takes one figure of each bucket; a bucket that is not known is a gap.
func series(buckets []query.Bucket, count int, of func(query.Counts) float64) []float64 {
	values := make([]float64, count)
	for i := range values {
		switch {
		case i >= len(buckets) || buckets[i].Unknown:
			values[i] = math.NaN()
		default:
			values[i] = of(buckets[i].Counts)
		}
	}
	return values
}

func good(c query.Counts) float64 {
	return float64(c.Requests - c.ClientErrors - c.ServerErrors)
}
func clientErrors(c query.Counts) float64 { return float64(c.ClientErrors) }
func serverErrors(c query.Counts) float64 { return float64(c.ServerErrors) }
func requests(c query.Counts) float64     { return float64(c.Requests) }

func shareOf(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
func clientShare(c query.Counts) float64 { return shareOf(c.ClientErrors, c.Requests) }
func serverShare(c query.Counts) float64 { return shareOf(c.ServerErrors, c.Requests) }
func errorShare(c query.Counts) float64  { return shareOf(c.ClientErrors+c.ServerErrors, c.Requests) }

// known are values without gaps, which JSON has no number for.
func known(values []float64, places float64) []float64 {
	all := make([]float64, len(values))
	for i, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			all[i] = math.Round(v*places) / places
		}
	}
	return all
}

// most is the greatest sum of columns, and its place; an open bucket does not count.
func most(open bool, columns ...[]float64) (sum float64, at int) {
	for i := range columns[0] {
		if open && i == len(columns[0])-1 && i > 0 {
			break
		}
		all := 0.0
		for _, c := range columns {
			if !math.IsNaN(c[i]) {
				all += c[i]
			}
		}
		if all > sum {
			sum, at = all, i
		}
	}
	return sum, at
}

func greatest(of ...[]float64) float64 {
	m := 0.0
	for _, values := range of {
		for _, v := range values {
			if v > m {
				m = v
			}
		}
	}
	return m
}

func isOpen(t query.Traffic) bool {
	return len(t.Buckets) > 0 && t.Buckets[len(t.Buckets)-1].Open
}

// requestsChart answers how many, against the time before.
func (s *Site) requestsChart(b *base, now query.Traffic, before *query.Traffic) *chart {
	r := b.scope.Range
	count := len(r.Buckets())
	ok, c4, c5 := series(now.Buckets, count, good), series(now.Buckets, count, clientErrors), series(now.Buckets, count, serverErrors)
	open := isOpen(now)
	top, at := most(open, ok, c4, c5)
	values := map[string][]float64{"ok": known(ok, 1), "c4": known(c4, 1), "c5": known(c5, 1)}
	c := &chart{
		ID: "requests", Title: "Requests", BigFields: "ok+c4+c5", Big: view.Count(now.Totals.Requests),
		Keys: []key{
			{"box k-ok", "2xx, 3xx", "ok", view.Count(now.Totals.Requests - now.Totals.ClientErrors - now.Totals.ServerErrors)},
			{"box k-c4", "4xx", "c4", view.Count(now.Totals.ClientErrors)},
			{"box k-c5", "5xx", "c5", view.Count(now.Totals.ServerErrors)},
		},
		Data: chartData{From: r.From.Unix(), Step: r.Width.Seconds(), Format: "n", Values: values},
	}
	c.Mark, c.MarkTitle = s.mark(now.Answer)
	label := fmt.Sprintf("Requests: %s in all", view.Full(now.Totals.Requests))
	if top > 0 {
		c.Note = fmt.Sprintf("%s on average, at most %s at %s", view.Rate(float64(now.Totals.Requests), reach(r, now)), view.Rate(top, r.Width), s.bucketName(r, at))
		label += ", most at " + s.bucketName(r, at)
	}
	ymax := top
	var past []float64
	if before != nil && before.Answer.Exactness != query.Absent {
		past = series(before.Buckets, count, requests)
		values["before"] = known(past, 1)
		c.Then = &key{"k-step", b.than, "before", view.Count(before.Totals.Requests)}
		c.Delta = view.Change(float64(now.Totals.Requests), float64(before.Totals.Requests))
		ymax = math.Max(ymax, greatest(past))
	}
	whole, _ := most(false, ok, c4, c5)
	ymax = math.Max(ymax, whole) * 1.1
	c.Chart = s.newChart(label, r, chartHeight, view.PlotShare)
	scale := view.Linear(ymax)
	c.Chart.YTick(0, "")
	for _, t := range view.NiceTicks(ymax / 1.05) {
		c.Chart.YTick(scale(t), view.Short(t))
	}
	c.Chart.Bars(scale, []string{"f-ok", "f-c4", "f-c5"}, [][]float64{ok, c4, c5}, columnGap(count), open)
	if past != nil {
		c.Chart.Steps(scale, cutOpen(past, open))
	}
	return c
}

// columnGap is what parts columns, as a share of theirs.
func columnGap(count int) float64 {
	if count > 120 {
		return 0.1
	}
	return 0.22
}

// cutOpen leaves the last value out where its bucket is not over.
func cutOpen(values []float64, open bool) []float64 {
	if open && len(values) > 0 {
		return values[:len(values)-1]
	}
	return values
}

// reach is the time that an answer is of.
func reach(r query.Range, t query.Traffic) time.Duration {
	if t.Answer.Exactness == query.Limited && t.Answer.BackTo.After(r.From) {
		return r.To.Sub(t.Answer.BackTo)
	}
	return r.To.Sub(r.From)
}

func (s *Site) bucketName(r query.Range, at int) string {
	t := r.From.Add(time.Duration(at) * r.Width).In(s.Zone)
	switch {
	case r.Width >= day:
		return t.Format("Mon 2 Jan")
	case r.To.Sub(r.From) > day+time.Hour:
		return t.Format("Mon 2 15:04")
	default:
		return t.Format("15:04")
	}
}

// errorsChart answers which share failed.
func (s *Site) errorsChart(b *base, now query.Traffic, before *query.Traffic) *chart {
	r := b.scope.Range
	count := len(r.Buckets())
	gap := func(share func(query.Counts) float64) func(query.Counts) float64 {
		return func(c query.Counts) float64 {
			if c.Requests == 0 {
				return math.NaN()
			}
			return share(c)
		}
	}
	c4, c5, both := series(now.Buckets, count, gap(clientShare)), series(now.Buckets, count, gap(serverShare)), series(now.Buckets, count, gap(errorShare))
	all := errorShare(now.Totals)
	values := map[string][]float64{"c4": known(c4, 1000), "c5": known(c5, 1000)}
	c := &chart{
		ID: "errors", Title: "Errors", BigFields: "c4+c5", Big: view.Percent(all), Unit: "%",
		Keys: []key{
			{"box k-c4", "4xx", "c4", view.Unit(view.Percent(clientShare(now.Totals)), "%")},
			{"box k-c5", "5xx", "c5", view.Unit(view.Percent(serverShare(now.Totals)), "%")},
		},
		Data: chartData{From: r.From.Unix(), Step: r.Width.Seconds(), Format: "pct", Values: values},
	}
	if now.Totals.Requests == 0 {
		c.Big, c.Unit = view.Unknown, ""
	}
	if worst, at := most(isOpen(now), c5); worst > 0 {
		c.Note = fmt.Sprintf("5xx at most %s at %s", view.Unit(view.Percent(worst), "%"), s.bucketName(r, at))
	} else if now.Totals.Requests > 0 {
		c.Note = "no 5xx"
	}
	ymax := greatest(both)
	var past []float64
	if before != nil && before.Answer.Exactness != query.Absent && before.Totals.Requests > 0 {
		past = series(before.Buckets, count, gap(errorShare))
		values["before"] = known(past, 1000)
		then := errorShare(before.Totals)
		c.Then = &key{"k-past", b.than, "before", view.Unit(view.Percent(then), "%")}
		c.Delta, c.Worse = view.Points(all, then), all-then >= worseErrors
		ymax = math.Max(ymax, greatest(past))
	}
	ymax = math.Max(ymax*1.12, 1)
	c.Chart = s.newChart(fmt.Sprintf("Share of errors: %s %% in all", view.Percent(all)), r, chartHeight, view.PlotShare)
	scale := view.Linear(ymax)
	c.Chart.YTick(0, "")
	for _, t := range view.NiceTicks(ymax / 1.05) {
		c.Chart.YTick(scale(t), view.Unit(view.Short(t), "%"))
	}
	c.Chart.Band(scale, "f-err4", c5, both)
	c.Chart.Band(scale, "f-err5", make([]float64, count), c5)
	if past != nil {
		c.Chart.Line(scale, "l-past", past)
	}
	c.Chart.Line(scale, "l-c4", both)
	c.Chart.Line(scale, "l-c5", c5)
	return c
}

// latencyChart answers how fast: percentiles where they are known, else mean and maximum.
func (s *Site) latencyChart(b *base, now query.Latency, before *query.Latency, traffic query.Traffic) *chart {
	if now.Answer.Exactness == query.Absent || now.Totals.Requests == 0 && traffic.Totals.Requests > 0 {
		return s.meanChart(b, now, traffic)
	}
	r := b.scope.Range
	count := len(r.Buckets())
	p := func(l query.Latency, of func(query.Percentiles) float64) []float64 {
		values := make([]float64, count)
		for i := range values {
			values[i] = math.NaN()
			if i < len(l.Buckets) && l.Buckets[i].Requests > 0 {
				values[i] = of(l.Buckets[i].Percentiles)
			}
		}
		return values
	}
	p50, p95, p99 := p(now, func(x query.Percentiles) float64 { return x.P50 }), p(now, func(x query.Percentiles) float64 { return x.P95 }), p(now, func(x query.Percentiles) float64 { return x.P99 })
	values := map[string][]float64{"p50": known(p50, 10), "p95": known(p95, 10), "p99": known(p99, 10)}
	c := &chart{
		ID: "latency", Title: "Latency, p95", Note: "95 of 100 requests are faster", BigFields: "p95",
		Keys: []key{{"k-p50", "p50", "p50", latency(now.Totals, now.Totals.P50)}, {"k-p95", "p95", "p95", latency(now.Totals, now.Totals.P95)}, {"k-p99", "p99", "p99", latency(now.Totals, now.Totals.P99)}},
		Data: chartData{From: r.From.Unix(), Step: r.Width.Seconds(), Format: "ms", Values: values},
	}
	c.Big, c.Unit = view.Unknown, ""
	if now.Totals.Requests > 0 {
		c.Big, c.Unit = view.Latency(now.Totals.P95)
	}
	c.Mark, c.MarkTitle = s.mark(now.Answer)
	var past []float64
	if before != nil && before.Totals.Requests > 0 {
		past = p(*before, func(x query.Percentiles) float64 { return x.P95 })
		values["before"] = known(past, 10)
		c.Then = &key{"k-past", b.than, "before", view.LatencyText(before.Totals.P95)}
		c.Delta, c.Worse = view.Change(now.Totals.P95, before.Totals.P95), now.Totals.P95 >= worseLatency*before.Totals.P95
	}
	c.Chart = s.newChart(fmt.Sprintf("Latency: median %s, 95 of 100 within %s, 99 of 100 within %s", view.LatencyText(now.Totals.P50), view.LatencyText(now.Totals.P95), view.LatencyText(now.Totals.P99)), r, chartHeight, view.PlotShare)
	scale := s.logScale(c.Chart, [][]float64{p50, p95, p99, past})
	c.Chart.Band(scale, "f-band1", p50, p95)
	c.Chart.Band(scale, "f-band2", p95, p99)
	if past != nil {
		c.Chart.Line(scale, "l-past", past)
	}
	c.Chart.Line(scale, "l-p99", p99)
	c.Chart.Line(scale, "l-p95", p95)
	c.Chart.Line(scale, "l-p50", p50)
	return c
}

// logScale covers all values, with room around, and labels the powers of ten.
func (s *Site) logScale(c *view.Chart, of [][]float64) view.Scale {
	least, top := math.Inf(1), greatest(of...)
	for _, values := range of {
		for _, v := range values {
			if v > 0 && v < least {
				least = v
			}
		}
	}
	if math.IsInf(least, 1) {
		least = 1
	}
	least = math.Max(0.5, least*0.6)
	top = math.Max(top*1.5, least*10)
	scale := view.Logarithmic(least, top)
	c.YTick(0, "")
	for _, t := range view.LogTicks(least, top) {
		if share := scale(t); share > 0.02 {
			c.YTick(share, view.LatencyTick(t))
		}
	}
	return scale
}

func latency(of query.Percentiles, ms float64) string {
	if of.Requests == 0 {
		return view.Unknown
	}
	return view.LatencyText(ms)
}

// mark is what stands beside figures that are not exact.
func (s *Site) mark(a query.Answer) (mark, title string) {
	switch a.Exactness {
	case query.Limited:
		mark = "newest " + view.Count(a.Rows)
		if a.Rows == 0 {
			mark = "limited"
		}
		if !a.BackTo.IsZero() {
			mark += ", back to " + s.clock(a.BackTo)
		}
	case query.Approximate:
		mark = "≈ every " + ordinal(a.Every) + " bucket"
	default:
		return "", ""
	}
	return mark, a.Reason
}

func ordinal(n int) string {
	switch n {
	case 2:
		return "2nd"
	case 3:
		return "3rd"
	default:
		return fmt.Sprintf("%dth", n)
	}
}

// clock is a moment as short as it is clear.
func (s *Site) clock(t time.Time) string {
	t = t.In(s.Zone)
	now := s.Now().In(s.Zone)
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04")
	case now.Sub(t) < 6*day && now.After(t):
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	default:
		return t.Format("2 Jan 2006")
	}
}
