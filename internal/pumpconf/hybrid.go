package pumpconf

import (
	"net"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// longestCall is the most seconds of a call that somebody means who has not read milliseconds in Tyk Pump's README.
const longestCall = 600

// hybrid makes the unit of a hybrid pump.
func (c *converter) hybrid(p *settings.Pump) *unit {
	g := p.Meta
	endpoint := g.Text("connection_string")
	if host, port, err := net.SplitHostPort(endpoint); err != nil || host == "" || port == "" {
		c.Error(g.Place("connection_string"), "%s is no address, with which Tyk Pump ends: write one such as mdcb:9091", orMissing(endpoint, g.Shown("connection_string")))
		return nil
	}
	key := g.Text("api_key")
	if key == "" {
		c.Error(g.Place("api_key"), "is missing, and MDCB refuses a login without: set that of a user of the Dashboard")
		return nil
	}
	u := newUnit(p, destination{family: "hybrid", identity: "hybrid " + endpoint, same: "hybrid " + strings.ToLower(endpoint), group: "hybrid." + endpoint, label: "MDCB " + endpoint}, "tykhybrid")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("endpoint", endpoint, from(g, "connection_string"))
	tls := m.Sub("tls").Note("insecure", !g.Bool("use_ssl"), from(g, "use_ssl"))
	if g.Bool("use_ssl") && g.Bool("ssl_insecure_skip_verify") {
		tls.Note("insecure_skip_verify", true, from(g, "ssl_insecure_skip_verify"))
	}
	m.Note("api_key", c.secret(g, "api_key", key), from(g, "api_key"))
	if seconds := g.Int("call_timeout"); seconds > 0 {
		m.Note("timeout", c.seconds(g, "call_timeout"), from(g, "call_timeout"))
		if seconds > longestCall {
			c.Warn(g.Place("call_timeout"), "%d are seconds, in Tyk Pump too, although its README speaks of milliseconds: write 10 for ten seconds", seconds)
		}
	}
	if connections := g.Int("rpc_pool_size"); connections > 0 {
		m.Note("rpc_pool_size", connections, from(g, "rpc_pool_size"))
	}
	if g.Bool("aggregated") {
		copyRows(g, "exporter", m)
		u.rollups = c.rollups(p)
	}
	return u
}
