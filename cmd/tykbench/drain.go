package main

import (
	"context"
	"fmt"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
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

func (d drain) microseconds() float64 {
	return float64(d.processor.Microseconds()) / float64(d.records)
}

func (d drain) mebibytes() float64 { return float64(d.peak) / (1 << 20) }

func (d drain) String() string {
	return fmt.Sprintf("%.0f records/s, %.1f µs CPU a record, peak %.0f MiB", d.perSecond(), d.microseconds(), d.mebibytes())
}

// drain pushes a backlog, starts the collector, and watches Redis until every
// record is acknowledged, which is after it was committed.
func (r *rig) drain(ctx context.Context, to destination, n int64) (drain, error) {
	d := drain{records: n}
	if err := r.fresh(ctx, to); err != nil {
		return d, err
	}
	var rows int64
	gateway, err := r.gateway(to, &rows)
	if err != nil {
		return d, err
	}
	defer func() { _ = gateway.Close() }()
	if err := gateway.Backlog(ctx, n, time.Hour); err != nil {
		return d, err
	}
	d.bytes = gateway.Totals().Bytes

	collector, err := r.collect(ctx, to)
	if err != nil {
		return d, err
	}
	defer collector.Kill()
	rdb := r.redis.Client()
	exists := func(key string) func() (bool, error) {
		return func() (bool, error) {
			if err := collectorFailed(collector); err != nil {
				return false, err
			}
			n, err := rdb.Exists(ctx, key).Result()
			return n == 0, err
		}
	}
	if err := await(ctx, time.Millisecond, time.Minute, "the claim", exists(traffic.Key)); err != nil {
		return d, err
	}
	start := time.Now()
	before, err := processorTime(collector.PID())
	if err != nil {
		return d, err
	}
	segments := "otelcol-tyk:{" + traffic.Key + "}:segments"
	if err := await(ctx, 2*time.Millisecond, 5*time.Minute, "the end of the backlog", exists(segments)); err != nil {
		return d, err
	}
	d.took = time.Since(start)
	after, err := processorTime(collector.PID())
	if err != nil {
		return d, err
	}
	d.processor = after - before
	if d.peak, err = peakMemory(collector.PID()); err != nil {
		return d, err
	}
	if p, ok := to.(*page); ok {
		if err := p.shown(ctx, rows); err != nil {
			return d, err
		}
	}
	if err := collector.Stop(ctx); err != nil {
		return d, err
	}
	return d, to.check(ctx, rows)
}

func collectorFailed(collector *peers.Process) error {
	select {
	case <-collector.Done():
		return fmt.Errorf("the collector ended; its last lines:\n%s", peers.LastLines(collector.Output(), 20))
	default:
		return nil
	}
}
