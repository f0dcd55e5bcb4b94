package claim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Claimed is what a search of Redis for claimed entries finds.
type Claimed struct {
	// Lists are the gateway's lists that have segments, by key.
	Lists map[string]bool
	// orphans are segment lists that may belong to no segment, by the source's key.
	orphans map[string][]string
}

// Find searches all keys for claimed entries, in small steps with a pause after each.
func (s *Store) Find(ctx context.Context, pause time.Duration) (*Claimed, error) {
	found := &Claimed{Lists: map[string]bool{}, orphans: map[string][]string{}}
	var mu sync.Mutex // guards found: masters are searched at once
	search := func(ctx context.Context, server *redis.Client) error {
		const step = 200
		for cursor := uint64(0); ; {
			keys, next, err := server.Scan(ctx, cursor, "otelcol-tyk:{*}:*seg*", step).Result()
			if err != nil {
				return fmt.Errorf("search Redis for claimed entries: %w", err)
			}
			mu.Lock()
			for _, key := range keys {
				found.add(key)
			}
			mu.Unlock()
			if cursor = next; cursor == 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
	}
	var err error
	switch rdb := s.rdb.(type) {
	case *redis.ClusterClient:
		err = rdb.ForEachMaster(ctx, search)
	case *redis.Client:
		err = search(ctx, rdb)
	}
	return found, err
}

// add notes a key.
func (c *Claimed) add(key string) {
	list, rest, ok := strings.Cut(strings.TrimPrefix(key, "otelcol-tyk:{"), "}:")
	if !ok {
		return
	}
	if base, isSet := strings.CutSuffix(rest, "segments"); isSet {
		if base == "" {
			c.Lists[list] = true
		}
		return
	}
	if base, segment, ok := strings.Cut(rest, "seg:"); ok {
		source := list
		if base != "" {
			source = keyBase(list) + strings.TrimSuffix(base, ":")
		}
		c.orphans[source] = append(c.orphans[source], segment)
	}
}

// Adopt makes segments again of a source's segment lists that no segment names any
// more, and returns how many entries they have, and how many of these have new
// identities: those may be delivered a second time.
func (s *Store) Adopt(ctx context.Context, src *Source, found *Claimed) (entries, renamed int64, err error) {
	for _, name := range found.orphans[src.key] {
		seq, part, ok := strings.Cut(name, ".")
		if number(seq) == 0 || !ok {
			continue
		}
		reply, err := s.numbers(ctx, src.call(adoptScript, seq, part, src.hash, randomPart()), 2)
		if err != nil {
			return entries, renamed, fmt.Errorf("adopt segment list %s of %s: %w", name, src.key, err)
		}
		entries += reply[0]
		renamed += reply[0] * reply[1]
	}
	return entries, renamed, nil
}
