package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// outageJob drains what an outage of the destination has left, beside as many records as
// come at once without one.
type outageJob struct {
	records int64
	piles   []*pile
	drains  []drain // of the piles
	plain   []drain
}

func (*outageJob) key() string { return "outage" }

func (j *outageJob) title() string {
	return fmt.Sprintf("drain after %d minutes of outage at 1,000/s", j.records/60_000)
}

func (j *outageJob) measure(ctx context.Context, r *rig) error {
	to, err := r.openPostgres(ctx)
	if err != nil {
		return err
	}
	plain, err := r.drain(ctx, j.records, time.Hour, nil, to)
	if err != nil {
		return err
	}
	fmt.Printf("  without an outage: %s\n", plain)
	p, err := r.pileUp(ctx, j.records, to)
	if err != nil {
		return err
	}
	fmt.Printf("  %s\n", p)
	d, err := r.clear(ctx, p, to, 1, 0)
	if err != nil {
		return err
	}
	fmt.Printf("  %s, share %.2f\n", d, d.perSecond()/plain.perSecond())
	p.keys = nil
	j.piles, j.drains, j.plain = append(j.piles, p), append(j.drains, d), append(j.plain, plain)
	return r.fresh(ctx, to) // its memory and disk
}

func (j *outageJob) rows() []row {
	shares := each(j.drains, drain.perSecond)
	for i := range shares {
		shares[i] /= j.plain[i].perSecond()
	}
	return []row{
		{job: j.title(), unit: share.named("share of the speed without"), values: shares, goal: atLeast(0.9)},
		{job: j.title(), unit: perSecond, values: each(j.drains, drain.perSecond), limits: each(j.plain, drain.perSecond)},
		{job: j.title(), unit: mebibytes, values: each(j.drains, drain.mebibytes), goal: memoryBound},
		{job: j.title(), unit: count.named("bytes in Redis a waiting record"), values: each(j.piles, func(p *pile) float64 { return p.claimed })},
	}
}

func (j *outageJob) section() string {
	lines := [][]string{{"run", "segments", "bytes of an entry", "in the gateway's list", "claimed", "records/s", "without an outage", "share", "peak memory"}, nil}
	for i, d := range j.drains {
		p := j.piles[i]
		lines = append(lines, []string{
			strconv.Itoa(i + 1), thousands(float64(p.segments)), thousands(p.entry), thousands(p.inList), thousands(p.claimed),
			thousands(d.perSecond()), thousands(j.plain[i].perSecond()), fmt.Sprintf("%.2f", d.perSecond()/j.plain[i].perSecond()), fmt.Sprintf("%.0f MiB", d.mebibytes()),
		})
	}
	return sentences(
		fmt.Sprintf("%s raw records, claimed %d at a time as a collector does that looks four times a second while PostgreSQL is away.", thousands(float64(j.records)), pileStep),
		"Then PostgreSQL is back: the time is until all are stored. Before, in the same run, as many records that came at once, in one list.",
		"The bytes are Redis' `used_memory` a record, before and after the claim.",
	) + markdown(lines)
}
