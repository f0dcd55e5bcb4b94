// Package poll looks at the lists in a rhythm: it claims what is there, renews leases, and
// notes that this process lives.
package poll

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/held"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/pace"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// MaxHeld is how many segments of one source a process leases at once; what
// is beyond stays free for its peers.
const MaxHeld = 16

// quicker is how many times as often lists are looked at while records come.
const quicker = 5

// again is after how long what failed is tried again.
const again = 2 * time.Second

// Settings are what lists are looked at with.
type Settings struct {
	// Store, Sources, Segments, Telemetry, Logger, Health and Watch are the receiver's.
	Store     *claim.Store
	Sources   []*source.Source
	Segments  *held.Segments
	Telemetry *metadata.TelemetryBuilder
	Logger    *zap.Logger
	Health    *health.Health
	Watch     *health.Watch
	// Member is this process, as others see it.
	Member claim.Member
	// Interval is the longest time between two looks.
	Interval time.Duration
	// Together are all receivers of the process, and Arrive tells them of this one.
	Together *Gathering
	Arrive   func()
	// RolledBack is called when Redis has come back in an older state, or has lost which segments there are.
	RolledBack func()
}

// Poller looks at the lists, also while every destination is down.
type Poller struct {
	Settings
	plain  []*claim.Source
	rivals rivals

	// more has a value when there is more to lease than was held.
	more chan struct{}
	full atomic.Bool // a source has as many segments as may be held

	growing bool // the last look found something that somebody had claimed since the one before

	states []state
	// How the last of each went holds until the next.
	visiting                   error
	beating, measuring, sweeps task

	living      map[source.Registry]*living
	measuredAll time.Time
	stats       atomic.Pointer[[]claim.Stat]
	workers     atomic.Int64 // of the group that live
}

// state is what the last look at a source has left to remember.
type state struct {
	entitled bool      // the user has the rights that scripts need
	busy     bool      // something lies there, or it could not be reached
	used     bool      // something was claimed from it, ever
	changed  bool      // since the backlog was measured
	total    int64     // ever claimed
	missing  int64     // claimed and not acknowledged, though nothing lies there
	searched bool      // for those
	retry    time.Time // not before that, after trouble with it alone
}

// rests tells whether a look at that moment leaves the source alone.
func (s *state) rests(now time.Time) bool { return now.Before(s.retry) }

// task is something to be done now and then.
type task struct {
	next time.Time
	err  error // of the last time
}

// do does it if it is due, and sooner again where it fails.
func (t *task) do(every time.Duration, work func() error) error {
	if time.Now().Before(t.next) {
		return t.err
	}
	if t.err = work(); t.err != nil {
		every = min(every, again)
	}
	t.next = time.Now().Add(every)
	return t.err
}

// New prepares looking at lists.
func New(set Settings) *Poller {
	p := &Poller{
		Settings: set, plain: source.Plain(set.Sources),
		rivals: rivals{health: set.Health, logger: set.Logger},
		more:   make(chan struct{}, 1), states: make([]state, len(set.Sources)), living: map[source.Registry]*living{},
	}
	for _, src := range set.Sources {
		p.living[src.Registry] = &living{registry: set.Store.Registry(string(src.Registry)), member: set.Member}
	}
	p.stats.Store(&[]claim.Stat{})
	return p
}

// Run works until ctx is done.
func (p *Poller) Run(ctx context.Context) {
	p.sweeps.next = time.Now().Add(p.grace())
	p.gather(ctx)
	wait, pause := pace.ForRedis(), p.Interval
	for ctx.Err() == nil {
		reached, err := p.look(ctx)
		if ctx.Err() != nil {
			return
		}
		p.Watch.Look()
		p.Health.Note(health.Claiming, nil, err)
		if err != nil && !reached {
			p.beating.next = time.Time{} // whoever answers next may not know of this worker
			wait.Sleep(ctx)
			continue
		}
		wait = pace.ForRedis()
		pause = p.next(pause)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.more:
		}
		timer.Stop()
	}
}

// next is how long to wait for the next look after a pause before the last one: a list that had
// something soon has more, so that records are seen sooner while they come, for no more looks at lists
// without any.
func (p *Poller) next(pause time.Duration) time.Duration {
	if p.growing {
		return p.Interval / quicker
	}
	return min(2*pause, p.Interval)
}

