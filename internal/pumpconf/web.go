package pumpconf

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// moesif makes the unit of a moesif pump.
func (c *converter) moesif(p *settings.Pump) *unit {
	const standard = "https://api.moesif.net"
	g := p.Meta
	id := g.Text("application_id")
	if id == "" {
		c.Error(g.Place("application_id"), "is missing, and Moesif refuses events without: set it, or take the pump out")
		return nil
	}
	endpoint := standard
	if address := g.Text("bulk_config.api_endpoint"); address != "" && g.Bool("enable_bulk") {
		endpoint = strings.TrimSpace(address)
	}
	url, host, err := readURL(endpoint)
	if err != nil {
		c.Error(g.Place("bulk_config.api_endpoint"), "%v", err)
		return nil
	}
	u := newUnit(p, httpDestination("moesif", "Moesif", []string{url.Scheme + "://" + host}), "tykmoesif")
	u.filter = c.filter(p, nil)
	m := u.store.config
	if endpoint != standard {
		m.Note("endpoint", endpoint, from(g, "bulk_config.api_endpoint"))
	}
	m.Note("application_id", c.secret(g, "application_id", id), from(g, "application_id"))
	copyRows(g, "exporter", m)
	if size := g.Int("bulk_config.batch_size"); size > 0 && g.Bool("enable_bulk") {
		m.Note("max_request_events", size, from(g, "bulk_config.batch_size"))
	}
	if !g.Bool("enable_bulk") && (g.Set("bulk_config.api_endpoint") || g.Set("bulk_config.batch_size")) {
		c.Warn(g.Place("enable_bulk"), "is not set, so that Tyk Pump does not read bulk_config: it is not taken over; set enable_bulk if it is meant")
	}
	c.longerTimeout(p, m, ownTimeout)
	return u
}

// resurface makes the unit of a resurfaceio pump.
func (c *converter) resurface(p *settings.Pump) *unit {
	g := p.Meta
	if strings.EqualFold(c.in.Env["USAGE_LOGGERS_DISABLE"], "true") {
		c.Error("USAGE_LOGGERS_DISABLE", "is set, with which Tyk Pump leaves %s out: unset it, or take the pump out", "pumps."+p.Name)
		return nil
	}
	address, place := g.Text("capture_url"), g.Place("capture_url")
	variable := c.in.Env["USAGE_LOGGERS_URL"]
	ofVariable := address == "" && variable != ""
	if ofVariable {
		address, place = variable, "USAGE_LOGGERS_URL"
	}
	if address == "" {
		c.Error(place, "is missing, with which Tyk Pump leaves the pump out: write one such as https://resurface:7701/message")
		return nil
	}
	url, host, err := readURL(address)
	if err != nil {
		c.Error(place, "%v", err)
		return nil
	}
	rules := g.Text("rules")
	if !strings.HasPrefix(rules, "file://") && url.Scheme == "http" && !strings.Contains(rules, "allow_http_url") && !strings.Contains(rules, "include debug") {
		c.Error(place, "is http without the rule allow_http_url, with which Tyk Pump leaves the pump out: use https, or add the rule to rules")
		return nil
	}
	u := newUnit(p, httpDestination("resurface", "Resurface", []string{url.Scheme + "://" + host}), "tykresurface")
	u.filter = c.filter(p, nil)
	m := u.store.config
	address = strings.TrimSpace(address)
	credentials := strings.ContainsAny(address, "@?#")
	switch {
	case !ofVariable:
		m.Note("endpoint", c.hidden(g, "capture_url", address, credentials), from(g, "capture_url"))
	case credentials:
		m.Note("endpoint", c.secret(g, "capture_url", address), "<- USAGE_LOGGERS_URL")
	default:
		m.Note("endpoint", address, "<- USAGE_LOGGERS_URL")
	}
	if strings.TrimSpace(rules) != "" {
		m.Note("rules", rules, from(g, "rules"))
	}
	c.longerTimeout(p, m, ownTimeout)
	return u
}

// segment makes the unit of a segment pump.
func (c *converter) segment(p *settings.Pump) *unit {
	g := p.Meta
	key := g.Text("segment_write_key")
	if key == "" {
		c.Error(g.Place("segment_write_key"), "is missing, and Segment takes no events without: set it, or take the pump out")
		return nil
	}
	u := newUnit(p, httpDestination("segment", "Segment", []string{"https://api.segment.io:443"}), "tyksegment")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("segment_write_key", c.secret(g, "segment_write_key", key), from(g, "segment_write_key"))
	m.Note("ignore_fields", []string{}, "Tyk Pump sends whole records")
	m.Note("truncate", true, "Segment takes 32 kB of an event")
	c.longerTimeout(p, m, ownTimeout)
	return u
}
