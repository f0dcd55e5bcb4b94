package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// latency is the time from a record's making to its transaction's commit.
type latency struct {
	records          int64
	p50, p95, p99    time.Duration
	longest          time.Duration
	withinASecond    float64 // share
	processorPercent float64 // of one processor, the collector's
}

func (l latency) String() string {
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, longest %s, %.2f%% within 1 s, %.0f%% of a processor",
		l.p50.Round(time.Millisecond), l.p95.Round(time.Millisecond), l.p99.Round(time.Millisecond), l.longest.Round(time.Millisecond),
		100*l.withinASecond, l.processorPercent)
}

// latency pushes at a steady rate while the collector runs. PostgreSQL itself
// says when each row was committed.
func (r *rig) latency(ctx context.Context, rate float64, duration time.Duration) (latency, error) {
	var l latency
	if err := r.fresh(ctx, r.postgres); err != nil {
		return l, err
	}
	collector, err := r.collect(ctx, r.postgres)
	if err != nil {
		return l, err
	}
	defer collector.Kill()
	start, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	if err := collector.WaitOutput(start, "Everything is ready"); err != nil {
		return l, err
	}
	var rows int64
	gateway, err := r.gateway(r.postgres, &rows)
	if err != nil {
		return l, err
	}
	defer func() { _ = gateway.Close() }()
	before, err := processorTime(collector.PID())
	if err != nil {
		return l, err
	}
	if err := gateway.Run(ctx, rate, duration); err != nil {
		return l, err
	}
	after, err := processorTime(collector.PID())
	if err != nil {
		return l, err
	}
	l.processorPercent = 100 * (after - before).Seconds() / duration.Seconds()
	err = await(ctx, 100*time.Millisecond, time.Minute, "the last record", func() (bool, error) {
		stored, err := r.postgres.rows(ctx, table)
		return stored == rows, err
	})
	if err != nil {
		return l, err
	}
	err = r.postgres.readLatency(ctx, &l)
	return l, err
}

func (p *postgres) readLatency(ctx context.Context, l *latency) error {
	conn, err := pgx.Connect(ctx, p.database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var p50, p95, p99, longest float64
	err = conn.QueryRow(ctx, `
		SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY s), percentile_cont(0.95) WITHIN GROUP (ORDER BY s),
		       percentile_cont(0.99) WITHIN GROUP (ORDER BY s), max(s), avg((s <= 1)::int)::float8
		FROM (SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - "timestamp")::float8 AS s FROM `+table+`) AS waits`).
		Scan(&l.records, &p50, &p95, &p99, &longest, &l.withinASecond)
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	l.p50, l.p95, l.p99, l.longest = seconds(p50), seconds(p95), seconds(p99), seconds(longest)
	return err
}
