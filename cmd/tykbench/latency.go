package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// latency is the time from a record's making to its transaction's commit.
type latency struct {
	records          int64
	p50, p95, p99    time.Duration
	longest          time.Duration
	processorPercent float64 // of one processor, the collector's
}

func (l latency) String() string {
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, longest %s, %.0f%% of a processor",
		l.p50.Round(time.Millisecond), l.p95.Round(time.Millisecond), l.p99.Round(time.Millisecond), l.longest.Round(time.Millisecond), l.processorPercent)
}

// latencyJob pushes at a steady rate.
type latencyJob struct {
	name     string
	rate     float64
	p50, p99 goal
	duration time.Duration
	runs     []latency
}

func (j *latencyJob) key() string { return j.name }

func (j *latencyJob) title() string {
	return "push to visible at " + thousands(j.rate) + "/s"
}

func (j *latencyJob) measure(ctx context.Context, r *rig) error {
	l, err := r.latency(ctx, j.rate, j.duration)
	if err != nil {
		return err
	}
	fmt.Printf("  %s\n", l)
	j.runs = append(j.runs, l)
	return nil
}

func (j *latencyJob) values(of func(latency) time.Duration) []float64 {
	values := make([]float64, len(j.runs))
	for i, l := range j.runs {
		values[i] = float64(of(l)) / float64(time.Millisecond)
	}
	return values
}

func (j *latencyJob) rows() []row {
	return []row{
		{job: j.title(), unit: milliseconds.named("p50, ms"), pump: "`purge_delay`, 10 s", values: j.values(func(l latency) time.Duration { return l.p50 }), goal: j.p50},
		{job: j.title(), unit: milliseconds.named("p95, ms"), values: j.values(func(l latency) time.Duration { return l.p95 })},
		{job: j.title(), unit: milliseconds.named("p99, ms"), values: j.values(func(l latency) time.Duration { return l.p99 }), goal: j.p99},
	}
}

func (j *latencyJob) section() string {
	lines := [][]string{{"run", "rows", "p50", "p95", "p99", "longest", "the collector's CPU"}, nil}
	for i, l := range j.runs {
		line := []string{strconv.Itoa(i + 1), thousands(float64(l.records))}
		for _, d := range []time.Duration{l.p50, l.p95, l.p99, l.longest} {
			line = append(line, fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds()))
		}
		lines = append(lines, append(line, fmt.Sprintf("%.0f %% of one processor", l.processorPercent)))
	}
	return fmt.Sprintf("%s records/s for %s into PostgreSQL. A record is pushed at most 10 ms after it was made; the time is from the making to the "+
		"commit of its transaction, by PostgreSQL's commit timestamps.\n\n", thousands(j.rate), j.duration) + markdown(lines)
}

// latency pushes at a steady rate while the collector runs. PostgreSQL itself says when
// each row was committed.
func (r *rig) latency(ctx context.Context, rate float64, duration time.Duration) (latency, error) {
	var l latency
	to, err := r.freshPostgres(ctx)
	if err != nil {
		return l, err
	}
	c, err := r.collect(ctx, to.pipeline())
	if err != nil {
		return l, err
	}
	defer c.Kill()
	if err := c.ready(ctx); err != nil {
		return l, err
	}
	want := make([]int64, 1)
	gateway, err := r.gateway(want, to)
	if err != nil {
		return l, err
	}
	defer func() { _ = gateway.Close() }()
	before, err := processorTime(c.PID())
	if err != nil {
		return l, err
	}
	if err := gateway.Run(ctx, rate, duration); err != nil {
		return l, err
	}
	after, err := processorTime(c.PID())
	if err != nil {
		return l, err
	}
	l.processorPercent = 100 * (after - before).Seconds() / duration.Seconds()
	err = await(ctx, 100*time.Millisecond, time.Minute, "the last record", func() (bool, error) {
		stored, err := to.count(ctx, tableName)
		return stored == want[0], err
	})
	if err != nil {
		return l, err
	}
	if err := c.finish(ctx); err != nil {
		return l, err
	}
	err = to.readLatency(ctx, &l)
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
		       percentile_cont(0.99) WITHIN GROUP (ORDER BY s), max(s)
		FROM (SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - "timestamp")::float8 AS s FROM `+tableName+`) AS waits`).
		Scan(&l.records, &p50, &p95, &p99, &longest)
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	l.p50, l.p95, l.p99, l.longest = seconds(p50), seconds(p95), seconds(p99), seconds(longest)
	return err
}
