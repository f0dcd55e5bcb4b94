package claim

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed common.lua
	commonLua string
	//go:embed claim.lua
	claimLua string
	//go:embed lease.lua
	leaseLua string
	//go:embed ack.lua
	ackLua string
	//go:embed release.lua
	releaseLua string
	//go:embed bury.lua
	buryLua string
	//go:embed stat.lua
	statLua string
	//go:embed forget.lua
	forgetLua string
	//go:embed clear.lua
	clearLua string
	//go:embed exhume.lua
	exhumeLua string
	//go:embed inspect.lua
	inspectLua string
	//go:embed append.lua
	appendLua string
	//go:embed swap.lua
	swapLua string
	//go:embed abandon.lua
	abandonLua string

	claimScript   = redis.NewScript(commonLua + claimLua)
	leaseScript   = redis.NewScript(commonLua + leaseLua)
	ackScript     = redis.NewScript(commonLua + ackLua)
	releaseScript = redis.NewScript(releaseLua)
	buryScript    = redis.NewScript(commonLua + buryLua)
	statScript    = redis.NewScript(commonLua + statLua)
	forgetScript  = redis.NewScript(commonLua + forgetLua)
	clearScript   = redis.NewScript(clearLua)
	exhumeScript  = redis.NewScript(commonLua + exhumeLua)
	inspectScript = redis.NewScript(commonLua + inspectLua)
	appendScript  = redis.NewScript(appendLua)
	swapScript    = redis.NewScript(swapLua)
	abandonScript = redis.NewScript(abandonLua)
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
}

// NewStore uses rdb, which stays the caller's to close.
func NewStore(rdb redis.UniversalClient) *Store { return &Store{rdb: rdb} }

// Visit is what one look at a source brought.
type Visit struct {
	// Claimed is how many entries were moved into a new segment.
	Claimed int64
	// Held are the segments now leased to this worker, oldest first, but for those
	// that replicas may not have yet (see ErrNotReplicated).
	Held []Segment
	// Total is how many entries of the source were ever claimed, by whomever. It
	// never goes back unless Redis does, to an older state or to none.
	Total int64
	// Err says why Held could not be found out.
	Err error
}

// Visit claims the lists named by fewest (a list with fewer entries than its
// number stays; 0 leaves any list alone), then renews and takes leases, for
// every source in one round trip. The result has one Visit per source. An error
// of one source does not stop the others: their visits are filled, and the
// errors joined.
func (s *Store) Visit(ctx context.Context, sources []*Source, fewest []int) ([]Visit, error) {
	claims := make([]*call, len(sources))
	leases := make([]*call, len(sources))
	calls := make([]*call, 0, 2*len(sources))
	for i, src := range sources {
		if fewest[i] > 0 {
			claims[i] = &call{
				script: claimScript, keys: []string{src.key, src.keys.sequence, src.keys.segments, src.keys.receipts},
				args: []any{src.keys.segment, src.hash, randomPart(), fewest[i], src.settings.ChunkRecords, src.settings.ChunkBytes},
			}
			calls = append(calls, claims[i])
		}
		leases[i] = &call{script: leaseScript, keys: src.leaseKeys(), args: src.leaseArgs()}
		calls = append(calls, leases[i])
	}
	s.pipelined(ctx, calls)

	visits := make([]Visit, len(sources))
	var trouble faults
	for i, src := range sources {
		if claims[i] != nil {
			n, err := claims[i].cmd.Int64()
			if err != nil {
				trouble.add("claim list "+src.key, err)
			}
			visits[i].Claimed = n
		}
		if visits[i].Total, visits[i].Held, visits[i].Err = src.held(leases[i]); visits[i].Err != nil {
			trouble.add("lease segments of "+src.key, visits[i].Err)
		}
	}
	s.replicate(ctx, sources, visits, &trouble)
	return visits, trouble.err()
}

// leaseKeys and leaseArgs are those of the lease script.
func (s *Source) leaseKeys() []string {
	return []string{s.keys.segments, s.keys.leases, s.keys.progress, s.keys.groups, s.keys.receipts}
}

func (s *Source) leaseArgs() []any {
	return []any{
		s.settings.Group, s.settings.Worker, s.settings.Lease.Milliseconds(), s.settings.MaxHeld,
		s.keys.segment, s.settings.GroupExpiry.Milliseconds(),
	}
}

// held reads the reply of the lease script.
func (s *Source) held(lease *call) (total int64, segments []Segment, err error) {
	reply, err := lease.cmd.Slice()
	if err != nil {
		return 0, nil, err
	}
	var rows []any
	if len(reply) == 2 {
		total, _ = reply[0].(int64)
		rows, _ = reply[1].([]any)
	}
	if rows == nil {
		return 0, nil, fmt.Errorf("unexpected reply %v", reply)
	}
	segments = make([]Segment, 0, len(rows))
	for _, row := range rows {
		segment, err := s.parseSegment(row)
		if err != nil {
			return 0, nil, err
		}
		segments = append(segments, segment)
	}
	return total, segments, nil
}

// Read returns the entries from index from up to, not including, index to. The
// entries are counted from the tail, which no acknowledgement of any group
// moves. ErrGone means that Redis has fewer than that.
func (s *Store) Read(ctx context.Context, g Segment, from, to int64) ([]string, error) {
	return s.ReadInto(ctx, g, from, to, make([]string, 0, to-from), new(Blocks))
}

