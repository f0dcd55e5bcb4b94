package poll

import (
	"context"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// living are the groups of a registry that live, for sources that know none because they are new, or because Redis has lost them.
// A group that is off never sees what is claimed without it.
type living struct {
	registry *claim.Registry
	member   claim.Member

	groups     []claim.Live // as they were read last
	missing    []claim.Live // that the registry had before it lost this worker; others come back by their own heartbeats, and who is off does not
	registered bool
	unread     time.Time // until when it is not asked for what can do without, after an error
	err        error
}

// beat notes that this worker lives, and returns all workers that do.
func (l *living) beat(ctx context.Context) ([]claim.Member, error) {
	members, known, err := l.registry.Heartbeat(ctx, l.member)
	l.note(known)
	l.registered = l.registered || err == nil || !known // also where only the others could not be read
	if err != nil {
		return nil, err
	}
	return members, l.read(ctx)
}

// now are those that live. Where nothing must be new they are asked for less often while that fails.
func (l *living) now(ctx context.Context, must bool) ([]claim.Live, error) {
	if must || time.Now().After(l.unread) {
		if l.err = l.read(ctx); l.err != nil {
			l.unread = time.Now().Add(l.member.Lease / 3)
		}
	}
	return union(l.groups, l.missing), l.err
}

func (l *living) read(ctx context.Context) error {
	groups, known, err := l.registry.Groups(ctx, l.member)
	if err != nil {
		return err
	}
	l.note(known)
	l.groups = groups
	l.missing = slices.DeleteFunc(l.missing, func(of claim.Live) bool { return of.Over(time.Now()) || has(groups, of) })
	return nil
}

// note remembers whom the registry had, once it no longer has this worker.
func (l *living) note(known bool) {
	if l.registered && !known {
		l.missing = union(l.missing, l.groups)
	}
}

// union has the groups of both, each once.
func union(a, b []claim.Live) []claim.Live {
	all := slices.Clone(a)
	for _, group := range b {
		if !has(all, group) {
			all = append(all, group)
		}
	}
	return all
}

func has(groups []claim.Live, group claim.Live) bool {
	return slices.ContainsFunc(groups, func(of claim.Live) bool { return of.Group == group.Group })
}
