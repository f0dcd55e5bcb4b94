//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// drainPatience is how long the backlog may stand still after the faults.
	drainPatience = 60 * time.Second
	// drainTimeout is how long draining may take in all, on a machine that has much else to do.
	drainTimeout = 20 * time.Minute
)

// world is everything that a run starts.
type world struct {
	plan      plan
	data      string // directory of the SQLite files
	logs      string // directory of the collectors' configurations and logs
	server    server
	rdb       redis.UniversalClient // the harness's own
	books     *books
	database  *database
	documents *documents // nil without
	groups    []*group
	replicas  []*collector // of groupPostgres
	writers   []*collector // of groupMongo
	single    *collector   // of the groups with SQLite files, nil without
	late      *collector   // of groupLate, nil without
	refusing  *collector   // of groupRefusing, nil without
	refuser   *refuser     // its store
	files     *collector   // of groupFiles, nil without
	doubles   *collector   // of the plan's doubles, nil without
	known     []*collector // all that there are, also those that faults add
	journal   *journal
	chronicle *chronicle
}

func newWorld(ctx context.Context, p plan, data, logs string) (_ *world, err error) {
	w := &world{plan: p, data: data, logs: logs, chronicle: newChronicle(), journal: newJournal()}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.server, err = newServer(ctx, p); err != nil {
		return nil, err
	}
	if w.rdb, err = w.server.newClient(); err != nil {
		return nil, err
	}
	w.books = newBooks(w.rdb, p.names())
	if w.database, err = newDatabase(ctx); err != nil {
		return nil, err
	}
	if p.schemas {
		if err := w.database.useSchemas(ctx); err != nil {
			return nil, err
		}
	}
	w.groups = []*group{{name: groupPostgres, store: w.database}}
	for n := range p.replicas {
		w.replicas = append(w.replicas, w.newCollector(fmt.Sprintf("replica-%d", n+1), groupPostgres))
	}
	if p.sqlite {
		w.addFile(groupSQLite)
		names := []string{groupSQLite}
		if p.double {
			w.addFile(groupCopy)
			names = append(names, groupCopy)
		}
		w.single = w.newCollector("single", names...)
	}
	if p.mongo != nothing {
		if err := w.addMongo(ctx); err != nil {
			return nil, err
		}
	}
	if p.refusing {
		w.refuser = newRefuser()
		w.groups = append(w.groups, &group{name: groupRefusing, store: w.refuser})
		w.refusing = w.newCollector("refusing", groupRefusing)
	}
	if p.files {
		w.groups = append(w.groups, &group{name: groupFiles, store: &folder{filepath.Join(w.data, "csv")}})
		w.files = w.newCollector("files", groupFiles)
	}
	if len(p.doubles) > 0 {
		if err := w.addDoubles(ctx); err != nil {
			return nil, err
		}
	}
	if p.late {
		w.addFile(groupLate)
		w.late = w.newCollector("late", groupLate)
	}
	return w, nil
}

// addFile adds a group that stores into an SQLite file.
func (w *world) addFile(name string) {
	w.groups = append(w.groups, &group{name: name, store: &file{filepath.Join(w.data, name+".db")}})
}

// addMongo adds the group that stores into MongoDB.
func (w *world) addMongo(ctx context.Context) error {
	var err error
	if w.documents, err = newDocuments(ctx, w.plan.mongo); err != nil {
		return err
	}
	w.groups = append(w.groups, &group{name: groupMongo, store: w.documents})
	for n := range w.plan.writers {
		w.writers = append(w.writers, w.newCollector(fmt.Sprintf("writer-%d", n+1), groupMongo))
	}
	return nil
}

// addDoubles adds the groups of destinations that doubles stand for.
func (w *world) addDoubles(ctx context.Context) error {
	const name = "doubles"
	for _, to := range w.plan.doubles {
		d, err := w.newDouble(ctx, to, redisLane, name, networkOf(name))
		if err != nil {
			return err
		}
		w.groups = append(w.groups, &group{name: to, store: d})
	}
	w.doubles = w.newCollector(name, w.plan.doubles...)
	return nil
}

// newDouble makes one. Where a protocol has no answers, its faults leave unknown what was delivered.
func (w *world) newDouble(ctx context.Context, group string, lanes ...string) (double, error) {
	if group == groupHybrid {
		return newControl(ctx, newCounter("Tyk's MDCB", true, w.chronicle, append(lanes, group)...))
	}
	of := productOf(group)
	if of.wire == nil {
		return newOverTCP(of, newCounter(of.name, false, w.chronicle, append(lanes, group)...))
	}
	return newOverHTTP(of, newCounter(of.name, true, w.chronicle, lanes...), newDice(w.plan.seed, "answers of "+group)), nil
}

func (w *world) group(name string) *group {
	return w.groups[slices.IndexFunc(w.groups, func(g *group) bool { return g.name == name })]
}

