package tykredisreceiver

import (
	"context"
	"errors"
	"slices"
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
	// statEvery is how often the backlog is looked at where something happens, for
	// metrics only, and idleStatEvery where nothing does.
	statEvery, idleStatEvery = 2 * time.Second, 30 * time.Second
	// expireEvery is how often groups are looked for that nobody works for any more.
	expireEvery = time.Minute
	// longestGrace is how long a process has run at most before it removes groups:
	// where everything was off, the others need time to come back too.
	longestGrace = time.Hour
	// again is after how long what failed for a source is tried again.
	again = 2 * time.Second
)

// claimer looks at the lists in the rhythm of poll_interval: it claims what is
// there and renews leases, also while every destination is down.
type claimer struct {
	store *claim.Store
	// registries are those of the kinds of lists that the receiver reads.
	registries map[registry]*claim.Registry
	member     claim.Member
	rivals     *rivals
	sources    []*source
	holdings   *holdings
	telemetry  *metadata.TelemetryBuilder
	logger     *zap.Logger
	health     *health
	watch      *watch
	interval   time.Duration
	// together are all receivers of the process, and arrive tells them of this one.
	together *gathering
	arrive   func()
	// rolledBack is called when Redis has come back in an older state, or has lost which segments there are.
	rolledBack func()

	// more has a value when there is more to lease than was held.
	more chan struct{}
	full atomic.Bool // a source has as many segments as may be held

	began  time.Time
	states []sourceState
	// How the last of each went, which holds until the next.
	visiting, beating, measuring, sweeping error

	groups    map[registry][]string // those that live, as far as known
	nextBeat  time.Time
	lastStat  time.Time
	lastSweep time.Time
	stats     atomic.Pointer[[]claim.Stat]
	workers   atomic.Int64 // of the group that live
}

// sourceState is what the last look at a source has left to remember.
type sourceState struct {
	busy     bool      // something lies there, or it could not be reached
	used     bool      // something was claimed from it, ever
	changed  bool      // since the backlog was measured
	total    int64     // ever claimed
	missing  int64     // claimed and not acknowledged, though nothing lies there
	searched bool      // for those
	retry    time.Time // not before that, after trouble with it alone
}

// run works until ctx is done.
func (c *claimer) run(ctx context.Context) {
	plain := plain(c.sources)
	c.states = make([]sourceState, len(c.sources))
	c.groups = map[registry][]string{}
	c.began = time.Now()
	c.gather(ctx, plain)
	wait := newBackoff()
	for ctx.Err() == nil {
		reached, err := c.look(ctx, plain)
		if ctx.Err() != nil {
			return
		}
		c.watch.look()
		c.health.redis(err)
		if err != nil && !reached {
			c.nextBeat = time.Time{} // whoever answers next may not know of this worker
			wait.sleep(ctx)
			continue
		}
		wait = newBackoff()
		timer := time.NewTimer(c.interval)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.more:
		}
		timer.Stop()
	}
}

