package tykredisexporter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Config says to which lists entries are pushed, and how these are kept within bounds.
type Config struct {
	// Config is where the Redis is that has the lists.
	connection.Config `mapstructure:",squash"`
	// KeyPrefix stands before the names of the lists of requests.
	KeyPrefix string `mapstructure:"key_prefix"`
	// Uptime is the list of uptime checks.
	Uptime UptimeConfig `mapstructure:"uptime"`
	// Expiry is how long a list lives, counted from its first entry, where a gateway's own would expire; 0 is for ever.
	Expiry time.Duration `mapstructure:"expiry"`
	// MaxListEntries is the most entries of a list; what is more waits, from 1.
	MaxListEntries int64 `mapstructure:"max_list_entries"`
	// Remember is for how long entries that come again are known.
	Remember time.Duration `mapstructure:"remember"`
	// WaitForReplicas is how many of the replicas that are connected must have entries before
	// they count as pushed, 0 for none.
	WaitForReplicas int `mapstructure:"wait_for_replicas"`
	// Retry says how a failed attempt is tried again; max_elapsed_time 0 retries without end.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
}

// UptimeConfig says where uptime checks go.
type UptimeConfig struct {
	// KeyPrefix stands before the name of their list.
	KeyPrefix string `mapstructure:"key_prefix"`
}

// keyPrefix is the gateway's.
const keyPrefix = "analytics-"

func createDefaultConfig() component.Config {
	return &Config{
		Config: connection.Config{
			Addresses: []string{"localhost:6379"}, TLS: configtls.ClientConfig{Insecure: true}, Timeout: 5 * time.Second,
		},
		KeyPrefix: keyPrefix, Uptime: UptimeConfig{KeyPrefix: analytics.UptimePrefix},
		Expiry: time.Minute, MaxListEntries: 500_000, Remember: time.Hour, WaitForReplicas: 1,
		Retry: sink.Defaults().Retry,
	}
}

// Unmarshal reads the configuration, with addresses in any form, and says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if conf.IsSet("sending_queue") {
		return errors.New("sending_queue: there is none here: entries are pushed while their delivery waits, and wait in Redis: leave it out")
	}
	if err := spelling.Keys(conf.Unmarshal(c), c); err != nil {
		return err
	}
	return c.Normalize(conf)
}

// Validate finds every fault that can be found without a connection.
func (c *Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	c.Faults(fault)
	for _, prefix := range []struct{ key, value, standard string }{
		{"key_prefix", c.KeyPrefix, keyPrefix}, {"uptime::key_prefix", c.Uptime.KeyPrefix, analytics.UptimePrefix},
	} {
		if prefix.value == "" {
			fault("%s: is empty: Tyk Pump reads from %q by default", prefix.key, prefix.standard)
		}
		if c.Cluster && strings.ContainsAny(prefix.value, "{}") {
			fault("%s: %q: braces choose a cluster's slots, and what is known of a list must be in the list's own: use a prefix without braces", prefix.key, prefix.value)
		}
	}
	if c.Timeout < time.Millisecond {
		fault("timeout: %s: use at least %s", c.Timeout, time.Millisecond)
	}
	if c.Expiry != 0 && (c.Expiry < time.Second || c.Expiry%time.Second != 0) {
		fault("expiry: %s: use whole seconds, the gateway's 60s, or 0 for never", c.Expiry)
	}
	if c.MaxListEntries < 1 {
		fault("max_list_entries: %d: use a number from 1", c.MaxListEntries)
	}
	if c.Remember < time.Minute {
		fault("remember: %s: use at least %s: entries come again after an outage", c.Remember, time.Minute)
	}
	if c.WaitForReplicas < 0 {
		fault("wait_for_replicas: %d: use a number from 0", c.WaitForReplicas)
	}
	return errors.Join(errs...)
}
