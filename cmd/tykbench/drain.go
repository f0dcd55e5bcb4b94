package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// drain is how the collector emptied a backlog.
type drain struct {
	records   int64
	bytes     int64         // of the entries
	took      time.Duration // from the claim to the last acknowledgement
	processor time.Duration // the collectors', in that time
	machine   time.Duration // everything's on this machine
	redis     time.Duration // Redis' own
	peak      int64         // bytes of resident memory since its start, of the largest collector
	pages     []float64     // milliseconds that each page of the console took
	refused   int           // pages that it was too busy for
}

func (d drain) perSecond() float64 { return float64(d.records) / d.took.Seconds() }

func (d drain) perProcessorSecond() float64 { return float64(d.records) / d.processor.Seconds() }

func (d drain) microseconds() float64 {
	return float64(d.processor.Microseconds()) / float64(d.records)
}

// redisMicroseconds is what Redis needs of a processor for a record.
func (d drain) redisMicroseconds() float64 {
	return float64(d.redis.Microseconds()) / float64(d.records)
}

func (d drain) mebibytes() float64 { return float64(d.peak) / (1 << 20) }

func (d drain) megabytesPerSecond() float64 { return float64(d.bytes) / 1e6 / d.took.Seconds() }

// busy is the share of all processors that was in use.
func (d drain) busy() float64 {
	return d.machine.Seconds() / d.took.Seconds() / float64(runtime.NumCPU())
}

func (d drain) String() string {
	return fmt.Sprintf("%s records/s, %.2f µs CPU a record, %s records per CPU-second, peak %.0f MiB",
		thousands(d.perSecond()), d.microseconds(), thousands(d.perProcessorSecond()), d.mebibytes())
}

// drain pushes a backlog of n records, whose times are of the last span, to a list that the collector does not know, starts the
// collector, with a group for each destination, and gives the list its name when it is
// ready. Then it watches Redis until every record is acknowledged by all groups, which
// is after it was committed. Waiting, where not nil, is called with the list before
// the collector starts.
func (r *rig) drain(ctx context.Context, n int64, span time.Duration, waiting func(list string) error, to ...destination) (drain, error) {
	d := drain{records: n}
	if err := r.fresh(ctx, to...); err != nil {
		return d, err
	}
	want := make([]int64, len(to))
	list, err := r.stage(ctx, &d, span, want, to)
	if err != nil {
		return d, err
	}
	if waiting != nil {
		if err := waiting(staged); err != nil {
			return d, err
		}
	}
	pipelines := make([]pipeline, len(to))
	for i, one := range to {
		pipelines[i] = one.pipeline()
	}
	c, err := r.collect(ctx, pipelines...)
	if err != nil {
		return d, err
	}
	defer c.Kill()
	if err := c.ready(ctx); err != nil {
		return d, err
	}
	if err := r.redis.Client().Rename(ctx, staged, list).Err(); err != nil {
		return d, err
	}
	gone := r.gone(ctx, []*collector{c}, list)
	if err := await(ctx, time.Millisecond, time.Minute, "the claim", gone); err != nil {
		return d, err
	}
	v := view(ctx, r.console, r.viewers)
	err = r.watch(ctx, []*collector{c}, list, &d)
	var viewErr error
	if d.pages, d.refused, viewErr = v.end(); err != nil || viewErr != nil {
		return d, errors.Join(err, viewErr)
	}
	for i, one := range to {
		if err := one.settled(ctx, want[i]); err != nil {
			return d, err
		}
	}
	if err := c.finish(ctx); err != nil {
		return d, err
	}
	for i, one := range to {
		if err := one.check(ctx, want[i]); err != nil {
			return d, err
		}
	}
	return d, nil
}

// staged is where a backlog waits for its collector.
const staged = "staged"

// stage pushes a backlog, and gives the list that a gateway would have pushed it to.
func (r *rig) stage(ctx context.Context, d *drain, span time.Duration, want []int64, to []destination) (string, error) {
	gateway, err := r.gateway(want, to...)
	if err != nil {
		return "", err
	}
	defer func() { _ = gateway.Close() }()
	if err := gateway.Backlog(ctx, d.records, span); err != nil {
		return "", err
	}
	totals := gateway.Totals()
	d.bytes = totals.Bytes
	for list := range totals.Keys { // there is one
		return list, r.redis.Client().Rename(ctx, list, staged).Err()
	}
	return "", errors.New("no record was pushed")
}

// gone tells whether a key is, as long as the collectors run.
func (r *rig) gone(ctx context.Context, running []*collector, key string) func() (bool, error) {
	return func() (bool, error) {
		for _, c := range running {
			if err := c.failed(); err != nil {
				return false, err
			}
		}
		n, err := r.redis.Client().Exists(ctx, key).Result()
		return n == 0, err
	}
}

// watch takes the time and the collectors' CPU time from now, when a list's records have just been
// claimed, to the last acknowledgement.
func (r *rig) watch(ctx context.Context, running []*collector, list string, d *drain) error {
	start, before := time.Now(), usage{}
	if err := r.usage(ctx, &before, running); err != nil {
		return err
	}
	segments := "otelcol-tyk:{" + list + "}:segments"
	if err := await(ctx, 10*time.Millisecond, 10*time.Minute, "the end of the backlog", r.gone(ctx, running, segments)); err != nil {
		return err
	}
	d.took = time.Since(start)
	var after usage
	if err := r.usage(ctx, &after, running); err != nil {
		return err
	}
	d.processor, d.machine, d.redis = after.processor-before.processor, after.machine-before.machine, after.redis-before.redis
	for _, c := range running {
		peak, err := peakMemory(c.PID())
		if err != nil {
			return err
		}
		d.peak = max(d.peak, peak)
	}
	return nil
}

// usage is processor time so far: the collectors', everything's, and Redis'.
type usage struct{ processor, machine, redis time.Duration }

func (r *rig) usage(ctx context.Context, u *usage, running []*collector) (err error) {
	for _, c := range running {
		used, err := processorTime(c.PID())
		if err != nil {
			return err
		}
		u.processor += used
	}
	if u.machine, err = machineTime(); err != nil {
		return err
	}
	u.redis, err = redisTime(ctx, r.redis.Client())
	return err
}

// each gives one figure of all drains.
func each[T any](drains []T, of func(T) float64) []float64 {
	values := make([]float64, len(drains))
	for i, d := range drains {
		values[i] = of(d)
	}
	return values
}
