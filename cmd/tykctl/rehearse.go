package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/capture"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sandbox"
)

// rehearsal is the flags of rehearse.
type rehearsal struct {
	conf, from, dir, suffix, program string
	pumpDB                           int
	wait, settle                     time.Duration
	cmp                              *comparison
}

// rehearseCommand lets both sides store the same records, and compares.
func rehearseCommand(f *flag.FlagSet) action {
	r := &rehearsal{cmp: newComparison(f, false)}
	f.StringVar(&r.conf, "conf", "", "Tyk Pump's `file`; variables TYK_PMP_... count as they do for Tyk Pump")
	f.StringVar(&r.from, "from", "", "the `file` of tykctl capture")
	f.StringVar(&r.dir, "dir", "rehearsal", "`directory` for the two configurations, which hold credentials, and logs")
	f.StringVar(&r.suffix, "suffix", "_shadow", "what the names of our schemas and databases end with; those of Tyk Pump end with _pump behind it")
	f.StringVar(&r.program, "otelcol-tyk", "otelcol-tyk", "the collector's `program`, which is started; empty: start it yourself")
	f.IntVar(&r.pumpDB, "pump-db", -1, "`number` of the database of the sandbox's Redis that Tyk Pump reads; by default the one behind -db")
	f.DurationVar(&r.wait, "wait", 10*time.Minute, "how long both may take to store everything")
	f.DurationVar(&r.settle, "settle", 0, "for how long nothing more must be stored; by default three times purge_delay, and at least 10s")
	return r.run
}

// Names within the directory.
const (
	pumpConfig = "tyk-pump.conf"
	ourConfig  = "otelcol-tyk.conf"
	ourLog     = "otelcol-tyk.log"
)

func (r *rehearsal) run(ctx context.Context, c console, conn *connection, _ []string) (status int, err error) {
	if err := r.validate(conn); err != nil {
		return exitFailed, err
	}
	source := pumpconf.FromProcess(r.conf)
	converted := pumpconf.Convert(source)
	if converted.Refused() {
		fmt.Fprint(c.stderr, converted.Summary())
		return exitFailed, errors.New("this configuration does not start: see tykctl convert")
	}
	if err := r.apart(ctx, converted.Settings, conn); err != nil {
		return exitFailed, err
	}
	header, err := r.inspect(c)
	if err != nil {
		return exitFailed, fmt.Errorf("-from: %s: %w", r.from, err)
	}
	theirs, ours := *conn, *conn
	theirs.database = r.pumpDB
	sides, err := r.derive(converted.Settings, conn, &theirs, &ours)
	if err != nil {
		return exitFailed, err
	}
	there, here := sides[0], sides[1]
	defer func() { there.close(); here.close() }()
	if err := errors.Join(there.open(ctx, c), here.open(ctx, c)); err != nil {
		return exitFailed, err
	}
	if run := runID(ctx, here.rdb); run != "" && run == header.Run {
		return exitFailed, fmt.Errorf("-redis: %s is the Redis that %s was captured from, whatever its name: start another one for the rehearsal", conn.addresses, r.from)
	}
	for _, s := range sides {
		n, err := r.push(ctx, s)
		if err != nil {
			return exitFailed, err
		}
		fmt.Fprintf(c.stderr, "%s pushed to database %d of %s\n", inspect.Count(n, "entry"), s.conn.database, s.conn.addresses)
	}
	r.instruct(c)
	if err := r.store(ctx, c, converted.Settings, there, here); err != nil {
		return exitFailed, err
	}
	result, err := r.compare(ctx, there, here)
	if err != nil {
		return exitFailed, err
	}
	return r.cmp.tell(c, result, fmt.Sprintf("%x", sha256.Sum256(source.Text)))
}

func (r *rehearsal) validate(conn *connection) error {
	if err := r.cmp.prepare(); err != nil {
		return err
	}
	if r.pumpDB < 0 {
		r.pumpDB = conn.database + 1
	}
	switch {
	case r.conf == "":
		return errors.New("-conf: is missing: name Tyk Pump's pump.conf")
	case r.from == "":
		return errors.New("-from: is missing: name a file of tykctl capture")
	case conn.cluster || conn.sentinel.master != "" || conn.useTLS || len(conn.list()) != 1:
		return errors.New("-redis: the sandbox's is one plain server, which nothing else uses: start one for the rehearsal, such as redis-server --port 6390 --save ''")
	case r.pumpDB == conn.database:
		return fmt.Errorf("-pump-db: %d is also -db: each side has a database of its own", r.pumpDB)
	case conn.keyPrefix != "analytics-":
		return errors.New("-key-prefix: has no effect here: the sandbox's Redis is only for the rehearsal")
	}
	if err := sandbox.CheckSuffix(r.suffix); err != nil {
		return fmt.Errorf("-suffix: %w", err)
	}
	return nil
}

// part is one of the two that store.
type part struct {
	name   string
	conn   *connection
	config string
	box    *sandbox.Sandbox
	rdb    redis.UniversalClient
	stores []rows.Store
	ends   []func()
}

// close ends the connections.
func (p *part) close() {
	for _, end := range slices.Backward(p.ends) {
		end()
	}
}

