//go:build e2e || chaos

package chaos

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// redisLane is where Redis' faults happen.
const redisLane = "redis"

// lanes are where a plan's faults happen.
func (w *world) lanes() []*lane {
	add := func(name string, least, most time.Duration, faults ...fault) *lane {
		return &lane{name: name, dice: newDice(w.plan.seed, name), least: least, most: most, faults: faults}
	}
	lanes := []*lane{
		add(redisLane, 500*time.Millisecond, 6*time.Second, append(w.server.faults(w.plan.names()), redisFaults(w.server)...)...),
		add("postgres", 500*time.Millisecond, 5*time.Second, append(w.database.faults(), w.standbyHangs())...),
	}
	if w.documents != nil {
		lanes = append(lanes, add("mongo", 500*time.Millisecond, 6*time.Second, w.documents.faults()...))
	}
	for _, c := range w.collectors() {
		lanes = append(lanes, add(c.name, 500*time.Millisecond, 8*time.Second, w.collectorFaults(c)...))
	}
	for _, c := range w.collectors() {
		var faults []fault
		for _, addr := range slices.Sorted(maps.Keys(c.links)) {
			faults = append(faults, c.links[addr].faults(w.productAt(addr))...)
		}
		if len(faults) > 0 {
			lanes = append(lanes, add(networkOf(c.name), time.Second, 8*time.Second, faults...))
		}
	}
	lanes = append(lanes, w.doubleLanes()...)
	if w.late != nil {
		groups := add(w.late.name, 2*time.Second, 8*time.Second, append(w.groupFaults(), w.collectorFaults(w.late)...)...)
		groups.first = []fault{{"group added while records flow", func(ctx context.Context, _ *dice) error { return w.addGroup(ctx) }}}
		lanes = append(lanes, groups)
	}
	return lanes
}

func networkOf(collector string) string { return "network of " + collector }

// doubleLanes are where destinations fail.
func (w *world) doubleLanes() []*lane {
	var lanes []*lane
	for _, group := range w.plan.doubles {
		lanes = append(lanes, &lane{
			name: group, dice: newDice(w.plan.seed, group), least: 200 * time.Millisecond, most: 3 * time.Second,
			faults: w.group(group).store.(double).faults(),
		})
	}
	return lanes
}

// productAt tells what is at an address.
func (w *world) productAt(addr string) string {
	switch {
	case addr == w.database.postgres.Addr():
		return w.database.product()
	case w.documents != nil && addr == w.documents.mongo.Addr():
		return w.documents.product()
	case w.refuser != nil && addr == w.refuser.addr():
		return w.refuser.product()
	case !slices.ContainsFunc(w.server.nodes(), func(node *peers.Redis) bool { return node.Addr() == addr }):
		return "a destination"
	}
	return "Redis"
}

// addGroup starts the collector of groupLate and waits until Redis knows the group.
func (w *world) addGroup(ctx context.Context) error {
	if err := w.late.start(); err != nil {
		return err
	}
	if err := w.late.waitReady(ctx); err != nil {
		return err
	}
	return w.books.waitJoined(ctx, w.group(groupLate))
}

// groupFaults are what can be done to groupLate.
func (w *world) groupFaults() []fault {
	late := w.group(groupLate)
	return []fault{
		{"group removed, and added again", func(ctx context.Context, d *dice) error {
			if err := w.late.stop(ctx); err != nil {
				return err
			}
			if err := w.books.forget(ctx, late); err != nil {
				return err
			}
			time.Sleep(d.between(0, 4*time.Second))
			return w.addGroup(ctx)
		}},
		{"group removed while its collector works", func(ctx context.Context, _ *dice) error {
			if err := w.books.forget(ctx, late); err != nil {
				return err
			}
			return w.books.waitJoined(ctx, late)
		}},
	}
}

// collectorFaults are those of one collector, and of the files that it stores into.
func (w *world) collectorFaults(c *collector) []fault {
	again := func(d *dice, least, most time.Duration) error {
		time.Sleep(d.between(least, most))
		return c.start()
	}
	faults := []fault{
		{"collector killed (SIGKILL)", func(_ context.Context, d *dice) error {
			if err := c.kill(); err != nil {
				return err
			}
			return again(d, 0, 3*time.Second)
		}},
		{"collector killed between storing and acknowledging", func(ctx context.Context, d *dice) error {
			if err := w.killUnacknowledged(ctx, d, c); err != nil {
				return err
			}
			return again(d, 0, 2*time.Second)
		}},
		{"collector restarted (SIGTERM)", func(ctx context.Context, d *dice) error {
			if err := c.stop(ctx); err != nil {
				return err
			}
			return again(d, 0, time.Second)
		}},
		{"collector frozen beyond its lease", func(_ context.Context, d *dice) error {
			return c.freeze(d.between(1200*time.Millisecond, 6*time.Second))
		}},
		{"collector removed for a while", func(ctx context.Context, d *dice) error {
			if err := c.stop(ctx); err != nil {
				return err
			}
			return again(d, 4*time.Second, 12*time.Second)
		}},
	}
	if first := c.groups[0]; first == groupPostgres || first == groupMongo {
		another := w.newCollector(c.name+"-more", first)
		faults = append(faults, fault{"collector added for a while", func(ctx context.Context, d *dice) error {
			if err := another.start(); err != nil {
				return err
			}
			time.Sleep(d.between(2*time.Second, 8*time.Second))
			return another.stop(ctx)
		}})
	}
	for _, name := range c.groups {
		if f, ok := w.group(name).store.(*file); ok {
			faults = append(faults, fault{"SQLite file locked", f.lock})
		}
	}
	return faults
}
