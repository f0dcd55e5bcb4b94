package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

const (
	// pileStep is how many records come between two looks of a collector whose destination is
	// away: a thousand a second, at four looks a second.
	pileStep = 250
	// stashed begins the names of a pile's keys until the collectors are ready.
	stashed = "stashed:"
)

// pile is what collectors of group g0 have claimed while their destination was away.
type pile struct {
	list     string
	records  int64
	want     int64   // what the destination must show, as its counts has it
	segments int64   // that the records lie in
	inList   float64 // bytes of Redis' memory a record, before the claim
	claimed  float64 // and after it
	entry    float64 // bytes of a record
	keys     []string
}

// pileUp pushes records, and claims them as collectors do while they wait, one look after
// the other but without the time between. What it leaves is hidden until reveal.
func (r *rig) pileUp(ctx context.Context, n int64, to destination) (*pile, error) {
	if err := r.fresh(ctx, to); err != nil {
		return nil, err
	}
	p := &pile{records: n}
	var d drain
	want := make([]int64, 1)
	var err error
	empty, err := r.usedMemory(ctx)
	if err != nil {
		return nil, err
	}
	d.records = min(n, 100_000)
	if p.list, err = r.stage(ctx, &d, time.Hour, want, []destination{to}); err != nil {
		return nil, err
	}
	full, err := r.usedMemory(ctx)
	if err != nil {
		return nil, err
	}
	p.inList, p.entry = (full-empty)/float64(d.records), float64(d.bytes)/float64(d.records)
	if err := r.redis.Client().Del(ctx, staged).Err(); err != nil {
		return nil, err
	}
	if err := r.claimInSteps(ctx, p, to); err != nil {
		return nil, err
	}
	if full, err = r.usedMemory(ctx); err != nil {
		return nil, err
	}
	p.claimed = (full - empty) / float64(n)
	return p, r.hide(ctx, p)
}

func (r *rig) usedMemory(ctx context.Context) (float64, error) {
	info, err := r.redis.Client().Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	return numberAfter(info, "used_memory:")
}

// claimInSteps pushes and claims.
func (r *rig) claimInSteps(ctx context.Context, p *pile, to destination) error {
	want := make([]int64, 1)
	gateway, err := r.gateway(want, to)
	if err != nil {
		return err
	}
	defer func() { _ = gateway.Close() }()
	store := claim.NewStore(r.redis.Client())
	sources := []*claim.Source{claim.NewSource(p.list, claim.Settings{
		Group: "g0", Worker: "pile:0:0", Lease: time.Minute, MaxHeld: 1, MaxDead: 1, MaxDeadBytes: 1, GroupExpiry: time.Hour,
	})}
	for pushed := int64(0); pushed < p.records; pushed += pileStep {
		if err := gateway.Backlog(ctx, min(pileStep, p.records-pushed), time.Second); err != nil {
			return err
		}
		visits, err := store.Visit(ctx, sources, [][]claim.Live{{{Group: "g0"}}})
		if err != nil {
			return err
		}
		p.segments = visits[0].Segments
	}
	p.want = want[0]
	return store.Release(ctx, sources)
}

// hide gives the pile's keys other names, so that collectors start without it.
func (r *rig) hide(ctx context.Context, p *pile) error {
	rdb := r.redis.Client()
	var err error
	if p.keys, err = rdb.Keys(ctx, "otelcol-tyk:{"+p.list+"}:*").Result(); err != nil {
		return err
	}
	return r.rename(ctx, p.keys, "", stashed)
}

// reveal lets the collectors see it, all at once.
func (r *rig) reveal(ctx context.Context, p *pile) error { return r.rename(ctx, p.keys, stashed, "") }

func (r *rig) rename(ctx context.Context, keys []string, from, to string) error {
	pipe := r.redis.Client().TxPipeline()
	for _, key := range keys {
		pipe.Rename(ctx, from+key, to+key)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// clear lets collectors work off a pile that is hidden, each of them with at most quota of a
// processor where that is above 0.
func (r *rig) clear(ctx context.Context, p *pile, to destination, processes int, quota float64) (d drain, err error) {
	d = drain{records: p.records, bytes: int64(p.entry * float64(p.records))}
	var running []*collector
	var ends []func()
	defer func() {
		for _, c := range running {
			c.Kill()
		}
		for _, end := range ends {
			end()
		}
	}()
	for range processes {
		c, err := r.collect(ctx, to.pipeline())
		if err != nil {
			return d, err
		}
		running = append(running, c)
		if err := c.ready(ctx); err != nil {
			return d, err
		}
		if quota > 0 {
			end, err := throttle(c.PID(), quota)
			if err != nil {
				return d, err
			}
			ends = append(ends, end)
		}
	}
	if err := r.reveal(ctx, p); err != nil {
		return d, err
	}
	if err := r.watch(ctx, running, p.list, &d); err != nil {
		return d, err
	}
	for _, c := range running {
		if err := c.finish(ctx); err != nil {
			return d, err
		}
	}
	return d, to.check(ctx, p.want)
}

func (p *pile) String() string {
	return fmt.Sprintf("%s records in %s segments, %.0f bytes of Redis' memory each in the list, %.0f when claimed, for %.0f bytes of entry",
		thousands(float64(p.records)), thousands(float64(p.segments)), p.inList, p.claimed, p.entry)
}

// sentences joins what a section says.
func sentences(parts ...string) string { return strings.Join(parts, " ") + "\n\n" }
