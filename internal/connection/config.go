// Package connection reaches the gateway's Redis: one server, a cluster, or what sentinels name.
package connection

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
)

// Config says where the gateway's Redis is.
type Config struct {
	// Addresses is the Redis server, as host:port; some nodes of a Redis Cluster; or
	// the sentinels.
	Addresses []string `mapstructure:"addresses"`
	// Cluster is whether Addresses are of a Redis Cluster.
	Cluster bool `mapstructure:"cluster"`
	// Sentinel is whom to follow where Addresses are sentinels.
	Sentinel SentinelConfig `mapstructure:"sentinel"`
	// Username is an ACL user's; empty for the default user.
	Username string `mapstructure:"username"`
	// Password is the user's.
	Password configopaque.String `mapstructure:"password"`
	// Database is the number that the gateway writes to, from 0.
	Database int `mapstructure:"database"`
	// TLS is how the connection is secured; insecure: true for none.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// Timeout bounds dialling and each command, above 0.
	Timeout time.Duration `mapstructure:"timeout"`
}

// SentinelConfig says which master to follow. Its addresses are Config's.
type SentinelConfig struct {
	// MasterName is what the sentinels call the master; empty without Sentinel.
	MasterName string `mapstructure:"master_name"`
	// Username is an ACL user's of the sentinels; empty for their default user.
	Username string `mapstructure:"username"`
	// Password is that user's.
	Password configopaque.String `mapstructure:"password"`
}

// Faults finds settings that are wrong, or do not go together.
func (cfg *Config) Faults(fault func(format string, args ...any)) {
	sentinel := cfg.Sentinel.MasterName != ""
	switch {
	case len(cfg.Addresses) == 0:
		fault("addresses: is empty: name the Redis server as host:port")
	case cfg.Cluster && sentinel:
		fault("cluster: true and sentinel::master_name: %q exclude each other: leave one out", cfg.Sentinel.MasterName)
	case len(cfg.Addresses) > 1 && !cfg.Cluster && !sentinel:
		fault("addresses: got %d (%s): name one server, or set cluster: true where they are a Redis Cluster, "+
			"or sentinel::master_name where they are sentinels", len(cfg.Addresses), netaddr.ShownAll(cfg.Addresses))
	}
	for _, address := range cfg.Addresses {
		if err := netaddr.CheckTarget("tcp", address); err != nil {
			fault("addresses: %w", err)
		}
	}
	if !sentinel && cfg.Sentinel != (SentinelConfig{}) {
		fault("sentinel::master_name: is empty: write what the sentinels call the master, or leave sentinel out")
	}
	switch {
	case cfg.Database < 0:
		fault("database: %d: use a number from 0", cfg.Database)
	case cfg.Cluster && cfg.Database > 0:
		fault("database: %d: a Redis Cluster has no databases: leave it out", cfg.Database)
	}
	cfg.checkTLS(fault)
}

// checkTLS finds TLS settings that have no effect: what is meant to be secret would travel in clear.
func (cfg *Config) checkTLS(fault func(format string, args ...any)) {
	if !cfg.TLS.Insecure {
		return
	}
	set := confmap.New()
	if err := set.Marshal(cfg.TLS); err != nil {
		fault("tls: %w", err)
		return
	}
	settings := slices.DeleteFunc(set.AllKeys(), func(key string) bool { return key == "insecure" })
	if len(settings) > 0 {
		fault("tls::insecure: true, the default, is for a connection without TLS, and %s is set: set tls::insecure: false for TLS, or leave the others out",
			strings.Join(settings, ", "))
	}
}
