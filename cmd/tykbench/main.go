package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are what the command line chooses.
type options struct {
	binary   string
	output   string
	records  int64
	runs     int
	memory   []int64
	rate     float64
	duration time.Duration
}

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
	o, err := parse(args)
	if err != nil {
		return err
	}
	rig, err := newRig(ctx, o.binary)
	if err != nil {
		return err
	}
	defer rig.close()

	result := results{options: o}
	for _, to := range rig.destinations() {
		result.stores = append(result.stores, store{name: to.name()})
	}
	for i := range o.runs { // all of them in turn, so that each sees the machine at its best and worst
		for at, to := range rig.destinations() {
			fmt.Printf("backlog of %d, store %s, run %d of %d\n", o.records, to.name(), i+1, o.runs)
			if err := result.stores[at].measure(ctx, rig, to, o.records); err != nil {
				return err
			}
		}
	}
	if result.rollups, err = rig.measureRollups(ctx, o); err != nil {
		return err
	}
	for _, n := range o.memory {
		fmt.Printf("memory with a backlog of %d\n", n)
		drain, err := rig.drain(ctx, rig.postgres, n)
		if err != nil {
			return err
		}
		fmt.Printf("  %s\n", drain)
		result.memory = append(result.memory, drain)
	}
	fmt.Printf("latency at %.0f records/s for %s\n", o.rate, o.duration)
	if result.latency, err = rig.latency(ctx, o.rate, o.duration); err != nil {
		return err
	}
	fmt.Printf("  %s\n", result.latency)
	return result.write(o.output)
}

// measure adds a run.
func (s *store) measure(ctx context.Context, r *rig, to destination, records int64) error {
	drain, err := r.drain(ctx, to, records)
	if err != nil {
		return fmt.Errorf("store %s: %w", to.name(), err)
	}
	bulk, err := to.bulk(ctx)
	if err != nil {
		return fmt.Errorf("bulk load of store %s: %w", to.name(), err)
	}
	fmt.Printf("  %s; bulk load %.0f rows/s\n", drain, bulk)
	s.drains, s.bulks = append(s.drains, drain), append(s.bulks, bulk)
	return nil
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("tykbench", flag.ContinueOnError)
	binary := os.Getenv("OTELCOL_TYK_BINARY")
	if binary == "" {
		binary = filepath.Join("bin", "otelcol-tyk")
	}
	var o options
	flags.StringVar(&o.binary, "binary", binary, "the built collector")
	flags.StringVar(&o.output, "output", filepath.Join("docs", "benchmarks.md"), "the file to write")
	flags.Int64Var(&o.records, "records", 200_000, "records in the throughput backlog")
	flags.IntVar(&o.runs, "runs", 5, "runs of the throughput backlog; medians are reported")
	memory := flags.String("memory", "100000,1000000", "backlogs to measure peak memory with")
	flags.Float64Var(&o.rate, "rate", 2000, "records per second for the latency")
	flags.DurationVar(&o.duration, "duration", 20*time.Second, "how long the latency is measured")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, field := range strings.Split(*memory, ",") {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-memory: %q: want numbers above 0, separated by commas", *memory)
		}
		o.memory = append(o.memory, n)
	}
	if o.records < 1 || o.runs < 1 || o.rate <= 0 || o.duration <= 0 {
		return o, errors.New("-records, -runs, -rate and -duration must be above 0")
	}
	return o, nil
}
