package claim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrLeaseLost says that a segment is another worker's by now; what was
// delivered of it without an acknowledgement is delivered again by that worker.
var ErrLeaseLost = errors.New("the segment's lease is another worker's by now")

// ErrGone says that Redis no longer has entries that were claimed and not acknowledged.
var ErrGone = errors.New("redis no longer has the segment's entries")

// Store runs the protocol's verbs on one Redis for all sources of a worker.
// All methods may be called at once from several goroutines.
type Store struct {
	rdb        redis.UniversalClient
	replicated replicated
	followers  followers
}

// NewStore uses rdb, which stays the caller's to close.
func NewStore(rdb redis.UniversalClient) *Store {
	return &Store{rdb: rdb, followers: followers{of: map[string]following{}, hold: replacing}}
}

// Visit is what one visit to a source brought.
type Visit struct {
	// Claimed is how many entries were claimed.
	Claimed int64
	// Held are the segments now leased to this worker, oldest first, as far as
	// replicas have them (see ErrNotReplicated).
	Held []Segment
	// Total is how many entries of the source were ever claimed, by whomever. It
	// never goes back unless Redis does, to an older state or to none.
	Total int64
	// Segments is how many there are, of all groups.
	Segments int64
	// Unknown is how many segments the group waited for that Redis does not know any more.
	Unknown int64
	// Err says why Held could not be found out.
	Err error
	// Failed is whether anything went wrong with the source.
	Failed bool
}

// Visit claims what lies in the sources' lists, then renews and takes leases, for
// all of them in one round trip. The result has one Visit per source. An error of
// one source does not stop the others: their visits are filled, and the errors
// joined. Beside the worker's own, the groups of a source see what its list has where it knows
// none, since it was never claimed before or Redis has lost them; without any, nil will do.
func (s *Store) Visit(ctx context.Context, sources []*Source, groups [][]Live) ([]Visit, error) {
	claims := make([]*call, len(sources))
	leases := make([]*call, len(sources))
	calls := make([]*call, 0, 2*len(sources))
	for i, src := range sources {
		live := []any{src.settings.Group, 0}
		if !src.isReplay && groups != nil {
			for _, group := range groups[i] {
				live = append(live, group.Group, group.until)
			}
		}
		claims[i] = src.call(claimScript, append([]any{src.settings.Lease.Milliseconds(), src.hash, randomPart()}, live...)...)
		leases[i] = src.lease(false, live...)
		calls = append(calls, claims[i], leases[i])
	}
	s.pipelined(ctx, calls)

	visits := make([]Visit, len(sources))
	var trouble faults
	for i, src := range sources {
		claimed, err := claims[i].cmd.Int64()
		if err != nil {
			trouble.add("claim list "+src.key, err)
		}
		visit, leaving := src.held(leases[i])
		visit.Claimed = claimed
		visit.Failed = err != nil || visit.Err != nil
		visits[i] = visit
		if visits[i].Err != nil {
			trouble.add("lease segments of "+src.key, visits[i].Err)
		}
		if leaving {
			if _, err := s.forget(ctx, src, src.settings.Group); err != nil {
				trouble.add("remove what is left of the group", err)
			}
		}
	}
	s.replicate(ctx, sources, visits, &trouble)
	return visits, trouble.err()
}

// lease is the call that renews and takes leases. It writes only where that is due,
// unless it must. Live are the groups that join a source which knows none.
func (s *Source) lease(must bool, live ...any) *call {
	force := 0
	if must {
		force = 1
	}
	set := s.settings
	return s.call(leaseScript, append([]any{set.Lease.Milliseconds(), set.Worker, set.MaxHeld, set.GroupExpiry.Milliseconds(), force}, live...)...)
}

// held reads the reply of the lease script; leaving says that the group must be
// removed before it may begin anew.
func (s *Source) held(lease *call) (v Visit, leaving bool) {
	var reply struct {
		Total, Segments, Unknown int64
		Leaving                  bool
		Held                     []struct {
			Seq, Kept             int64
			Description, Progress string
		}
	}
	if err := lease.decode(&reply); err != nil {
		return Visit{Err: err}, false
	}
	v = Visit{Total: reply.Total, Segments: reply.Segments, Unknown: reply.Unknown, Held: make([]Segment, 0, len(reply.Held))}
	for _, row := range reply.Held {
		segment, err := s.parseSegment(row.Seq, row.Description, row.Kept)
		if err != nil {
			return Visit{Err: err}, false
		}
		segment.setProgress(row.Progress)
		v.Held = append(v.Held, segment)
	}
	return v, reply.Leaving
}

