package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// memoryJob drains backlogs of several lengths.
type memoryJob struct {
	backlogs []int64
	drains   [][]drain // one list a backlog
}

func (*memoryJob) key() string { return "memory" }

func (*memoryJob) title() string { return "peak memory by backlog" }

func (j *memoryJob) measure(ctx context.Context, r *rig) error {
	to, err := toPostgres(ctx, r)
	if err != nil {
		return err
	}
	if j.drains == nil {
		j.drains = make([][]drain, len(j.backlogs))
	}
	for i, n := range j.backlogs {
		drain, err := r.drain(ctx, n, time.Hour, nil, to)
		if err != nil {
			return err
		}
		fmt.Printf("  %s: %s\n", thousands(float64(n)), drain)
		j.drains[i] = append(j.drains[i], drain)
	}
	return r.fresh(ctx, to) // the largest backlog's memory and disk
}

func (j *memoryJob) rows() []row {
	rows := make([]row, len(j.backlogs))
	for i, n := range j.backlogs {
		rows[i] = row{
			job: j.title(), unit: mebibytes.named("MiB with " + thousands(float64(n)) + " records"),
			values: each(j.drains[i], drain.mebibytes), goal: memoryBound,
		}
		if i == 0 {
			rows[i].pump = "2.8 to 3.5 kB a waiting record"
		}
	}
	return rows
}

func (j *memoryJob) section() string {
	var b strings.Builder
	b.WriteString("Raw records to PostgreSQL; the medians of each backlog's runs.\n\n")
	lines := [][]string{{"backlog", "records/s", "CPU a record", "peak memory"}, nil}
	for i, n := range j.backlogs {
		lines = append(lines, []string{
			thousands(float64(n)), thousands(median(each(j.drains[i], drain.perSecond))),
			fmt.Sprintf("%.2f µs", median(each(j.drains[i], drain.microseconds))), fmt.Sprintf("%.0f MiB", median(each(j.drains[i], drain.mebibytes))),
		})
	}
	return b.String() + markdown(lines)
}
