package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// storeJob drains a backlog into a destination, beside what limits that in the same run.
type storeJob struct {
	name    string // its key
	shown   string // its title
	records int64
	span    time.Duration // of the records' times; an hour where it is 0
	open    opener
	// limit, where there is one, is measured with what the drain left behind.
	limit func(ctx context.Context, to destination) (float64, error)
	// read, where there is one, measures the limit while the backlog waits in a list.
	read func(ctx context.Context, r *rig, list string) (reading, error)
	// judge gives the rows of the table.
	judge func(j *storeJob) []row
	// about tells what is measured and what it is held against.
	about string
	// after, where there is one, adds to that what the last run stored.
	after func(ctx context.Context, to destination) (string, error)

	drains   []drain
	limits   []float64 // rows per second
	readings []reading
	found    string
}

func (j *storeJob) key() string { return j.name }

func (j *storeJob) title() string { return j.shown }

func (j *storeJob) rows() []row {
	rows := j.judge(j)
	for i := range rows {
		rows[i].job = j.shown
	}
	return rows
}

func (j *storeJob) measure(ctx context.Context, r *rig) error {
	to, err := j.open(ctx, r)
	if err != nil {
		return err
	}
	var waiting func(list string) error
	if j.read != nil {
		waiting = func(list string) error {
			reading, err := j.read(ctx, r, list)
			fmt.Printf("  limit: %s\n", reading)
			j.readings = append(j.readings, reading)
			return err
		}
	}
	drain, err := r.drain(ctx, j.records, cmp.Or(j.span, time.Hour), waiting, to)
	if err != nil {
		return err
	}
	fmt.Printf("  %s\n", drain)
	j.drains = append(j.drains, drain)
	if j.limit != nil {
		limit, err := j.limit(ctx, to)
		if err != nil {
			return fmt.Errorf("the limit: %w", err)
		}
		fmt.Printf("  limit: %s rows/s, share of it %.2f\n", thousands(limit), drain.perSecond()/limit)
		j.limits = append(j.limits, limit)
	}
	if j.after == nil {
		return nil
	}
	j.found, err = j.after(ctx, to)
	fmt.Printf("  %s\n", j.found)
	return err
}

// shares are the ratios to the limit, pair by pair in one run.
func (j *storeJob) shares() []float64 {
	shares := each(j.drains, drain.perSecond)
	for i := range shares {
		shares[i] /= j.limits[i]
	}
	return shares
}

func (j *storeJob) section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s records of %s bytes each on average. %s", thousands(float64(j.records)), thousands(float64(j.drains[0].bytes/j.records)), j.about)
	if j.found != "" {
		b.WriteString(" " + j.found)
	}
	b.WriteString("\n\n")
	head := []string{"run", "records/s", "CPU a record", "records per CPU-second", "Redis' CPU a record", "peak memory"}
	if len(j.limits) > 0 {
		head = append(head, "limit, rows/s", "share of it")
	}
	lines := [][]string{head, nil}
	for i, d := range j.drains {
		line := []string{strconv.Itoa(i + 1), thousands(d.perSecond()), fmt.Sprintf("%.2f µs", d.microseconds()), thousands(d.perProcessorSecond()), fmt.Sprintf("%.2f µs", d.redisMicroseconds()), fmt.Sprintf("%.0f MiB", d.mebibytes())}
		if len(j.limits) > 0 {
			line = append(line, thousands(j.limits[i]), fmt.Sprintf("%.2f", j.shares()[i]))
		}
		lines = append(lines, line)
	}
	b.WriteString(markdown(lines))
	return b.String()
}
