package pumpconf

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// manySeries is a bound where Tyk Pump has none.
const manySeries = 100_000

// prometheus makes the unit of a prometheus pump: metrics, not records.
func (c *converter) prometheus(p *settings.Pump) *unit {
	g := p.Meta
	u := newUnit(p, destination{family: "prometheus", identity: "prometheus", group: "prometheus", label: "metrics for Prometheus"}, "prometheus")
	endpoint, ok := c.listenAddress(g)
	if path := g.Text("path"); path != "" && strings.Trim(path, "/") != "metrics" {
		c.refuse(p, g.Place("path"), "%s cannot be had: the exporter serves /metrics only. Let Prometheus read /metrics, and set path to that", g.Shown("path"))
		return nil
	}
	for _, other := range c.s.Pumps {
		if other != p && other.Type == p.Type {
			c.Error(u.place, "is of the same type as pumps.%s, with which Tyk Pump ends: leave one of them out", other.Name)
		}
	}
	c.prometheusFilters(p)
	if !ok {
		return nil
	}
	m := tree.New().Set("presets", []string{"tyk_pump"}).Set("exemplars", false)
	m.Note("expiry", "0s", "series stay for ever, as in Tyk Pump")
	m.Note("series_limit", int64(manySeries), "Tyk Pump has none")
	copyRows(g, "metrics", m)
	preset := measure.TykPump(measure.TrackedPaths)
	c.disabledMetrics(g, m, preset)
	if custom := c.customMetrics(g, preset); len(custom) > 0 {
		m.Note("custom_metrics", custom, from(g, "custom_metrics"))
	}
	u.metrics = m
	attributes := []any{
		tree.New().Set("key", "service.name").Set("action", "delete"), tree.New().Set("key", "service.instance.id").Set("action", "delete"),
	}
	u.after = []component{{kind: "resource", config: tree.New().Set("attributes", attributes), note: "else each series has the labels job and instance"}}
	config := u.store.config
	config.Note("endpoint", endpoint, from(g, "listen_address"))
	config.Set("translation_strategy", "UnderscoreEscapingWithoutSuffixes").Set("without_scope_info", true).Set("metric_expiration", "87600h")
	c.Warn(u.place, "go_*, process_* and promhttp_* are not on %s/metrics; the collector's own metrics are at localhost:8888/metrics", endpoint)
	return u
}

func (c *converter) listenAddress(g *settings.Group) (string, bool) {
	address := g.Text("listen_address")
	if address == "" {
		c.Error(g.Place("listen_address"), "is missing, with which Tyk Pump ends: write such as :9090")
		return "", false
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		c.Error(g.Place("listen_address"), "%s is not an address: write :9090 or host:9090", g.Shown("listen_address"))
		return "", false
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return net.JoinHostPort(host, port), true
}

// prometheusFilters refuses what would have to be applied before metrics are counted.
func (c *converter) prometheusFilters(p *settings.Pump) {
	g := p.Common
	for i := range g.Section.Keys {
		row := &g.Section.Keys[i]
		if strings.HasPrefix(row.To, "filter.") && strings.HasPrefix(row.Name, "filters.") && g.Set(row.Name) {
			c.refuse(p, g.Place(row.Name), "metrics cannot be made of some records only: take the list out, which counts all")
		}
	}
	labels := []string{"api_key", "alias", "path", "method", "host", "response_code", "api_id", "api_name", "api_version", "org_id", "oauth_id", "ip_address", "timestamp", "request_time", "latency"}
	for _, name := range g.List("ignore_fields") {
		if slices.Contains(labels, name) {
			c.refuse(p, g.Place("ignore_fields"), "metrics cannot be made without %s, which is a label: take it out", name)
		} else {
			c.Info(g.Place("ignore_fields"), "not needed: %q is no label of any metric", name)
		}
	}
}

func (c *converter) disabledMetrics(g *settings.Group, m *tree.Map, preset []measure.Instrument) {
	var known []string
	for _, name := range g.List("disabled_metrics") {
		if !slices.ContainsFunc(preset, func(in measure.Instrument) bool { return in.Name == name }) {
			c.Warn(g.Place("disabled_metrics"), "%q is none of the metrics, and is left out", name)
			continue
		}
		known = append(known, name)
	}
	if len(known) > 0 {
		m.Note("disabled_metrics", known, from(g, "disabled_metrics"))
	}
}

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
		c.Warn(place, "%q is neither a counter nor a histogram: it is left out, as by Tyk Pump", custom.Name)
		return nil
	case taken[custom.Name]:
		c.Error(place, "%q is another metric's name, with which Tyk Pump ends: use another name, or add it to disabled_metrics", custom.Name)
		return nil
	}
	taken[custom.Name] = true
	if _, err := custom.Instrument(measure.TrackedPaths); err != nil {
		c.Error(place, "%q: %s; Tyk Pump ends at the first record", custom.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
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
				meant = strings.Join(customKeys, ", ")
			}
			c.Warn(place, "%q of element %d is read by nothing; %s is meant?", key, i+1, meant)
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
	if labels, _ := get("labels").([]any); len(labels) > 0 {
		for _, label := range labels {
			custom.Labels = append(custom.Labels, asText(label, &errs, "labels"))
		}
		m.Set("labels", custom.Labels)
	}
	if buckets, _ := get("buckets").([]any); len(buckets) > 0 {
		if c.s.Own.Bool("buckets") && custom.Type == "histogram" {
			for _, b := range buckets {
				custom.Buckets = append(custom.Buckets, asNumber(b, &errs))
			}
			m.Set("buckets", buckets)
		} else {
			c.Warn(place, "buckets of %q have no effect in Tyk Pump, and none here, so that dashboards go on; x_otelcol_tyk.buckets: true uses them", custom.Name)
		}
	}
	if on, _ := get("obfuscate_api_keys").(bool); on {
		custom.MaskKeys = true
		m.Set("obfuscate_api_keys", true).Note("obfuscate_api_keys_length", int64(4), "whatever the file says, as in Tyk Pump")
	}
	if on, _ := get("mcp_only").(bool); on {
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
