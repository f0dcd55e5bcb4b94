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
	groups     []claim.Live // as of the last heartbeat, and who came since
	registered bool
	lost       time.Time // when the registry no longer knew this worker
	unread     time.Time // until when it is not asked for what can do without, after an error
	err        error
}

// beat notes who lives. A registry that has lost this worker has lost others, too, which come back by their own heartbeats: until
// then those count that it had.
func (l *living) beat(ctx context.Context, registry *claim.Registry, known bool, lease time.Duration) error {
	if l.registered && !known {
		l.lost = time.Now()
	}
	l.registered = true
	groups, err := registry.Groups(ctx)
	if err != nil {
		return err
	}
	if time.Since(l.lost) < lease {
		groups = union(groups, l.groups)
	}
	l.groups = groups
	return nil
}

// now are those of this moment, and who was there since the last heartbeat. Where nothing must be new they are
// asked for less often while that fails.
func (l *living) now(ctx context.Context, registry *claim.Registry, must bool) ([]claim.Live, error) {
	if !must && time.Now().Before(l.unread) {
		return l.groups, l.err
	}
	groups, err := registry.Groups(ctx)
	if l.err = err; err != nil {
		l.unread = time.Now().Add(again)
	}
	l.groups = union(groups, l.groups)
	return l.groups, err
}

// union has the groups of both, each once.
func union(a, b []claim.Live) []claim.Live {
	all := slices.Clone(a)
	for _, group := range b {
		if !slices.ContainsFunc(all, func(of claim.Live) bool { return of.Group == group.Group }) {
			all = append(all, group)
		}
	}
	return all
}