// Look tells which of the sources have entries or segments, as cheaply as that can
// be. Those of which it cannot be found out may have some, and the error says why.
func (s *Store) Look(ctx context.Context, sources []*Source) ([]bool, error) {
	_, cluster := s.rdb.(*redis.ClusterClient)
	together := map[string][]int{} // what one command may ask for
	for i, src := range sources {
		tag := ""
		if cluster {
			tag = src.tag
		}
		together[tag] = append(together[tag], i)
	}
	groups, each := slices.Collect(maps.Values(together)), [][]int{}
	some := make([]bool, len(sources))
	counts, err := s.existing(ctx, sources, groups)
	for at, n := range counts {
		for _, i := range groups[at] {
			some[i] = n != 0
			if n > 0 {
				each = append(each, []int{i})
			}
		}
	}
	counts, unsure := s.existing(ctx, sources, each)
	for at, n := range counts {
		some[each[at][0]] = n != 0
	}
	return some, errors.Join(err, unsure)
}

// existing counts the lists and segments that there are in each of some groups of sources;
// -1 where that could not be found out.
func (s *Store) existing(ctx context.Context, sources []*Source, groups [][]int) (counts []int64, err error) {
	pipes, found := map[*redis.Client]redis.Pipeliner{}, make([]*redis.IntCmd, len(groups))
	for at, group := range groups {
		server, away := s.server(ctx, sources[group[0]].key)
		if away != nil {
			found[at] = redis.NewIntCmd(ctx)
			found[at].SetErr(away)
			continue
		}
		if pipes[server] == nil {
			pipes[server] = server.Pipeline()
		}
		var keys []string
		for _, i := range group {
			keys = append(keys, sources[i].key, sources[i].keys.segments)
		}
		found[at] = pipes[server].Exists(ctx, keys...)
	}
	var servers sync.WaitGroup
	for _, pipe := range pipes {
		servers.Go(func() { send(ctx, pipe) })
	}
	servers.Wait()
	counts = make([]int64, len(groups))
	for at, cmd := range found {
		if counts[at] = cmd.Val(); cmd.Err() != nil {
			counts[at], err = -1, cmd.Err()
		}
	}
	return counts, wrap(err, "look for entries")
}

// mostJoined is the most entries of a segment that others join, as common.lua has it.
const mostJoined = 4000

// leastEven is how many entries are worth a look at their sizes first.
const leastEven = 100

// Ahead is what the reader of a segment knows of the entries that come next. The zero
// value knows nothing yet.
type Ahead struct {
	end  int64 // before which it holds
	each int64 // about the bytes of an entry, where none is much bigger than others; else 0
}

// Read returns entries of a segment from an index on: at most so many, of at most
// about so many bytes, and one at least. ErrGone means that Redis has nothing there.
func (s *Store) Read(ctx context.Context, g Segment, ahead *Ahead, from, entries int64, bytes int) ([]string, error) {
	if even, err := s.readEven(ctx, g, ahead, from, entries, bytes); err != nil || len(even) > 0 {
		return even, err
	}
	pages, err := s.do(ctx, g.Source.call(readScript, g.Seq, g.ID, from, entries, bytes)).Slice()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", g.Key(), err)
	}
	var all []string
	for _, page := range pages {
		some, _ := page.([]any)
		all = slices.Grow(all, len(some))
		for _, entry := range some {
			text, ok := entry.(string)
			if !ok {
				return nil, fmt.Errorf("read %s from %d: unexpected reply %v", g.Key(), from, entry)
			}
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read %s from %d: %w", g.Key(), from, ErrGone)
	}
	return all, nil
}

// readEven is Read of entries that Redis knows to be of even sizes, and of no others. It
// asks once for all of them.
func (s *Store) readEven(ctx context.Context, g Segment, ahead *Ahead, from, entries int64, bytes int) ([]string, error) {
	if from >= ahead.end {
		if entries < leastEven {
			return nil, nil
		}
		even, err := s.even(ctx, g, from, entries)
		if err != nil {
			return nil, err
		}
		if *ahead = (Ahead{end: from + entries}); len(even) == 2 {
			*ahead = Ahead{end: from + even[0], each: max(even[1], 1)}
		}
	}
	if ahead.each == 0 {
		return nil, nil
	}
	n := max(min(entries, ahead.end-from, int64(bytes)/ahead.each), 1)
	// The end of a segment stays where it is, while others take from its head.
	first := from - g.Count
	all, err := s.rdb.LRange(ctx, g.Key(), first, first+n-1).Result()
	if err != nil {
		return nil, wrap(err, "read %s", g.Key())
	}
	if int64(len(all)) != n {
		return nil, nil // the head has left the segment meanwhile
	}
	if g.Count <= mostJoined {
		// Unless more has joined: it never becomes less, so that the end was there if it still is.
		if same, err := s.even(ctx, g, from, 0); err != nil || len(same) == 0 {
			*ahead = Ahead{end: ahead.end}
			return nil, err
		}
	}
	return all, nil
}

