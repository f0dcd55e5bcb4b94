// Package backlog keeps what waits in Redis within a bound.
package backlog

import "slices"

// What may be shed to keep the backlog within its bound.
const (
	Bodies    = "bodies"    // the recorded requests and responses
	Successes = "successes" // records with a status from 200 to 299
	Oldest    = "oldest"    // records, the oldest first
)

// Policies are all that may be shed.
var Policies = []string{Bodies, Successes, Oldest}

// Config says how much of Redis' memory claimed records and dead letters may
// take, and what is shed first when they take more. Groups share segments, so what is
// shed is gone for all of them.
type Config struct {
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

// Faults finds settings that are wrong.
func (cfg *Config) Faults(fault func(format string, args ...any)) {
	if cfg.MaxBytes < 0 || cfg.MaxBytes > 0 && cfg.MaxBytes < leastBacklog {
		fault("backlog::max_bytes: %d: use a number of bytes from %d, or 0 for no bound", cfg.MaxBytes, leastBacklog)
	}
	if !(cfg.MaxMemoryShare >= 0 && cfg.MaxMemoryShare <= 1) { // also refuses NaN
		fault("backlog::max_memory_share: %v: use a number from 0 to 1", cfg.MaxMemoryShare)
	}
	seen := map[string]bool{}
	for i, policy := range cfg.Shed {
		if policy == Oldest && i < len(cfg.Shed)-1 {
			fault("backlog::shed: %q comes before others, which would never be shed then: name it last", policy)
		}
		if !slices.Contains(Policies, policy) || seen[policy] {
			fault("backlog::shed: %q: use %q, %q and %q, each at most once", policy, Bodies, Successes, Oldest)
		}
		seen[policy] = true
	}
	if cfg.isBounded() && len(cfg.Shed) == 0 {
		fault("backlog::shed: is empty, but there is a bound: name what may be shed, or set backlog::max_memory_share and backlog::max_bytes to 0")
	}
}

func (cfg *Config) isBounded() bool { return cfg.MaxBytes > 0 || cfg.MaxMemoryShare > 0 }
