package tykredisreceiver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

const (
	// maxHeld is how many segments of one source a process leases at once; what
	// is beyond stays free for its peers.
	maxHeld = 16
	// fewHeld is how many may wait before small lists are no longer claimed at
	// each look: a long outage shall not make thousands of tiny segments.
	fewHeld = 4
	// longestUnclaimed is how long a list waits even then, well within the 60
	// seconds after which a gateway lets it expire.
	longestUnclaimed = 10 * time.Second
	// statEvery is how often the backlog is looked at, for metrics only.
	statEvery = 2 * time.Second
	// expireEvery is how often groups are looked for that nobody works for any more.
	expireEvery = time.Minute
)

// claimer looks at the lists in the rhythm of poll_interval: it claims what is
// there and renews leases, also while every destination is down.
type claimer struct {
	store     *claim.Store
	sources   []*source
	holdings  *holdings
	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger
	health    *health
	watch     *watch
	interval  time.Duration
	records   int // of a chunk

	lastClaim []time.Time // by source
	totals    []int64     // ever claimed, by source
	lastStat  time.Time
	lastSweep time.Time
	stats     atomic.Pointer[[]claim.Stat]
}

// run works until ctx is done.
func (c *claimer) run(ctx context.Context) {
	plain := plain(c.sources)
	c.lastClaim = make([]time.Time, len(c.sources))
	c.totals = make([]int64, len(c.sources))
	wait := newBackoff()
	for ctx.Err() == nil {
		reached, err := c.look(ctx, plain)
		if ctx.Err() != nil {
			return
		}
		c.watch.look()
		c.health.redis(err)
		if err != nil && reached == 0 {
			wait.sleep(ctx)
			continue
		}
		wait = newBackoff()
		pause(ctx, c.interval)
	}
}

// look visits all sources and returns how many of them could be: where a server
// is away, those of the others go on.
func (c *claimer) look(ctx context.Context, plain []*claim.Source) (reached int, err error) {
	visits, err := c.store.Visit(ctx, plain, c.fewest(time.Now()))
	for i, v := range visits {
		if v.Claimed > 0 {
			c.telemetry.TykredisRecordsClaimed.Add(ctx, v.Claimed)
			c.lastClaim[i] = time.Now()
		}
	}
	var within []int
	for i, v := range visits {
		if v.Err != nil {
			continue // what is held of it stays held as far as anyone knows
		}
		within = append(within, i)
		c.notice(ctx, i, v.Total)
		for _, h := range c.holdings.update(i, c.sources[i], v.Held) {
			if err := c.checkWhole(ctx, h); err != nil {
				return len(within), err
			}
		}
	}
	return len(within), errors.Join(err, c.sweep(ctx, plain, within), c.measure(ctx, plain, within))
}

// notice says aloud when a source's total has gone back: Redis has lost data that
// it had, and what it lost of unread records nobody can know any more.
func (c *claimer) notice(ctx context.Context, i int, total int64) {
	if total < c.totals[i] {
		c.telemetry.TykredisRollbacks.Add(ctx, 1)
		c.logger.Error("Redis came back with an older state, or with none: records that were waiting in it may be lost",
			zap.String("source", c.sources[i].Key()), zap.Int64("claimed_before", c.totals[i]), zap.Int64("claimed_now", total),
			zap.String("remedy", "switch persistence on (appendonly yes), and let a failover wait for replicas"))
	}
	c.totals[i] = total
}

// measure looks at the backlog of the sources that are within reach; of others
// the last is kept.
func (c *claimer) measure(ctx context.Context, plain []*claim.Source, within []int) error {
	if time.Since(c.lastStat) < statEvery || len(within) == 0 {
		return nil
	}
	stats, err := c.store.Stats(ctx, pick(plain, within))
	if err != nil {
		return err
	}
	all := make([]claim.Stat, len(plain))
	if before := c.stats.Load(); before != nil {
		copy(all, *before)
	}
	for at, i := range within {
		all[i] = stats[at]
	}
	c.stats.Store(&all)
	c.lastStat = time.Now()
	return nil
}

func pick(sources []*claim.Source, indices []int) []*claim.Source {
	picked := make([]*claim.Source, len(indices))
	for at, i := range indices {
		picked[at] = sources[i]
	}
	return picked
}

// sweep removes groups that were not heard of for longer than their own
// group_expiry, so that they hold no memory of Redis for ever.
func (c *claimer) sweep(ctx context.Context, plain []*claim.Source, within []int) error {
	if time.Since(c.lastSweep) < expireEvery || len(within) == 0 {
		return nil
	}
	expired, err := c.store.Expire(ctx, pick(plain, within))
	for key, groups := range expired {
		c.logger.Warn("Removed groups that were not heard of for longer than their group_expiry",
			zap.String("source", key), zap.Strings("groups", groups))
	}
	if err == nil {
		c.lastSweep = time.Now()
	}
	return err
}

// fewest says how many entries make each list worth claiming now.
func (c *claimer) fewest(now time.Time) []int {
	fewest := make([]int, len(c.sources))
	for i := range fewest {
		fewest[i] = 1
		if c.holdings.count(i) >= fewHeld && now.Sub(c.lastClaim[i]) < longestUnclaimed {
			fewest[i] = c.records
		}
	}
	return fewest
}

// checkWhole says aloud when Redis lost entries of a segment, and goes on behind
// them.
func (c *claimer) checkWhole(ctx context.Context, h *holding) error {
	lost := h.Start() - h.Done
	if lost == 0 || h.Kept > 0 && h.Done == 0 {
		return nil // whole, or trimmed by other groups before this one began
	}
	if h.Kept == 0 {
		h.gone.Store(true)
	}
	if err := c.store.Ack(ctx, h.Segment, h.Start(), claim.Shortfall{Lost: lost}); err != nil {
		h.gone.Store(true) // so that the next look finds it anew
		return err
	}
	c.telemetry.TykredisEntriesLost.Add(ctx, lost)
	c.logger.Error("Redis no longer has claimed entries: was it restarted without persistence, or are keys evicted?",
		zap.String("segment", h.Key()), zap.Int64("entries", lost))
	return nil
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
