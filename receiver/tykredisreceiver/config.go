package tykredisreceiver

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Config says where the gateway's Redis is and how its records are taken.
type Config struct {
	// Addresses is the Redis server, as host:port; some nodes of a Redis Cluster; or
	// the sentinels.
	Addresses []string `mapstructure:"addresses"`
	// Cluster is whether Addresses are of a Redis Cluster.
	Cluster bool `mapstructure:"cluster"`
	// Sentinel is whom to follow where Addresses are sentinels.
	Sentinel SentinelConfig `mapstructure:"sentinel"`
	// WaitForReplicas is how many of the replicas that are connected must have a
	// claim before its records are delivered, 0 for none: a failover cannot undo it then.
	WaitForReplicas int `mapstructure:"wait_for_replicas"`
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

	// KeyPrefix stands before the names of the gateway's lists.
	KeyPrefix string `mapstructure:"key_prefix"`
	// Group is whose progress is recorded: each group sees every record once.
	Group string `mapstructure:"group"`
	// GroupExpiry is how long the group counts after its last process was heard of;
	// then what waits for it is given up. 0 is for ever.
	GroupExpiry time.Duration `mapstructure:"group_expiry"`
	// Destinations is what is behind the receiver, in words that all processes of the group
	// share; empty for not known. Others of the group that say otherwise are warned of.
	Destinations string `mapstructure:"destinations"`
	// ChunkSize is the most records in a delivery, from 1.
	ChunkSize int `mapstructure:"chunk_size"`
	// ChunkBytes is about the most bytes of Redis entries in a delivery.
	ChunkBytes int `mapstructure:"chunk_bytes"`
	// MaxInFlight is how many deliveries are under way at once, from 1; with
	// ChunkBytes it bounds the receiver's memory.
	MaxInFlight int `mapstructure:"max_in_flight"`
	// PollInterval is how often the lists are looked at, above 0.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// Lease is how long what a dead process held stays out of reach for its peers,
	// at least 1s.
	Lease time.Duration `mapstructure:"lease"`
	// ShutdownTimeout is how long deliveries under way may take to end at shutdown, in all
	// receivers of the process at the same time; what is not done by then is delivered again later.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`

	// Redelivery is the rhythm in which a delivery that was not taken is tried again, for ever.
	Redelivery RedeliveryConfig `mapstructure:"redelivery"`
	// Requests are the 22 lists of request records.
	Requests RequestsConfig `mapstructure:"requests"`
	// Uptime is the list of uptime checks.
	Uptime UptimeConfig `mapstructure:"uptime"`
	// Backlog bounds what waits in Redis.
	Backlog BacklogConfig `mapstructure:"backlog"`
	// DeadLetters are entries that no delivery will ever succeed with.
	DeadLetters DeadLettersConfig `mapstructure:"dead_letters"`
	// Metrics are made of the records where the receiver is in a metrics pipeline.
	Metrics MetricsConfig `mapstructure:"metrics"`
}

// RedeliveryConfig says how long to wait; each wait doubles the one before.
type RedeliveryConfig struct {
	// InitialInterval is the first wait, above 0.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	// MaxInterval is the longest, at least InitialInterval.
	MaxInterval time.Duration `mapstructure:"max_interval"`
}

// RequestsConfig switches the lists of request records.
type RequestsConfig struct {
	// Enabled is whether they are read.
	Enabled bool `mapstructure:"enabled"`
	// Lists are the only ones that are read, by their names behind the key prefix; empty for
	// all 22. Receivers that read lists by name and receivers that read all know nothing of
	// each other: of a Redis, use one of both.
	Lists []string `mapstructure:"lists"`
	// IgnoreFields are fields that log records are made without, by their JSON names,
	// as if the gateway had left them out; metrics are made of whole records. Where
	// pipelines want little of a record, such as rollups, they take far less memory.
	IgnoreFields []string `mapstructure:"ignore_fields"`
}