// newCollector describes a collector of the groups. Each of its processes draws
// settings anew, as if somebody tuned it.
func (w *world) newCollector(name string, groups ...string) *collector {
	d := newDice(w.plan.seed, "settings of "+name)
	c := &collector{name: name, dir: w.logs, groups: groups, links: map[string]*link{}}
	w.known = append(w.known, c)
	c.config = func() (object, error) {
		return configuration(groups, func(group string) (receiver object, to destination, err error) {
			lease := oneOf(d, time.Second, 2*time.Second, 4*time.Second)
			timeout := min(lease, 2*time.Second)
			if w.plan.calm {
				lease, timeout = 5*time.Minute, time.Minute
			}
			receiver = object{
				"group": group, "poll_interval": min(w.plan.poll, lease/3).String(),
				"destinations": group, // each collector has a way of its own to the same store
				// A full Redis is a fault here, and nothing may be shed.
				"backlog":          object{"max_memory_share": 0},
				"lease":            lease.String(),
				"timeout":          timeout.String(),
				"chunk_size":       oneOf(d, 50, 200, 1000, 5000),
				"chunk_bytes":      oneOf(d, 64<<10, 1<<20, 8<<20),
				"max_in_flight":    oneOf(d, 1, 2, 4),
				"shutdown_timeout": oneOf(d, 0, lease/3, lease*2/3).String(),
				"redelivery":       object{"initial_interval": "50ms", "max_interval": "1s"},
			}
			if err := w.server.receiver(receiver, c.way); err != nil {
				return nil, destination{}, err
			}
			if group == groupMongo { // each delivery changes every document of rollups, however few it brings
				receiver["chunk_size"] = oneOf(d, 200, 1000, 5000)
			}
			to, err = w.group(group).store.exporter(c.way)
			return receiver, to, err
		})
	}
	return c
}

// collectors are those that run for the whole time, but for faults.
func (w *world) collectors() []*collector {
	all := slices.Concat(w.replicas, w.writers)
	for _, c := range []*collector{w.single, w.refusing, w.files, w.doubles} {
		if c != nil {
			all = append(all, c)
		}
	}
	return all
}

// lasting are the collectors that run when no fault is in the way.
func (w *world) lasting() []*collector {
	all := w.collectors()
	if w.late != nil && w.late.began() {
		all = append(all, w.late)
	}
	return all
}

// begin starts the collectors and waits until their groups are known at every
// list: from then on nothing may be missing.
func (w *world) begin(ctx context.Context) error {
	if w.plan.refusing {
		w.chronicle.inflicted(fmt.Sprintf("destination that refuses one record in %d, and does not say which", oneIn))
	}
	if w.plan.away {
		if err := w.leaveAway(ctx); err != nil {
			return err
		}
	}
	for _, c := range w.collectors() {
		if err := c.start(); err != nil {
			return err
		}
	}
	for _, c := range w.collectors() {
		if err := c.waitReady(ctx); err != nil {
			return err
		}
	}
	for _, name := range w.plan.groups() {
		if err := w.books.waitJoined(ctx, w.group(name)); err != nil {
			return err
		}
	}
	return w.database.prepareFaults(ctx)
}

// load runs gateways and lanes beside each other until both are done.
func (w *world) load(ctx context.Context, lanes []*lane) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex // guards errs
	var errs []error
	run := func(do func() error) {
		wg.Go(func() {
			if err := do(); err != nil {
				cancel()
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	end := time.Now().Add(w.plan.length)
	for n := range gateways {
		g, err := newGateway(n, w.plan, w.server, w.rdb, w.journal)
		if err != nil {
			return err
		}
		run(func() error { return g.run(ctx) })
	}
	for _, l := range lanes {
		run(func() error { return l.run(ctx, end, w.chronicle) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// drain waits until nothing waits for any group. It is as patient as there is
// progress.
func (w *world) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	least, since := int64(-1), time.Now()
	for {
		for _, c := range w.lasting() {
			if _, err := c.running(); err != nil {
				return err
			}
		}
		waits, err := w.books.backlog(ctx)
		switch {
		case err == nil && waits.entries == 0:
			return nil
		case err == nil && (least < 0 || waits.steps < least):
			least, since = waits.steps, time.Now()
		case time.Since(since) > drainPatience:
			return fmt.Errorf("the backlog has stood still for %s, %d entries wait: %w", drainPatience, waits.entries, errors.Join(err, ctx.Err()))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("draining takes too long, %d entries wait: %w", waits.entries, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// end stops the collectors in good order.
func (w *world) end(ctx context.Context) error {
	var errs []error
	for _, c := range w.lasting() {
		errs = append(errs, c.stop(ctx))
	}
	return errors.Join(errs...)
}

func (w *world) close() {
	for _, c := range w.known {
		c.close()
	}
	if w.rdb != nil {
		_ = w.rdb.Close() // reports only that it was closed before
	}
	if w.server != nil {
		w.server.close()
	}
	if w.database != nil {
		w.database.postgres.Close()
	}
	if w.documents != nil {
		w.documents.close()
	}
	for _, g := range w.groups {
		if d, ok := g.store.(double); ok {
			d.close()
		}
	}
	if w.refuser != nil {
		w.refuser.server.CloseClientConnections()
		w.refuser.server.Close()
	}
}