// worked notes that held segments are done with: where there were more of them, it
// is time for those.
func (c *claimer) worked() {
	if c.full.Load() {
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
}

// look looks for work in all sources, and visits those that have some. It tells
// whether any could be reached: where a server is away, the sources of others go on.
func (c *claimer) look(ctx context.Context, plain []*claim.Source) (reached bool, err error) {
	beat := c.beat(ctx, plain)
	due, registry := c.due(ctx, plain)
	groups := make([][]string, len(due))
	for at, i := range due {
		groups[at] = c.groups[c.sources[i].registry]
	}
	visits, err := c.store.Visit(ctx, pick(plain, due), groups)
	full := false
	reached = len(due) == 0
	for at, v := range visits {
		i := due[at]
		state := &c.states[i]
		state.busy, state.changed = v.Failed || v.Segments > 0 || v.Claimed > 0, true
		if v.Failed {
			state.retry = time.Now().Add(min(c.member.Lease/6, again))
		}
		if v.Claimed > 0 {
			c.telemetry.TykredisRecordsClaimed.Add(ctx, v.Claimed)
		}
		if v.Err != nil {
			continue // what is held of it stays held as far as anyone knows
		}
		reached, state.used = true, true
		full = full || len(v.Held) >= maxHeld
		c.notice(ctx, i, v.Total)
		if v.Unknown > 0 && c.rolledBack != nil {
			c.rolledBack() // what lies in them is found again
		}
		for _, h := range c.holdings.update(i, c.sources[i], v.Held) {
			if err := c.checkWhole(ctx, h); err != nil {
				return reached, err
			}
		}
	}
	c.full.Store(full)
	if err == nil && slices.ContainsFunc(c.states, func(s sourceState) bool { return time.Now().Before(s.retry) }) {
		err = c.visiting // of those that this look has left alone
	}
	c.visiting = err
	return reached, errors.Join(beat, registry, err, c.sweep(ctx, plain), c.measure(ctx, plain))
}

// due finds the sources to visit, and which groups live where a source may be new.
// Where that is unknown, such a source waits.
func (c *claimer) due(ctx context.Context, plain []*claim.Source) (due []int, err error) {
	var others []int
	for i := range c.states {
		if !c.states[i].busy {
			others = append(others, i)
		}
	}
	some := map[int]bool{}
	for at, found := range c.store.Look(ctx, pick(plain, others)) {
		some[others[at]] = found
	}
	fresh := map[registry]bool{}
	for i := range c.states {
		some[i] = some[i] || c.states[i].busy
		if some[i] && !c.states[i].used {
			fresh[c.sources[i].registry] = true
		}
	}
	for of := range fresh {
		groups, unknown := c.registries[of].Groups(ctx)
		if unknown == nil {
			c.groups[of] = groups
		}
		err = errors.Join(err, unknown)
	}
	for i := range c.states {
		if some[i] && time.Now().After(c.states[i].retry) && (c.states[i].used || c.groups[c.sources[i].registry] != nil) {
			due = append(due, i)
		}
	}
	return due, err
}

// beat notes that this worker and its group live, well before that is in doubt.
func (c *claimer) beat(ctx context.Context, plain []*claim.Source) error {
	if time.Now().Before(c.nextBeat) {
		return c.beating
	}
	var registered error
	var all []claim.Member
	for _, registry := range c.registries {
		members, err := registry.Heartbeat(ctx, c.member)
		if err != nil {
			registered = errors.Join(registered, err)
			if isLate(err) && !c.health.away() {
				c.health.redis(err) // now: the rest of this look takes long, too
			}
			continue
		}
		all = append(all, members...)
		mine := int64(0)
		for _, m := range members {
			if m.Group == c.member.Group {
				mine++
			}
		}
		c.workers.Store(mine)
	}
	if registered == nil {
		c.rivals.note(c.member, all)
	}
	totals, err := c.store.Touch(ctx, plain)
	err = errors.Join(registered, err)
	for i, total := range totals {
		if total >= 0 {
			c.notice(ctx, i, total)
			c.states[i].used = c.states[i].used || total > 0
		}
	}
	c.nextBeat = time.Now().Add(c.member.Lease / 3)
	if err != nil {
		c.nextBeat = time.Now().Add(min(c.member.Lease/3, again))
	}
	c.beating = err
	return err
}

// notice says aloud when a source's total has gone back: Redis has lost data that
// it had, and what it lost of unread records nobody can know any more.
func (c *claimer) notice(ctx context.Context, i int, total int64) {
	state := &c.states[i]
	if total < state.total {
		c.telemetry.TykredisRollbacks.Add(ctx, 1)
		c.logger.Error("Redis came back with an older state, or with none: records that were waiting in it may be lost",
			zap.String("source", c.sources[i].Key()), zap.Int64("claimed_before", state.total), zap.Int64("claimed_now", total),
			zap.String("remedy", "switch persistence on (appendonly yes), and let a failover wait for replicas"))
		c.rolledBack()
	}
	state.total = total
}

// measure looks at the backlog of the sources that something happens in, and now
// and then at that of all others that were ever used.
func (c *claimer) measure(ctx context.Context, plain []*claim.Source) error {
	since := time.Since(c.lastStat)
	if since < statEvery {
		return c.measuring
	}
	var due []int
	for i := range c.states {
		if state := &c.states[i]; state.used && (state.changed || state.busy || since >= idleStatEvery) {
			due = append(due, i)
		}
	}
	if len(due) == 0 {
		c.measuring = nil
		return nil
	}
	stats, err := c.store.Stats(ctx, pick(plain, due))
	all := make([]claim.Stat, len(plain))
	if before := c.stats.Load(); before != nil {
		copy(all, *before)
	}
	for at, i := range due {
		if stats[at].Err == nil {
			all[i] = stats[at]
			c.states[i].changed = c.isMissing(i, stats[at].Claimed)
		}
	}
	c.stats.Store(&all)
	c.lastStat, c.measuring = time.Now(), err
	return err
}

// isMissing looks for entries that are claimed, while Redis has no segment of them. Once
// that is sure they are searched for; it is true for as long as it is not.
func (c *claimer) isMissing(i int, claimed int64) bool {
	state := &c.states[i]
	if state.busy || claimed <= 0 {
		state.missing, state.searched = 0, false
		return false
	}
	if claimed != state.missing {
		state.missing, state.searched = claimed, false
		return true
	}
	if !state.searched {
		state.searched = true
		c.rolledBack()
	}
	return false
}

func pick(sources []*claim.Source, indices []int) []*claim.Source {
	picked := make([]*claim.Source, len(indices))
	for at, i := range indices {
		picked[at] = sources[i]
	}
	return picked
}

// used are the sources that something was ever claimed from.
func (c *claimer) used() []int {
	var used []int
	for i := range c.states {
		if c.states[i].used {
			used = append(used, i)
		}
	}
	return used
}

// sweep removes groups that were not heard of for longer than their own
// group_expiry, so that they hold no memory of Redis for ever.
func (c *claimer) sweep(ctx context.Context, plain []*claim.Source) error {
	grace := longestGrace
	if c.member.Expiry > 0 {
		grace = min(grace, c.member.Expiry/10)
	}
	if time.Since(c.began) < grace || time.Since(c.lastSweep) < expireEvery {
		return c.sweeping
	}
	c.lastSweep = time.Now()
	expired, err := c.store.Expire(ctx, pick(plain, c.used()))
	for key, groups := range expired {
		c.logger.Warn("Removed groups that were not heard of for longer than their group_expiry",
			zap.String("source", key), zap.Strings("groups", groups))
	}
	if c.sweeping = err; err != nil {
		c.lastSweep = time.Now().Add(again - expireEvery)
	}
	return err
}

// checkWhole says aloud when Redis lost entries of a segment, and goes on behind
// them.
func (c *claimer) checkWhole(ctx context.Context, h *holding) error {
	lost := h.Start() - h.Done
	if lost == 0 {
		return nil
	}
	if h.Kept == 0 {
		h.gone.Store(true)
	}
	if err := c.store.Ack(ctx, h.Segment, h.Start(), h.Outcome.Plus(claim.Outcome{Lost: lost})); err != nil {
		h.gone.Store(true) // so that the next look finds it anew
		return err
	}
	c.telemetry.TykredisEntriesLost.Add(ctx, lost)
	c.logger.Error("Redis no longer has claimed entries: was it restarted without persistence, or are keys evicted?",
		zap.String("segment", h.Key()), zap.Int64("entries", lost))
	return nil
}

// leave takes this worker out of the registries.
func (c *claimer) leave(ctx context.Context) error {
	var errs []error
	for _, registry := range c.registries {
		errs = append(errs, registry.Leave(ctx, c.member))
	}
	return errors.Join(errs...)
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
