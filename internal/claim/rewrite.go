package claim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Gone stands in a segment for an entry that gave way, so that the entries
// behind it keep their places. It is no beginning of a msgpack map, and no
// protobuf message.
const Gone = "\xc1otelcol-tyk:gone"

// rewriteLock is how long a worker that dies while it rewrites keeps its peers
// from doing so.
const rewriteLock = time.Minute

// ErrBusy says that a peer rewrites a segment of the source at the moment, or has
// done so since it was measured.
var ErrBusy = errors.New("a peer rewrites segments of the source")

// Footprint is what a segment takes of Redis' memory.
type Footprint struct {
	// Segment is the segment; Done is not set.
	Segment
	// Bytes are estimated by Redis from a sample of the entries.
	Bytes int64
	// Mark is what the last Rewrite left, 0 without one.
	Mark int
}

// Footprints tells what each segment of a source takes, oldest first.
func (s *Store) Footprints(ctx context.Context, src *Source) ([]Footprint, error) {
	fail := func(err error) ([]Footprint, error) {
		return nil, fmt.Errorf("measure segments of %s: %w", src.key, err)
	}
	rows, err := s.rdb.ZRangeWithScores(ctx, src.keys.segments, 0, -1).Result()
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	marks, err := s.rdb.HGetAll(ctx, src.keys.marks).Result()
	if err != nil {
		return fail(err)
	}
	lengths, sizes := make([]*redis.IntCmd, len(rows)), make([]*redis.IntCmd, len(rows))
	pipe, err := s.readPipeline(ctx, src.key)
	if err != nil {
		return fail(err)
	}
	const samples = 50
	for i, row := range rows {
		key := src.keys.segment + strconv.FormatInt(int64(row.Score), 10)
		lengths[i] = pipe.LLen(ctx, key)
		sizes[i] = pipe.MemoryUsage(ctx, key, samples)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return fail(err)
	}
	var all []Footprint
	for i, row := range rows {
		segment, err := src.parseSegment([]any{int64(row.Score), row.Member, int64(0), lengths[i].Val()})
		if err != nil {
			return fail(err)
		}
		all = append(all, Footprint{Segment: segment, Bytes: sizes[i].Val(), Mark: int(number(marks[strconv.FormatInt(segment.Seq, 10)]))})
	}
	return all, nil
}

// MaxMemory is Redis' own limit in bytes, 0 without one.
func (s *Store) MaxMemory(ctx context.Context) (int64, error) {
	config, err := s.rdb.ConfigGet(ctx, "maxmemory").Result()
	if err != nil {
		return 0, fmt.Errorf("read maxmemory: %w", err)
	}
	return number(config["maxmemory"]), nil
}

// Rewrite replaces each entry of a segment by what change makes of it, in one
// step at the end, and leaves the mark. Indices and identities stay. Workers that
// read the segment meanwhile see the old entries or the new ones. ErrBusy means
// that nothing was done, and that what was measured no longer holds.
func (s *Store) Rewrite(ctx context.Context, measured Footprint, mark int, change func(entry string) string) error {
	fail := func(err error) error { return fmt.Errorf("rewrite %s: %w", measured.Key(), err) }
	keys, token := measured.Source.keys, randomPart()
	lock, temporary := keys.marks+":lock", measured.Key()+":copy:"+token
	ok, err := s.rdb.SetNX(ctx, lock, token, rewriteLock).Result()
	if err != nil {
		return fail(err)
	}
	if !ok {
		return fail(ErrBusy)
	}
	if err := s.copySegment(ctx, measured.Segment, copying{lock: lock, token: token, key: temporary}, change); err != nil {
		_ = s.run(context.WithoutCancel(ctx), abandonScript, []string{temporary, lock}, token).Err() // both expire by themselves otherwise
		return fail(err)
	}
	done, err := s.run(ctx, swapScript, []string{measured.Key(), temporary, keys.marks, lock}, measured.Seq, measured.Mark, mark, token).Int64()
	if err != nil {
		return fail(err)
	}
	if done == 0 {
		return fail(ErrBusy)
	}
	return nil
}

// copying is a copy under way.
type copying struct {
	key         string
	lock, token string // the token is in the lock while it is this worker's
}

// copySegment writes the changed entries, from where the segment begins now.
func (s *Store) copySegment(ctx context.Context, g Segment, to copying, change func(string) string) error {
	const page = 500
	length := 0
	for from := g.Count - g.Kept; from < g.Count; from += page {
		entries, err := s.rdb.LRange(ctx, g.Key(), from-g.Count, min(from+page, g.Count)-1-g.Count).Result()
		if err != nil {
			return err
		}
		changed := make([]any, len(entries))
		for i, entry := range entries {
			changed[i] = change(entry)
		}
		if len(changed) == 0 {
			continue // acknowledged by all groups meanwhile
		}
		ok, err := s.run(ctx, appendScript, []string{to.key, to.lock}, append([]any{length, rewriteLock.Milliseconds(), to.token}, changed...)...).Int64()
		if err != nil {
			return err
		}
		if ok == 0 {
			return fmt.Errorf("the copy of %d entries, or its lock, is gone: %w", length, ErrBusy)
		}
		length += len(changed)
	}
	return nil
}
