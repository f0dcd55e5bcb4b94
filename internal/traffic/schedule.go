package traffic

import (
	"context"
	"math"
	"sync"
	"time"
)

// Backlog pushes n records as fast as it can, with times spread evenly over the
// span that ends now. It returns early, without an error, when ctx is done.
func (g *Gateway) Backlog(ctx context.Context, n int64, span time.Duration) error {
	start := time.Now().Add(-span)
	return g.push(ctx, n, func(ctx context.Context, flushes chan<- *flush, free <-chan *flush) {
		for made := int64(0); made < n; {
			f := next(ctx, free)
			if f == nil {
				return
			}
			for range min(flushRecords, n-made) {
				made++
				g.add(f, start.Add(time.Duration(float64(span)*float64(made)/float64(n))))
			}
			flushes <- f
		}
	})
}

// Run pushes rate records per second, or as many as it can for 0, until the
// duration is over (0: without end) or ctx is done, neither of which is an error.
// With a rate and a duration it pushes exactly as many as are due in that time.
func (g *Gateway) Run(ctx context.Context, rate float64, duration time.Duration) error {
	switch {
	case rate > 0 && duration > 0:
		n := int64(rate * duration.Seconds())
		return g.push(ctx, n, g.drip(rate, n))
	case rate > 0:
		return g.push(ctx, 0, g.drip(rate, math.MaxInt64))
	case duration > 0:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration)
		defer cancel()
	}
	return g.push(ctx, 0, g.flood)
}

// flood makes full flushes without a pause.
func (g *Gateway) flood(ctx context.Context, flushes chan<- *flush, free <-chan *flush) {
	for {
		f := next(ctx, free)
		if f == nil {
			return
		}
		now := time.Now()
		for range flushRecords {
			g.add(f, now)
		}
		flushes <- f
	}
}

// drip makes each record when it is due, and stops after the n-th.
func (g *Gateway) drip(rate float64, n int64) produce {
	return func(ctx context.Context, flushes chan<- *flush, free <-chan *flush) {
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		start, made := time.Now(), int64(0)
		for made < n {
			due := min(n, int64(time.Since(start).Seconds()*rate))
			for made < due {
				f := next(ctx, free)
				if f == nil {
					return
				}
				for range min(flushRecords, due-made) {
					made++
					g.add(f, start.Add(time.Duration(float64(made)/rate*float64(time.Second))))
				}
				flushes <- f
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// next waits for a flush to fill; nil tells that ctx is done.
func next(ctx context.Context, free <-chan *flush) *flush {
	if ctx.Err() != nil {
		return nil
	}
	select {
	case f := <-free:
		return f
	case <-ctx.Done():
		return nil
	}
}

type produce func(ctx context.Context, flushes chan<- *flush, free <-chan *flush)

// push runs the producer in a goroutine of its own, so that records are made
// while Redis takes the ones before. Expected is the number of records, if known.
func (g *Gateway) push(ctx context.Context, expected int64, producer produce) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	const ahead = 3
	flushes, free := make(chan *flush, ahead), make(chan *flush, ahead)
	recycle := func(f *flush) {
		*f = flush{buffer: f.buffer[:0], keys: f.keys[:0], values: f.values[:0], kinds: f.kinds[:0], base: g.keys(), every: f.every}
		free <- f
	}
	for range ahead {
		recycle(&flush{every: g.poisonEvery(expected)})
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		defer close(flushes)
		producer(ctx, flushes, free)
	})
	wg.Go(func() { g.expireKeys(ctx) })
	var failure error
	for f := range flushes { // to the end, so that the producer never hangs
		if failure == nil {
			if failure = g.send(ctx, f); failure != nil {
				stop()
			}
		}
		recycle(f)
	}
	stop()
	return failure
}
