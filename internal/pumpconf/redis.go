package pumpconf

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// lease is the receiver's, which bounds its other times.
const lease = 30 * time.Second

// connection makes what all receivers have in common.
func (c *converter) connection() *tree.Map {
	g, m := c.s.Redis, tree.New()
	c.storageType()
	c.topology(g, m)
	c.login(g, m)
	c.redisTLS(g, m)
	c.keyPrefix(g, m)
	switch seconds := g.Int("timeout"); {
	case seconds > 0:
		c.redisTimeout(g, m, seconds)
	case seconds < 0:
		c.Warn(g.Place("timeout"), "%d is no time, and not taken over: write seconds, such as 5", seconds)
	}
	c.pollInterval(m)
	const least = 500
	switch chunk := c.s.Global.Int("purge_chunk"); {
	case chunk <= 0:
	case chunk < least:
		c.Info(c.s.Global.Place("purge_chunk"), "%d is raised to %d: a chunk is not a round here, the next one follows at once", chunk, least)
		m.Note("chunk_size", int64(least), from(c.s.Global, "purge_chunk"))
	default:
		m.Note("chunk_size", chunk, from(c.s.Global, "purge_chunk"))
	}
	return m
}

func (c *converter) storageType() {
	for _, at := range []struct {
		g   *settings.Group
		key string
	}{{c.s.Global, "analytics_storage_type"}, {c.s.Redis, "type"}} {
		if kind := at.g.Text(at.key); kind != "" && kind != "redis" {
			c.Error(at.g.Place(at.key), "%s ends Tyk Pump: write redis, in small letters", at.g.Shown(at.key))
		}
	}
}

// topology finds the servers, and what they are.
func (c *converter) topology(g *settings.Group, m *tree.Map) {
	addresses, source := c.addresses(g)
	if !c.hostNames(g, source, addresses) {
		return
	}
	for _, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		n, errPort := strconv.ParseUint(port, 10, 16)
		_, errAddress := netip.ParseAddr(host)
		switch {
		case err != nil || port == "":
			c.Error(g.Place(source), "%s has no port: write host:port", settings.Quoted(address))
		case errPort != nil || n == 0:
			key := source
			if source == "host" {
				key = "port"
			}
			c.Error(g.Place(key), "%s is not a port: write one from 1 to 65535", settings.Quoted(port))
		case strings.Contains(host, ":") && errAddress != nil:
			c.Error(g.Place(source), "%s has a port of its own: write the host alone, and its port where it belongs", settings.Quoted(host))
		}
	}
	master, cluster := g.Text("master_name"), g.Bool("enable_cluster")
	if master == "" && !cluster && len(addresses) > 1 {
		c.Warn(g.Place(source), "only the first of several servers counts, as in Tyk Pump; %s are ignored: set enable_cluster if they are a cluster, or master_name if they are sentinels", strings.Join(addresses[1:], ", "))
		addresses = addresses[:1]
	}
	m.Note("addresses", addresses, from(g, source))
	switch {
	case master != "":
		if cluster {
			c.Warn(g.Place("enable_cluster"), "is ignored, as in Tyk Pump, since master_name says that the servers are sentinels")
		}
		sentinel := m.Sub("sentinel").Note("master_name", master, from(g, "master_name"))
		if password := g.Text("sentinel_password"); password != "" {
			sentinel.Note("password", c.secret(g, "sentinel_password", password), from(g, "sentinel_password"))
		}
	case cluster:
		m.Note("cluster", true, from(g, "enable_cluster"))
	}
	switch database := g.Int("database"); {
	case database == 0:
	case cluster && master == "":
		c.Info(g.Place("database"), "not taken over: clusters have one database, and Tyk Pump ignores it there")
	case database < 0:
		c.Error(g.Place("database"), "%d is not the number of a database: write one from 0", database)
	default:
		m.Note("database", database, from(g, "database"))
	}
}

