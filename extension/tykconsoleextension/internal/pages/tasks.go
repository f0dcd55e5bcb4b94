package pages

import (
	"context"
	"sync"
	"time"
)

// tasks are what goes on besides requests: each Redis is looked at, stores are asked behind a page that was sent, and what
// an operator began is done though he has left. They end with the site.
type tasks struct {
	ctx     context.Context //nolint:containedctx // the site's life
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // guards closed: none begins any more once the running ones are waited for
	closed bool
}

func newTasks() *tasks {
	t := &tasks{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// begin gives a task's context, which ends with ctx, with the site, and where limit is above 0 after that time. It is
// false when it is too late to begin; else done must be called.
func (t *tasks) begin(ctx context.Context, limit time.Duration) (_ context.Context, done func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil, false
	}
	t.running.Add(1)
	cancel := context.CancelFunc(nil)
	if limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	stop := context.AfterFunc(t.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
		t.running.Done()
	}, true
}

// close ends all tasks, and waits for them.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.running.Wait()
}
