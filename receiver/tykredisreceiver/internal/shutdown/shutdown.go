// Package shutdown ends all receivers of a process at once. A collector shuts them down one after
// another, and where destinations are away each takes its whole shutdown_timeout.
package shutdown

import (
	"context"
	"sync"
)

// Process is the receivers of a process that run. Its zero value is ready to use.
type Process struct {
	mu      sync.Mutex // guards running
	running map[*Receiver]struct{}
}

// Receiver is one of them.
type Receiver struct {
	process *Process
	end     func() error
	hurry   context.CancelFunc // ends the context that end was given
	ended   chan error         // has what end returned, once
}

// Add adds a receiver that has started. Its end is called once, with a context that is done when the
// end has to come at once.
func (p *Process) Add(end func(context.Context) error) *Receiver {
	ctx, hurry := context.WithCancel(context.Background())
	r := &Receiver{process: p, end: func() error { return end(ctx) }, hurry: hurry, ended: make(chan error, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		p.running = map[*Receiver]struct{}{}
	}
	p.running[r] = struct{}{}
	return r
}

// Shutdown lets all receivers of the process end, and waits for this one, which has to hurry once
// ctx is done. A further call returns nil when it has ended.
func (r *Receiver) Shutdown(ctx context.Context) error {
	r.process.endAll()
	stop := context.AfterFunc(ctx, r.hurry)
	defer stop()
	return <-r.ended
}

// endAll begins the end of all that run.
func (p *Process) endAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.running {
		go func() {
			defer close(r.ended)
			defer r.hurry()
			r.ended <- r.end()
		}()
	}
	clear(p.running)
}
