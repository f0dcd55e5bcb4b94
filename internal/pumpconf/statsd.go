package pumpconf

import (
	"net"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// What Tyk Pump knows in its lists.
var (
	statsdTimings = []string{"request_time", "latency_total", "latency_upstream", "latency_gateway"}
	statsdTags    = append([]string{
		"path", "method", "response_code", "api_key", "time_stamp", "api_version", "api_name", "api_id", "org_id", "oauth_id",
		"raw_request", "raw_response", "ip_address",
	}, statsdTimings...)
	dogstatsdTags = []string{"path", "method", "response_code", "api_version", "api_name", "api_id", "org_id", "tracked", "oauth_id"}
)

// unknownTag is tykstatsd's name of what Tyk Pump writes for a tag that it does not know.
const unknownTag = "null"

// statsd makes the unit of a statsd pump.
func (c *converter) statsd(p *settings.Pump) *unit {
	g := p.Meta
	address := g.Text("address")
	if address == "" {
		c.Error(g.Place("address"), "is missing, with which Tyk Pump tries for ever: write one such as statsd:8125")
		return nil
	}
	endpoint, ok := hostAndPort(address)
	if !ok {
		c.Error(g.Place("address"), "%s is no address that Tyk Pump can send to: write one such as statsd:8125", settings.Quoted(address))
		return nil
	}
	u := c.statsdUnit(p, endpoint)
	m := u.store.config
	m.Note("endpoint", endpoint, from(g, "address"))
	m.Note("fields", c.statsdFields(g), from(g, "fields"))
	m.Note("tags", c.statsdNames(g), from(g, "tags"))
	copyRows(g, "exporter", m)
	return u
}

// statsdUnit begins the unit of a pump that sends lines.
func (c *converter) statsdUnit(p *settings.Pump, endpoint string) *unit {
	kind := p.Type.Name
	u := newUnit(p, destination{family: kind, identity: kind + " " + endpoint, group: kind + "." + endpoint, label: p.Type.Title + " " + endpoint}, "tykstatsd")
	u.filter = c.filter(p, nil)
	u.store.config.Set("dialect", kind)
	u.store.config.Note("sanitize", "tyk", "Tyk Pump's")
	c.longerTimeout(p, u.store.config, ownTimeout)
	return u
}

// statsdFields are those of a pump's fields for which it sends something.
func (c *converter) statsdFields(g *settings.Group) []string {
	var known []string
	for _, name := range g.List("fields") {
		if slices.Contains(statsdTimings, name) {
			known = append(known, name)
			continue
		}
		c.Warn(g.Place("fields"), "%s is no timing, so that Tyk Pump sends nothing for it: it is left out", settings.Quoted(name))
	}
	if len(known) == 0 {
		c.Error(g.Place("fields"), "names none of request_time, latency_total, latency_upstream and latency_gateway, so that Tyk Pump sends nothing: name those that are wanted, or take the pump out")
	}
	return known
}

// statsdNames are the tags, each of which stays a part of the name.
func (c *converter) statsdNames(g *settings.Group) []string {
	names := slices.Clone(g.List("tags"))
	for i, name := range names {
		switch {
		case name == "method" && !g.Bool("separated_method"):
			c.Warn(g.Place("tags"), `"method" is part of the path without separated_method, and null in each name, as in Tyk Pump: take it out, or set separated_method`)
			names[i] = unknownTag
		case !slices.Contains(statsdTags, name):
			c.Warn(g.Place("tags"), "%s is unknown, and null in each name, as in Tyk Pump: correct it, or take it out", settings.Quoted(name))
			names[i] = unknownTag
		}
	}
	return names
}

// dogstatsd makes the unit of a dogstatsd pump.
func (c *converter) dogstatsd(p *settings.Pump) *unit {
	g := p.Meta
	address, ofAgent := g.Text("address"), false
	if address == "" {
		address, ofAgent = c.in.Env["DD_AGENT_HOST"], true
	}
	if address == "" {
		c.Error(g.Place("address"), "is missing, and DD_AGENT_HOST is not set: write one such as localhost:8125")
		return nil
	}
	path, unix := strings.CutPrefix(address, "unix://")
	endpoint, ok := path, strings.HasPrefix(path, "/")
	if !unix {
		if !strings.Contains(address, ":") {
			port := ""
			if ofAgent {
				port = c.in.Env["DD_DOGSTATSD_PORT"]
			}
			address += ":" + orDefault(port, "8125")
		}
		endpoint, ok = hostAndPort(address)
	}
	if !ok {
		c.Error(g.Place("address"), "%s is no address: write host, host:port or unix:///path; there are no named pipes here", settings.Quoted(address))
		return nil
	}
	u := c.statsdUnit(p, endpoint)
	m := u.store.config
	m.Note("endpoint", endpoint, c.agentNote(g, ofAgent))
	if unix {
		m.Set("transport", "unixgram")
	}
	c.dogstatsdLines(g, m)
	return u
}

// agentNote says where an address was taken from.
func (c *converter) agentNote(g *settings.Group, ofAgent bool) string {
	if ofAgent {
		return "<- DD_AGENT_HOST and DD_DOGSTATSD_PORT"
	}
	return from(g, "address")
}

// dogstatsdLines is what lines look like, and how they are sent.
func (c *converter) dogstatsdLines(g *settings.Group, m *tree.Map) {
	namespace := strings.TrimSuffix(orDefault(g.Text("namespace"), "default"), ".")
	if strings.ContainsAny(namespace, ":|@#\n ") {
		c.Error(g.Place("namespace"), "%s has characters that end a name: leave `:|@#`, spaces and line ends out", settings.Quoted(namespace))
	}
	m.Note("prefix", namespace, from(g, "namespace"))
	tags := g.List("tags")
	for _, name := range tags {
		if !slices.Contains(dogstatsdTags, name) {
			c.Error(g.Place("tags"), "%s is unknown, with which Tyk Pump loses every record: use some of %s", settings.Quoted(name), strings.Join(dogstatsdTags, ", "))
		}
	}
	if len(tags) > 0 {
		m.Note("tags", tags, from(g, "tags"))
	}
	m.Note("trim_trailing_slash", len(tags) > 0, "Tyk Pump's, with tags and without")
	switch rate := g.Float("sample_rate"); {
	case rate < 0 || rate != rate:
		c.Error(g.Place("sample_rate"), "%v is no share, with which Tyk Pump sends nothing: write one above 0 and up to 1", rate)
	case rate > 0 && rate < 1:
		m.Note("sample_rate", rate, from(g, "sample_rate"))
	}
	most := int64(1)
	if g.Bool("buffered") {
		most = g.Int("buffered_max_messages")
		if most <= 0 {
			most = 16
		}
	}
	m.Note("max_datagram_lines", most, from(g, "buffered"))
}

// hostAndPort reads an address for UDP, in which no host means this machine.
func hostAndPort(address string) (string, bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" || strings.ContainsAny(address, `/\`) {
		return "", false
	}
	return net.JoinHostPort(orDefault(host, "localhost"), port), true
}
