package measure

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Kind is what an Instrument adds up.
type Kind int

const (
	// Counter counts records: a monotonic cumulative sum.
	Counter Kind = iota
	// Histogram spreads times over buckets, cumulatively.
	Histogram
)

// Instrument is one metric: what it measures of a record, under which attributes.
type Instrument struct {
	// Name, Description and Unit are the metric's.
	Name, Description, Unit string
	// Kind says what is added up.
	Kind Kind
	// Labels are the attributes that tell series apart.
	Labels []Label
	// Bounds are a histogram's upper bounds in its Unit, rising; nil makes it exponential.
	Bounds []float64

	times     []measurement // of a histogram, at least one
	perUnit   float64       // milliseconds in the unit; 0 is 1
	condition func(*analytics.Record) bool
}

// measurement is one time of a record, in milliseconds.
type measurement struct {
	kind string // the value of the label "type"; empty for none
	of   func(*analytics.Record) int64
}

// typeLabel tells the measurements of one histogram apart.
const typeLabel = "type"

// typed is whether the series have the label "type", which then comes first.
func (in *Instrument) typed() bool { return len(in.times) > 0 && in.times[0].kind != "" }

// labelNames are the attributes' names in the order of the values of a key.
func (in *Instrument) labelNames() []string {
	var names []string
	if in.typed() {
		names = append(names, typeLabel)
	}
	for _, l := range in.Labels {
		names = append(names, l.name)
	}
	return names
}

// milliseconds gives the bounds in the unit of what is measured.
func (in *Instrument) milliseconds() []float64 {
	bounds := make([]float64, len(in.Bounds))
	for i, b := range in.Bounds {
		bounds[i] = b * in.scale()
	}
	return bounds
}

// scale is how many milliseconds make the unit.
func (in *Instrument) scale() float64 {
	if in.perUnit == 0 {
		return 1
	}
	return in.perUnit
}

// Exponential gives the instruments with exponential histograms in the place of
// those with explicit bounds.
func Exponential(instruments []Instrument) []Instrument {
	all := slices.Clone(instruments)
	for i := range all {
		all[i].Bounds = nil
	}
	return all
}

// Without leaves instruments out by name. The error names those that are not there.
func Without(instruments []Instrument, names []string) ([]Instrument, error) {
	var unknown []string
	for _, name := range names {
		if !slices.ContainsFunc(instruments, func(in Instrument) bool { return in.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		known := make([]string, len(instruments))
		for i := range instruments {
			known[i] = instruments[i].Name
		}
		return nil, fmt.Errorf("%q is none of the metrics %s", strings.Join(unknown, ", "), strings.Join(known, ", "))
	}
	return slices.DeleteFunc(slices.Clone(instruments), func(in Instrument) bool { return slices.Contains(names, in.Name) }), nil
}

// checkBounds tells whether bounds can be a histogram's.
func checkBounds(bounds []float64) error {
	for i, b := range bounds {
		if math.IsNaN(b) || math.IsInf(b, 0) {
			return fmt.Errorf("%v: use finite numbers; the bucket up to infinity is always there", b)
		}
		if i > 0 && b <= bounds[i-1] {
			return fmt.Errorf("%v comes after %v: use rising numbers", b, bounds[i-1])
		}
	}
	return nil
}
