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
	"strconv"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// binaryVariable names the built collector.
const binaryVariable = "OTELCOL_TYK_BINARY"

// secondsVariable says for how many seconds the console stays.
const secondsVariable = "DEMO_SECONDS"

// serving is for how long the console stays: as long as somebody is at a terminal, or as the variable says.
func serving(seconds string, terminal bool) (time.Duration, error) {
	if seconds != "" {
		n, err := strconv.Atoi(seconds)
		if err != nil || n < 0 || n > 86400 {
			return 0, fmt.Errorf("%s is %q: use a number of seconds from 0 to 86400", secondsVariable, seconds)
		}
		return time.Duration(n) * time.Second, nil
	}
	if terminal {
		return -1, nil
	}
	return 0, nil
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// options have defaults with which the demo runs as it is.
type options struct {
	binary   string
	config   string
	data     string
	duration time.Duration
	rate     float64
	patience time.Duration // how long the store may stand still once all is pushed
	serve    time.Duration // how long the console stays afterwards; below 0 until somebody ends the demo
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
	if o.serve, err = serving(os.Getenv(secondsVariable), isTerminal(out)); err != nil {
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
