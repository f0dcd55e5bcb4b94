package pumpconf

import (
	"regexp"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// validGroup is what the receiver takes for a group.
var validGroup = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// entry is a key of a section, beside which findings are written.
type entry struct {
	section *tree.Map
	key     string
}

// assemble makes the configuration of units, and of that of uptime checks, if any.
func (c *converter) assemble(config *tree.Map, uptime *unit) {
	units := c.merged()
	if len(c.s.Pumps) == 0 {
		c.Error("pumps", "there are none, with which Tyk Pump ends: name some in the file, or with %sNAME_TYPE", table.PumpPrefix)
	}
	order := slices.Clone(units)
	slices.SortStableFunc(units, func(a, b *unit) int { return first(order, a) - first(order, b) })
	c.tellStores(units)
	if uptime != nil {
		units = append(units, uptime)
	}
	extensions, receivers, processors, exporters := tree.New(), tree.New(), tree.New(), tree.New()
	c.extensions(extensions, units)
	service := tree.New().Set("extensions", extensions.Keys())
	c.telemetry(service)
	c.moveMetrics(service)
	pipelines := service.Sub("pipelines")
	sources := c.receivers(receivers, units)
	for _, u := range units {
		finish(u)
		label := strings.TrimPrefix(sources[u], "tykredis/")
		pipeline := tree.New().Set("receivers", []string{sources[u]})
		var steps []string
		if u.filter != nil {
			steps = append(steps, alloc(processors, "tykfilter", c.filterLabel(u, units, sources, label), u.filter, ""))
		}
		if u.rollups != nil {
			steps = append(steps, alloc(processors, "tykaggregate", u.name, u.rollups, ""))
		}
		for _, step := range u.after {
			steps = append(steps, alloc(processors, step.kind, u.name, step.config, step.note))
		}
		if len(steps) > 0 {
			pipeline.Set("processors", steps)
		}
		exporter := alloc(exporters, u.store.kind, orDefault(u.store.name, u.name), u.store.config, u.store.note)
		for _, pump := range u.pumps {
			c.owned["pumps."+pump] = entry{exporters, exporter}
		}
		if u == uptime {
			c.owned["uptime_pump_config"] = entry{exporters, exporter}
		}
		pipeline.Set("exporters", []string{exporter})
		signal := "logs"
		if u.metrics != nil {
			signal = "metrics"
		}
		alloc(pipelines, signal, u.name, pipeline, "")
	}
	config.Set("extensions", extensions).Set("receivers", receivers)
	config.Above("receivers", "One receiver and group for each destination, so that none waits for another.")
	if processors.Len() > 0 {
		config.Set("processors", processors)
	}
	config.Set("exporters", exporters).Set("service", service)
	if keys := receivers.Keys(); len(keys) > 0 {
		c.owned["analytics_storage_config"] = entry{receivers, keys[0]}
	}
}

// first is where the destination of a unit comes first.
func first(units []*unit, u *unit) int {
	return slices.IndexFunc(units, func(o *unit) bool { return o.to.compared() == u.to.compared() })
}

// filterLabel names a filter after the destination where all pumps of it share one.
func (c *converter) filterLabel(u *unit, units []*unit, sources map[*unit]string, label string) string {
	for _, other := range units {
		if sources[other] == sources[u] && other.filter != nil && !tree.Same(other.filter, u.filter) {
			return u.name
		}
	}
	return label
}

// finish puts a unit's parts into its exporter.
func finish(u *unit) {
	if u.partsKey == "" {
		return
	}
	parts := tree.New()
	if u.parts.Get("requests") == nil {
		parts.Set("requests", tree.New().Set("enabled", false))
	}
	for _, key := range u.parts.Keys() {
		parts.Set(key, u.parts.Get(key))
	}
	if u.parts.Get("requests") != nil && u.parts.Get("mcp") == nil {
		parts.Set("mcp", tree.New().Set("enabled", false)) // said, since it is decided
	}
	if rollups := map[string]string{"tables": "aggregated", "collections": "aggregates"}[u.partsKey]; onlySpecial(u.parts) {
		parts.Set(rollups, tree.New().Set("enabled", false)) // said, too
	}
	u.store.config.Set(u.partsKey, parts)
}

// onlySpecial tells whether requests of GraphQL or MCP are stored, and no others.
func onlySpecial(parts *tree.Map) bool {
	return len(parts.Keys()) > 0 && !slices.ContainsFunc(parts.Keys(), func(key string) bool {
		return !strings.HasPrefix(key, "graph") && !strings.HasPrefix(key, "mcp")
	})
}

// merged makes one unit of those that share an exporter.
func (c *converter) merged() []*unit {
	var all []*unit
next:
	for _, u := range c.units {
		for _, other := range all {
			if u.partsKey == "" {
				c.tellTwice(u, other, other.same(u) && other.store.kind != "nop")
				continue
			}
			if !other.same(u) || other.clashes(u) {
				continue
			}
			for _, key := range u.parts.Keys() {
				c.tellTwice(u, other, other.parts.Get(key) != nil)
				other.parts.Set(key, u.parts.Get(key))
			}
			other.pumps = append(other.pumps, u.pumps...)
			continue next
		}
		all = append(all, u)
	}
	for _, u := range all {
		if len(u.pumps) == 1 {
			continue
		}
		u.name = "requests"
		if u.rollups != nil {
			u.name = "rollups"
		}
		u.store.note = "<- pumps " + strings.Join(u.pumps, ", ")
	}
	return all
}

// tellTwice tells of two pumps that write the same.
func (c *converter) tellTwice(u, other *unit, same bool) {
	if !same {
		return
	}
	if u.partsKey == "" {
		c.Warn(u.place, "writes the same to the same place as pumps.%s, so everything is there twice, as with Tyk Pump: remove one", other.pumps[0])
		return
	}
	c.Warn(u.place, "writes the same to the same place as pumps.%s: Tyk Pump counts each request twice, otelcol-tyk once; remove one", other.pumps[0])
}
