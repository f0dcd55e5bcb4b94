package tykredisreceiver

import (
	"context"
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// gatherPatience is how long the first claim waits for the process' other receivers, of which
// one may have a Redis that is away.
const gatherPatience = 10 * time.Second

// gathering knows which receivers of the process have registered their groups. A group that
// registers late begins at what is there then, so without it the first receiver to start would
// claim what waits in Redis from under the groups of the others.
type gathering struct {
	mu     sync.Mutex // guards the rest
	absent int
	whole  chan struct{} // closed when nobody is absent
}

// expect counts a receiver as absent until the function is called.
func (g *gathering) expect() (arrive func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.absent == 0 {
		g.whole = make(chan struct{})
	}
	g.absent++
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.absent--; g.absent == 0 {
			close(g.whole)
		}
	})
}

// complete is closed when nobody is absent.
func (g *gathering) complete() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.whole
}

// gather registers the worker and waits for the process' other receivers, for a while.
func (c *claimer) gather(ctx context.Context, plain []*claim.Source) {
	ctx, cancel := context.WithTimeout(ctx, gatherPatience)
	defer cancel()
	err := c.beat(ctx, plain)
	c.arrive()
	if err != nil {
		c.nextBeat = time.Time{}
		return
	}
	select {
	case <-ctx.Done():
	case <-c.together.complete():
	}
}
