//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// group is one of the groups of a run, and where its records go.
type group struct {
	name  string
	store store

	mu sync.Mutex // guards the fields below
	// since is from when on every push must reach the store: when the group was
	// known to Redis at each list. What was pushed before may be missing, and is
	// stored at most once like everything else.
	since time.Time
	// forgotten is how often the group was removed.
	forgotten int
}

// joined notes that Redis knows the group from now on.
func (g *group) joined() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since = time.Now()
}

func (g *group) wasForgotten() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.forgotten > 0
}

// mustHave is whether the flush was pushed when the group was known.
func (g *group) mustHave(f *flush) bool { return !g.since.IsZero() && f.begun.After(g.since) }

// books are the protocol's state in Redis, for all lists.
type books struct {
	store   *claim.Store
	sources []*claim.Source
}

func newBooks(rdb redis.UniversalClient, lists []string) *books {
	b := &books{store: claim.NewStore(rdb)}
	for _, list := range lists {
		b.sources = append(b.sources, claim.NewSource(list, claim.Settings{}))
	}
	return b
}

// inspect reads all of it.
func (b *books) inspect(ctx context.Context) ([]claim.Report, error) {
	var reports []claim.Report
	for _, src := range b.sources {
		report, err := b.store.Inspect(ctx, src)
		if err != nil {
			return nil, err
		}
		reports = append(reports, report)
	}
	return reports, nil
}

// waitJoined waits until Redis knows the group, at every list that was ever used.
func (b *books) waitJoined(ctx context.Context, g *group) error {
	err := retry(ctx, "group "+g.name+" to join", func(ctx context.Context) error {
		known, _, err := b.store.Registry("analytics-").Groups(ctx, claim.Member{})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(known, func(of claim.Live) bool { return of.Group == g.name }) {
			return errors.New("it is not registered yet")
		}
		reports, err := b.inspect(ctx)
		if err != nil {
			return err
		}
		for _, report := range reports {
			if len(report.Groups) > 0 && !slices.ContainsFunc(report.Groups, func(r claim.GroupReport) bool { return r.Name == g.name }) {
				return fmt.Errorf("it has not looked at %s yet", report.Source)
			}
		}
		return nil
	})
	if err == nil {
		g.joined()
	}
	return err
}

// forget removes the group at every list.
func (b *books) forget(ctx context.Context, g *group) error {
	for _, src := range b.sources {
		err := retry(ctx, "forget group "+g.name, func(ctx context.Context) error {
			_, err := b.store.Forget(ctx, src, g.name)
			return err
		})
		if err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgotten++
	return nil
}

// backlog is what waits for groups that somebody works for.
type backlog struct {
	entries int64 // in lists and segments
	steps   int64 // that any group has yet to take: it falls with all progress
}

func (b *books) backlog(ctx context.Context) (backlog, error) {
	reports, err := b.inspect(ctx)
	if err != nil {
		return backlog{}, err
	}
	var waits backlog
	for _, report := range reports {
		waits.entries += report.Unclaimed
		waits.steps += report.Unclaimed * int64(1+len(report.Groups))
		for _, segment := range report.Segments {
			left := int64(0)
			for _, g := range report.Groups {
				if g.Name != groupAway {
					left += segment.Count - segment.Progress[g.Name]
				}
			}
			waits.steps += left
			if left > 0 || len(report.Groups) == 0 {
				waits.entries += segment.Count
			}
		}
	}
	return waits, nil
}
