package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// soak is a long run at a steady rate, and what it showed.
type soak struct {
	options
	interval time.Duration

	samples []sample
	pushed  int64
	took    time.Duration
	peak    int64
	latency latency
	viewers int
	pages   []float64 // milliseconds
	busy    int       // pages that the console refused
}

// runSoak is the command "soak".
func runSoak(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("tykbench soak", flag.ContinueOnError)
	var s soak
	s.collectorFlags(flags)
	flags.StringVar(&s.output, "output", filepath.Join("docs", "soak.md"), "the file to write")
	flags.Float64Var(&s.rate, "rate", 5000, "records per second")
	flags.DurationVar(&s.duration, "duration", 10*time.Minute, "how long it takes")
	flags.DurationVar(&s.interval, "interval", 3*time.Second, "how often it is looked at the collector and Redis")
	flags.IntVar(&s.viewers, "viewers", 1, "how many people look at the console all the while")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.viewers < 0 {
		return errors.New("-viewers must not be below 0")
	}
	if s.rate <= 0 || s.interval <= 0 || s.duration < 9*s.interval {
		return errors.New("-rate and -interval must be above 0, and -duration at least nine intervals, three a third")
	}
	if err := s.tune(); err != nil {
		return err
	}
	rig, err := newRig(s.options)
	if err != nil {
		return err
	}
	defer rig.close()
	if err := s.measure(ctx, rig); err != nil {
		return err
	}
	text, grown := s.report()
	if text == "" {
		return grown
	}
	fmt.Print("\n", text)
	if err := os.WriteFile(s.output, []byte(text), 0o644); err != nil { //nolint:gosec // a document for everyone
		return err
	}
	fmt.Println("\nwrote", s.output)
	return grown
}

// measure pushes to three groups, and takes samples all the while that somebody looks at the console.
func (s *soak) measure(ctx context.Context, r *rig) error {
	p, err := r.openPostgres(ctx)
	if err != nil {
		return err
	}
	server := newOTLP()
	defer server.server.Close()
	first := soaked{p}
	to := []destination{first, soakedFile{&sqlite{dir: r.dir}}, server}
	if err := r.fresh(ctx, to...); err != nil {
		return err
	}
	var pipelines []pipeline
	for _, one := range to {
		pipelines = append(pipelines, one.pipeline())
	}
	if err := freeAddress(&r.console); err != nil {
		return err
	}
	c, err := r.collectWatched(ctx, pipelines...)
	if err != nil {
		return err
	}
	defer c.Kill()
	if err := c.ready(ctx); err != nil {
		return err
	}
	want := make([]int64, len(to))
	v := view(ctx, r.console, s.viewers)
	err = s.push(ctx, r, c, to, want)
	var viewErr error
	if s.pages, s.busy, viewErr = v.end(); err != nil || viewErr != nil {
		return errors.Join(err, viewErr)
	}
	s.pushed = want[0]
	err = await(ctx, time.Second, time.Minute, "the last record", func() (bool, error) {
		stored, err := first.count(ctx, tableName)
		return stored >= want[0], err
	})
	for i, one := range to {
		err = errors.Join(err, one.settled(ctx, want[i]))
	}
	if err != nil {
		return err
	}
	if s.peak, err = peakMemory(c.PID()); err != nil {
		return err
	}
	if err := c.finish(ctx); err != nil {
		return err
	}
	for i, one := range to {
		err = errors.Join(err, one.check(ctx, want[i]))
	}
	if err != nil {
		return err
	}
	return first.readLatency(ctx, &s.latency)
}

// push pushes while watch looks on.
func (s *soak) push(ctx context.Context, r *rig, c *collector, to []destination, want []int64) error {
	gateway, err := r.gateway(want, to...)
	if err != nil {
		return err
	}
	defer func() { _ = gateway.Close() }()
	pushing, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan error, 1)
	go func() {
		err := s.watch(pushing, r, c)
		if err != nil {
			stop()
		}
		watched <- err
	}()
	start := time.Now()
	err = gateway.Run(pushing, s.rate, s.duration)
	s.took = time.Since(start)
	stop()
	return errors.Join(err, <-watched, ctx.Err())
}

// watch takes samples until the end of ctx.
func (s *soak) watch(ctx context.Context, r *rig, c *collector) error {
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		one, err := r.sample(ctx, c)
		if ctx.Err() != nil { // cut off in the middle
			return nil
		}
		if err != nil {
			return fmt.Errorf("take a sample: %w", err)
		}
		s.samples = append(s.samples, one)
		if len(s.samples)%20 == 1 {
			fmt.Println(one)
		}
	}
}
