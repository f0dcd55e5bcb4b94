package rollups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// maxMergedRollups and maxMergedPushes bound what one transaction stores of several
// pushes, and so its memory and how long others wait for its locks.
const (
	maxMergedRollups = 60_000
	minMergedRollups = 2_000
	maxMergedPushes  = 64
)

var errShutDown = errors.New("the exporter is shut down")

// GroupCommit stores the rollups of pushes that come at the same time with one
// transaction. They mostly change the same rows, so that a database would write them
// one after the other; added up before, they cost little more than one of them. A
// push that comes alone is written at once, and what comes meanwhile makes the next
// transaction.
type GroupCommit struct {
	Write  func(ctx context.Context, b *Batch) error
	Tables Tables

	mu      sync.Mutex // guards what follows
	waiting []*waitingPush
	writing bool // somebody writes what waits
	fewer   int  // how often the most rollups of a transaction are halved
	closed  bool

	writer sync.WaitGroup
}

// waitingPush is a push whose caller waits.
type waitingPush struct {
	batch *Batch
	until time.Time     // how long its caller waits
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

// Store writes the batch of one push, with what else comes. A caller whose ctx ends
// leaves at once; the ledger then tells the next attempt whether the groups are stored.
func (c *GroupCommit) Store(ctx context.Context, b *Batch) error {
	p := &waitingPush{batch: b, done: make(chan struct{})}
	var bounded bool
	if p.until, bounded = ctx.Deadline(); !bounded {
		p.until = time.Now().AddDate(1, 0, 0)
	}
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
func (c *GroupCommit) enter(ctx context.Context, p *waitingPush) error {
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
func (c *GroupCommit) leave(p *waitingPush) {
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

// writeAll makes one transaction after the other until nothing waits.
func (c *GroupCommit) writeAll(ctx context.Context) {
	for attempt, w := c.next(ctx); w != nil; attempt, w = c.next(ctx) {
		err := c.writeTogether(attempt, w.pushes)
		w.cancel()
		c.learn(err)
		for _, p := range w.pushes {
			p.err = err
			close(p.done)
		}
	}
}

// learn has transactions get smaller after each that failed, which may have taken too long,
// and bigger again after each that did not.
func (c *GroupCommit) learn(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.fewer = max(c.fewer-1, 0)
	case maxMergedRollups>>c.fewer > minMergedRollups:
		c.fewer++
	}
}

// next takes what the next transaction stores: the push that waits longest, and
// those that may go with it. It lasts as long as the last of their callers waits.
func (c *GroupCommit) next(ctx context.Context) (context.Context, *sharedWrite) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.writing = false
		return ctx, nil
	}
	w, until := &sharedWrite{}, time.Time{}
	taken, rollups := map[string][]push.Segment{}, 0
	c.waiting = slices.DeleteFunc(c.waiting, func(p *waitingPush) bool {
		n := rollup.Count(p.batch.Groups)
		if len(w.pushes) > 0 && (len(w.pushes) == maxMergedPushes || rollups+n > maxMergedRollups>>c.fewer || meets(taken, p.batch.Segments)) {
			return false
		}
		for _, s := range p.batch.Segments {
			taken[s.Name] = append(taken[s.Name], s)
		}
		if p.with = w; p.until.After(until) {
			until = p.until
		}
		w.pushes, rollups = append(w.pushes, p), rollups+n
		return true
	})
	w.alive = len(w.pushes)
	ctx, w.cancel = context.WithDeadline(ctx, until)
	return ctx, w
}

// meets tells whether records of segments may be among those that are taken. The same
// records must not be in a transaction twice, since the ledger cannot tell yet.
func meets(taken map[string][]push.Segment, segments []push.Segment) bool {
	return slices.ContainsFunc(segments, func(s push.Segment) bool {
		return slices.ContainsFunc(taken[s.Name], func(t push.Segment) bool { return s.First <= t.Last && t.First <= s.Last })
	})
}

// writeTogether writes the batches of pushes, and leaves in them what became of them.
func (c *GroupCommit) writeTogether(ctx context.Context, pushes []*waitingPush) error {
	if len(pushes) == 1 {
		return c.Write(ctx, pushes[0].batch)
	}
	batches, groups := make([]*Batch, len(pushes)), make([][]rollup.Group, len(pushes))
	for i, p := range pushes {
		batches[i], groups[i] = p.batch, p.batch.Groups
	}
	b := NewBatch(c.Tables, groups...)
	if err := c.Write(ctx, b); err != nil {
		return err
	}
	b.share(batches)
	return nil
}

// Waits tells how many pushes no transaction has taken yet.
func (c *GroupCommit) Waits() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

// Close ends the writing: what is under way is stored, and what waits is given back.
func (c *GroupCommit) Close() {
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
