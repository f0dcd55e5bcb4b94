package pumpconf

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// uptimeName is the collection and table of uptime checks in Tyk Pump, whatever is configured.
const uptimeName = "tyk_uptime_analytics"

// uptime makes the unit of uptime checks; nil where there is none, or after an error.
func (c *converter) uptime() *unit {
	if c.s.Global.Bool("dont_purge_uptime_data") {
		return nil
	}
	g := c.s.Uptime
	kind := g.Text("uptime_type")
	sql := kind == "sql"
	if !sql && strings.EqualFold(kind, "sql") {
		c.Warn(g.Place("uptime_type"), "%s means Mongo in Tyk Pump: write sql in small letters if that is meant", g.Shown("uptime_type"))
	}
	before := len(c.Of(table.Error))
	u := c.uptimeUnit(g.As(table.UptimeIn(sql)), sql)
	if u == nil || len(c.Of(table.Error)) > before {
		c.leftOut = append(c.leftOut, "uptime")
		return nil
	}
	u.to = destination{family: "uptime", identity: "uptime", group: "uptime", label: "uptime checks"}
	return u
}

// uptimePrefix is what stands before the list of uptime checks, where the variables that move
// it together with the others say so; empty for the standard.
func (c *converter) uptimePrefix() string {
	prefix := c.s.Redis.Value("key_prefix")
	if prefix == nil {
		return ""
	}
	for _, moves := range table.RedisPrefixes()[1:] {
		if strings.HasPrefix(prefix.Variable, moves) {
			return c.s.Redis.Text("key_prefix")
		}
	}
	return ""
}

func (c *converter) uptimeUnit(g *settings.Group, sql bool) *unit {
	u := &unit{name: "uptime", place: "uptime_pump_config", partsKey: "tables", parts: tree.New()}
	if sql {
		c.tellRows(g)
		config, _, ok := c.sqlConnection(g)
		if !ok {
			return nil
		}
		u.store = component{kind: "tyksql", config: config, note: "<- uptime_pump_config"}
		u.parts.Set("uptime", enabled())
		return u
	}
	if g.Text("mongo_url") == "" {
		c.Error(g.Place("mongo_url"), "is missing, and uptime checks are not switched off, with which Tyk Pump ends: set it, or uptime_type to sql, or dont_purge_uptime_data (TYK_PMP_DONTPURGEUPTIMEDATA) to true")
		return nil
	}
	c.tellRows(g)
	if _, ok := c.mongoConnection(g, u); !ok {
		return nil
	}
	c.mongoSizes(g, u.store.config)
	u.store.note = "<- uptime_pump_config"
	u.partsKey = "collections"
	if name := g.Text("collection_name"); name != "" && name != uptimeName {
		c.Warn(g.Place("collection_name"), "%s is only capped and indexed by Tyk Pump: documents always go to %s, here too", g.Shown("collection_name"), uptimeName)
	}
	u.parts.Set("uptime", enabled().Set("name", uptimeName))
	return u
}
