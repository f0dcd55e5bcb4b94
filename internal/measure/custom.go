package measure

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Custom is a metric as a user of Tyk Pump describes it.
type Custom struct {
	// Name and Help are the metric's name and description.
	Name, Help string
	// Type is "counter" for records, or "histogram" for their total time in milliseconds.
	Type string
	// Buckets are a histogram's upper bounds in milliseconds; empty for Tyk Pump's own.
	Buckets []float64
	// Labels are named as in Tyk Pump.
	Labels []string
	// MaskKeys shows only the last letters of API keys.
	MaskKeys bool
	// MaskLength is how many letters that are; 0 is 4.
	MaskLength int
	// MCPOnly leaves out all but MCP requests.
	MCPOnly bool
}

// customName is what OpenTelemetry takes for an instrument's name.
var customName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.\-/]{0,254}$`)

// The words of Custom.Type.
const (
	counterType   = "counter"
	histogramType = "histogram"
)

// Instrument makes a metric of what the user described. An error tells all that is wrong, by key.
func (c Custom) Instrument(paths Paths) (Instrument, error) {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	in := Instrument{Name: c.Name, Description: c.Help}
	if !customName.MatchString(c.Name) {
		fault("name: %q: use 1 to 255 letters, digits, '_', '.', '-' or '/', beginning with a letter or '_'", c.Name)
	}
	switch c.Type {
	case counterType:
		in.Kind = Counter
		if len(c.Buckets) > 0 {
			fault("buckets: a counter has none: use metric_type: %s, or leave them out", histogramType)
		}
	case histogramType:
		in.Kind, in.Unit, in.Bounds = Histogram, milliseconds, pumpBounds
		in.times = threeTimes[:1]
		if c.Name == latencyName {
			in.times = threeTimes
		}
		if len(c.Buckets) > 0 {
			in.Bounds = c.Buckets
		}
		if err := checkBounds(c.Buckets); err != nil {
			fault("buckets: %w", err)
		}
	default:
		fault("metric_type: %q: use %q or %q", c.Type, counterType, histogramType)
	}
	if c.MaskLength < 0 {
		fault("obfuscate_api_keys_length: %d: use a number from 1, or 0 for 4", c.MaskLength)
	}
	if c.MCPOnly {
		in.condition = func(r *analytics.Record) bool { return r.MCP.IsMCP }
	}
	labels, err := c.labels(paths)
	if err != nil {
		errs = append(errs, err)
	}
	in.Labels = labels
	return in, errors.Join(errs...)
}

// labels finds the labels. A histogram's "type" is not among them: it is always there.
func (c Custom) labels(paths Paths) ([]Label, error) {
	var errs []error
	var labels []Label
	seen := map[string]bool{}
	for _, name := range c.Labels {
		if name == typeLabel && c.Type == histogramType {
			continue
		}
		l, err := pumpLabel(name, paths)
		if err == nil && seen[name] {
			err = fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("labels: %w", err))
			continue
		}
		if c.MaskKeys && (name == keyLabel || name == apiKeyLabel) {
			l = masked(l, c.maskLength())
		}
		labels = append(labels, l)
	}
	return labels, errors.Join(errs...)
}

func (c Custom) maskLength() int {
	const usual = 4
	if c.MaskLength == 0 {
		return usual
	}
	return c.MaskLength
}
