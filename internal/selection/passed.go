package selection

import (
	"context"
	"maps"
	"sync"
)

// Passed counts the records of one push that filters on their way let through. Who pushed
// learns from it which records a destination has never seen.
type Passed struct {
	mu sync.Mutex // guards by
	by map[string]int
}

type passedKey struct{}

// Context has filters that get it count for p.
func (p *Passed) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, passedKey{}, p)
}

// By gives what each filter let through; zero for one that let nothing through.
func (p *Passed) By() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.by)
}

// NotePassed counts records that a filter lets through, for whoever wants to know.
func NotePassed(ctx context.Context, filter string, records int) {
	p, ok := ctx.Value(passedKey{}).(*Passed)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by = map[string]int{}
	}
	p.by[filter] += records
}
