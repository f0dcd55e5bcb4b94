package view

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// PlotShare is how many per cent of a chart's width are its plot; the rest is for the labels of the y axis.
const PlotShare = 90.5

// Path is one shape of a chart; its coordinates are buckets by hundredths of the height.
type Path struct{ Class, D string }

// Tick is a label of an axis at a position, already in the chart's own units.
type Tick struct {
	Class string
	At    string
	Text  string
	// Label is where the text stands, on the y axis.
	Label string
}

// Chart is all that a template needs to draw one.
type Chart struct {
	Label         string
	Height, Inner int
	Top           int
	Bottom        int
	Axis, TextAt  int
	Plot          string
	Count         int
	Paths         []Path
	Y, X          []Tick
}

const (
	top    = 6
	bottom = 19
)

// NewChart is an empty chart of so many buckets and of so many pixels in height.
func NewChart(label string, count, height int, plotShare float64) *Chart {
	return &Chart{
		Label: label, Count: max(count, 1), Inner: height, Height: height + top + bottom, Top: top, Bottom: height + top,
		Axis: height + top + 4, TextAt: height + top + 15, Plot: number(plotShare) + "%",
	}
}

// Scale says where a value lies between the bottom, 0, and the top, 1.
type Scale func(v float64) float64

// Linear ends at a value.
func Linear(most float64) Scale {
	return func(v float64) float64 {
		if most <= 0 {
			return 0
		}
		return math.Max(0, math.Min(v, most)) / most
	}
}

// Logarithmic begins at least, which is above 0, and ends at most.
func Logarithmic(least, most float64) Scale {
	width := math.Log(most) - math.Log(least)
	return func(v float64) float64 {
		return (math.Log(math.Max(least, math.Min(v, most))) - math.Log(least)) / width
	}
}

// YTick adds a line and its label.
func (c *Chart) YTick(share float64, text string) {
	y := float64(c.Top) + float64(c.Inner)*(1-share)
	class := "grid"
	if share == 0 {
		class = "base"
	}
	c.Y = append(c.Y, Tick{Class: class, At: number(y), Text: text, Label: number(y + 3.8)})
}

// XTick adds a label below a bucket's beginning; plotShare is that of the chart.
func (c *Chart) XTick(bucket, plotShare float64, text string) {
	c.X = append(c.X, Tick{At: number(plotShare*bucket/float64(c.Count)) + "%", Text: text})
}

// Bars adds stacked columns, one path a class; where the last bucket is not over, it is apart and paler.
func (c *Chart) Bars(scale Scale, classes []string, stack [][]float64, gap float64, open bool) {
	base := make([]float64, c.Count)
	var last []Path
	for k, values := range stack {
		var all strings.Builder
		for i, v := range values {
			if i >= c.Count || v <= 0 || math.IsNaN(v) {
				continue
			}
			low, high := 100-100*scale(base[i]), 100-100*scale(base[i]+v)
			base[i] += v
			column := "M" + number(float64(i)+gap/2) + " " + number(low) + "V" + number(high) + "h" + number(1-gap) + "V" + number(low) + "z"
			if open && i == c.Count-1 {
				last = append(last, Path{classes[k] + " f-open", column})
				continue
			}
			all.WriteString(column)
		}
		if all.Len() > 0 {
			c.Paths = append(c.Paths, Path{classes[k], all.String()})
		}
	}
	c.Paths = append(c.Paths, last...)
}

// Steps adds a line of horizontal pieces, with a halo, so that it is seen over columns.
func (c *Chart) Steps(scale Scale, values []float64) {
	var d strings.Builder
	gap := true
	for i, v := range values {
		if math.IsNaN(v) {
			gap = true
			continue
		}
		command := "L"
		if gap {
			command, gap = "M", false
		}
		d.WriteString(command + strconv.Itoa(i) + " " + number(100-100*scale(v)) + "H" + strconv.Itoa(i+1))
	}
	if d.Len() > 0 {
		c.Paths = append(c.Paths, Path{"ln l-halo", d.String()}, Path{"ln l-step", d.String()})
	}
}

// Line adds a line through the buckets' middles; a value that is not known is a gap.
func (c *Chart) Line(scale Scale, class string, values []float64) {
	if d := polyline(scale, values, 0.5, 100, 0); d != "" {
		c.Paths = append(c.Paths, Path{"ln " + class, d})
	}
}

// Band fills what lies between two lines.
func (c *Chart) Band(scale Scale, class string, low, high []float64) {
	for _, run := range runs(high) {
		up := polyline(scale, high[run[0]:run[1]], float64(run[0])+0.5, 100, 0)
		var down strings.Builder
		for i := run[1] - 1; i >= run[0]; i-- {
			down.WriteString("L" + number(float64(i)+0.5) + " " + number(100-100*scale(low[i])))
		}
		c.Paths = append(c.Paths, Path{class, up + down.String() + "z"})
	}
}

// runs are the stretches of values that are known.
func runs(values []float64) [][2]int {
	var all [][2]int
	from := -1
	for i, v := range values {
		switch {
		case !math.IsNaN(v) && from < 0:
			from = i
		case math.IsNaN(v) && from >= 0:
			all, from = append(all, [2]int{from, i}), -1
		}
	}
	if from >= 0 {
		all = append(all, [2]int{from, len(values)})
	}
	return all
}