// addresses gives the servers that count, and the key that names them.
func (c *converter) addresses(g *settings.Group) ([]string, string) {
	if addresses := g.List("addrs"); len(addresses) > 0 {
		return addresses, "addrs"
	}
	if hosts := g.Map("hosts"); len(hosts) > 0 {
		var addresses []string
		for _, host := range slices.Sorted(maps.Keys(hosts)) {
			addresses = append(addresses, net.JoinHostPort(host, hosts[host]))
		}
		return addresses, "hosts"
	}
	host, port := strings.Trim(g.Text("host"), "[]"), g.Int("port") // Tyk Pump needs the brackets of an IPv6 address
	if port != 0 {
		return []string{net.JoinHostPort(host, strconv.FormatInt(port, 10))}, "host"
	}
	standard := "localhost:6379"
	if g.Text("master_name") != "" {
		standard = "localhost:26379"
	}
	if host != "" {
		c.Warn(g.Place("host"), "is ignored, as in Tyk Pump, since port is missing: %s is used; set port", standard)
	}
	return []string{standard}, "addrs"
}

func (c *converter) login(g *settings.Group, m *tree.Map) {
	password, user := g.Text("password"), g.Text("username")
	if password == "" {
		return
	}
	if user != "" {
		m.Note("username", user, from(g, "username"))
	}
	m.Note("password", c.secret(g, "password", password), from(g, "password"))
}

func (c *converter) redisTLS(g *settings.Group, m *tree.Map) {
	either := func(key string) (string, bool) {
		for _, name := range []string{key, "redis_" + key} {
			if g.Bool(name) {
				return name, true
			}
		}
		return "", false
	}
	files := []struct{ key, to string }{
		{"ssl_ca_file", "ca_file"},
		{"ssl_cert_file", "cert_file"},
		{"ssl_key_file", "key_file"},
		{"ssl_min_version", "min_version"},
		{"ssl_max_version", "max_version"},
	}
	on, use := either("use_ssl")
	if !use {
		return
	}
	tls := m.Sub("tls").Note("insecure", false, from(g, on))
	if skip, ok := either("ssl_insecure_skip_verify"); ok {
		tls.Note("insecure_skip_verify", true, from(g, skip))
	}
	for _, file := range files {
		if !g.Set(file.key) {
			continue
		}
		if strings.HasSuffix(file.key, "_version") && !slices.Contains([]string{"1.0", "1.1", "1.2", "1.3"}, g.Text(file.key)) {
			c.Error(g.Place(file.key), "%s ends Tyk Pump: write 1.0, 1.1, 1.2 or 1.3", g.Shown(file.key))
			continue
		}
		tls.Note(file.to, g.Text(file.key), from(g, file.key))
	}
	c.certificatePair(g)
	const standard = "1.2" // Tyk Pump's least, and the receiver's
	if most := g.Text("ssl_max_version"); most != "" && most < orDefault(g.Text("ssl_min_version"), standard) {
		c.Error(g.Place("ssl_max_version"), "%s is below ssl_min_version, which is %s unless it is set: there is no version from that one to this, so correct them", g.Shown("ssl_max_version"), standard)
	}
}

func (c *converter) keyPrefix(g *settings.Group, m *tree.Map) {
	for _, key := range []string{"key_prefix", "redis_key_prefix"} {
		prefix := g.Text(key)
		if prefix == "" {
			continue
		}
		if g.Bool("enable_cluster") && g.Text("master_name") == "" && strings.ContainsAny(prefix, "{}") {
			c.Error(g.Place(key), "has braces, which decide the slot in a cluster: use a prefix without")
		}
		m.Note("key_prefix", prefix, from(g, key))
		return
	}
}

func (c *converter) redisTimeout(g *settings.Group, m *tree.Map, seconds int64) {
	const milliseconds = 1000
	if seconds >= milliseconds {
		c.Warn(g.Place("timeout"), "%d is in seconds, not milliseconds: write %d if those are meant", seconds, (seconds+milliseconds-1)/milliseconds)
	}
	if seconds > int64(lease/time.Second) {
		c.Info(g.Place("timeout"), "%ds is more than the receiver's lease: %s is used", seconds, lease)
		seconds = int64(lease / time.Second)
	}
	m.Note("timeout", inSeconds(seconds), from(g, "timeout"))
}

// pollInterval is our own, and no longer than a third of the lease.
func (c *converter) pollInterval(m *tree.Map) {
	text := c.s.Own.Text("poll_interval")
	if text == "" {
		return
	}
	const part = 3
	every, err := time.ParseDuration(text)
	if err != nil || every < time.Millisecond || every > lease/part {
		c.Error(c.s.Own.Place("poll_interval"), "%s must be a time from 1ms to %s, such as 2s", settings.Quoted(text), lease/part)
		return
	}
	m.Note("poll_interval", every.String(), from(c.s.Own, "poll_interval"))
}

