package pumpconf

import (
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
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
	endpoint, ok := c.listenAddress(g)
	if !ok {
		return nil
	}
	u := newUnit(p, destination{family: "prometheus", identity: pageGroup(endpoint), group: pageGroup(endpoint), label: "metrics for Prometheus at " + endpoint}, "prometheus")
	c.otherPages(p, endpoint)
	c.tellBodies(p.Common)
	m := tree.New().Set("presets", []string{"tyk_pump"}).Set("exemplars", false)
	m.Note("expiry", "0s", "series stay for ever, as in Tyk Pump")
	m.Note("series_limit", int64(manySeries), "Tyk Pump has none")
	copyRows(g, "metrics", m)
	c.countedRecords(p, m)
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
	path := c.metricsPath(g, u)
	c.Warn(u.place, "go_*, process_* and promhttp_* are not on %s%s; the collector's own metrics are at %s/metrics", endpoint, path, c.ownMetrics())
	return u
}

// metricsPath lets the page be where the file says.
func (c *converter) metricsPath(g *settings.Group, u *unit) string {
	const standard = "/metrics"
	path := "/" + strings.TrimPrefix(orDefault(g.Text("path"), standard), "/")
	if path == standard {
		return path
	}
	if parsed, err := url.Parse(path); err != nil || parsed.Path != path {
		c.Error(g.Place("path"), "%s is not the path of a URL: write one such as /metrics", g.Shown("path"))
	}
	u.extensions = []component{{kind: "tykpath", config: tree.New().Note("from", path, from(g, "path")), note: "the exporter itself answers at " + standard}}
	u.store.config.Set("middlewares", []any{tree.New().Set("id", "tykpath/"+u.name)})
	return path
}

// otherPages tells of further pumps of the type, of which Tyk Pump takes one only.
func (c *converter) otherPages(p *settings.Pump, endpoint string) {
	for _, other := range c.s.Pumps {
		if other == p || other.Type != p.Type {
			continue
		}
		if theirs, ok := address(other.Meta.Text("listen_address")); ok && theirs == endpoint {
			c.Error(p.Meta.Place("listen_address"), "is that of pumps.%s, too, and Tyk Pump ends with two pumps of this type: give them two addresses, or leave one of them out", other.Name)
			return
		}
		c.Warn("pumps."+p.Name, "is of the same type as pumps.%s, with which Tyk Pump ends: here each has its own page", other.Name)
	}
}

func (c *converter) listenAddress(g *settings.Group) (string, bool) {
	text := g.Text("listen_address")
	if text == "" {
		c.Error(g.Place("listen_address"), "is missing, with which Tyk Pump ends: write one such as :9090")
		return "", false
	}
	endpoint, ok := address(text)
	if !ok {
		c.Error(g.Place("listen_address"), "%s is not an address: write :9090 or host:9090, with a port up to 65535", g.Shown("listen_address"))
	}
	return endpoint, ok
}

// address gives host and port of what a server listens to, with all addresses for no host.
func address(text string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	if n, errPort := strconv.Atoi(port); errPort == nil && (n < 0 || n > math.MaxUint16) {
		return "", false
	}
	if err != nil || port == "" || strings.ContainsAny(host+port, "@/") {
		return "", false
	}
	return net.JoinHostPort(orDefault(host, "0.0.0.0"), port), true
}

// pageGroup follows from the page alone, so that a further page renames none; the address that
// Tyk's documentation has gets the short name.
func pageGroup(endpoint string) string {
	switch host, port, err := net.SplitHostPort(endpoint); {
	case err != nil || host != "0.0.0.0":
		return "prometheus." + endpoint
	case port == "9090":
		return "prometheus"
	default:
		return "prometheus." + port
	}
}

// countedRecords says which records count, and what of them.
func (c *converter) countedRecords(p *settings.Pump, m *tree.Map) {
	g, filter := p.Common, tree.New()
	copyRows(g, "filter", filter)
	c.checkLists(p)
	filter.Delete("fields")
	if filter.Len() > 0 {
		m.Set("filter", filter)
	}
	if ignored := c.ignoredFields(p); len(ignored) > 0 {
		m.Note("ignore_fields", ignored, from(g, "ignore_fields"))
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
			c.Warn(g.Place("disabled_metrics"), "%s is none of the metrics, and is left out", settings.Quoted(name))
			continue
		}
		known = append(known, name)
	}
	if len(known) > 0 {
		m.Note("disabled_metrics", known, from(g, "disabled_metrics"))
	}
}
