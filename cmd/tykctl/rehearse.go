package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/capture"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/sandbox"
)

// rehearsal is the flags of rehearse.
type rehearsal struct {
	conf, from, dir, suffix, program string
	pumpDB                           int
	wait, settle                     time.Duration
	cmp                              *comparison
	ports                            map[int]bool // that were given
}

// rehearseCommand lets both sides store the same records, and compares.
func rehearseCommand(f *flag.FlagSet) action {
	r := &rehearsal{cmp: newComparison(f, false), ports: map[int]bool{}}
	f.StringVar(&r.conf, "conf", "", "Tyk Pump's `file`; variables TYK_PMP_... count as they do for Tyk Pump")
	f.StringVar(&r.from, "from", "", "the `file` of tykctl capture")
	f.StringVar(&r.dir, "dir", "rehearsal", "`directory` for the two configurations, which hold credentials, and logs")
	f.StringVar(&r.suffix, "suffix", "_shadow", "what the names of our schemas, databases, indexes, topics and the like end with; those of Tyk Pump end with _pump behind it")
	f.StringVar(&r.program, "otelcol-tyk", "otelcol-tyk", "the collector's `program`, which is started; empty: start it yourself")
	f.IntVar(&r.pumpDB, "pump-db", -1, "`number` of the database of the sandbox's Redis that Tyk Pump reads; by default the one behind -db")
	f.DurationVar(&r.wait, "wait", 10*time.Minute, "how long both may take to store everything")
	f.DurationVar(&r.settle, "settle", 0, "for how long nothing more must be stored; by default three times purge_delay, and at least 15s")
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
	sides, err := r.derive(converted, conn, &theirs, &ours)
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
	r.instruct(c, there, here)
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
	// counters tell how much is stored.
	counters []sandbox.Counter
	// pages are what the pages of metrics showed at the end.
	pages []page
	ends  []func()
}

// close ends the connections.
func (p *part) close() {
	for _, end := range slices.Backward(p.ends) {
		end()
	}
}

// derive writes both configurations.
func (r *rehearsal) derive(converted *pumpconf.Result, conn, theirs, ours *connection) ([]*part, error) {
	const private, owner = 0o600, 0o700
	if err := os.MkdirAll(r.dir, owner); err != nil {
		return nil, fmt.Errorf("-dir: %w", err)
	}
	host, port, err := net.SplitHostPort(conn.addresses)
	if err != nil {
		return nil, fmt.Errorf("-redis: %s: write host:port", netaddr.Shown(conn.addresses))
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("-redis: %s: write host:port", netaddr.Shown(conn.addresses))
	}
	parts := []*part{{name: "Tyk Pump", conn: theirs, config: pumpConfig}, {name: "otelcol-tyk", conn: ours, config: ourConfig}}
	for i, p := range parts {
		suffix := r.suffix
		if i == 0 {
			suffix += "_pump"
		}
		p.box, err = sandbox.Derive(converted.Settings, converted.LeftOut, sandbox.Side{
			Suffix: suffix, FreePort: r.freePort,
			Redis: sandbox.Redis{Host: host, Port: number, Database: p.conn.database, Username: conn.username, Password: conn.password},
		})
		if err != nil {
			return nil, fmt.Errorf("-conf: %w", err)
		}
		if err := os.WriteFile(filepath.Join(r.dir, p.config), p.box.Config, private); err != nil {
			return nil, fmt.Errorf("-dir: %w", err)
		}
	}
	if err := sandbox.Apart(parts[0].box, parts[1].box); err != nil {
		return nil, fmt.Errorf("-conf: %w", err)
	}
	return parts, nil
}

// freePort finds a port that it has not given yet.
func (r *rehearsal) freePort() (port int, err error) {
	for port == 0 || r.ports[port] {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
		if err != nil {
			return 0, err
		}
		port = l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return 0, err
		}
	}
	r.ports[port] = true
	return port, nil
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
		store, err := openDriver(ctx, s.Driver, s.Address)
		if err != nil {
			return err
		}
		p.ends = append(p.ends, func() { _ = store.Close() }) // it is only read
		p.counters = append(p.counters, func(ctx context.Context) (int64, error) { return sandbox.Rows(ctx, store) })
		n, err := sandbox.Rows(ctx, store)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%s has %s already: drop it, or use another -suffix", s.Label, inspect.Count(n, "row"))
		}
		fmt.Fprintf(c.stderr, "%s stores into %s\n", p.name, s.Label)
	}
	for _, place := range p.box.Places {
		fmt.Fprintf(c.stderr, "%s stores into %s\n", p.name, place.Label)
	}
	for _, page := range p.box.Pages {
		p.counters = append(p.counters, func(ctx context.Context) (int64, error) { return readPage(ctx, page.URL).sum(), nil })
		fmt.Fprintf(c.stderr, "%s has its metrics at %s\n", p.name, page.URL)
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
