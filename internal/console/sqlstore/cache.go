package sqlstore

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// maxCacheBytes is about how much the cache keeps: the collector's pipelines need their memory.
const maxCacheBytes = 16 << 20

// cache keeps answers for a while, the least recently used ones the shortest, and has equal questions
// that are asked at the same time asked once.
type cache struct {
	mu      sync.Mutex
	entries map[string]*list.Element
	order   *list.List // the most recently used first
	bytes   int64
	hits    int64
	flights map[string]*flight
	closed  bool // nothing is asked any more
	running sync.WaitGroup
}

type entry struct {
	key   string
	value any
	bytes int64
}

// flight is a question under way. It ends when nobody waits for it any more.
type flight struct {
	done    chan struct{}
	waiters int
	cancel  context.CancelFunc
	value   any
	err     error
}

func newCache() *cache {
	return &cache{entries: map[string]*list.Element{}, order: list.New(), flights: map[string]*flight{}}
}

func (c *cache) stats() (hits, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits, c.bytes
}

// answered is what load gives: a value, about how many bytes it takes, and how long it holds.
type answered[T any] struct {
	value T
	bytes int64
	ttl   time.Duration
}

// cached gives the value of a key, from the cache or by load. The value must not be changed.
func cached[T any](ctx context.Context, c *cache, key string, load func(context.Context) (answered[T], error)) (T, error) {
	value, err := c.get(ctx, key, func(ctx context.Context) (any, int64, time.Duration, error) {
		a, err := load(ctx)
		return a.value, a.bytes, a.ttl, err
	})
	if err != nil {
		var none T
		return none, err
	}
	return value.(T), nil
}

func (c *cache) get(ctx context.Context, key string, load func(context.Context) (any, int64, time.Duration, error)) (any, error) {
	c.mu.Lock()
	if at, ok := c.entries[key]; ok {
		c.order.MoveToFront(at)
		c.hits++
		c.mu.Unlock()
		return at.Value.(*entry).value, nil
	}
	if c.closed {
		c.mu.Unlock()
		return nil, context.Canceled
	}
	f, ok := c.flights[key]
	if ok {
		c.hits++
	} else {
		f = c.launch(ctx, key, load)
	}
	f.waiters++
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		if f.waiters--; f.waiters == 0 {
			f.cancel()
			if c.flights[key] == f {
				delete(c.flights, key)
			}
		}
		return nil, context.Cause(ctx)
	}
}

// launch asks in a goroutine of its own: whoever asked first may leave before others.
func (c *cache) launch(ctx context.Context, key string, load func(context.Context) (any, int64, time.Duration, error)) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{done: make(chan struct{}), cancel: cancel}
	c.flights[key] = f
	c.running.Go(func() {
		defer cancel()
		value, bytes, ttl, err := load(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		f.value, f.err = value, err
		if c.flights[key] == f {
			delete(c.flights, key)
		}
		if err == nil && ttl > 0 {
			e := &entry{key: key, value: value, bytes: bytes + int64(len(key))}
			c.put(e)
			time.AfterFunc(ttl, func() { c.expire(e) })
		}
		close(f.done)
	})
	return f
}

// close ends all questions, also those that nobody waits for any more, but that did not end yet.
func (c *cache) close() {
	c.mu.Lock()
	c.closed = true
	for _, f := range c.flights {
		f.cancel()
	}
	c.mu.Unlock()
	c.running.Wait()
}

func (c *cache) put(e *entry) {
	if at, ok := c.entries[e.key]; ok {
		c.remove(at)
	}
	c.entries[e.key] = c.order.PushFront(e)
	c.bytes += e.bytes
	for c.bytes > maxCacheBytes && c.order.Len() > 0 {
		c.remove(c.order.Back())
	}
}

// expire removes what is over, so that nothing is kept of which nobody asks any more.
func (c *cache) expire(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.entries[e.key]; ok && at.Value.(*entry) == e {
		c.remove(at)
	}
}

func (c *cache) remove(at *list.Element) {
	e := at.Value.(*entry)
	c.order.Remove(at)
	delete(c.entries, e.key)
	c.bytes -= e.bytes
}