// polyline goes through values from x on; pad is kept free of it at the top and bottom.
func polyline(scale Scale, values []float64, x, height, pad float64) string {
	var d strings.Builder
	gap := true
	for i, v := range values {
		if math.IsNaN(v) {
			gap = true
			continue
		}
		command := "L"
		if gap {
			command, gap = "M", false
		}
		d.WriteString(command + number(x+float64(i)) + " " + number(height-pad-(height-2*pad)*scale(v)))
	}
	return d.String()
}

func number(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

// Spark is a row's course: what is now, filled, and the period before as a thin line.
type Spark struct {
	Label            string
	Class            string
	Width            int
	Fill, Line, Prev string
}

// sparkPoints is how many points a small course has at most.
const sparkPoints = 48

// NewSpark draws a course, scaled to itself. The last bucket, which is not over, should not be given.
func NewSpark(label string, now, before []float64, alarm bool) Spark {
	class := "spark"
	if alarm {
		class += " alarm"
	}
	s := Spark{Label: label, Class: class, Width: 1}
	each := max(1, (len(now)+sparkPoints-1)/sparkPoints)
	values, old := sums(now, each), sums(before, each)
	if len(values) < 2 {
		return s
	}
	most := 0.0
	for _, v := range append(append([]float64{}, values...), old...) {
		if v > most {
			most = v
		}
	}
	if most == 0 {
		most = 1
	}
	const height = 20
	s.Width = len(values) - 1
	s.Line = polyline(Linear(most), values, 0, height, 1)
	s.Fill = s.Line + "V" + strconv.Itoa(height) + "H0z"
	if len(old) > 1 {
		s.Prev = polyline(Linear(most), old[:min(len(old), len(values))], 0, height, 1)
	}
	return s
}

func sums(values []float64, each int) []float64 {
	var all []float64
	for from := 0; from < len(values); from += each {
		sum := 0.0
		for _, v := range values[from:min(from+each, len(values))] {
			if !math.IsNaN(v) {
				sum += v
			}
		}
		all = append(all, sum)
	}
	return all
}

// NiceTicks are at most three round values above 0 up to most.
func NiceTicks(most float64) []float64 {
	if most <= 0 || math.IsNaN(most) || math.IsInf(most, 0) {
		return nil
	}
	power := math.Pow(10, math.Floor(math.Log10(most/3)))
	step := power
	for _, m := range []float64{1, 2, 5, 10} {
		if step = m * power; most/step < 4 {
			break
		}
	}
	var all []float64
	for v := step; v <= most*1.0001; v += step {
		all = append(all, v)
	}
	return all
}

// LogTicks are the powers of ten between two values, at most three.
func LogTicks(least, most float64) []float64 {
	var all []float64
	for p := math.Ceil(math.Log10(least) - 1e-9); p <= math.Log10(most)+1e-9; p++ {
		all = append(all, math.Pow(10, p))
	}
	if len(all) > 3 {
		every := (len(all) + 2) / 3
		var some []float64
		for i := 0; i < len(all); i += every {
			some = append(some, all[i])
		}
		all = some
	}
	return all
}

// TimeTick is a label of the time axis.
type TimeTick struct {
	Bucket float64
	Text   string
}

// TimeTicks are round moments between two times, the day's name at midnight.
func TimeTicks(from, to time.Time, step time.Duration, zone *time.Location, wanted int) []TimeTick {
	if step <= 0 || !to.After(from) {
		return nil
	}
	span := to.Sub(from)
	every := time.Duration(0)
	for _, d := range []time.Duration{
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour,
		12 * time.Hour, 24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour,
	} {
		if span/d <= time.Duration(wanted) {
			every = d
			break
		}
	}
	if every == 0 {
		every = span / time.Duration(wanted)
	}
	local := from.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	var all []TimeTick
	for t := midnight; !t.After(to); {
		if at := t.Sub(from).Seconds() / step.Seconds(); at >= 0 && t.Sub(from) > span/25 && to.Sub(t) > span/25 {
			text := t.Format("15:04")
			if t.Hour() == 0 && t.Minute() == 0 {
				text = t.Format("Mon 2")
				if every > 7*24*time.Hour || span > 20*24*time.Hour {
					text = t.Format("2 Jan")
				}
			}
			all = append(all, TimeTick{at, text})
		}
		if every >= 24*time.Hour {
			t = t.AddDate(0, 0, int(every/(24*time.Hour)))
		} else {
			t = t.Add(every)
		}
	}
	return all
}

// Width is a share of a bar as an attribute.
func Width(part, most float64) string {
	if most <= 0 || part <= 0 || math.IsNaN(part) {
		return "0"
	}
	return fmt.Sprintf("%.2f%%", 100*math.Min(1, part/most))
}

// Split is the gateway's and the upstream's part of a latency, in a bar of a width.
type Split struct{ Gateway, From, Upstream string }

// NewSplit scales two parts to the longest.
func NewSplit(gateway, upstream, longest, width float64) Split {
	if longest <= 0 {
		longest = 1
	}
	g := math.Max(1, math.Min(width, width*gateway/longest))
	u := math.Max(0, math.Min(width-g, width*upstream/longest))
	return Split{number(g), number(g), number(u)}
}
