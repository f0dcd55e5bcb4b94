package claim

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ShedEntry stands in a segment for an entry that was shed, so that the entries
// behind it keep their places. It is no beginning of a msgpack map, and no protobuf
// message.
const ShedEntry = "\xc1otelcol-tyk:shed"

// Memory is how full a Redis server is.
type Memory struct {
	// Used is what it uses, Max its limit, 0 without one, in bytes.
	Used, Max int64
	// Policy is what it does at the limit.
	Policy string
}

// Memory asks the server that holds the source.
func (s *Store) Memory(ctx context.Context, src *Source) (Memory, error) {
	server, err := s.server(ctx, src.key)
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory of Redis: %w", err)
	}
	text, err := server.Info(ctx, "memory").Result()
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory of Redis: %w", err)
	}
	var m Memory
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "used_memory":
			m.Used = number(value)
		case "maxmemory":
			m.Max = number(value)
		case "maxmemory_policy":
			m.Policy = value
		}
	}
	return m, nil
}

// ByServer sorts sources by the server that holds them.
func (s *Store) ByServer(ctx context.Context, sources []*Source) ([][]*Source, error) {
	byServer := map[*redis.Client][]*Source{}
	for _, src := range sources {
		server, err := s.server(ctx, src.key)
		if err != nil {
			return nil, fmt.Errorf("find the server of %s: %w", src.key, err)
		}
		byServer[server] = append(byServer[server], src)
	}
	all := make([][]*Source, 0, len(byServer))
	for _, some := range byServer {
		all = append(all, some)
	}
	return all, nil
}

// Footprint is what a segment takes of Redis' memory.
type Footprint struct {
	// Segment is the segment; Done and Outcome are not set.
	Segment
	// Bytes are measured by Redis, and estimated beyond the first samples nodes of the list.
	Bytes int64
}

// samples is how many nodes of a list, of 8 KiB or an entry each, Redis looks at to measure it:
// all but those of more than 1.5 GiB, in some milliseconds at most.
const samples = 200_000

// Footprints tells what each segment of a source takes, oldest first. They are
// measured some at a time.
func (s *Store) Footprints(ctx context.Context, src *Source) ([]Footprint, error) {
	const page = 20
	var all []Footprint
	for from := "-inf"; ; {
		rows, err := s.rdb.ZRangeByScoreWithScores(ctx, src.keys.segments, &redis.ZRangeBy{Min: from, Max: "+inf", Count: page}).Result()
		if err != nil {
			return nil, fmt.Errorf("measure segments of %s: %w", src.key, err)
		}
		if len(rows) == 0 {
			return all, nil
		}
		pipe, err := s.readPipeline(ctx, src.key)
		if err != nil {
			return nil, fmt.Errorf("measure segments of %s: %w", src.key, err)
		}
		lengths, sizes := make([]*redis.IntCmd, len(rows)), make([]*redis.IntCmd, len(rows))
		some := make([]Segment, len(rows))
		for i, row := range rows {
			description, _ := row.Member.(string)
			if some[i], err = src.parseSegment(int64(row.Score), description, 0); err != nil {
				return nil, err
			}
			lengths[i], sizes[i] = pipe.LLen(ctx, some[i].list), pipe.MemoryUsage(ctx, some[i].list, samples)
		}
		// A list that is gone has no size, and one that cannot be read is left to who reads it.
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) && sizes[0].Err() != nil && !errors.Is(sizes[0].Err(), redis.Nil) {
			return nil, fmt.Errorf("measure segments of %s: %w", src.key, err)
		}
		for i := range some {
			some[i].Kept = lengths[i].Val()
			all = append(all, Footprint{Segment: some[i], Bytes: sizes[i].Val()})
		}
		from = "(" + score(rows[len(rows)-1].Score)
	}
}

// DeadBytes is what the dead letters of a source take.
func (s *Store) DeadBytes(ctx context.Context, src *Source) (int64, error) {
	bytes, err := s.rdb.MemoryUsage(ctx, src.keys.dead).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("measure dead letters of %s: %w", src.key, err)
	}
	return bytes, nil
}

// Shed gives up the oldest entries of a segment for all groups, up to, not including, an index, and
// until so many bytes are given up, some at a call. It returns how far it got, how many it shed and their bytes; it is
// over once the first reaches the index.
func (s *Store) Shed(ctx context.Context, g Segment, to, wanted int64) (reached, shed, bytes int64, err error) {
	reply, err := s.numbers(ctx, g.Source.call(shedScript, g.Seq, g.ID, to, wanted), 3)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("shed entries of %s: %w", g.Key(), err)
	}
	return reply[0], reply[1], reply[2], nil
}

// Replace puts entries into the places from an index on; an empty one leaves what is
// there. It returns how many it dealt with, which may be fewer.
func (s *Store) Replace(ctx context.Context, g Segment, from int64, entries []string) (int64, error) {
	args := []any{g.Seq, g.ID, from}
	for _, entry := range entries {
		args = append(args, entry)
	}
	n, err := s.do(ctx, g.Source.call(replaceScript, args...)).Int64()
	if err != nil {
		return 0, fmt.Errorf("replace entries of %s: %w", g.Key(), err)
	}
	return n, nil
}
