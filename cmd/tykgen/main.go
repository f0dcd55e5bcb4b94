package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "tykgen:", err)
		os.Exit(1)
	}
}

// run pushes what the arguments ask for, and reports what was pushed on stdout
// even when it fails on the way.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	redis.SetLogger(silence{}) // what matters comes back as an error
	generator, err := traffic.New(o.traffic)
	if err != nil {
		return err
	}
	gateway, err := traffic.NewGateway(o.redis, generator, o.gateway)
	if err != nil {
		return err
	}
	start := time.Now()
	if o.backlog > 0 {
		err = gateway.Backlog(ctx, o.backlog, o.span)
	} else {
		err = gateway.Run(ctx, o.rate, o.duration)
	}
	report(stdout, gateway.Totals(), time.Since(start))
	return errors.Join(err, gateway.Close())
}

// report prints the totals, one list per line.
func report(w io.Writer, t traffic.Totals, took time.Duration) {
	perSecond := 0.0
	if took > 0 {
		perSecond = float64(t.Records) / took.Seconds()
	}
	fmt.Fprintf(w, "pushed %d records (%d of MCP APIs) and %d undecodable entries, %.1f MB, in %.1fs: %.0f records/s\n",
		t.Records, t.MCP, t.Poison, float64(t.Bytes)/1e6, took.Seconds(), perSecond)
	for _, key := range slices.Sorted(maps.Keys(t.Keys)) {
		fmt.Fprintf(w, "  %-48s %d\n", key, t.Keys[key])
	}
}

// silence keeps the Redis client's own messages off the terminal.
type silence struct{}

// Printf prints nothing.
func (silence) Printf(context.Context, string, ...any) {}
