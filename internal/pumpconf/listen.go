package pumpconf

import (
	"net"
	"slices"
	"strconv"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

const (
	standardMetrics  = "localhost:8888"
	profilerEndpoint = "localhost:1777"
)

// listener is an address that the collector listens to.
type listener struct {
	address string
	// place is the key that it comes from, what is what answers there.
	place, what string
}

// ownMetrics is where the collector's own metrics are.
func (c *converter) ownMetrics() string {
	return orDefault(c.s.Own.Text("metrics_address"), standardMetrics)
}

// moveMetrics moves the collector's own metrics, where the file says so.
func (c *converter) moveMetrics(service *tree.Map) {
	if c.ownMetrics() == standardMetrics {
		return
	}
	host, port, err := net.SplitHostPort(c.ownMetrics())
	number, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || number == 0 || host == "" {
		c.Error(c.s.Own.Place("metrics_address"), "%s is not an address: write host:port, such as localhost:8889", c.s.Own.Shown("metrics_address"))
		return
	}
	page := tree.New().Set("host", host).Set("port", int64(number)) // #nosec G115 -- of 16 bits
	for _, key := range []string{"without_scope_info", "without_units", "without_type_suffix"} {
		page.Set(key, true) // as the collector's own page has it
	}
	pull := tree.New()
	pull.Path("pull.exporter.prometheus", page, "")
	service.Path("telemetry.metrics.readers", []any{pull}, from(c.s.Own, "metrics_address"))
}

// tellListeners tells of addresses that are taken twice, with which the start would fail.
func (c *converter) tellListeners(health string, units []*unit) {
	g := c.s.Global
	all := []listener{{c.ownMetrics(), c.s.Own.Place("metrics_address"), "the collector's own metrics, which x_otelcol_tyk.metrics_address moves"}}
	if g.Bool("enable_http_profiler") {
		all = append(all, listener{profilerEndpoint, g.Place("enable_http_profiler"), "the profiler"})
	}
	all = append(all, listener{health, g.Place("health_check_endpoint_port"), "health checks"})
	for _, p := range c.s.Pumps {
		i := slices.IndexFunc(units, func(u *unit) bool { return u.metrics != nil && slices.Contains(u.pumps, p.Name) })
		if i < 0 {
			continue
		}
		if endpoint, ok := address(p.Meta.Text("listen_address")); ok {
			all = append(all, listener{endpoint, p.Meta.Place("listen_address"), "metrics for Prometheus"})
		}
	}
	for i, l := range all {
		for _, other := range all[:i] {
			if meet(l.address, other.address) {
				c.Error(l.place, "%s is taken by %s: use another port", other.address, other.what)
				break
			}
		}
	}
}

// meet tells whether one process cannot listen to both of two addresses.
func meet(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	plain := func(host string) string {
		switch host {
		case "", "::":
			return "0.0.0.0"
		case "127.0.0.1", "::1":
			return "localhost"
		}
		return host
	}
	hostA, hostB = plain(hostA), plain(hostB)
	return hostA == hostB || hostA == "0.0.0.0" || hostB == "0.0.0.0"
}
