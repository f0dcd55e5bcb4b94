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

// sleep returns false when ctx was done first.
func (b *backoff) sleep(ctx context.Context) bool {
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	b.next = min(2*b.next, b.longest)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
