package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// startJob starts the collector before a Redis and a PostgreSQL that are there, without records.
type startJob struct{ runs []time.Duration }

func (*startJob) key() string { return "start" }

func (*startJob) title() string { return "start to ready" }

func (j *startJob) measure(ctx context.Context, r *rig) error {
	to, err := r.freshPostgres(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	c, err := r.collect(ctx, to.pipeline())
	if err != nil {
		return err
	}
	defer c.Kill()
	if err := c.ready(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Printf("  %d ms\n", took.Round(time.Millisecond).Milliseconds())
	j.runs = append(j.runs, took)
	return c.finish(ctx)
}

func (j *startJob) rows() []row {
	values := make([]float64, len(j.runs))
	for i, took := range j.runs {
		values[i] = took.Seconds()
	}
	return []row{{job: j.title(), unit: unit{"s", decimals(2)}, values: values, goal: atMost(1)}}
}

func (j *startJob) section() string {
	lines := [][]string{{"run", "start to ready"}, nil}
	for i, took := range j.runs {
		lines = append(lines, []string{strconv.Itoa(i + 1), fmt.Sprintf("%d ms", took.Round(time.Millisecond).Milliseconds())})
	}
	return "From the start of the process to the line `Everything is ready`, with Redis and PostgreSQL there; the tables are made in that time.\n\n" + markdown(lines)
}
