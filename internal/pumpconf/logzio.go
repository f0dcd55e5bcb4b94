package pumpconf

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// logzio makes the unit of a logzio pump.
func (c *converter) logzio(p *settings.Pump) *unit {
	g := p.Meta
	token := g.Text("token")
	if token == "" {
		c.Error(g.Place("token"), "is missing, with which Tyk Pump leaves the pump out: set it")
		return nil
	}
	address := orDefault(g.Text("url"), "https://listener.logz.io:8071")
	url, host, err := readURL(address)
	if err != nil {
		c.Error(g.Place("url"), "%v", err)
		return nil
	}
	u := newUnit(p, httpDestination("logzio", "Logz.io", []string{url.Scheme + "://" + host}), "tyklogzio")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("endpoint", c.hidden(g, "url", strings.TrimSpace(address), strings.ContainsAny(address, "@?#")), from(g, "url"))
	m.Note("token", c.secret(g, "token", token), from(g, "token"))
	c.longerTimeout(p, m, ownTimeout)
	return u
}
