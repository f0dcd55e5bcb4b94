package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sandbox"
)

// instruct says what is to be made, and how to start Tyk Pump.
func (r *rehearsal) instruct(c console, there, here *part) {
	var orders []string
	for _, place := range slices.Concat(there.box.Places, here.box.Places) {
		if place.Make != "" {
			orders = append(orders, fmt.Sprintf("  %s (%s)\n", place.Label, place.Make))
		}
	}
	if len(orders) > 0 {
		fmt.Fprintf(c.stderr, "\nMake these first, as the real ones are:\n\n%s", strings.Join(orders, ""))
	}
	file, err := filepath.Abs(filepath.Join(r.dir, pumpConfig))
	if err != nil {
		file = filepath.Join(r.dir, pumpConfig)
	}
	zone := os.Getenv("TZ")
	if zone == "" {
		zone = "UTC"
	}
	var set, passed strings.Builder
	for _, variable := range os.Environ() { // which name an account where the file does not
		name, _, _ := strings.Cut(variable, "=")
		if slices.ContainsFunc(there.box.Places, func(place sandbox.Place) bool {
			return place.Variables != "" && strings.HasPrefix(name, place.Variables)
		}) {
			fmt.Fprintf(&set, ` %[1]s="$%[1]s"`, name)
			fmt.Fprintf(&passed, " -e %s", name)
		}
	}
	fmt.Fprintf(c.stderr, `
Start your own Tyk Pump now, without any TYK_PMP_ or PMP_ variable, which are in the file already:

  env -i PATH="$PATH" HOME="$HOME" TZ=%[1]s%[3]s tyk-pump --conf=%[2]s
  docker run --rm --network host -e TZ=%[1]s%[4]s -v %[2]s:/opt/tyk-pump/pump.conf:ro tykio/tyk-pump-docker-pub:v1.16.0

Stop it when the report is here.

`, zone, file, set.String(), passed.String())
}

// store waits until both sides have stored everything. Our side is a process that this starts.
func (r *rehearsal) store(ctx context.Context, c console, s *settings.Settings, there, here *part) error {
	settle := r.settle
	if settle == 0 {
		const least, rounds = 15 * time.Second, 3 // metrics come every 10s
		settle = max(least, rounds*time.Duration(s.Global.Int("purge_delay"))*time.Second)
	}
	ctx, stop := context.WithTimeout(ctx, r.wait)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	collector, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	if r.program != "" {
		if err := r.collect(collector, ended); err != nil {
			end()
			return err
		}
		g.Go(func() error { // a collector that ends by itself stores nothing more
			select {
			case err := <-ended:
				ended <- err
				if collector.Err() == nil {
					return fmt.Errorf("otelcol-tyk ended early: see %s: %w", filepath.Join(r.dir, ourLog), err)
				}
				return nil
			case <-collector.Done():
				return nil
			}
		})
	} else {
		ended <- nil
		fmt.Fprintf(c.stderr, "Start otelcol-tyk, too: otelcol-tyk --config tykpump:%s\n", filepath.Join(r.dir, ourConfig))
	}
	var telling sync.Mutex
	waits, wctx := errgroup.WithContext(ctx)
	for _, p := range []*part{there, here} {
		waits.Go(func() error {
			if err := sandbox.Wait(wctx, p.rdb, p.counters, settle); err != nil {
				if p == here && r.program != "" {
					return fmt.Errorf("%s: %w: %s tells more", p.name, err, filepath.Join(r.dir, ourLog))
				}
				return fmt.Errorf("%s: %w", p.name, err)
			}
			telling.Lock() // the two may be done at the same time
			defer telling.Unlock()
			fmt.Fprintf(c.stderr, "%s has stored everything\n", p.name)
			return nil
		})
	}
	err := waits.Wait()
	if err == nil {
		there.scrape(ctx)
		here.scrape(ctx)
	}
	end()
	err = errors.Join(err, g.Wait())
	<-ended //nolint:errcheck // whatever it says: it was told to end
	return err
}

// collect starts the collector; it ends with the context, and then says so.
func (r *rehearsal) collect(ctx context.Context, ended chan<- error) error {
	const private = 0o600
	log, err := os.OpenFile(filepath.Join(r.dir, ourLog), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, private) //nolint:gosec // the operator's own directory
	if err != nil {
		return fmt.Errorf("-dir: %w", err)
	}
	const grace = 20 * time.Second                                                                                                                      // shutdown_timeout and some time for the rest
	cmd := exec.CommandContext(ctx, r.program, "--config", "tykpump:"+filepath.Join(r.dir, ourConfig), "--set=service::telemetry::metrics::level=none") //nolint:gosec // the operator's own program
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	cmd.Stdout, cmd.Stderr = log, log
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TYK_PMP_") && !strings.HasPrefix(variable, "PMP_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("-otelcol-tyk: %w: name the program, or start it yourself with -otelcol-tyk ''", err), log.Close())
	}
	go func() { ended <- errors.Join(cmd.Wait(), log.Close()) }()
	return nil
}
