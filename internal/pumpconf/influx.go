package pumpconf

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// influx makes the unit of an influx or influx2 pump.
func (c *converter) influx(p *settings.Pump) *unit {
	g := p.Meta
	address := g.Text("address")
	if address == "" {
		c.Error(g.Place("address"), "is missing, with which Tyk Pump ends: write one such as http://influxdb:8086")
		return nil
	}
	url, host, err := readURL(address)
	if err != nil {
		c.Error(g.Place("address"), "%v", err)
		return nil
	}
	u := newUnit(p, httpDestination("influx", "InfluxDB", []string{url.Scheme + "://" + host}), "tykinflux")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("endpoint", c.hidden(g, "address", strings.TrimSpace(address), strings.ContainsAny(address, "@?#")), from(g, "address"))
	if p.Type.Name == "influx" {
		c.influxDatabase(g, m)
	} else {
		c.influxBucket(g, m)
	}
	if fields := c.documentFields(g, "fields", "influx"); len(fields) > 0 {
		m.Note("fields", fields, from(g, "fields"))
	} else {
		c.Warn(g.Place("fields"), "names none, with which Tyk Pump stores nothing: here all fields are stored; name those that are wanted")
	}
	m.Note("tags", c.documentFields(g, "tags", "influx"), from(g, "tags"))
	c.longerTimeout(p, m, ownTimeout)
	c.Warn(u.place, "points have the times of their requests, where Tyk Pump gives them that of writing, so boards show the traffic when it was")
	return u
}

// influxDatabase is what InfluxDB 1 needs.
func (c *converter) influxDatabase(g *settings.Group, m *tree.Map) {
	if g.Text("database_name") == "" {
		c.Error(g.Place("database_name"), "is missing, with which Tyk Pump loses all records: name the database")
	}
	m.Note("database_name", g.Text("database_name"), from(g, "database_name"))
	user, password := g.Text("username"), g.Text("password")
	switch {
	case user != "":
		m.Note("username", user, from(g, "username"))
		if password != "" {
			m.Note("password", c.secret(g, "password", password), from(g, "password"))
		}
	case password != "":
		c.Info(g.Place("password"), "not taken over: without a username Tyk Pump ignores it")
	}
}

// influxBucket is what InfluxDB 2 needs.
func (c *converter) influxBucket(g *settings.Group, m *tree.Map) {
	for _, key := range []string{"bucket", "organization"} {
		if g.Text(key) == "" {
			c.Error(g.Place(key), "is missing, with which Tyk Pump ends: name the %s", key)
		}
		m.Note(key, g.Text(key), from(g, key))
	}
	if token := g.Text("token"); token != "" {
		m.Note("token", c.secret(g, "token", token), from(g, "token"))
	}
}
