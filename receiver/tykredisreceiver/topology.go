package tykredisreceiver

import (
	"strings"

	"go.opentelemetry.io/collector/config/configopaque"
)

// SentinelConfig says which master to follow. Its addresses are Config's.
type SentinelConfig struct {
	// MasterName is what the sentinels call the master; empty without Sentinel.
	MasterName string `mapstructure:"master_name"`
	// Username is an ACL user's of the sentinels; empty for their default user.
	Username string `mapstructure:"username"`
	// Password is that user's.
	Password configopaque.String `mapstructure:"password"`
}

// checkTopology finds settings that do not go together.
func (cfg *Config) checkTopology(fault func(format string, args ...any)) {
	sentinel := cfg.Sentinel.MasterName != ""
	switch {
	case len(cfg.Addresses) == 0:
		fault("addresses: is empty: name the Redis server as host:port")
	case cfg.Cluster && sentinel:
		fault("cluster: true and sentinel::master_name: %q exclude each other: leave one out", cfg.Sentinel.MasterName)
	case len(cfg.Addresses) > 1 && !cfg.Cluster && !sentinel:
		fault("addresses: got %d (%s): name one server, or set cluster: true where they are a Redis Cluster, "+
			"or sentinel::master_name where they are sentinels", len(cfg.Addresses), strings.Join(cfg.Addresses, ", "))
	}
	for _, address := range cfg.Addresses {
		if err := checkAddress(address); err != nil {
			fault("addresses: %q: %w: write host:port", address, err)
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
	if cfg.Cluster && strings.ContainsAny(cfg.KeyPrefix, "{}") {
		// The keys derived from a list must share its slot, which they do by putting
		// its whole name in braces.
		fault("key_prefix: %q: braces choose a cluster's slots, and the receiver needs that for its own keys: use a prefix without braces", cfg.KeyPrefix)
	}
	if cfg.WaitForReplicas < 0 {
		fault("wait_for_replicas: %d: use a number from 0", cfg.WaitForReplicas)
	}
}