func (cfg *RequestsConfig) faults(fault func(format string, args ...any)) {
	checkFields("requests::ignore_fields", cfg.IgnoreFields, fault)
	known := analytics.RequestLists("")
	for _, name := range cfg.Lists {
		if !slices.ContainsFunc(known, func(l analytics.List) bool { return l.Key == name }) {
			fault("requests::lists: %q: use %s, the same with _0 to _9, and each of these with _protobuf", name, known[0].Key)
		}
	}
}

func checkFields(key string, names []string, fault func(format string, args ...any)) {
	for _, name := range names {
		if _, err := analytics.ParseField(name); err != nil {
			fault("%s: %w", key, err)
		}
	}
}

// fieldSet is the set of fields by their names, which are valid.
func fieldSet(names []string) analytics.FieldSet {
	var set analytics.FieldSet
	for _, name := range names {
		if field, err := analytics.ParseField(name); err == nil {
			set |= analytics.NewFieldSet(field)
		}
	}
	return set
}

// UptimeConfig switches the list of uptime checks.
type UptimeConfig struct {
	// Enabled is whether it is read.
	Enabled bool `mapstructure:"enabled"`
	// KeyPrefix stands before its name.
	KeyPrefix string `mapstructure:"key_prefix"`
}

// BacklogConfig says how much of Redis' memory claimed records and dead letters may
// take, and what is shed first when they take more. Groups share segments, so what is
// shed is gone for all of them.
type BacklogConfig struct {
	// MaxBytes is the bound in bytes; 0 is none.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// MaxMemoryShare is the bound as a share of Redis' maxmemory, from 0 to 1; 0 is none.
	MaxMemoryShare float64 `mapstructure:"max_memory_share"`
	// Shed lists what is shed, first to last: "bodies" are the recorded requests and
	// responses, "successes" the records with a status from 200 to 299, "oldest" all
	// records, the oldest first.
	Shed []string `mapstructure:"shed"`
}

// leastBacklog is the least bound: what is less is meant in another unit.
const leastBacklog = 64 << 10

func (cfg *BacklogConfig) faults(fault func(format string, args ...any)) {
	if cfg.MaxBytes < 0 || cfg.MaxBytes > 0 && cfg.MaxBytes < leastBacklog {
		fault("backlog::max_bytes: %d: use a number of bytes from %d, or 0 for no bound", cfg.MaxBytes, leastBacklog)
	}
	if !(cfg.MaxMemoryShare >= 0 && cfg.MaxMemoryShare <= 1) { // also refuses NaN
		fault("backlog::max_memory_share: %v: use a number from 0 to 1", cfg.MaxMemoryShare)
	}
	seen := map[string]bool{}
	known := []string{shedBodies, shedSuccesses, shedOldest}
	for i, policy := range cfg.Shed {
		if policy == shedOldest && i < len(cfg.Shed)-1 {
			fault("backlog::shed: %q comes before others, which would never be shed then: name it last", policy)
		}
		if !slices.Contains(known, policy) || seen[policy] {
			fault("backlog::shed: %q: use %q, %q and %q, each at most once", policy, shedBodies, shedSuccesses, shedOldest)
		}
		seen[policy] = true
	}
	if cfg.bounded() && len(cfg.Shed) == 0 {
		fault("backlog::shed: is empty, but there is a bound: name what may be shed, or set backlog::max_memory_share and backlog::max_bytes to 0")
	}
}

func (cfg *BacklogConfig) bounded() bool { return cfg.MaxBytes > 0 || cfg.MaxMemoryShare > 0 }

// DeadLettersConfig bounds what is kept.
type DeadLettersConfig struct {
	// MaxEntries is the most letters that each source keeps, from 1. At the limit the
	// oldest of other causes are dropped; where there are none, deliveries wait.
	MaxEntries int `mapstructure:"max_entries"`
	// MaxBytes is the most bytes that they take, from 1.
	MaxBytes int64 `mapstructure:"max_bytes"`
}

var _ component.Config = (*Config)(nil)

