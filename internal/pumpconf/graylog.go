package pumpconf

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// graylogTags are those that Tyk Pump knows.
var graylogTags = []string{
	"method", "path", "response_code", "api_key", "api_version", "api_name", "api_id", "org_id", "oauth_id",
	"raw_request", "request_time", "raw_response", "ip_address",
}

// graylog makes the unit of a graylog pump.
func (c *converter) graylog(p *settings.Pump) *unit {
	g := p.Meta
	host, port := orDefault(g.Text("host"), "localhost"), g.Int("port")
	if strings.ContainsAny(host, `/:@`) && net.ParseIP(host) == nil {
		c.Error(g.Place("host"), "%q is no name of a host: write one such as graylog, without a port", host)
		return nil
	}
	const standard, highest = 1000, 65535
	if port == 0 {
		c.Warn(g.Place("port"), "is missing, and %d as in Tyk Pump: GELF inputs mostly have 12201", standard)
		port = standard
	}
	if port < 0 || port > highest {
		c.Error(g.Place("port"), "%d is no port: write one such as 12201", port)
		return nil
	}
	endpoint := net.JoinHostPort(host, strconv.FormatInt(port, 10))
	u := newUnit(p, destination{family: "graylog", identity: "graylog " + endpoint, group: "graylog." + endpoint, label: "Graylog " + endpoint}, "tykgelf")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("endpoint", endpoint, from(g, "host"))
	m.Note("transport", "udp", "Tyk Pump's; over tcp it is known what arrived")
	m.Note("format", "tyk", "Tyk Pump's")
	if tags := c.graylogTags(g); len(tags) > 0 {
		m.Note("tags", tags, from(g, "tags"))
	} else {
		c.Warn(g.Place("tags"), "names none that Tyk Pump knows, so that its messages are empty: here they have all but raw_request and raw_response; name those that are wanted")
	}
	c.longerTimeout(p, m, ownTimeout)
	return u
}

// graylogTags are those of a pump's tags that end up in messages.
func (c *converter) graylogTags(g *settings.Group) []string {
	var known []string
	for _, tag := range g.List("tags") {
		if slices.Contains(graylogTags, tag) {
			known = append(known, tag)
			continue
		}
		c.Warn(g.Place("tags"), "%q is unknown to Tyk Pump, which passes over it: it is left out", tag)
	}
	return known
}
