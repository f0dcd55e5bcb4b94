package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

const progressPeriod = 100 * time.Millisecond

// demo runs it all and leaves nothing running.
func demo(ctx context.Context, o *options, out io.Writer) error {
	database, log, err := freshData(o.data)
	if err != nil {
		return err
	}
	redisAddress, stopRedis, err := startRedis(ctx, out)
	if err != nil {
		return err
	}
	defer stopRedis()
	c, err := startCollector(ctx, launch{
		binary: o.binary, config: o.config, redis: redisAddress, database: database, log: log,
	})
	if err != nil {
		return err
	}
	defer c.kill()
	fmt.Fprintf(out, "collector   %s with %s\n", o.binary, o.config)
	fmt.Fprintf(out, "traffic     %s requests/s for %v, as a Tyk Gateway records them\n\n", group(int64(o.rate)), o.duration)

	spans, moved, err := move(ctx, o, redisAddress, c, database, out)
	if err := errors.Join(err, interrupted(ctx)); err != nil {
		return err
	}
	if o.serve != 0 {
		return serve(ctx, o, c, database, log, moved, spans, out)
	}
	if err := c.stop(ctx); err != nil {
		return err
	}
	if err := summarise(ctx, database, true, moved, out); err != nil {
		return err
	}
	farewell(out, database, log, spans)
	return nil
}

// serve leaves the collector running for whoever looks at its console, until they end the demo or its time is over.
func serve(ctx context.Context, o *options, c *collector, database, log string, moved int64, spans int, out io.Writer) error {
	if err := summarise(ctx, database, false, moved, out); err != nil {
		return err
	}
	farewell(out, database, log, spans)
	fmt.Fprintf(out, "The console  %s shows all of this in a browser", c.console)
	wait := make(<-chan time.Time)
	if o.serve > 0 {
		wait = time.After(o.serve)
		fmt.Fprintf(out, ", for %v\n", o.serve)
	} else {
		fmt.Fprint(out, "; Ctrl-C ends the demo\n")
	}
	select {
	case <-ctx.Done():
	case <-wait:
	case <-c.process.Done():
		return c.failure("the collector ended")
	}
	return c.stop(context.WithoutCancel(ctx))
}

// freshData makes the directory and removes what an earlier demo left in it, by name.
func freshData(dir string) (database, log string, err error) {
	database, log = filepath.Join(dir, "tyk-analytics.db"), filepath.Join(dir, "collector.log")
	errs := []error{os.MkdirAll(dir, 0o750)}
	for _, file := range []string{database, database + "-wal", database + "-shm", log} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return "", "", fmt.Errorf("prepare the data directory: %w", err)
	}
	return database, log, nil
}

// summarise prints the store's own account, after it has counted every row.
func summarise(ctx context.Context, database string, final bool, want int64, out io.Writer) error {
	s, err := openStore(database, final)
	if err != nil {
		return err
	}
	got, err := s.count(ctx)
	if err == nil && got != want {
		err = fmt.Errorf("the store %s holds %s records, but %s were pushed", database, group(got), group(want))
	}
	if err == nil {
		err = s.summarise(ctx, out)
	}
	return errors.Join(err, s.close())
}

// move plays the gateway until its time is over, and waits until all that it
// pushed is in the store. It returns the numbers of spans sent and records pushed.
func move(ctx context.Context, o *options, redisAddress string, c *collector, database string, out io.Writer) (int, int64, error) {
	s, err := openStore(database, false)
	if err != nil {
		return 0, 0, err
	}
	// Closed before the collector stops, which then tidies its file up as the last one out.
	defer func() { _ = s.close() }()
	settings := traffic.DefaultSettings()
	settings.Seed = uint64(time.Now().UnixNano())
	settings.DetailedShare, settings.OmitMCP, settings.APIs = 0.05, true, 11
	generator, err := traffic.New(settings)
	if err != nil {
		return 0, 0, err
	}
	spans := newTracer(c.traces)
	gateway, err := traffic.NewGateway(redis.Options{Addr: redisAddress}, generator, traffic.GatewaySettings{
		Serializer: traffic.Both, MultipleKeys: true, Expire: time.Minute, Observe: spans.observe,
	})
	if err != nil {
		return 0, 0, err
	}

	running, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var traceErr error
	wg.Go(func() { traceErr = spans.run(running) })
	pushed := make(chan error, 1)
	wg.Go(func() { pushed <- gateway.Run(running, o.rate, o.duration) })
	err = watch(ctx, o, gateway, c, s, pushed, out)
	stop()
	wg.Wait()
	return spans.sent, gateway.Totals().Records, errors.Join(err, traceErr, gateway.Close())
}

// watch shows progress until all is stored, the store stands still or something fails.
func watch(ctx context.Context, o *options, gateway *traffic.Gateway, c *collector, s *store, pushed <-chan error, out io.Writer) error {
	show := newProgress(out)
	expected := int64(o.rate * o.duration.Seconds())
	ticker := time.NewTicker(progressPeriod)
	defer ticker.Stop()
	var ended time.Time // when the last record was pushed
	var before int64
	moved := time.Now()
	for {
		select {
		case err := <-pushed:
			if err != nil {
				return err
			}
			pushed, ended, moved = nil, time.Now(), time.Now()
		case <-c.process.Done():
			return c.failure("the collector ended while records were under way")
		case <-ctx.Done():
			return nil // the caller says why
		case <-ticker.C:
		}
		stored, err := s.records(ctx)
		if err != nil {
			return err
		}
		sent := gateway.Totals().Records
		if stored != before {
			before, moved = stored, time.Now()
		}
		switch {
		case !ended.IsZero() && stored == sent:
			show.end(sent, stored, sent)
			fmt.Fprintf(out, "        all of them are in the store, the last %.1fs after it was pushed\n", time.Since(ended).Seconds())
			return nil
		case stored > sent && !ended.IsZero():
			show.end(sent, stored, sent)
			return c.failure(fmt.Sprintf("the store has %s records of %s pushed", group(stored), group(sent)))
		case !ended.IsZero() && time.Since(moved) > o.patience:
			show.end(sent, stored, sent)
			return c.failure(fmt.Sprintf("the store has %s records of %s pushed and has not moved for %v", group(stored), group(sent), o.patience))
		}
		show.show(sent, stored, expected)
	}
}

func interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return nil
}

func farewell(out io.Writer, database, log string, spans int) {
	fmt.Fprintf(out, `
The store    %s, the table tyk_analytics as Tyk Dashboard reads it. Look into it with
               sqlite3 %s "SELECT api_name, count(*) FROM tyk_analytics GROUP BY 1"
The log      %s; the debug exporter shows there the %d trace spans sent over OTLP
Your turn    REDIS=host:port make run    reads the Redis that your gateway writes to
             go run ./cmd/tykgen -help   makes traffic without a gateway
             README.md                   configuration and components
`, database, database, log, spans)
}
