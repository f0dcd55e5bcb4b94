package poll

import (
	"context"
	"sync"
	"time"
)

// gatherPatience is how long the first claim waits for the process' other receivers, of which
// one may have a Redis that is away.
const gatherPatience = 10 * time.Second

// Gathering knows which receivers of the process have registered their groups. A group that
// registers late begins at what is there then, so without it the first receiver to start would
// claim what waits in Redis from under the groups of the others.
type Gathering struct {
	mu     sync.Mutex // guards the rest
	absent int
	whole  chan struct{} // closed when nobody is absent
}

// Expect counts a receiver as absent until the function is called.
func (g *Gathering) Expect() (arrive func()) {
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
func (g *Gathering) complete() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.whole
}

// gather registers the worker and waits for the process' other receivers, for a while.
func (p *Poller) gather(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, gatherPatience)
	defer cancel()
	err := p.beating.do(p.Member.Lease/3, func() error { return p.beat(ctx) })
	p.Arrive()
	if err != nil {
		p.beating.next = time.Time{}
		return
	}
	select {
	case <-ctx.Done():
	case <-p.Together.complete():
	}
}