// groupName keeps names apart from the separators that the keys in Redis use.
var groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// Validate finds every fault that can be found without a connection.
func (cfg *Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	cfg.checkTopology(fault)
	cfg.checkTLS(fault)
	if cfg.KeyPrefix == "" {
		fault("key_prefix: is empty: the gateway uses \"analytics-\"")
	}
	if cfg.Uptime.Enabled && cfg.Uptime.KeyPrefix == "" {
		fault("uptime::key_prefix: is empty: the gateway uses %q", analytics.UptimePrefix)
	}
	if !groupName.MatchString(cfg.Group) {
		fault("group: %q: use 1 to 64 letters, digits, '_', '.' or '-', beginning with a letter or digit", cfg.Group)
	}
	if strings.ContainsAny(cfg.Destinations, " \t\r\n") {
		fault("destinations: %q: write it without blanks", cfg.Destinations)
	}
	for _, n := range []struct {
		key   string
		value int
	}{
		{"chunk_size", cfg.ChunkSize},
		{"chunk_bytes", cfg.ChunkBytes},
		{"max_in_flight", cfg.MaxInFlight},
		{"dead_letters::max_entries", cfg.DeadLetters.MaxEntries},
	} {
		if n.value < 1 {
			fault("%s: %d: use a number from 1", n.key, n.value)
		}
	}
	for _, d := range []struct {
		key   string
		value time.Duration
		least time.Duration
	}{
		{"timeout", cfg.Timeout, time.Millisecond},
		{"poll_interval", cfg.PollInterval, time.Millisecond},
		{"lease", cfg.Lease, time.Second},
		{"shutdown_timeout", cfg.ShutdownTimeout, 0},
		{"redelivery::initial_interval", cfg.Redelivery.InitialInterval, time.Millisecond},
		{"redelivery::max_interval", cfg.Redelivery.MaxInterval, max(cfg.Redelivery.InitialInterval, time.Millisecond)},
	} {
		if d.value < d.least {
			fault("%s: %s: use at least %s", d.key, d.value, d.least)
		}
	}
	cfg.checkTimes(fault)
	cfg.Requests.faults(fault)
	cfg.Backlog.faults(fault)
	if cfg.DeadLetters.MaxBytes < 1 {
		fault("dead_letters::max_bytes: %d: use a number of bytes from 1", cfg.DeadLetters.MaxBytes)
	}
	cfg.Metrics.faults(fault)
	if cfg.GroupExpiry != 0 && cfg.GroupExpiry < time.Minute {
		fault("group_expiry: %s: use at least 1m0s, or 0 for never", cfg.GroupExpiry)
	}
	if !cfg.Requests.Enabled && !cfg.Uptime.Enabled {
		fault("requests::enabled and uptime::enabled: both are false: nothing is left to receive: enable one, or remove the receiver")
	}
	return errors.Join(errs...)
}

// gatewayExpiry is how long gateways let their lists live, counted from the first record.
const gatewayExpiry = 60 * time.Second

// checkTimes finds times that do not go together, where each by itself may be right.
func (cfg *Config) checkTimes(fault func(format string, args ...any)) {
	if cfg.Lease < time.Second {
		return // which is said already
	}
	if most := gatewayExpiry / 3; cfg.PollInterval > most {
		fault("poll_interval: %s: use at most %s: Redis drops a gateway's list %s after its first record, and a look may fail",
			cfg.PollInterval, most, gatewayExpiry)
	}
	for _, d := range []struct {
		key   string
		value time.Duration
		most  time.Duration
		share string
		why   string
	}{
		{"poll_interval", cfg.PollInterval, cfg.Lease / 3, "a third of lease", "leases are renewed with each look"},
		{"timeout", cfg.Timeout, cfg.Lease, "lease", "a command that takes longer answers about a lease that has expired"},
		{"shutdown_timeout", cfg.ShutdownTimeout, cfg.Lease * 2 / 3, "two thirds of lease", "leases are not renewed while the receiver shuts down"},
	} {
		if d.value > d.most {
			fault("%s: %s: use at most %s, %s, or a longer lease: %s", d.key, d.value, d.most, d.share, d.why)
		}
	}
	if cfg.GroupExpiry >= time.Minute && cfg.GroupExpiry < 2*cfg.Lease {
		fault("group_expiry: %s: use at least %s, twice lease, or 0 for never: a process is heard of a few times in a lease",
			cfg.GroupExpiry, 2*cfg.Lease)
	}
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

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	return nil
}
