//go:build e2e || chaos

package chaos

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// The groups of a comparison: how much does the second slow the first?
const (
	groupFast  = "fast"
	groupStuck = "stuck" // its destination is down
)

// setting is how the two groups run.
type setting string

const (
	oneProcess   setting = "both groups in one process"
	twoProcesses setting = "each group in a process of its own"
	anHourLater  setting = "both groups in one process, the other one stuck for an hour"
)

var allSettings = []setting{oneProcess, twoProcesses, anHourLater}

// looksAnHour is how often a collector looks at each list in an hour, by default.
// Each look can leave a segment that waits for the stuck group.
const looksAnHour = 2 * 60 * 60

// comparison measures how fast a group drains a backlog, alone and beside a
// group that cannot deliver anything.
type comparison struct {
	redis   *peers.Redis
	staged  *redis.Client // of a database that keeps the backlog
	claims  *claim.Store
	server  *database
	lists   []string
	records int64
	// database is that of the last measurement.
	database string
	dir      string
	runs     int
}

// newComparison makes a backlog of about this many records.
func newComparison(ctx context.Context, dir string, records int) (c *comparison, err error) {
	p := plan{seed: 1, lists: 2, rate: records, poison: records * gateways, length: time.Second}
	c = &comparison{lists: p.names(), dir: dir}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.redis, err = peers.NewRedis(ctx); err != nil {
		return nil, err
	}
	options, err := c.redis.Options()
	if err != nil {
		return nil, err
	}
	options.DB = 1
	c.staged = redis.NewClient(options)
	c.claims = claim.NewStore(c.redis.Client())
	if c.server, err = newDatabase(ctx); err != nil {
		return nil, err
	}
	g, err := newGateway(0, p, &standalone{c.redis}, c.staged, newJournal())
	if err != nil {
		return nil, err
	}
	for g.made < records {
		if err := g.flush(ctx, flushRecords); err != nil {
			return nil, err
		}
	}
	for _, list := range c.lists {
		if err := c.staged.Persist(ctx, list).Err(); err != nil {
			return nil, err
		}
		n, err := c.staged.LLen(ctx, list).Result()
		if err != nil {
			return nil, err
		}
		c.records += n
	}
	return c, nil
}

func (c *comparison) close() {
	if c.server != nil {
		c.server.postgres.Close()
	}
	if c.staged != nil {
		_ = c.staged.Close() // reports only that it was closed before
	}
	if c.redis != nil {
		c.redis.Close()
	}
}

// collectors describes who runs: the fast group, and beside it the stuck one if wanted.
func (c *comparison) collectors(ctx context.Context, how setting, stuck bool) ([]*collector, error) {
	if c.database != "" {
		if err := c.server.exec(ctx, "drop database "+c.database+" with (force)"); err != nil {
			return nil, err
		}
	}
	dsn, err := c.server.postgres.NewDatabase(ctx)
	if err != nil {
		return nil, err
	}
	parsed, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	c.database = parsed.Database
	port, err := peers.FreePort() // on which nothing will listen
	if err != nil {
		return nil, err
	}
	stores := map[string]destination{
		groupFast:  {component: "tyksql", config: exporter("postgres", dsn)},
		groupStuck: {component: "tyksql", config: exporter("postgres", fmt.Sprintf("postgres://nobody@%s/nowhere", peers.Address(port)))},
	}
	named := [][]string{{groupFast}}
	switch {
	case stuck && how == twoProcesses:
		named = [][]string{{groupFast}, {groupStuck}}
	case stuck:
		named = [][]string{{groupFast, groupStuck}}
	}
	c.runs++
	var all []*collector
	for n, groups := range named {
		all = append(all, &collector{name: fmt.Sprintf("comparison-%d-%d", c.runs, n), dir: c.dir, groups: groups, config: func() (object, error) {
			return configuration(groups, func(group string) (receiver object, to destination, err error) {
				return object{"addresses": []string{c.redis.Addr()}, "group": group}, stores[group], nil
			})
		}})
	}
	return all, nil
}

// sources are the lists as a group sees them.
func (c *comparison) sources(group string) []*claim.Source {
	all := make([]*claim.Source, len(c.lists))
	for i, list := range c.lists {
		all[i] = claim.NewSource(list, claim.Settings{
			Group: group, Worker: "harness", Lease: time.Second, MaxHeld: 1, MaxDead: 1, MaxDeadBytes: 1,
		})
	}
	return all
}

