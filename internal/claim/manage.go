package claim

import (
	"context"
	"errors"
	"fmt"
)

// Forget removes a group of a source, and what only it held: its share of the
// segments, and what waits to be replayed to it. Its dead letters stay. It
// returns false when there is no such group. A worker of the group that still
// lives starts it anew.
func (s *Store) Forget(ctx context.Context, src *Source, group string) (bool, error) {
	gone, err := s.forget(ctx, src, group)
	return len(gone) > 0, err
}

// Expire removes the groups of the sources that were not heard of for longer
// than their own expiry, and returns their names by source key.
func (s *Store) Expire(ctx context.Context, sources []*Source) (map[string][]string, error) {
	expired := map[string][]string{}
	var errs []error
	for _, src := range sources {
		gone, err := s.forget(ctx, src, "")
		if err != nil {
			errs = append(errs, err)
		}
		if len(gone) > 0 {
			expired[src.key] = gone
		}
	}
	return expired, errors.Join(errs...)
}

// forget removes a group, or the expired ones for "", in batches between which Redis
// serves others. What it leaves when it ends early, the next one goes on with.
func (s *Store) forget(ctx context.Context, src *Source, group string) ([]string, error) {
	var gone []string
	for more := true; more; {
		c := src.callFor(group, forgetScript)
		s.do(ctx, c)
		var reply struct {
			More bool
			Gone []string
		}
		if err := c.decode(&reply); err != nil {
			return gone, fmt.Errorf("forget groups of %s: %w", src.key, err)
		}
		more, gone = reply.More, append(gone, reply.Gone...)
	}
	if src.isReplay {
		return gone, nil
	}
	for _, name := range gone {
		if err := s.clear(ctx, src.replayTo(name)); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// clear removes a source that nobody reads any more.
func (s *Store) clear(ctx context.Context, src *Source) error {
	for more := int64(1); more == 1; {
		var err error
		if more, err = s.do(ctx, src.call(clearScript)).Int64(); err != nil {
			return fmt.Errorf("clear %s: %w", src.key, err)
		}
	}
	return nil
}

// Replay gives letters of a source back to the groups that made them, each with its
// identity and the moment at which it was given up, and returns how many were still
// there. None may have a Fault. One without At is taken by stores however old it is.
func (s *Store) Replay(ctx context.Context, src *Source, letters []Letter) (int64, error) {
	for _, l := range letters {
		if l.Fault != nil {
			return 0, fmt.Errorf("replay: %w", l.Fault)
		}
	}
	return s.take(ctx, src, letters, "replayed", frame)
}

// Drop removes letters of a source for good, and returns how many were still there.
func (s *Store) Drop(ctx context.Context, src *Source, letters []Letter) (int64, error) {
	return s.take(ctx, src, letters, "dropped", func(Letter) string { return "" })
}

func (s *Store) take(ctx context.Context, src *Source, letters []Letter, end string, framed func(Letter) string) (int64, error) {
	byGroup := map[string][]Letter{}
	for _, l := range letters {
		byGroup[l.Group] = append(byGroup[l.Group], l)
	}
	total := int64(0)
	for group, left := range byGroup {
		for len(left) > 0 {
			args, bytes, n := []any{end}, 0, 0
			for n < len(left) && n < letterPage && bytes < keepBytes {
				entry := framed(left[n])
				args = append(args, left[n].UID, entry)
				bytes += len(entry)
				n++
			}
			taken, err := s.do(ctx, src.callFor(group, takeScript, args...)).Int64()
			if err != nil {
				return total, fmt.Errorf("take dead letters of %s: %w", src.key, err)
			}
			total += taken
			left = left[n:]
		}
	}
	return total, nil
}
