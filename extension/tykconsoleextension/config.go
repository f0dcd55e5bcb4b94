package tykconsoleextension

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.Keys.
const (
	keysMasked  = "masked"
	keysAliases = "aliases"
	keysShown   = "shown"
)

// The values of Config.Bodies.
const (
	bodiesRedacted = "redacted"
	bodiesHeaders  = "headers"
	bodiesHidden   = "hidden"
)

// Config says where the console is, what it reads and what it shows.
type Config struct {
	// Server is the collector's HTTP server: endpoint, tls, auth and so on.
	Server confighttp.ServerConfig `mapstructure:",squash"`
	// BasePath is the path below which a reverse proxy serves the console.
	BasePath string `mapstructure:"base_path"`
	// Hosts are further names that a request's Host may have.
	Hosts []string `mapstructure:"hosts"`
	// Store says what is read of SQL.
	Store StoreConfig `mapstructure:"store"`
	// Redis says whose lists Pipeline shows.
	Redis RedisConfig `mapstructure:"redis"`
	// Metrics is the URL of Prometheus text with the counts of destinations; empty for the collector's own.
	Metrics string `mapstructure:"metrics"`
	// TraceURL leads to a trace; {trace_id}, {start} and {end} are replaced.
	TraceURL string `mapstructure:"trace_url"`
	// Timezone is the IANA name of the zone in which times are shown to everybody.
	Timezone string `mapstructure:"timezone"`
	// LinkSecret makes the references of keys in URLs; empty for one derived from the datasource.
	LinkSecret configopaque.String `mapstructure:"link_secret"`
	// Keys says how much of an API key is shown: masked, aliases or shown.
	Keys string `mapstructure:"keys"`
	// Bodies says how much of recorded requests and responses is shown: redacted, headers or hidden.
	Bodies string `mapstructure:"bodies"`
	// Actions switches replay, drop and the removal of groups on.
	Actions bool `mapstructure:"actions"`
	// ActionUsers are who may act, by the authenticator's name for them; empty for whoever may look.
	ActionUsers []string `mapstructure:"action_users"`
	// BehindProxy trusts X-Forwarded headers, and leaves TLS and authentication to the proxy.
	BehindProxy bool `mapstructure:"behind_proxy"`
	// Title is shown beside the name; empty for the host's.
	Title string `mapstructure:"title"`
}

// StoreConfig says what is read of SQL, and how much of it at a time.
type StoreConfig struct {
	// Exporter is the tyksql whose tables are read; empty for the only one.
	Exporter string `mapstructure:"exporter"`
	// Datasource is another one of the same driver, such as a read replica; empty for the exporter's.
	Datasource configopaque.String `mapstructure:"datasource"`
	// MySQL is what only MySQL and MariaDB have.
	MySQL MySQLConfig `mapstructure:"mysql"`
	// MaxQueries is how many statements run at a time.
	MaxQueries int `mapstructure:"max_queries"`
	// StatementTimeout is the longest that a statement takes.
	StatementTimeout time.Duration `mapstructure:"statement_timeout"`
	// ScanRows is how many records one statement reads at most.
	ScanRows int `mapstructure:"scan_rows"`
	// SearchRows is how many records one page of Logs reads at most.
	SearchRows int `mapstructure:"search_rows"`
}

// MySQLConfig is what only MySQL and MariaDB have.
type MySQLConfig struct {
	// TLS names files with certificates, which a DSN cannot.
	TLS configoptional.Optional[configtls.ClientConfig] `mapstructure:"tls"`
}

// RedisConfig says whose lists are shown.
type RedisConfig struct {
	// Receiver is the tykredis whose Redis is looked at; empty for those of all, the first one first.
	Receiver string `mapstructure:"receiver"`
	// Connection is another way to that Redis, such as a user that may only look; without it, the receiver's.
	Connection configoptional.Optional[connection.Config] `mapstructure:"connection"`
	// Connections are the ways to the Redis of further receivers, by their IDs; without one, the receiver's.
	Connections map[string]connection.Config `mapstructure:"connections"`
}

var _ component.Config = (*Config)(nil)

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "localhost:9900"
	return &Config{
		Server: server, BasePath: "/", Timezone: "UTC", Keys: keysMasked, Bodies: bodiesRedacted,
		Store: StoreConfig{MaxQueries: 4, StatementTimeout: 5 * time.Second, ScanRows: 20_000, SearchRows: 250_000},
		Redis: RedisConfig{Connection: configoptional.Default(defaultConnection())},
	}
}

// defaultConnection has the receiver's defaults for what a connection does not say.
func defaultConnection() connection.Config {
	return connection.Config{Addresses: []string{"localhost:6379"}, TLS: configtls.ClientConfig{Insecure: true}, Timeout: 5 * time.Second}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := spelling.Keys(conf.Unmarshal(c), c); err != nil {
		return err
	}
	if err := c.Redis.normalize(conf); err != nil {
		return err
	}
	if !c.Redis.Connection.HasValue() {
		return nil
	}
	way, err := conf.Sub("redis::connection")
	if err != nil {
		return fmt.Errorf("redis::connection: %w", err)
	}
	return c.Redis.Connection.Get().Normalize(way)
}