// outlast does what happens while the stuck group is stuck for an hour: the fast
// one claims and delivers what little is there at each look.
func (c *comparison) outlast(ctx context.Context) error {
	if _, err := c.claims.Visit(ctx, c.sources(groupStuck), nil); err != nil {
		return err
	}
	fast := c.sources(groupFast)
	entries := make([]string, len(c.lists))
	for i, list := range c.lists {
		var err error
		if entries[i], err = c.staged.LIndex(ctx, list, 0).Result(); err != nil {
			return err
		}
	}
	for range looksAnHour {
		pipe := c.redis.Client().Pipeline()
		for i, list := range c.lists {
			pipe.RPush(ctx, list, entries[i])
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		visits, err := c.claims.Visit(ctx, fast, nil)
		if err != nil {
			return err
		}
		for _, v := range visits {
			for _, g := range v.Held {
				if err := c.claims.Ack(ctx, g, g.Count, claim.Outcome{Delivered: g.Count}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// rate drains the backlog once and gives records a second, from the claim to the
// last acknowledgement.
func (c *comparison) rate(ctx context.Context, how setting, stuck bool) (float64, error) {
	if err := c.redis.Client().FlushDB(ctx).Err(); err != nil {
		return 0, err
	}
	if stuck && how == anHourLater {
		if err := c.outlast(ctx); err != nil {
			return 0, err
		}
	}
	all, err := c.collectors(ctx, how, stuck)
	if err != nil {
		return 0, err
	}
	defer func() {
		for _, one := range all {
			one.close()
		}
	}()
	for _, one := range all {
		if err := one.start(); err != nil {
			return 0, err
		}
	}
	joined := newBooks(c.redis.Client(), c.lists)
	for _, one := range all {
		if err := one.waitReady(ctx); err != nil {
			return 0, err
		}
		for _, name := range one.groups {
			if err := joined.waitJoined(ctx, &group{name: name}); err != nil {
				return 0, err
			}
		}
	}
	return c.watch(ctx)
}

// watch gives the lists their backlog and waits until the fast group has
// acknowledged all of it.
func (c *comparison) watch(ctx context.Context) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sources := c.sources(groupFast)
	before, err := c.receipts(ctx, sources)
	if err != nil {
		return 0, err
	}
	for _, list := range c.lists {
		if err := c.staged.Copy(ctx, list, list, 0, false).Err(); err != nil {
			return 0, err
		}
	}
	var claimed time.Time
	for {
		now, err := c.receipts(ctx, sources)
		if err != nil {
			return 0, err
		}
		if claimed.IsZero() && now.Seen > before.Seen {
			claimed = time.Now()
		}
		if delivered := now.Delivered - before.Delivered; delivered == c.records {
			return float64(delivered) / time.Since(claimed).Seconds(), nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("the fast group has %+v, of which %+v before: %w", now, before, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// receipts are the sums of a group's over all lists.
func (c *comparison) receipts(ctx context.Context, sources []*claim.Source) (claim.Receipts, error) {
	stats, err := c.claims.Stats(ctx, sources)
	var total claim.Receipts
	for _, s := range stats {
		total.Seen += s.Receipts.Seen
		total.Delivered += s.Receipts.Delivered
	}
	return total, err
}

// pair is two measurements, one right after the other.
type pair struct{ alone, beside float64 }

// compare measures pairs, of which every other one begins with the stuck group.
func (c *comparison) compare(ctx context.Context, how setting, pairs int) ([]pair, error) {
	measured := make([]pair, pairs)
	for i := range measured {
		for _, stuck := range []bool{i%2 == 1, i%2 == 0} {
			rate, err := c.rate(ctx, how, stuck)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", how, err)
			}
			if stuck {
				measured[i].beside = rate
			} else {
				measured[i].alone = rate
			}
		}
	}
	return measured, nil
}

// ratio is the median over pairs of what is left of the speed.
func ratio(pairs []pair) float64 {
	ratios := make([]float64, len(pairs))
	for i, p := range pairs {
		ratios[i] = p.beside / p.alone
	}
	slices.Sort(ratios)
	return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
}

// checkIsolation compares, and fails below a share of the speed.
func checkIsolation(t *testing.T, records, pairs int, least float64, settings ...setting) map[setting][]pair {
	t.Helper()
	c, err := newComparison(t.Context(), t.TempDir(), records)
	require.NoError(t, err)
	t.Cleanup(c.close)
	all := map[setting][]pair{}
	for _, how := range settings {
		measured, err := c.compare(t.Context(), how, pairs)
		require.NoError(t, err)
		t.Logf("%s: %.2f of the speed alone; records a second alone and beside: %.0f", how, ratio(measured), measured)
		if ratio(measured) < least {
			t.Errorf("%s: a group whose destination is down slows the other one to %.2f of its speed alone, want at least %.2f", how, ratio(measured), least)
		}
		all[how] = measured
	}
	return all
}
