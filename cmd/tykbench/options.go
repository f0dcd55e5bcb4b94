package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what the command line chooses.
type options struct {
	binary   string
	output   string
	only     []string // keys of jobs; empty for all
	profiles string   // directory
	micro    string   // file
	memLimit string   // the collector's GOMEMLIMIT
	gogc     string   // the collector's GOGC
	records  int64
	mongo    int64
	large    int64
	outage   int64
	viewed   int64
	runs     int
	pause    time.Duration
	memory   []int64
	rate     float64
	duration time.Duration
	idle     time.Duration
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("tykbench", flag.ContinueOnError)
	var o options
	o.collectorFlags(flags)
	flags.StringVar(&o.output, "output", filepath.Join("docs", "benchmarks.md"), "the file to write")
	only := flags.String("only", "", "measure only these jobs, separated by commas: "+strings.Join(keys(), ", "))
	flags.StringVar(&o.profiles, "profile-dir", "", "write CPU and allocation profiles of the collector of each run into this directory, which costs speed")
	flags.StringVar(&o.micro, "micro", "", "put the micro-benchmarks of this output of go test -bench into the report")
	flags.Int64Var(&o.records, "records", 200_000, "records in a backlog")
	flags.Int64Var(&o.mongo, "mongo-records", 20_000, "records in the backlog for MongoDB's protocol")
	flags.Int64Var(&o.large, "large-records", 5000, "records in the backlog with large bodies")
	flags.Int64Var(&o.outage, "outage-records", 3_600_000, "records that come while the store is away")
	flags.Int64Var(&o.viewed, "viewers-records", 1_000_000, "records in the backlog that is drained while people look at the console")
	flags.IntVar(&o.runs, "runs", 5, "runs of each job; medians are reported")
	flags.DurationVar(&o.pause, "pause", 0, "let the machine rest before each run")
	memory := flags.String("memory", "100000,1000000,3000000", "backlogs to measure peak memory with")
	flags.Float64Var(&o.rate, "rate", 5000, "records per second for the latency")
	flags.DurationVar(&o.duration, "duration", 20*time.Second, "how long the latency is measured")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how long the idle collectors are measured")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if err := o.tune(); err != nil {
		return o, err
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, key := range o.only {
		if !slices.Contains(keys(), key) {
			return o, fmt.Errorf("-only: there is no job %q: use some of %s", key, strings.Join(keys(), ", "))
		}
	}
	for field := range strings.SplitSeq(*memory, ",") {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-memory: %q: want numbers above 0, separated by commas", *memory)
		}
		o.memory = append(o.memory, n)
	}
	if min(o.records, o.mongo, o.large, o.outage, o.viewed) < 1 || o.runs < 1 || o.rate <= 0 || o.duration <= 0 || o.idle <= 0 || o.pause < 0 {
		return o, errors.New("-records, -mongo-records, -large-records, -outage-records, -viewers-records, -runs, -rate, -duration and -idle must be above 0, -pause not below")
	}
	return o, nil
}

// collectorFlags are those of the collector itself.
func (o *options) collectorFlags(flags *flag.FlagSet) {
	binary := os.Getenv("OTELCOL_TYK_BINARY")
	if binary == "" {
		binary = filepath.Join("bin", "otelcol-tyk")
	}
	flags.StringVar(&o.binary, "binary", binary, "the built collector")
	flags.StringVar(&o.memLimit, "gomemlimit", "", "the collector's GOMEMLIMIT; by default that of the environment, or else of the Makefile")
	flags.StringVar(&o.gogc, "gogc", "", "the collector's GOGC, likewise")
}
