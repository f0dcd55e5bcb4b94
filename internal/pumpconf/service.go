package pumpconf

import (
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// tellGlobal tells what several global settings say together.
func (c *converter) tellGlobal() {
	g := c.s.Global
	if g.Int("purge_delay") == 0 {
		c.Warn(g.Place("purge_delay"), "is 0 or not set, with which Tyk Pump would purge nothing; here records are delivered as they come")
	}
	if c.s.Instrumented && g.Set("statsd_connection_string") {
		c.Warn("TYK_INSTRUMENTATION", "there is no StatsD of the collector's own metrics: they are at %s/metrics: records claimed, stored, waiting", c.ownMetrics())
	}
	if c.in.Zone.Doubt != "" {
		c.Warn("TZ", "%s", c.in.Zone.Doubt)
	}
}

// extensions makes the answers to health checks and the like.
func (c *converter) extensions(into *tree.Map, units []*unit) {
	g := c.s.Global
	port := g.Int("health_check_endpoint_port")
	const standard, highest = 8083, 65535
	switch {
	case port == 0:
		port = standard
	case port < 0 || port > highest:
		c.Error(g.Place("health_check_endpoint_port"), "%d is not a port: write one from 1 to %d", port, highest)
	}
	health := tree.New()
	endpoint := "0.0.0.0:" + strconv.FormatInt(port, 10)
	c.tellListeners(endpoint, units)
	health.Note("endpoint", endpoint, from(g, "health_check_endpoint_port"))
	path := "/" + orDefault(g.Text("health_check_endpoint_name"), "health")
	if strings.ContainsAny(path, "?# ") {
		c.Error(g.Place("health_check_endpoint_name"), "%s is not the path of a URL: write one such as health", g.Shown("health_check_endpoint_name"))
	}
	health.Note("pump_path", path, from(g, "health_check_endpoint_name"))
	for key, other := range map[string]string{"ready_path": "/ready", "live_path": "/live"} {
		if path == other {
			health.Set(key, "")
		}
	}
	into.Set("tykhealth", health)
	into.Above("tykhealth", "200 also while a store is away, as Tyk Pump's; /ready and /live beside it tell more.")
	if g.Bool("enable_http_profiler") {
		into.Set("pprof", tree.New().Note("endpoint", profilerEndpoint, from(g, "enable_http_profiler")))
	}
	for _, u := range units {
		if u.store.config.Get("encoding") == stdoutEncoding {
			into.Set(stdoutEncoding, tree.New().Set("mode", "body").Set("array_mode", false))
		}
		for _, e := range u.extensions {
			into.Note(e.kind+"/"+u.name, e.config, e.note)
		}
	}
}

// telemetry makes the collector's log as Tyk Pump's is set.
func (c *converter) telemetry(service *tree.Map) {
	g, level, source := c.s.Global, c.s.LogLevel, "<- TYK_LOGLEVEL"
	if level == "" {
		level, source = g.Text("log_level"), from(g, "log_level")
		switch level {
		case "", "info", "error", "warn", "debug":
		default:
			c.Error(g.Place("log_level"), "%s ends Tyk Pump: write debug, info, warn or error", g.Shown("log_level"))
			return
		}
	} else if level = strings.ToLower(level); level != "debug" && level != "warn" && level != "error" {
		level = "info"
	}
	if c.in.Debug {
		level, source = "debug", "<- debug=true"
	}
	if level != "" && level != "info" {
		service.Path("telemetry.logs.level", level, source)
	}
	format, source := c.s.LogFormat, "<- TYK_LOGFORMAT"
	if format == "" {
		format, source = g.Text("log_format"), from(g, "log_format")
	}
	if format == "json" {
		service.Path("telemetry.logs.encoding", "json", source)
	}
}

// alloc puts a component into a section and returns its name. Equal ones are one.
func alloc(section *tree.Map, kind, label string, config *tree.Map, note string) string {
	name := kind + "/" + label
	for n := 2; ; n++ {
		other, taken := section.Get(name).(*tree.Map)
		if !taken {
			section.Note(name, config, note)
			return name
		}
		if tree.Same(other, config) {
			return name
		}
		name = kind + "/" + label + "-" + strconv.Itoa(n)
	}
}

// tellStores tells what holds for all pumps together.
func (c *converter) tellStores(units []*unit) {
	kinds := map[string]bool{}
	for _, p := range c.s.Pumps {
		kinds[p.Type.Name] = true
	}
	for _, raw := range []struct{ kind, mcp string }{{"sql", "sql-mcp"}, {"mongo", "mongo-mcp"}} {
		if kinds[raw.kind] && !kinds[raw.mcp] {
			c.Info("pumps", "there is none of type %s: requests of MCP are not stored there, as with Tyk Pump", raw.mcp)
		}
	}
	for _, u := range units {
		fields, _ := u.filter.Get("fields").(*tree.Map)
		if u.rollups == nil && fields != nil && fields.Get("redact_headers_only") != nil {
			c.Warn("pumps.*", `credentials in recorded requests are stored, as by Tyk Pump; "%s": {"redact_headers": ["default"]} in the file takes them out`, table.OwnKey)
			return
		}
	}
}
