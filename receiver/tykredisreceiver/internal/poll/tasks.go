package poll

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

const (
	// measureEvery is how often the backlog is looked at where something happens, for
	// metrics only, and idleMeasureEvery where nothing does.
	measureEvery, idleMeasureEvery = 2 * time.Second, 30 * time.Second
	// sweepEvery is how often groups are looked for that nobody works for any more.
	sweepEvery = time.Minute
	// longestGrace is how long a process has run at most before it removes groups:
	// where everything was off, the others need time to come back too.
	longestGrace = time.Hour
)

// beat notes that this worker and its group live, well before that is in doubt.
func (p *Poller) beat(ctx context.Context) error {
	var registered error
	var all []claim.Member
	for _, l := range p.living {
		members, err := l.beat(ctx)
		if err != nil {
			p.hangs(err)
			registered = errors.Join(registered, err)
			continue
		}
		all = append(all, members...)
		mine := int64(0)
		for _, m := range members {
			if m.Group == p.Member.Group {
				mine++
			}
		}
		p.workers.Store(mine)
	}
	if registered == nil {
		p.rivals.note(p.Member, all)
	}
	totals, err := p.Store.Touch(ctx, p.plain)
	p.hangs(err)
	for i, total := range totals {
		if total >= 0 {
			p.notice(ctx, i, total)
			p.states[i].entitled = true
			p.states[i].used = p.states[i].used || total > 0
		}
	}
	return errors.Join(registered, err)
}

// measure looks at the backlog of the sources that something happens in, and now
// and then at that of all others that were ever used.
func (p *Poller) measure(ctx context.Context) error {
	idleToo := time.Since(p.measuredAll) >= idleMeasureEvery
	due := p.having(func(s *state) bool { return s.used && (s.changed || s.busy || idleToo) })
	if len(due) == 0 {
		return nil
	}
	if idleToo {
		p.measuredAll = time.Now()
	}
	stats, err := p.Store.Stats(ctx, pick(p.plain, due))
	all := make([]claim.Stat, len(p.plain))
	copy(all, p.Stats())
	for at, i := range due {
		if stats[at].Err == nil {
			all[i] = stats[at]
			p.states[i].changed = p.isMissing(i, stats[at].Claimed)
		}
	}
	p.stats.Store(&all)
	return err
}

// isMissing looks for entries that are claimed, while Redis has no segment of them. Once
// that is sure they are searched for; it is true for as long as it is not.
func (p *Poller) isMissing(i int, claimed int64) bool {
	state := &p.states[i]
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
		p.RolledBack()
	}
	return false
}

// grace is how long a process runs before it removes groups.
func (p *Poller) grace() time.Duration {
	if p.Member.Expiry > 0 {
		return min(longestGrace, p.Member.Expiry/10)
	}
	return longestGrace
}

// sweep removes groups that were not heard of for longer than their own
// group_expiry, so that they hold no memory of Redis for ever.
func (p *Poller) sweep(ctx context.Context) error {
	expired, err := p.Store.Expire(ctx, pick(p.plain, p.having(isUsed)))
	for key, groups := range expired {
		p.Logger.Warn("Removed groups that were not heard of for longer than their group_expiry",
			zap.String("source", key), zap.Strings("groups", groups))
	}
	return err
}

// Leave gives the leases back, for peers that need not wait then, and takes this worker out
// of the registries. It is called when Run is over.
func (p *Poller) Leave(ctx context.Context) {
	if err := p.Store.Release(ctx, p.plain); err != nil && len(p.having(isUsed)) > 0 {
		// Not a failed shutdown: the leases expire by themselves.
		p.Logger.Warn("Leases could not be given back; peers wait until they expire",
			zap.Duration("lease", p.Member.Lease), zap.Error(err))
	}
	for _, l := range p.living {
		if err := l.registry.Leave(ctx, p.Member); err != nil {
			p.Logger.Debug("The registry goes on naming this process until its lease has run out", zap.Error(err))
		}
	}
}
