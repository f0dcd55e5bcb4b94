package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/redis/go-redis/v9"
)

// Replay pushes the entries of a file to lists.
type Replay struct {
	Redis redis.Cmdable
	// Key gives the key of a list of the file.
	Key func(list string) string
	// Speed is how many times as fast as they came; 0 for as fast as can be.
	Speed float64
	// Expire is when Redis may drop a list that nobody reads; 0 for never.
	Expire time.Duration
	// Batch is how many entries are pushed at once; those that came at one look stay together up to that.
	Batch int
}

// Run pushes all entries, and gives their number.
func (p *Replay) Run(ctx context.Context, from *Reader) (pushed int64, err error) {
	start := time.Now()
	var list string
	var at time.Time
	var waiting []any
	push := func() error {
		if len(waiting) == 0 {
			return nil
		}
		if err := p.wait(ctx, start, at.Sub(from.Header.Began)); err != nil {
			return err
		}
		key := p.Key(list)
		if err := p.Redis.RPush(ctx, key, waiting...).Err(); err != nil {
			return fmt.Errorf("push to %s after %d entries: %w", key, pushed, err)
		}
		pushed += int64(len(waiting))
		waiting = waiting[:0]
		if p.Expire > 0 {
			if err := p.Redis.Expire(ctx, key, p.Expire).Err(); err != nil {
				return fmt.Errorf("set the expiry of %s: %w", key, err)
			}
		}
		return nil
	}
	for {
		e, err := from.Next()
		if err != nil {
			if late := push(); late != nil {
				return pushed, late
			}
			if errors.Is(err, io.EOF) {
				return pushed, nil
			}
			return pushed, err
		}
		if len(waiting) >= p.Batch || len(waiting) > 0 && (e.List != list || p.Speed > 0 && !e.At.Equal(at)) {
			if err := push(); err != nil {
				return pushed, err
			}
		}
		list, at = e.List, e.At
		waiting = append(waiting, e.Data)
	}
}

// wait is until an entry is due.
func (p *Replay) wait(ctx context.Context, start time.Time, after time.Duration) error {
	if p.Speed <= 0 {
		return ctx.Err()
	}
	due := time.Until(start.Add(time.Duration(float64(after) / p.Speed)))
	if due <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(due)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
