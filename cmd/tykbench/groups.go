package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"time"
)

// groupsJob drains one list into two destinations, each in a group of its own, in one
// process, and each of them alone before.
type groupsJob struct {
	name, second string // key, and the second destination's name
	records      int64
	open         opener // of the second
	runs         []groupsRun
}

// groupsRun is one comparison.
type groupsRun struct{ first, second, both drain }

// slower is the speed of the slower destination alone.
func (g groupsRun) slower() float64 { return min(g.first.perSecond(), g.second.perSecond()) }

// possible is the share that both could have at most, if the processors had nothing to do
// but what they did for each of them alone.
func (g groupsRun) possible() float64 {
	busy := (g.first.machine + g.second.machine) / time.Duration(runtime.NumCPU())
	return min(max(g.first.took, g.second.took).Seconds()/busy.Seconds(), 1)
}

func (g groupsRun) share() float64 { return g.both.perSecond() / g.slower() }

func groupsOf(records int64, key, second string, open opener) job {
	return &groupsJob{name: key, second: second, records: records, open: open}
}

func (j *groupsJob) key() string { return j.name }

func (j *groupsJob) title() string { return "two groups, PostgreSQL and " + j.second }

func (j *groupsJob) measure(ctx context.Context, r *rig) error {
	first, err := toPostgres(ctx, r)
	if err != nil {
		return err
	}
	second, err := j.open(ctx, r)
	if err != nil {
		return err
	}
	var run groupsRun
	if run.first, err = r.drain(ctx, j.records, time.Hour, nil, first); err != nil {
		return fmt.Errorf("PostgreSQL alone: %w", err)
	}
	fmt.Printf("  PostgreSQL alone: %s\n", run.first)
	if run.second, err = r.drain(ctx, j.records, time.Hour, nil, second); err != nil {
		return fmt.Errorf("%s alone: %w", j.second, err)
	}
	fmt.Printf("  %s alone: %s\n", j.second, run.second)
	if run.both, err = r.drain(ctx, j.records, time.Hour, nil, first, second); err != nil {
		return fmt.Errorf("both: %w", err)
	}
	fmt.Printf("  both: %s; share of the slower one alone %.2f, at most %.2f with %d processors\n",
		run.both, run.share(), run.possible(), runtime.NumCPU())
	j.runs = append(j.runs, run)
	return nil
}

func (j *groupsJob) rows() []row {
	var shares, possible, reached, speeds, limits, peaks []float64
	for _, run := range j.runs {
		reached = append(reached, run.share()/run.possible())
		shares, possible = append(shares, run.share()), append(possible, run.possible())
		speeds, limits = append(speeds, run.both.perSecond()), append(limits, run.slower())
		peaks = append(peaks, run.both.mebibytes())
	}
	return []row{
		{job: j.title(), unit: share.named("share of the slower one alone"), pump: "times add up", values: shares, limits: possible},
		{job: j.title(), unit: share.named("of what the processors allow"), values: reached, goal: atLeast(0.9)},
		{job: j.title(), unit: perSecond.named("records/s until both are done"), values: speeds, limits: limits},
		{job: j.title(), unit: mebibytes, values: peaks},
	}
}

func (j *groupsJob) section() string {
	lines := [][]string{{"run", "PostgreSQL alone", j.second + " alone", "both", "share of the slower one alone", "at most", "CPU a record, both", "peak memory, both"}, nil}
	for i, run := range j.runs {
		lines = append(lines, []string{
			strconv.Itoa(i + 1), thousands(run.first.perSecond()) + "/s", thousands(run.second.perSecond()) + "/s", thousands(run.both.perSecond()) + "/s",
			fmt.Sprintf("%.2f", run.share()), fmt.Sprintf("%.2f", run.possible()), fmt.Sprintf("%.2f µs", run.both.microseconds()), fmt.Sprintf("%.0f MiB", run.both.mebibytes()),
		})
	}
	return fmt.Sprintf("One process with two receivers `tykredis` of different groups, one to PostgreSQL, one to %s, on one list of %s raw records: the time is until "+
		"both have stored all. Before, in the same run, each of them alone. The two share this machine's processors with both stores and with Redis. "+
		"The limit of the share is what %d processors allow: both at once have to do at least what the processors did, for all processes, while each of them was alone.\n\n",
		j.second, thousands(float64(j.records)), runtime.NumCPU()) + markdown(lines)
}
