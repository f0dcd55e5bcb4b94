package tyksqlexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// maxMergedRollups and maxMergedPushes bound what one transaction stores of several
// pushes, and so its memory and how long others wait for its locks.
const (
	maxMergedRollups = 20_000
	maxMergedPushes  = 64
)

var errShutDown = errors.New("the exporter is shut down")

// groupCommit stores the rollups of pushes that come at the same time with one
// transaction. They mostly change the same rows, so that a database would write them
// one after the other; added up before, they cost little more than one of them. A
// push that comes alone is written at once, and what comes meanwhile makes the next
// transaction.
type groupCommit struct {
	write   func(ctx context.Context, b *rollupBatch) error
	timeout time.Duration // of one transaction; 0 is no bound
	tables  rollupTables

	mu      sync.Mutex // guards what follows
	waiting []*waitingPush
	writing bool // somebody writes what waits
	closed  bool

	writer sync.WaitGroup
}

// waitingPush is a push whose caller waits.
type waitingPush struct {
	batch *rollupBatch
	with  *sharedWrite  // guarded by groupCommit.mu; nil until a transaction takes the push
	done  chan struct{} // closed when err and the batch tell what became of it
	err   error
}

// sharedWrite is a transaction of several pushes.
type sharedWrite struct {
	pushes []*waitingPush
	alive  int // of the pushes, whose callers still wait; guarded by groupCommit.mu
	cancel context.CancelFunc
}

// store writes the batch of one push, with what else comes. A caller whose ctx ends
// leaves at once; the ledger then tells the next attempt whether the groups are stored.
func (c *groupCommit) store(ctx context.Context, b *rollupBatch) error {
	p := &waitingPush{batch: b, done: make(chan struct{})}
	if err := c.enter(ctx, p); err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		c.leave(p)
		return fmt.Errorf("wait for the database: %w", ctx.Err())
	}
}

// enter has the push written.
func (c *groupCommit) enter(ctx context.Context, p *waitingPush) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errShutDown
	}
	c.waiting = append(c.waiting, p)
	if !c.writing {
		c.writing = true
		c.writer.Go(func() { c.writeAll(context.WithoutCancel(ctx)) })
	}
	return nil
}

// leave takes back the push of a caller that does not wait any more. A transaction
// that nobody waits for is broken off.
func (c *groupCommit) leave(p *waitingPush) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.with == nil {
		c.waiting = slices.DeleteFunc(c.waiting, func(w *waitingPush) bool { return w == p })
		return
	}
	if p.with.alive--; p.with.alive == 0 {
		p.with.cancel()
	}
}

// writeAll writes until nothing waits.
func (c *groupCommit) writeAll(ctx context.Context) {
	for c.writeNext(ctx) {
	}
}

// writeNext makes one transaction, unless nothing waits.
func (c *groupCommit) writeNext(ctx context.Context) bool {
	ctx, cancel := boundedBy(ctx, c.timeout)
	defer cancel()
	w := c.next(cancel)
	if w == nil {
		return false
	}
	err := c.writeTogether(ctx, w.pushes)
	for _, p := range w.pushes {
		p.err = err
		close(p.done)
	}
	return true
}

// next takes what the next transaction stores: the push that waits longest, and
// those that may go with it.
func (c *groupCommit) next(cancel context.CancelFunc) *sharedWrite {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.writing = false
		return nil
	}
	w := &sharedWrite{cancel: cancel}
	taken, rollups := map[string][]segment{}, 0
	c.waiting = slices.DeleteFunc(c.waiting, func(p *waitingPush) bool {
		n := p.batch.rollups()
		if len(w.pushes) > 0 && (len(w.pushes) == maxMergedPushes || rollups+n > maxMergedRollups || meets(taken, p.batch.segments)) {
			return false
		}
		for _, s := range p.batch.segments {
			taken[s.name] = append(taken[s.name], s)
		}
		p.with = w
		w.pushes, rollups = append(w.pushes, p), rollups+n
		return true
	})
	w.alive = len(w.pushes)
	return w
}

// meets tells whether records of segments may be among those that are taken. The same
// records must not be in a transaction twice, since the ledger cannot tell yet.
func meets(taken map[string][]segment, segments []segment) bool {
	return slices.ContainsFunc(segments, func(s segment) bool {
		return slices.ContainsFunc(taken[s.name], func(t segment) bool { return s.first <= t.last && t.first <= s.last })
	})
}

// writeTogether writes the batches of pushes, and leaves in them what became of them.
func (c *groupCommit) writeTogether(ctx context.Context, pushes []*waitingPush) error {
	if len(pushes) == 1 {
		return c.write(ctx, pushes[0].batch)
	}
	batches, groups := make([]*rollupBatch, len(pushes)), make([][]rollup.Group, len(pushes))
	for i, p := range pushes {
		batches[i], groups[i] = p.batch, p.batch.groups
	}
	b := newRollupBatch(c.tables, groups...)
	if err := c.write(ctx, b); err != nil {
		return err
	}
	b.share(batches)
	return nil
}

// close ends the writing: what is under way is stored, and what waits is given back.
func (c *groupCommit) close() {
	c.mu.Lock()
	c.closed = true
	for _, p := range c.waiting {
		p.err = errShutDown
		close(p.done)
	}
	c.waiting = nil
	c.mu.Unlock()
	c.writer.Wait()
}
