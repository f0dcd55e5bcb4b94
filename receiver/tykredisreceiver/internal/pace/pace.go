// Package pace waits between attempts.
package pace

import (
	"context"
	"time"
)

// Backoff waits longer each time, within bounds.
type Backoff struct {
	// Next is the next wait, and Longest the longest.
	Next, Longest time.Duration
}

// ForRedis is for trouble with Redis.
func ForRedis() *Backoff {
	return &Backoff{Next: 100 * time.Millisecond, Longest: 5 * time.Second}
}

// Advance returns how long to wait this time.
func (b *Backoff) Advance() time.Duration {
	now := b.Next
	b.Next = min(2*b.Next, b.Longest)
	return now
}

// Sleep returns false when ctx was done first.
func (b *Backoff) Sleep(ctx context.Context) bool { return Pause(ctx, b.Advance()) }

// Pause waits, and returns false when ctx was done first.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err() == nil
}
