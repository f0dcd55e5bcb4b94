package tykredisreceiver

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/backlog"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/delivery"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// Config says where the gateway's Redis is and how its records are taken.
type Config struct {
	connection.Config `mapstructure:",squash"`

	// WaitForReplicas is how many of the replicas that are connected must have a
	// claim before its records are delivered, 0 for none: a failover cannot undo it then.
	WaitForReplicas int `mapstructure:"wait_for_replicas"`
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
	// PollInterval is how often the lists are looked at, above 0; five times as often while records come.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// Lease is how long what a dead process held stays out of reach for its peers,
	// at least 1s.
	Lease time.Duration `mapstructure:"lease"`
	// ShutdownTimeout is how long deliveries under way may take to end at shutdown, in all
	// receivers of the process at the same time; what is not done by then is delivered again later.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`

	// Redelivery is the rhythm in which a delivery that was not taken is tried again, for ever.
	Redelivery delivery.RedeliveryConfig `mapstructure:"redelivery"`
	// Requests are the 22 lists of request records.
	Requests RequestsConfig `mapstructure:"requests"`
	// Undecodable is what becomes of entries that cannot be decoded: dead_letter or deliver.
	Undecodable string `mapstructure:"undecodable"`
	// Uptime is the list of uptime checks.
	Uptime UptimeConfig `mapstructure:"uptime"`
	// Backlog bounds what waits in Redis.
	Backlog backlog.Config `mapstructure:"backlog"`
	// DeadLetters are entries that no delivery will ever succeed with.
	DeadLetters DeadLettersConfig `mapstructure:"dead_letters"`
	// Metrics are made of the records where the receiver is in a metrics pipeline.
	Metrics metrics.Config `mapstructure:"metrics"`
}

// The values of Config.Undecodable.
const (
	// undecodableKept makes dead letters of them.
	undecodableKept = "dead_letter"
	// undecodableDelivered is for destinations that want entries as they are.
	undecodableDelivered = "deliver"
)

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
	if _, faults := analytics.ParseFields(cfg.IgnoreFields); len(faults) > 0 {
		fault("requests::ignore_fields: %w", errors.Join(faults...))
	}
	known := analytics.RequestLists("")
	for _, name := range cfg.Lists {
		if !slices.ContainsFunc(known, func(l analytics.List) bool { return l.Key == name }) {
			fault("requests::lists: %q: use %s, the same with _0 to _9, and each of these with _protobuf", name, known[0].Key)
		}
	}
}

// UptimeConfig switches the list of uptime checks.
type UptimeConfig struct {
	// Enabled is whether it is read.
	Enabled bool `mapstructure:"enabled"`
	// KeyPrefix stands before its name.
	KeyPrefix string `mapstructure:"key_prefix"`
}

// DeadLettersConfig bounds what is kept.
type DeadLettersConfig struct {
	// MaxEntries is the most letters that each source keeps, from 1. At the limit the
	// oldest of other causes are dropped; where there are none, deliveries wait.
	MaxEntries int `mapstructure:"max_entries"`
	// MaxBytes is the most bytes that they take, from 65536.
	MaxBytes int64 `mapstructure:"max_bytes"`
}

var _ component.Config = (*Config)(nil)

// Unmarshal reads the configuration, with addresses in any form.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	if err := spelling.Keys(conf.Unmarshal(cfg), cfg); err != nil {
		return err
	}
	return cfg.Normalize(conf)
}

// What is more than these, or less, is meant in another unit: a lease holds records back from peers, the
// end of a process is waited for, and a letter that has no room is never kept.
const (
	maxLease       = 24 * time.Hour
	maxShutdown    = time.Hour
	maxRedelivery  = 24 * time.Hour
	leastDeadBytes = 64 << 10
)

