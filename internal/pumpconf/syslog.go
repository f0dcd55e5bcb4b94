package pumpconf

import (
	"strings"
	"unicode"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// The names of syslog's facilities and severities, by their numbers.
var (
	syslogFacilities = []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	syslogSeverities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

// syslog makes the unit of a syslog pump.
func (c *converter) syslog(p *settings.Pump) *unit {
	g := p.Meta
	endpoint, ok := hostAndPort(orDefault(g.Text("network_addr"), "localhost:5140"))
	if !ok {
		c.Error(g.Place("network_addr"), "%q is no address: write one such as localhost:5140", g.Text("network_addr"))
		return nil
	}
	u := newUnit(p, destination{family: "syslog", identity: "syslog " + endpoint, group: "syslog." + endpoint, label: "syslog " + endpoint}, "tyksyslog")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("endpoint", endpoint, from(g, "network_addr"))
	c.syslogTransport(g, m)
	m.Note("protocol", "tyk", "Tyk Pump's")
	m.Note("message", "tyk_map", "Tyk Pump's")
	level := g.Int("log_level")
	if facility := level / int64(len(syslogSeverities)); level < 0 || facility >= int64(len(syslogFacilities)) {
		c.Error(g.Place("log_level"), "%d is no priority, with which Tyk Pump ends: write 8 times the facility and the severity, from 0 to 191", level)
	} else {
		m.Note("facility", syslogFacilities[facility], from(g, "log_level"))
		m.Note("severity", syslogSeverities[level%int64(len(syslogSeverities))], from(g, "log_level"))
	}
	tag := orDefault(g.Text("tag"), "syslog-pump")
	if strings.ContainsFunc(tag, unicode.IsControl) {
		c.Error(g.Place("tag"), "%q has control characters: leave them out", tag)
	}
	m.Note("tag", tag, from(g, "tag"))
	m.Note("max_message_bytes", int64(0), "Tyk Pump has no limit")
	c.longerTimeout(p, m, ownTimeout)
	return u
}

// syslogTransport is how messages are sent.
func (c *converter) syslogTransport(g *settings.Group, m *tree.Map) {
	switch transport := orDefault(g.Text("transport"), "udp"); transport {
	case "udp", "tcp":
		m.Note("transport", transport, from(g, "transport"))
	case "tls":
		c.Warn(g.Place("transport"), "tls ends Tyk Pump at its first connection, and works here, to a server whose certificate an authority of this machine vouches for")
		m.Note("transport", "tcp", from(g, "transport"))
		m.Sub("tls").Set("insecure", false)
		m.Note("framing", "newline", "Tyk Pump's")
	default:
		c.Error(g.Place("transport"), "%q ends Tyk Pump: write udp, tcp or tls", transport)
	}
}