// Worked notes that held segments are done with: where there were more of them, it
// is time for those.
func (p *Poller) Worked() {
	if p.full.Load() {
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

// Stats are what the last look at the backlog found, by source; none before the first.
func (p *Poller) Stats() []claim.Stat { return *p.stats.Load() }

// Workers is how many of the group are known to live.
func (p *Poller) Workers() int64 {
	if p.Health.Away() {
		return 0
	}
	return p.workers.Load()
}

// hangs shows at once that a server does not answer: the rest of a look takes long, too.
func (p *Poller) hangs(err error) {
	if claim.IsLate(err) && !p.Health.Away() {
		p.Health.Note(health.Claiming, nil, err)
	}
}

// look looks for work in all sources, and visits those that have some. It tells
// whether any could be reached: where a server is away, the sources of others go on.
func (p *Poller) look(ctx context.Context) (reached bool, err error) {
	beat := p.beating.do(p.Member.Lease/3, func() error { return p.beat(ctx) })
	now := time.Now() // one moment for all, so that a source is either visited or remembered to be in trouble
	due, live, registry := p.due(ctx, now)
	left := slices.ContainsFunc(p.states, func(s state) bool { return s.rests(now) }) // alone by this look
	groups := make([][]claim.Live, len(due))
	for at, i := range due {
		groups[at] = live[p.Sources[i].Registry]
	}
	visits, err := p.Store.Visit(ctx, pick(p.plain, due), groups)
	p.hangs(err)
	full := false
	p.growing = false
	reached = len(due) == 0
	for at, v := range visits {
		i := due[at]
		state := &p.states[i]
		state.busy, state.changed = v.Failed || v.Segments > 0 || v.Claimed > 0, true
		if v.Failed {
			state.retry = time.Now().Add(min(p.Member.Lease/6, again))
		}
		if v.Claimed > 0 {
			p.Telemetry.TykredisRecordsClaimed.Add(ctx, v.Claimed)
		}
		if v.Err != nil {
			continue // what is held of it stays held as far as anyone knows
		}
		reached, state.used = true, true
		full = full || len(v.Held) >= MaxHeld
		p.growing = p.growing || v.Total > state.total
		p.notice(ctx, i, v.Total)
		if v.Unknown > 0 {
			p.RolledBack() // what lies in them is found again
		}
		for _, s := range p.Segments.Update(i, p.Sources[i], v.Held) {
			if err := p.checkWhole(ctx, s); err != nil {
				return reached, err
			}
		}
	}
	p.full.Store(full)
	if err == nil && left {
		err = p.visiting
	}
	p.visiting = err
	return reached, errors.Join(beat, registry, err,
		p.sweeps.do(sweepEvery, func() error { return p.sweep(ctx) }),
		p.measuring.do(measureEvery, func() error { return p.measure(ctx) }))
}

// due finds the sources to visit, and which groups live, for those that know none. Where that cannot be
// read, a source that may be new waits: what was known before lacks who came since.
func (p *Poller) due(ctx context.Context, now time.Time) (due []int, live map[source.Registry][]claim.Live, err error) {
	others := p.having(func(s *state) bool { return !s.busy })
	some := make([]bool, len(p.states))
	found, err := p.Store.Look(ctx, pick(p.plain, others))
	p.hangs(err)
	for at, i := range others {
		some[i] = found[at]
	}
	fresh := map[source.Registry]bool{} // whether something may be new there
	for i, s := range p.states {
		some[i] = (some[i] || s.busy) && s.entitled && !s.rests(now)
		if of := p.Sources[i].Registry; some[i] {
			fresh[of] = fresh[of] || !s.used
		}
	}
	err = nil // a visit says it, to whomever it matters
	live, unread := map[source.Registry][]claim.Live{}, map[source.Registry]bool{}
	for of, must := range fresh {
		var unknown error
		live[of], unknown = p.living[of].now(ctx, must)
		p.hangs(unknown)
		if unread[of] = unknown != nil; must {
			err = errors.Join(err, unknown)
		}
	}
	for i, s := range p.states {
		if some[i] && (s.used || !unread[p.Sources[i].Registry]) {
			due = append(due, i)
		}
	}
	return due, live, err
}

// having lists the sources of which something is true.
func (p *Poller) having(is func(*state) bool) (all []int) {
	for i := range p.states {
		if is(&p.states[i]) {
			all = append(all, i)
		}
	}
	return all
}

func isUsed(s *state) bool { return s.used }

func pick(sources []*claim.Source, indices []int) []*claim.Source {
	picked := make([]*claim.Source, len(indices))
	for at, i := range indices {
		picked[at] = sources[i]
	}
	return picked
}

// notice says aloud when a source's total has gone back: Redis has lost data that
// it had, and what it lost of unread records nobody can know any more.
func (p *Poller) notice(ctx context.Context, i int, total int64) {
	state := &p.states[i]
	if total < state.total {
		p.Telemetry.TykredisRollbacks.Add(ctx, 1)
		p.Logger.Error("Redis came back with an older state, or with none: records that were waiting in it may be lost",
			zap.String("source", p.Sources[i].Key()), zap.Int64("claimed_before", state.total), zap.Int64("claimed_now", total),
			zap.String("remedy", "switch persistence on (appendonly yes), and let a failover wait for replicas"))
		p.RolledBack()
	}
	state.total = total
}

// checkWhole says aloud when Redis lost entries of a segment, and goes on behind
// them.
func (p *Poller) checkWhole(ctx context.Context, s *held.Segment) error {
	lost := s.Start() - s.Done
	if lost == 0 {
		return nil
	}
	if s.Kept == 0 {
		s.Lose()
	}
	if err := p.Store.Ack(ctx, s.Segment, s.Start(), s.Outcome.Plus(claim.Outcome{Lost: lost})); err != nil {
		s.Lose() // so that the next look finds it anew
		return err
	}
	p.Telemetry.TykredisEntriesLost.Add(ctx, lost)
	p.Logger.Error("Redis no longer has claimed entries: was it restarted without persistence, or are keys evicted?",
		zap.String("segment", s.Key()), zap.Int64("entries", lost))
	return nil
}
