package tykredisreceiver

import (
	"context"
	"time"
)

// backoff waits longer each time, within bounds.
type backoff struct{ next, longest time.Duration }

// newBackoff is for trouble with Redis.
func newBackoff() *backoff {
	return &backoff{next: 100 * time.Millisecond, longest: 5 * time.Second}
}

// advance returns how long to wait this time.
func (b *backoff) advance() time.Duration {
	now := b.next
	b.next = min(2*b.next, b.longest)
	return now
}

// sleep returns false when ctx was done first.
func (b *backoff) sleep(ctx context.Context) bool {
	pause(ctx, b.advance())
	return ctx.Err() == nil
}