// even asks whether so many entries from an index on are of even sizes, or, of none,
// only whether the segment has as many as g says.
func (s *Store) even(ctx context.Context, g Segment, from, entries int64) ([]int64, error) {
	reply, err := s.do(ctx, g.Source.call(evenScript, g.Seq, g.ID, from, entries, g.Count)).Int64Slice()
	return reply, wrap(err, "read %s", g.Key())
}

// wrap says what could not be done; it returns nil where nothing went wrong.
func wrap(err error, what string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(what+": %w", append(args, err)...)
}

// Ack records that the group is done with the first done entries of a segment, and
// what became of them. ErrLeaseLost means that nothing was recorded.
func (s *Store) Ack(ctx context.Context, g Segment, done int64, outcome Outcome) error {
	ok, err := s.do(ctx, g.Source.call(ackScript, g.Source.settings.Worker, g.Seq, g.ID, done,
		outcome.Delivered, outcome.Dead, outcome.Lost, outcome.Shed)).Int64()
	if err != nil {
		return fmt.Errorf("acknowledge %d of %s: %w", done, g.Key(), err)
	}
	if ok == 0 {
		return fmt.Errorf("acknowledge %d of %s: %w", done, g.Key(), ErrLeaseLost)
	}
	return nil
}

// Release gives back all leases that the worker has of the sources, also those
// that no Visit has shown it because it was cut short.
func (s *Store) Release(ctx context.Context, sources []*Source) error {
	from := map[*Source]string{}
	for _, src := range sources {
		from[src] = ""
	}
	var trouble faults
	for len(from) > 0 {
		var calls []*call
		var of []*Source
		for src, at := range from {
			of = append(of, src)
			calls = append(calls, src.call(releaseScript, src.settings.Worker, at))
		}
		s.pipelined(ctx, calls)
		for i, src := range of {
			next, err := calls[i].cmd.Text()
			if err != nil {
				trouble.add("release segments of "+src.key, err)
			}
			if from[src] = next; next == "" {
				delete(from, src)
			}
		}
	}
	return trouble.err()
}

// Stat is what a look at a source finds.
type Stat struct {
	// Unclaimed entries lie in the source list.
	Unclaimed int64
	// Claimed entries are claimed and not acknowledged.
	Claimed int64
	// OldestAge is how long the oldest of these has waited for the group.
	OldestAge time.Duration
	// Dead is the number of dead letters, of all groups.
	Dead int64
	// Receipts are the group's.
	Receipts Receipts
	// Err says why nothing of it could be found out.
	Err error
}

// Receipts count entries since the group began, over all its workers. Once
// nothing is claimed and not acknowledged, Seen is the sum of the others.
type Receipts struct {
	// Seen were claimed, by whomever, for the group to see.
	Seen int64
	// Outcome is what became of them.
	Outcome
}

// Stats looks at every source in one round trip; the result has one Stat per source. An
// error of one source does not stop the others.
func (s *Store) Stats(ctx context.Context, sources []*Source) ([]Stat, error) {
	calls := make([]*call, len(sources))
	for i, src := range sources {
		calls[i] = src.call(statScript)
	}
	s.pipelined(ctx, calls)
	stats := make([]Stat, len(sources))
	var trouble faults
	for i, src := range sources {
		reply, err := calls[i].numbers(9)
		if err != nil {
			stats[i].Err = err
			trouble.add("read the backlog of "+src.key, err)
			continue
		}
		stats[i] = Stat{
			Unclaimed: reply[0], Claimed: reply[1], OldestAge: time.Duration(reply[2]) * time.Millisecond, Dead: reply[3],
			Receipts: Receipts{Seen: reply[4], Outcome: Outcome{Delivered: reply[5], Dead: reply[6], Lost: reply[7], Shed: reply[8]}},
		}
	}
	return stats, trouble.err()
}

// Newest is the last entry that was claimed from a source; ErrGone where there is none.
func (s *Store) Newest(ctx context.Context, src *Source) (string, error) {
	newest, err := s.rdb.ZRangeWithScores(ctx, src.keys.segments, -1, -1).Result()
	if err != nil || len(newest) == 0 {
		return "", wrap(errors.Join(err, ErrGone), "read the newest entry of %s", src.key)
	}
	description, _ := newest[0].Member.(string)
	g, err := src.parseSegment(int64(newest[0].Score), description, 0)
	if err != nil {
		return "", err
	}
	entries, err := s.rdb.LRange(ctx, g.Key(), -1, -1).Result()
	if err != nil || len(entries) == 0 {
		return "", wrap(errors.Join(err, ErrGone), "read the newest entry of %s", src.key)
	}
	return entries[0], nil
}