// groupName keeps names apart from the separators that the keys in Redis use.
var groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// Validate finds every fault that can be found without a connection.
func (cfg *Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	cfg.Faults(fault)
	if cfg.WaitForReplicas < 0 {
		fault("wait_for_replicas: %d: use a number from 0", cfg.WaitForReplicas)
	}
	if cfg.KeyPrefix == "" {
		fault("key_prefix: is empty: the gateway uses %q", source.KeyPrefix)
	}
	if cfg.Cluster && strings.ContainsAny(cfg.KeyPrefix, "{}") {
		// The keys derived from a list must share its slot, which they do by putting
		// its whole name in braces.
		fault("key_prefix: %q: braces choose a cluster's slots, and the receiver needs that for its own keys: use a prefix without braces", cfg.KeyPrefix)
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
	for _, d := range []struct {
		key   string
		value time.Duration
		most  time.Duration
	}{
		{"lease", cfg.Lease, maxLease},
		{"shutdown_timeout", cfg.ShutdownTimeout, maxShutdown},
		{"redelivery::initial_interval", cfg.Redelivery.InitialInterval, maxRedelivery},
		{"redelivery::max_interval", cfg.Redelivery.MaxInterval, maxRedelivery},
	} {
		if d.value > d.most {
			fault("%s: %s: use at most %s", d.key, d.value, d.most)
		}
	}
	cfg.checkTimes(fault)
	if cfg.Undecodable != undecodableKept && cfg.Undecodable != undecodableDelivered {
		fault("undecodable: %q: use %s, or %s where only tykredis exporters are behind the receiver", cfg.Undecodable, undecodableKept, undecodableDelivered)
	}
	cfg.Requests.faults(fault)
	cfg.Backlog.Faults(fault)
	if cfg.DeadLetters.MaxBytes < leastDeadBytes {
		fault("dead_letters::max_bytes: %d: use a number of bytes from %d", cfg.DeadLetters.MaxBytes, leastDeadBytes)
	}
	cfg.Metrics.Faults(fault)
	if cfg.GroupExpiry != 0 && cfg.GroupExpiry < time.Minute {
		fault("group_expiry: %s: use at least 1m0s, or 0 for never", cfg.GroupExpiry)
	}
	if !cfg.Requests.Enabled && !cfg.Uptime.Enabled {
		fault("requests::enabled and uptime::enabled: both are false: nothing is left to receive: enable one, or remove the receiver")
	}
	return errors.Join(errs...)
}

// checkTimes finds times that do not go together, where each by itself may be right.
func (cfg *Config) checkTimes(fault func(format string, args ...any)) {
	if cfg.Lease < time.Second {
		return // which is said already
	}
	if most := source.Expiry / 3; cfg.PollInterval > most {
		fault("poll_interval: %s: use at most %s: Redis drops a gateway's list %s after its first record, and a look may fail",
			cfg.PollInterval, most, source.Expiry)
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

// sources lists everything to watch: which of the request lists a gateway uses
// is its configuration's affair, so all are. Each comes with its replays.
func (cfg *Config) sources(settings claim.Settings) (all []*source.Source) {
	for _, list := range cfg.requestLists() {
		form, in := source.MsgpackRequest, source.Registry(cfg.KeyPrefix)
		if list.Protobuf {
			form = source.ProtobufRequest
		}
		if len(cfg.Requests.Lists) > 0 {
			in = source.Registry(list.Key)
		}
		all = append(all, source.New(cfg.KeyPrefix, strings.TrimPrefix(list.Key, cfg.KeyPrefix), form, in, settings)...)
	}
	if cfg.Uptime.Enabled {
		in := source.Registry(analytics.UptimeListBehind(cfg.Uptime.KeyPrefix))
		all = append(all, source.New(cfg.Uptime.KeyPrefix, analytics.UptimeName, source.MsgpackUptime, in, settings)...)
	}
	return all
}

// requestLists are those of requests that a receiver reads.
func (cfg *Config) requestLists() []analytics.List {
	if !cfg.Requests.Enabled {
		return nil
	}
	all := analytics.RequestLists(cfg.KeyPrefix)
	if len(cfg.Requests.Lists) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(l analytics.List) bool {
		return !slices.Contains(cfg.Requests.Lists, strings.TrimPrefix(l.Key, cfg.KeyPrefix))
	})
}

// exporters are the names of what is behind the receiver, without what tells equal names apart.
func (cfg *Config) exporters() (names []string) {
	for part := range strings.SplitSeq(cfg.Destinations, ",") {
		name, _, _ := strings.Cut(part, "#")
		names = append(names, name)
	}
	return names
}

// destinations says them.
func (cfg *Config) destinations() string {
	if all := strings.Join(cfg.exporters(), ", "); all != "" {
		return all
	}
	return "what is behind the receiver"
}