// derive writes both configurations.
func (r *rehearsal) derive(s *settings.Settings, conn, theirs, ours *connection) ([]*part, error) {
	const private, owner = 0o600, 0o700
	if err := os.MkdirAll(r.dir, owner); err != nil {
		return nil, fmt.Errorf("-dir: %w", err)
	}
	host, port, err := net.SplitHostPort(conn.addresses)
	if err != nil {
		return nil, fmt.Errorf("-redis: %q: write host:port", conn.addresses)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("-redis: %q: write host:port", conn.addresses)
	}
	parts := []*part{{name: "Tyk Pump", conn: theirs, config: pumpConfig}, {name: "otelcol-tyk", conn: ours, config: ourConfig}}
	for i, p := range parts {
		suffix := r.suffix
		if i == 0 {
			suffix += "_pump"
		}
		health, err := freePort()
		if err != nil {
			return nil, err
		}
		p.box, err = sandbox.Derive(s, sandbox.Side{
			Suffix: suffix, HealthPort: health,
			Redis: sandbox.Redis{Host: host, Port: number, Database: p.conn.database, Username: conn.username, Password: conn.password},
		})
		if err != nil {
			return nil, fmt.Errorf("-conf: %w", err)
		}
		if err := os.WriteFile(filepath.Join(r.dir, p.config), p.box.Config, private); err != nil {
			return nil, fmt.Errorf("-dir: %w", err)
		}
	}
	return parts, nil
}

func freePort() (port int, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// open connects to a side's Redis and stores, which must be empty.
func (p *part) open(ctx context.Context, c console) error {
	rdb, endRedis, err := p.conn.open(ctx)
	if err != nil {
		return err
	}
	p.ends = append(p.ends, endRedis)
	p.rdb = rdb
	keys, err := rdb.DBSize(ctx).Result()
	if err != nil {
		return p.conn.explain(err)
	}
	if keys > 0 {
		return fmt.Errorf("database %d of %s is not empty: use another one, or FLUSHDB if nobody needs what is in it", p.conn.database, p.conn.addresses)
	}
	for _, s := range p.box.Stores {
		if err := s.Create(ctx); err != nil {
			return err
		}
		if s.Driver == "sqlite" {
			continue // which is there once it is written
		}
		store, err := openDriver(ctx, s.Driver, s.Address)
		if err != nil {
			return err
		}
		p.ends = append(p.ends, func() { _ = store.Close() }) // it is only read
		p.stores = append(p.stores, store)
		n, err := sandbox.Rows(ctx, store)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%s has %s already: drop it, or use another -suffix", s.Label, inspect.Count(n, "row"))
		}
		fmt.Fprintf(c.stderr, "%s stores into %s\n", p.name, s.Label)
	}
	return nil
}

// push gives a side the records.
func (r *rehearsal) push(ctx context.Context, p *part) (n int64, err error) {
	file, err := os.Open(r.from)
	if err != nil {
		return 0, fmt.Errorf("-from: %w", err)
	}
	defer func() { _ = file.Close() }() // it is only read
	reader, err := capture.NewReader(file)
	if err != nil {
		return 0, fmt.Errorf("-from: %s: %w", r.from, err)
	}
	defer reader.Close()
	const batch = 500
	n, err = (&capture.Replay{Redis: p.rdb, Key: p.conn.keyOf, Batch: batch}).Run(ctx, reader)
	if err != nil && !errors.Is(err, capture.ErrIncomplete) { // which inspect has told
		return n, p.conn.explain(fmt.Errorf("-from: %s: %w", r.from, err))
	}
	return n, nil
}

// instruct says how to start Tyk Pump.
func (r *rehearsal) instruct(c console) {
	file, err := filepath.Abs(filepath.Join(r.dir, pumpConfig))
	if err != nil {
		file = filepath.Join(r.dir, pumpConfig)
	}
	zone := os.Getenv("TZ")
	if zone == "" {
		zone = "UTC"
	}
	fmt.Fprintf(c.stderr, `
Start your own Tyk Pump now, without any TYK_PMP_ or PMP_ variable, which are in the file already:

  env -i PATH="$PATH" TZ=%[1]s tyk-pump --conf=%[2]s
  docker run --rm --network host -e TZ=%[1]s -v %[2]s:/opt/tyk-pump/pump.conf:ro tykio/tyk-pump-docker-pub:v1.16.0

Stop it when the report is here.

`, zone, file)
}

// store waits until both sides have stored everything. Our side is a process that this starts.
func (r *rehearsal) store(ctx context.Context, c console, s *settings.Settings, there, here *part) error {
	settle := r.settle
	if settle == 0 {
		const least, rounds = 10 * time.Second, 3
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
	waits, wctx := errgroup.WithContext(ctx)
	for _, p := range []*part{there, here} {
		waits.Go(func() error {
			if err := sandbox.Wait(wctx, p.rdb, p.stores, settle); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			fmt.Fprintf(c.stderr, "%s has stored everything\n", p.name)
			return nil
		})
	}
	err := waits.Wait()
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

// compare compares each store of Tyk Pump with ours.
func (r *rehearsal) compare(ctx context.Context, there, here *part) (*compare.Result, error) {
	all, options := &compare.Result{}, r.cmp.options
	options.MinRecords = 0 // of all stores together
	for i := range there.box.Stores {
		a, err := openDriver(ctx, there.box.Stores[i].Driver, there.box.Stores[i].Address)
		if err != nil {
			return nil, err
		}
		b, err := openDriver(ctx, here.box.Stores[i].Driver, here.box.Stores[i].Address)
		if err != nil {
			return nil, errors.Join(err, a.Close())
		}
		result, err := compare.Stores(ctx, a, b, options)
		if err := errors.Join(err, a.Close(), b.Close()); err != nil {
			return nil, err
		}
		all.Add(result)
	}
	all.Weigh(r.cmp.options.MinRecords)
	all.Skipped = append(all.Skipped, there.box.Skipped...)
	return all, nil
}
