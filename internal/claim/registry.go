package claim

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Registry knows which groups and workers live, of those that read the same lists.
type Registry struct {
	rdb             redis.UniversalClient
	groups, workers string
}

// Member is a worker of a group.
type Member struct {
	// Group and Worker are as in Settings.
	Group, Worker string
	// Lease is how long the worker counts without another heartbeat; members that
	// were read do not tell.
	Lease time.Duration
	// Expiry is how long the group counts without one, 0 for ever; members that were
	// read do not tell.
	Expiry time.Duration
	// Destinations is where the worker delivers to, such as "tyksql#1b2c3d4e"; no blanks,
	// empty for not known.
	Destinations string
}

// Live is a group that counts.
type Live struct {
	Group string
	until int64 // ms by Redis' clock, 0 for ever
}

// Over is whether the group no longer counts, if nothing was heard of it since.
func (l Live) Over(now time.Time) bool { return l.until > 0 && l.until < now.UnixMilli() }

// Registry gives that of some lists: the key prefix of those for requests, or the name
// of another list.
func (s *Store) Registry(lists string) *Registry {
	base := "otelcol-tyk:{registry:" + lists + "}:"
	return &Registry{rdb: s.rdb, groups: base + "groups", workers: base + "workers"}
}

// Heartbeat notes that a member lives, and returns all that do; known is false where Redis says that the member was
// not among them before.
func (r *Registry) Heartbeat(ctx context.Context, m Member) (all []Member, known bool, err error) {
	known, err = heartbeatScript.Run(ctx, r.rdb, []string{r.groups, r.workers},
		m.Group, m.Worker, m.Lease.Milliseconds(), m.Destinations, m.Expiry.Milliseconds()).Bool()
	if err != nil {
		return nil, true, fmt.Errorf("register a worker of group %s: %w", m.Group, err)
	}
	all, err = r.members(ctx, time.Time{}) // who does not live was taken out
	return all, known, err
}

// Members returns the workers that live, by group and worker.
func (r *Registry) Members(ctx context.Context) ([]Member, error) {
	now, err := r.rdb.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("read the registry of workers: %w", err)
	}
	return r.members(ctx, now)
}

// members reads those that live at a time.
func (r *Registry) members(ctx context.Context, now time.Time) ([]Member, error) {
	workers, err := r.rdb.HGetAll(ctx, r.workers).Result()
	if err != nil {
		return nil, fmt.Errorf("read the registry of workers: %w", err)
	}
	all := make([]Member, 0, len(workers))
	for field, value := range workers {
		expires, destinations, _ := strings.Cut(value, " ")
		group, worker, ok := strings.Cut(field, "|") // all but when anybody was last heard of
		if ok && number(expires) >= now.UnixMilli() {
			all = append(all, Member{Group: group, Worker: worker, Destinations: destinations})
		}
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.field(), b.field()) })
	return all, nil
}

// field is where heartbeat.lua keeps the member.
func (m Member) field() string { return m.Group + "|" + m.Worker }

// DeliversElsewhere is whether another member of the same group delivers to other places, as far
// as both know theirs: the two share the records out.
func (m Member) DeliversElsewhere(other Member) bool {
	return m.Group == other.Group && m.Destinations != "" && other.Destinations != "" && m.Destinations != other.Destinations
}

// Groups returns the groups that count, and whether a member is among the workers: where it is not although it
// has registered, the registry has lost more than that.
func (r *Registry) Groups(ctx context.Context, m Member) (groups []Live, known bool, err error) {
	pipe := r.rdb.Pipeline()
	found, worker := pipe.ZRangeWithScores(ctx, r.groups, 0, -1), pipe.HExists(ctx, r.workers, m.field())
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, true, fmt.Errorf("read the registry of groups: %w", err)
	}
	rows := found.Val()
	groups = make([]Live, len(rows))
	for i, row := range rows {
		name, _ := row.Member.(string)
		groups[i] = Live{Group: name}
		if !math.IsInf(row.Score, 1) {
			groups[i].until = int64(row.Score)
		}
	}
	return groups, worker.Val(), nil
}

// Forget takes a group out, so that lists that are new no longer wait for it.
func (r *Registry) Forget(ctx context.Context, group string) error {
	if err := r.rdb.ZRem(ctx, r.groups, group).Err(); err != nil {
		return fmt.Errorf("take group %s out of the registry: %w", group, err)
	}
	return nil
}

// Leave takes a worker out that ends, so that no peer takes it for one that lives.
func (r *Registry) Leave(ctx context.Context, m Member) error {
	if err := r.rdb.HDel(ctx, r.workers, m.field()).Err(); err != nil {
		return fmt.Errorf("take a worker of group %s out of the registry: %w", m.Group, err)
	}
	return nil
}

// Touch notes in every source that was ever used that the worker's group lives, and
// returns how many entries of each were ever claimed; -1 where that is unknown. The first time
// it makes sure that the user has the rights which the other calls need.
func (s *Store) Touch(ctx context.Context, sources []*Source) ([]int64, error) {
	calls := make([]*call, len(sources))
	for i, src := range sources {
		try := 1
		if src.entitled.Load() {
			try = 0
		}
		calls[i] = src.call(touchScript, src.settings.Lease.Milliseconds(), try)
	}
	s.pipelined(ctx, calls)
	totals := make([]int64, len(sources))
	var trouble faults
	for i, src := range sources {
		n, err := calls[i].cmd.Int64()
		if err != nil {
			trouble.add("note at "+src.key+" that the group lives", err)
			n = -1
		}
		src.entitled.Store(n >= 0)
		totals[i] = n
	}
	return totals, trouble.err()
}