// ReadInto is Read that appends to entries, whose memory it takes from blocks.
func (s *Store) ReadInto(ctx context.Context, g Segment, from, to int64, entries []string, blocks *Blocks) ([]string, error) {
	before := len(entries)
	entries, err := lrange(ctx, s.rdb, g.Key(), from-g.Count, to-1-g.Count, entries, blocks)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", g.Key(), err)
	}
	if n := len(entries) - before; int64(n) != to-from {
		return nil, fmt.Errorf("read %s: %d of %d entries: %w", g.Key(), n, to-from, ErrGone)
	}
	return entries, nil
}

// Shortfall counts entries that an acknowledgement passes without a delivery.
type Shortfall struct {
	// Lost were no longer in Redis when they were to be read.
	Lost int64
	// Gone gave way, see Gone.
	Gone int64
	// Dead are dead letters.
	Dead int64
}

// Ack records that the group is done with the first done entries of a segment.
// ErrLeaseLost means that nothing was recorded.
func (s *Store) Ack(ctx context.Context, g Segment, done int64, short Shortfall) error {
	k := g.Source.keys
	ok, err := s.run(ctx, ackScript, []string{k.segments, k.leases, k.progress, k.groups, g.Key(), k.receipts, k.marks},
		g.Source.settings.Group, g.Source.settings.Worker, g.Seq, done, short.Lost, short.Gone, short.Dead, g.ID).Int64()
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
	calls := make([]*call, len(sources))
	for i, src := range sources {
		calls[i] = &call{script: releaseScript, keys: []string{src.keys.leases}, args: []any{src.settings.Group, src.settings.Worker}}
	}
	s.pipelined(ctx, calls)
	var trouble faults
	for i, src := range sources {
		if err := calls[i].cmd.Err(); err != nil {
			trouble.add("release segments of "+src.key, err)
		}
	}
	return trouble.err()
}

// Bury keeps letters, all of one source. Letters already kept are left alone.
// It returns how many are new, and how many old ones gave way to the limit.
func (s *Store) Bury(ctx context.Context, src *Source, letters []Letter) (kept, dropped int64, err error) {
	args := make([]any, 0, 2+2*len(letters))
	args = append(args, src.settings.Group, src.settings.MaxDead)
	for _, letter := range letters {
		body, err := letter.encode()
		if err != nil {
			return 0, 0, fmt.Errorf("bury %s: %w", letter.UID, err)
		}
		args = append(args, letter.UID, body)
	}
	reply, err := s.run(ctx, buryScript, []string{src.keys.dead, src.keys.deadOrder, src.keys.receipts}, args...).Int64Slice()
	if err != nil {
		return 0, 0, fmt.Errorf("bury %d entries of %s: %w", len(letters), src.key, err)
	}
	if len(reply) != 2 {
		return 0, 0, fmt.Errorf("bury %d entries of %s: unexpected reply %v", len(letters), src.key, reply)
	}
	return reply[0], reply[1], nil
}

// Stat is what waits for a group at one source.
type Stat struct {
	// Unclaimed entries lie in the source list.
	Unclaimed int64
	// Claimed entries lie in segments and are not acknowledged.
	Claimed int64
	// OldestAge is how long the oldest segment with such entries has been claimed.
	OldestAge time.Duration
	// Dead is the number of dead letters, of all groups.
	Dead int64
	// Receipts tell what became of everything that the group was to see.
	Receipts Receipts
}

// Receipts count entries since the group began, over all its workers. Once
// nothing is claimed and not acknowledged, Seen is the sum of the others.
type Receipts struct {
	// Seen were claimed, by whomever, for the group to see.
	Seen int64
	// Delivered were taken by every pipeline.
	Delivered int64
	// Gone gave way to a bound on the backlog.
	Gone int64
	// Dead became dead letters.
	Dead int64
	// Lost were no longer in Redis when they were to be read.
	Lost int64
}

// Stats looks at every source in one round trip; the result has one Stat per source.
func (s *Store) Stats(ctx context.Context, sources []*Source) ([]Stat, error) {
	calls := make([]*call, len(sources))
	for i, src := range sources {
		calls[i] = &call{
			script: statScript, keys: []string{src.key, src.keys.segments, src.keys.progress, src.keys.dead, src.keys.receipts},
			args: []any{src.settings.Group},
		}
	}
	s.pipelined(ctx, calls)
	stats := make([]Stat, len(sources))
	var trouble faults
	for i, src := range sources {
		reply, err := calls[i].cmd.Int64Slice()
		if err == nil && len(reply) != 9 {
			err = fmt.Errorf("unexpected reply %v", reply)
		}
		if err != nil {
			trouble.add("read the backlog of "+src.key, err)
			continue
		}
		stats[i] = Stat{
			Unclaimed: reply[0], Claimed: reply[1], OldestAge: time.Duration(reply[2]) * time.Millisecond, Dead: reply[3],
			Receipts: Receipts{Seen: reply[4], Delivered: reply[5] - reply[6] - reply[7] - reply[8], Dead: reply[6], Lost: reply[7], Gone: reply[8]},
		}
	}
	if err := trouble.err(); err != nil {
		return nil, err
	}
	return stats, nil
}

// run calls one script, loading it where Redis does not know it.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) *redis.Cmd {
	return script.Run(ctx, s.rdb, keys, args...)
}