// normalize gives further connections the defaults that a receiver has.
func (r *RedisConfig) normalize(conf *confmap.Conf) error {
	for id := range r.Connections {
		key := "redis::connections::" + id
		set, err := conf.Sub(key)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		way := defaultConnection()
		if err := set.Unmarshal(&way); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if err := way.Normalize(set); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		r.Connections[id] = way
	}
	return nil
}

// check finds settings of Redis that are wrong.
func (r *RedisConfig) check(fault func(string, ...any)) {
	if r.Connection.HasValue() {
		r.Connection.Get().Faults(func(format string, args ...any) { fault("redis::connection::"+format, args...) })
	}
	for _, id := range slices.Sorted(maps.Keys(r.Connections)) {
		way := r.Connections[id]
		way.Faults(func(format string, args ...any) { fault("redis::connections::"+id+"::"+format, args...) })
	}
}

// Validate finds what can be found without a server.
func (c *Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	c.checkReach(fault)
	if !isBasePath(c.BasePath) {
		fault("base_path: %q is no path of letters, digits and - . _ ~: begin it with a slash, such as /console/", c.BasePath)
	}
	if c.BasePath != "/" && !c.BehindProxy {
		fault("base_path: %q is for a reverse proxy: set behind_proxy: true, or leave it out", c.BasePath)
	}
	for _, host := range c.Hosts {
		if host == "" || strings.ContainsAny(host, "/ *@?#\\") {
			fault("hosts: %s is no host name: write it as browsers do, such as console.example.com", netaddr.Shown(host))
		}
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "Local" {
		fault("timezone: %q is not known: use an IANA name, such as Europe/Berlin", c.Timezone)
	}
	oneOf(fault, "keys", c.Keys, keysMasked, keysAliases, keysShown)
	oneOf(fault, "bodies", c.Bodies, bodiesRedacted, bodiesHeaders, bodiesHidden)
	for _, u := range []struct{ key, value string }{{"metrics", c.Metrics}, {"trace_url", c.TraceURL}} {
		if u.value != "" && !netaddr.IsHTTP(u.value) {
			fault("%s: %s is no URL of http or https: write it in full, such as http://localhost:8888/metrics", u.key, netaddr.Shown(u.value))
		}
	}
	if c.TraceURL != "" && !strings.Contains(c.TraceURL, "{trace_id}") {
		fault("trace_url: %s does not say where the trace's id goes: write {trace_id} there", netaddr.Shown(c.TraceURL))
	}
	c.Store.check(fault)
	c.Redis.check(fault)
	return errors.Join(errs...)
}

var basePaths = regexp.MustCompile(`^/(?:[A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*$`)

// isBasePath tells whether pages can be below a path, which browsers and proxies must not take for another one.
func isBasePath(path string) bool {
	return basePaths.MatchString(path) && !slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool { return part == "." || part == ".." })
}

// checkReach finds a console that others reach without proof of who they are.
func (c *Config) checkReach(fault func(string, ...any)) {
	endpoint := c.Server.NetAddr.Endpoint
	if endpoint == "" {
		fault("endpoint: is empty: write host:port, such as localhost:9900")
		return
	}
	if err := netaddr.CheckServer(c.Server.NetAddr); err != nil {
		fault("endpoint: %w", err)
		return
	}
	if c.Server.CORS.HasValue() {
		fault("cors: pages of other origins may not read the console: leave it out")
	}
	if ownMachine(string(c.Server.NetAddr.Transport), endpoint) {
		return
	}
	switch {
	case c.Actions && !c.Server.Auth.HasValue():
		fault("actions: true, and endpoint: %s is reached from other machines: set auth, so that only those act who may, or use localhost", netaddr.Shown(endpoint))
	case c.BehindProxy:
	case !c.Server.Auth.HasValue():
		fault("endpoint: %s is reached from other machines: set auth and tls, or behind_proxy: true where a proxy sees to both, or use localhost", netaddr.Shown(endpoint))
	case !c.Server.TLS.HasValue():
		fault("endpoint: %s is reached from other machines, and passwords would travel in clear: set tls, or behind_proxy: true where a proxy sees to it", netaddr.Shown(endpoint))
	}
}

func ownMachine(transport, endpoint string) bool {
	if strings.HasPrefix(transport, "unix") {
		return true
	}
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		host = endpoint
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (s *StoreConfig) check(fault func(string, ...any)) {
	if s.Exporter != "" {
		var id component.ID
		if err := id.UnmarshalText([]byte(s.Exporter)); err != nil || id.Type().String() != "tyksql" {
			fault("store::exporter: %s is no tyksql exporter: name one of service::pipelines, such as tyksql", netaddr.Shown(s.Exporter))
		}
	}
	between := func(key string, value, least, most int) {
		if value < least || value > most {
			fault("store::%s: %d: use a number from %d to %d", key, value, least, most)
		}
	}
	between("max_queries", s.MaxQueries, 1, 32)
	between("scan_rows", s.ScanRows, 1000, 200_000)
	between("search_rows", s.SearchRows, 1000, 10_000_000)
	if s.StatementTimeout < 250*time.Millisecond || s.StatementTimeout > time.Minute {
		fault("store::statement_timeout: %s: use a time from 250ms to 60s", s.StatementTimeout)
	}
}

func oneOf(fault func(string, ...any), key, value string, known ...string) {
	for _, k := range known {
		if value == k {
			return
		}
	}
	fault("%s: %q is not known: use %s", key, value, strings.Join(known, ", "))
}
