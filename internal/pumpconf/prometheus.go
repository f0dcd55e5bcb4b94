package pumpconf

import (
	"net"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
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
	c.tellBodies(p.Common)
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

// tellBodies tells that metrics are made of no bodies.
func (c *converter) tellBodies(g *settings.Group) {
	for _, key := range []string{"omit_detailed_recording", "max_record_size", "raw_request_decoded", "raw_response_decoded"} {
		if g.Set(key) {
			c.Info(g.Place(key), "not needed: no metric is made of recorded requests and responses")
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
