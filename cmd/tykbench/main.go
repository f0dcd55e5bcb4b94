package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tykbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "soak" {
		return runSoak(ctx, args[1:])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	micros, err := microSection(o.micro)
	if err != nil {
		return err
	}
	rig, err := newRig(o)
	if err != nil {
		return err
	}
	defer rig.close()
	jobs := chosenJobs(o)
	if err := measure(ctx, rig, o, jobs); err != nil {
		return err
	}
	fmt.Print("\n", table(rowsOf(jobs)))
	return write(o, jobs, micros)
}

// measure runs all jobs in turn, again and again, so that each sees the machine at its
// best and worst.
func measure(ctx context.Context, r *rig, o options, jobs []job) error {
	for i := range o.runs {
		for _, j := range jobs {
			if err := rest(ctx, o.pause); err != nil {
				return err
			}
			fmt.Printf("%s, run %d of %d\n", j.title(), i+1, o.runs)
			r.run = fmt.Sprintf("%s-%d", j.key(), i+1)
			if err := j.measure(ctx, r); err != nil {
				return fmt.Errorf("%s: %w", j.title(), err)
			}
		}
	}
	return nil
}

// rest lets the machine idle.
func rest(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