// receivers makes one receiver for each destination, and says which unit reads from which.
func (c *converter) receivers(into *tree.Map, units []*unit) map[*unit]string {
	base := c.connection()
	names, shared := map[*unit]string{}, map[string][]*unit{}
	var order []string
	for _, u := range units {
		key := u.to.compared()
		if u.group != "" {
			key = "group " + u.group
		}
		if shared[key] == nil {
			order = append(order, key)
		}
		shared[key] = append(shared[key], u)
	}
	taken := map[string]*unit{}
	for _, key := range order {
		members := shared[key]
		config := base.Clone()
		config.Set("group", c.group(members[0], taken))
		c.contents(config, members)
		label := members[0].to.family
		if members[0].group != "" {
			label = componentName(members[0].group)
		}
		name := alloc(into, "tykredis", label, config, describe(members))
		for _, u := range members {
			names[u] = name
		}
	}
	return names
}

// group names the group of a destination, or of the pumps that name one themselves.
func (c *converter) group(u *unit, taken map[string]*unit) string {
	place := func(u *unit) string { return u.place + "." + table.OwnKey + ".group" }
	name := groupName(u.to)
	if u.group != "" {
		name = u.group
		if !validGroup.MatchString(name) {
			c.Error(place(u), "%s is not a group: use 1 to 64 letters, digits, '_', '.' or '-', beginning with a letter or digit", settings.Quoted(name))
		}
	}
	switch other := taken[name]; {
	case other == nil:
	case other.group != "":
		c.Error(place(other), "%s is the name of the group of %s, too: use another one", settings.Quoted(name), u.place)
	default:
		c.Error(place(u), "%s is the name of the group of %s, too: use another one", settings.Quoted(name), other.place)
	}
	taken[name] = u
	return name
}

// contents says what a receiver reads, and how much of it.
func (c *converter) contents(config *tree.Map, members []*unit) {
	if lists := c.lists(); len(lists) > 0 && members[0].to.family != "uptime" {
		config.Sub("requests").Note("lists", lists, from(c.s.Own, "lists"))
	}
	onlyRollups := true
	for _, u := range members {
		onlyRollups = onlyRollups && u.rollups != nil
		if u.metrics != nil {
			config.Set("metrics", u.metrics)
		}
	}
	switch {
	case members[0].to.family == "uptime":
		uptime := enabled()
		if prefix := c.uptimePrefix(); prefix != "" {
			uptime.Note("key_prefix", prefix, from(c.s.Redis, "key_prefix"))
		}
		config.Set("requests", tree.New().Set("enabled", false)).Set("uptime", uptime)
	case onlyRollups:
		config.Sub("requests").Note("ignore_fields", notCounted, "rollups count nothing of these")
		if config.Get("chunk_size") == nil {
			config.Set("chunk_size", int64(5000))
		}
		config.Set("max_in_flight", int64(3))
	}
}

// lists are the only ones to read, where the file says so.
func (c *converter) lists() []string {
	var names []string
	known := analytics.RequestLists("")
	for _, name := range c.s.Own.List("lists") {
		if !slices.ContainsFunc(known, func(l analytics.List) bool { return l.Key == name }) {
			c.Error(c.s.Own.Place("lists"), "%s is no list of a gateway: use %s, the same with _0 to _9, and each of these with _protobuf, without the prefix", settings.Quoted(name), known[0].Key)
			continue
		}
		names = append(names, name)
	}
	return names
}

// notCounted are the fields that rollups do without.
var notCounted = []string{
	"method", "host", "content_length", "user_agent", "ip_address", "raw_request", "raw_response", "api_schema", "original_path", "listen_path", "geo.city", "geo.location",
}

func describe(members []*unit) string {
	var pumps []string
	for _, u := range members {
		pumps = append(pumps, u.pumps...)
	}
	noun := ": pump "
	switch len(pumps) {
	case 0:
		return members[0].to.label
	case 1:
	default:
		noun = ": pumps "
	}
	return fmt.Sprint(members[0].to.label, noun, strings.Join(pumps, ", "))
}
