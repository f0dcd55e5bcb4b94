package pumpconf

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// logzio makes the unit of a logzio pump over OTLP, which the file has to accept.
func (c *converter) logzio(p *settings.Pump) *unit {
	g := p.Meta
	token := g.Text("token")
	if token == "" {
		c.Error(g.Place("token"), "is missing, with which Tyk Pump leaves the pump out: set it")
		return nil
	}
	region, ok := logzioRegion(orDefault(g.Text("url"), "https://listener.logz.io:8071"))
	if !ok {
		c.Error(g.Place("url"), "the value (not shown, it may hold credentials) has no region's host, such as https://listener-eu.logz.io:8071, and OTLP goes to a region")
		return nil
	}
	u := newUnit(p, destination{family: "logzio", identity: "logzio " + region, group: "logzio." + region, label: "Logz.io, region " + region}, "logzio")
	u.filter = c.filter(p, tree.New().Set("format", "logzio").Set("place", "attributes"))
	m := u.store.config
	m.Note("account_token", c.secret(g, "token", token), from(g, "token"))
	m.Note("region", region, from(g, "url"))
	stored(m)
	c.Warn(u.place, "records go over OTLP, as x_otelcol_tyk.accept allows: Logz.io indexes them otherwise than Tyk Pump's JSON")
	return u
}

// logzioRegion reads the region of a listener's host.
func logzioRegion(address string) (string, bool) {
	url, _, err := readURL(address)
	if err != nil {
		return "", false
	}
	name, ok := strings.CutSuffix(strings.ToLower(url.Hostname()), ".logz.io")
	region, ok2 := strings.CutPrefix(name, "listener")
	if !ok || !ok2 {
		return "", false
	}
	return orDefault(strings.TrimPrefix(region, "-"), "us"), true
}
