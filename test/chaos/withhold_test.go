//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// killUnacknowledged kills a collector that has stored records and could not
// acknowledge them, so that they are delivered again. By chance a process would
// rarely die between the two: so its store is blocked until records wait, then
// Redis takes no writes while the store does. Where another fault is in the way
// of that, the collector is killed all the same.
func (w *world) killUnacknowledged(ctx context.Context, d *dice, c *collector) error {
	g := w.group(oneOf(d, c.groups...))
	blocking, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if unblock, err := g.store.block(blocking); err == nil {
		time.Sleep(d.between(100*time.Millisecond, 600*time.Millisecond))
		// Nothing new is stored by now, and what was is acknowledged; dead letters may
		// be in a part of the store all the same.
		before, err := w.unacknowledged(blocking, g)
		const pause = 1500 * time.Millisecond
		end := time.Now().Add(pause)
		w.pauseWrites(ctx, pause)
		defer w.chronicle.span(redisLane, end.Add(-pause)) // others cannot acknowledge either
		unblock()
		if err == nil {
			w.waitUnacknowledged(ctx, d, g, before, end)
		}
	}
	return c.kill()
}

// waitUnacknowledged waits until the store has more records that are not acknowledged
// than before, and then a little, but not to the end of Redis' pause.
func (w *world) waitUnacknowledged(ctx context.Context, d *dice, g *group, before int64, end time.Time) {
	const margin = 300 * time.Millisecond
	for time.Now().Add(margin).Before(end) {
		if n, err := w.unacknowledged(ctx, g); err == nil && n > before {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(d.between(0, margin/2))
	n, err := w.unacknowledged(ctx, g)
	n -= before
	if err != nil || time.Now().After(end) {
		w.chronicle.note("nobody knows how many records of group %s are stored and not acknowledged: %v", g.name, err)
	} else {
		w.chronicle.note("%d records of group %s are stored and not acknowledged", n, g.name)
		w.chronicle.exposed(n)
	}
}

// pauseWrites makes all servers wait with writes, but not with answers to
// sentinels or to the others of a cluster. A server that another fault is doing
// something to is left alone.
func (w *world) pauseWrites(ctx context.Context, pause time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, pause/3)
	defer cancel()
	var all sync.WaitGroup
	for _, node := range w.server.nodes() {
		all.Go(func() { _ = node.Client().Do(ctx, "CLIENT", "PAUSE", pause.Milliseconds(), "WRITE").Err() })
	}
	all.Wait()
}

// unacknowledged counts the records that the group's store has, and of which Redis
// does not know that. It uses only commands that do not wait with the writes.
func (w *world) unacknowledged(ctx context.Context, g *group) (int64, error) {
	n, err := g.store.count(ctx)
	if err != nil {
		return 0, err
	}
	delivered, err := w.delivered(ctx, g)
	return n - delivered, err
}

// delivered counts the records that Redis knows to be in the group's store.
func (w *world) delivered(ctx context.Context, g *group) (int64, error) {
	var n int64
	for _, list := range w.plan.names() {
		receipts := "otelcol-tyk:{" + list + "}:receipts"
		for field, sign := range map[string]int64{"|acked": 1, "|dead": -1} {
			text, err := w.rdb.HGet(ctx, receipts, g.name+field).Result()
			if errors.Is(err, redis.Nil) {
				continue
			}
			if err != nil {
				return 0, err
			}
			count, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return 0, err
			}
			n += sign * count
		}
	}
	return n, nil
}
