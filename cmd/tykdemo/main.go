package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// binaryVariable names the built collector.
const binaryVariable = "OTELCOL_TYK_BINARY"

// options have defaults with which the demo runs as it is.
type options struct {
	binary   string
	config   string
	data     string
	duration time.Duration
	rate     float64
	patience time.Duration // how long the store may stand still once all is pushed
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "tykdemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, stderr io.Writer) error {
	redis.SetLogger(silence{}) // what matters comes back as an error
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return demo(ctx, o, out)
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{binary: os.Getenv(binaryVariable), patience: 15 * time.Second}
	if o.binary == "" {
		o.binary = filepath.Join("bin", "otelcol-tyk")
	}
	f := flag.NewFlagSet("tykdemo", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.config, "config", "otelcol-config.yaml", "the collector's configuration `file`")
	f.StringVar(&o.data, "data", "demo-data", "the `directory` for the store and the log; what an earlier demo left there is replaced")
	f.DurationVar(&o.duration, "duration", 20*time.Second, "how long traffic is made")
	f.Float64Var(&o.rate, "rate", 2000, "records per second")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	var errs []error
	if f.NArg() > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q: everything is a flag, see -help", f.Arg(0)))
	}
	if o.duration < time.Second || o.duration > time.Hour {
		errs = append(errs, fmt.Errorf("-duration is %v: it must be from 1s to 1h", o.duration))
	}
	if !(o.rate >= 1 && o.rate <= 1e6) { // also refuses NaN
		errs = append(errs, fmt.Errorf("-rate is %v: it must be from 1 to a million", o.rate))
	}
	return o, errors.Join(errs...)
}

// silence keeps the Redis client's own messages off the terminal.
type silence struct{}

// Printf prints nothing.
func (silence) Printf(context.Context, string, ...any) {}
