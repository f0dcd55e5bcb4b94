package main

import (
	"context"
	"fmt"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// drain is how the collector emptied a backlog.
type drain struct {
	records   int64
	bytes     int64         // of the entries
	took      time.Duration // from the claim to the last acknowledgement
	processor time.Duration // the collector's, in that time
	peak      int64         // bytes of resident memory since its start
}

func (d drain) perSecond() float64 { return float64(d.records) / d.took.Seconds() }

func (d drain) perProcessorSecond() float64 { return float64(d.records) / d.processor.Seconds() }

func (d drain) microseconds() float64 {
	return float64(d.processor.Microseconds()) / float64(d.records)
}

func (d drain) mebibytes() float64 { return float64(d.peak) / (1 << 20) }

func (d drain) String() string {
	return fmt.Sprintf("%s records/s, %.2f µs CPU a record, %s records per CPU-second, peak %.0f MiB",
		thousands(d.perSecond()), d.microseconds(), thousands(d.perProcessorSecond()), d.mebibytes())
}

// drain pushes a backlog, starts the collector, and watches Redis until every record is
// acknowledged, which is after it was committed. Staged, where not nil, is called while
// the backlog waits.
func (r *rig) drain(ctx context.Context, to destination, n int64, staged func() error) (drain, error) {
	d := drain{records: n}
	if err := r.fresh(ctx, to); err != nil {
		return d, err
	}
	var want int64
	gateway, err := r.gateway(to, &want)
	if err != nil {
		return d, err
	}
	defer func() { _ = gateway.Close() }()
	if err := gateway.Backlog(ctx, n, time.Hour); err != nil {
		return d, err
	}
	d.bytes = gateway.Totals().Bytes
	if staged != nil {
		if err := staged(); err != nil {
			return d, err
		}
	}
	c, err := r.collect(ctx, to.pipeline())
	if err != nil {
		return d, err
	}
	defer c.Kill()
	if err := r.watch(ctx, c, &d); err != nil {
		return d, err
	}
	if p, ok := to.(*page); ok {
		if err := p.shown(ctx, want); err != nil {
			return d, err
		}
	}
	if err := c.finish(ctx); err != nil {
		return d, err
	}
	return d, to.check(ctx, want)
}

// watch takes the time and the collector's CPU time from the claim of the list to the
// last acknowledgement.
func (r *rig) watch(ctx context.Context, c *collector, d *drain) error {
	gone := func(key string) func() (bool, error) {
		return func() (bool, error) {
			if err := c.failed(); err != nil {
				return false, err
			}
			n, err := r.redis.Client().Exists(ctx, key).Result()
			return n == 0, err
		}
	}
	if err := await(ctx, time.Millisecond, time.Minute, "the claim", gone(d.key())); err != nil {
		return err
	}
	start := time.Now()
	before, err := processorTime(c.PID())
	if err != nil {
		return err
	}
	segments := "otelcol-tyk:{" + d.key() + "}:segments"
	if err := await(ctx, 2*time.Millisecond, 10*time.Minute, "the end of the backlog", gone(segments)); err != nil {
		return err
	}
	d.took = time.Since(start)
	after, err := processorTime(c.PID())
	if err != nil {
		return err
	}
	d.processor = after - before
	d.peak, err = peakMemory(c.PID())
	return err
}

// key is the list that the backlog waits in.
func (drain) key() string { return traffic.Key }

// each gives one figure of all drains.
func each(drains []drain, of func(drain) float64) []float64 {
	values := make([]float64, len(drains))
	for i, d := range drains {
		values[i] = of(d)
	}
	return values
}
