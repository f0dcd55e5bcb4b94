package pumpconf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// customKeys are the keys of a custom metric.
var customKeys = []string{"name", "help", "metric_type", "buckets", "labels", "obfuscate_api_keys", "obfuscate_api_keys_length", "mcp_only"}

// customMetrics takes over the custom metrics that Tyk Pump makes.
func (c *converter) customMetrics(g *settings.Group, preset []measure.Instrument) []any {
	var made []any
	taken := map[string]bool{}
	for _, in := range preset {
		taken[in.Name] = !slices.Contains(g.List("disabled_metrics"), in.Name)
	}
	place := g.Place("custom_metrics")
	for i, element := range g.Objects("custom_metrics") {
		fields, ok := element.(map[string]any)
		if !ok {
			c.Error(place, "element %d is no object: write one with name, help, metric_type and labels", i+1)
			continue
		}
		if m := c.customMetric(place, i, fields, taken); m != nil {
			made = append(made, m)
		}
	}
	return made
}

func (c *converter) customMetric(place string, i int, fields map[string]any, taken map[string]bool) *tree.Map {
	custom, m, err := c.readCustom(place, i, fields)
	if err != nil {
		c.Error(place, "element %d: %v", i+1, err)
		return nil
	}
	switch {
	case custom.Type != "counter" && custom.Type != "histogram":
		c.Warn(place, "%s is neither a counter nor a histogram: it is left out, as by Tyk Pump", settings.Quoted(custom.Name))
		return nil
	case taken[custom.Name]:
		c.Error(place, "%s is another metric's name, with which Tyk Pump ends: use another name, or add it to disabled_metrics", settings.Quoted(custom.Name))
		return nil
	}
	taken[custom.Name] = true
	if _, err := custom.Instrument(measure.TrackedPaths); err != nil {
		c.Error(place, "%s: %s; Tyk Pump ends at the first record", settings.Quoted(custom.Name), strings.ReplaceAll(err.Error(), "\n", "; "))
		return nil
	}
	return m
}

// readCustom reads one custom metric and writes it as the receiver has it.
func (c *converter) readCustom(place string, i int, fields map[string]any) (measure.Custom, *tree.Map, error) {
	var custom measure.Custom
	m := tree.New()
	get := func(key string) any {
		for name, value := range fields {
			if strings.EqualFold(name, key) {
				return value
			}
		}
		return nil
	}
	for _, key := range sortedKeys(fields) {
		if !slices.ContainsFunc(customKeys, func(k string) bool { return strings.EqualFold(k, key) }) {
			meant := table.Misnamed(key)
			if meant == "" || meant == table.Nothing {
				meant = "one of " + strings.Join(customKeys, ", ")
			}
			c.Warn(place, "%s of element %d is read by nothing; %s is meant?", settings.Quoted(key), i+1, meant)
		}
	}
	var errs []error
	custom.Name = asText(get("name"), &errs, "name")
	custom.Help = asText(get("help"), &errs, "help")
	custom.Type = asText(get("metric_type"), &errs, "metric_type")
	m.Set("name", custom.Name)
	if custom.Help != "" {
		m.Set("help", custom.Help)
	}
	m.Set("metric_type", custom.Type)
	if labels := asList(get("labels"), &errs, "labels"); len(labels) > 0 {
		for _, label := range labels {
			custom.Labels = append(custom.Labels, asText(label, &errs, "labels"))
		}
		m.Set("labels", custom.Labels)
	}
	if buckets := asList(get("buckets"), &errs, "buckets"); len(buckets) > 0 {
		if c.s.Own.Bool("buckets") && custom.Type == "histogram" {
			for _, b := range buckets {
				custom.Buckets = append(custom.Buckets, asNumber(b, &errs))
			}
			m.Set("buckets", buckets)
		} else {
			c.Warn(place, "buckets of %s have no effect in Tyk Pump, and none here, so that dashboards go on; x_otelcol_tyk.buckets: true uses them", settings.Quoted(custom.Name))
		}
	}
	if asBool(get("obfuscate_api_keys"), &errs, "obfuscate_api_keys") {
		custom.MaskKeys = true
		m.Set("obfuscate_api_keys", true).Note("obfuscate_api_keys_length", int64(4), "whatever the file says, as in Tyk Pump")
	}
	if asBool(get("mcp_only"), &errs, "mcp_only") {
		custom.MCPOnly = true
		m.Set("mcp_only", true)
	}
	return custom, m, errors.Join(errs...)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func asText(value any, errs *[]error, key string) string {
	text, ok := value.(string)
	if !ok && value != nil {
		*errs = append(*errs, fmt.Errorf("%s is not text: Tyk Pump ends with this; write it in quotation marks", key))
	}
	return text
}

func asBool(value any, errs *[]error, key string) bool {
	b, ok := value.(bool)
	if !ok && value != nil {
		*errs = append(*errs, fmt.Errorf("%s is not a boolean: Tyk Pump ends with this; write true or false", key))
	}
	return b
}

func asList(value any, errs *[]error, key string) []any {
	list, ok := value.([]any)
	if !ok && value != nil {
		*errs = append(*errs, fmt.Errorf("%s is not a list: Tyk Pump ends with this; write it in brackets", key))
	}
	return list
}

func asNumber(value any, errs *[]error) float64 {
	switch n := value.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	*errs = append(*errs, errors.New("buckets has an element that is no number: write numbers"))
	return math.NaN()
}
