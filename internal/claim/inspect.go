package claim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is all there is to know about a source.
type Report struct {
	// Source is the list's key.
	Source string
	// At is when, by Redis' clock.
	At time.Time
	// Unclaimed entries lie in the source list, which Redis drops after TTL; a
	// negative TTL means that it does not.
	Unclaimed int64
	TTL       time.Duration
	// Segments are the claimed ones, oldest first.
	Segments []SegmentReport
	// Groups are those known, by name.
	Groups []GroupReport
	// Claimed is how many entries were ever claimed.
	Claimed int64
	// Dead is the number of dead letters now.
	Dead int64
}

// SegmentReport is one segment's state.
type SegmentReport struct {
	// Segment is the segment; Done and Outcome are not set, see Progress.
	Segment
	// Progress is how many entries each group is done with.
	Progress map[string]int64
	// Since is since when the segment has had something for groups that were done
	// with all of it before; for others, since ClaimedAt.
	Since map[string]time.Time
	// Leases are the current ones, by group; Expired ran out and were not taken over.
	Leases, Expired map[string]Lease
}

// Lease is a worker's hold on a segment.
type Lease struct {
	// Worker is who holds it: host, process id and a random part.
	Worker string
	// Expires is when peers may take it, by Redis' clock.
	Expires time.Time
}

// GroupReport is one group's state.
type GroupReport struct {
	// Name is the group's.
	Name string
	// Seen is when a worker of it was last heard of, by Redis' clock.
	Seen time.Time
	// Expiry is how long after that the group still counts; 0 is for ever.
	Expiry time.Duration
	// Waiting entries are claimed and not acknowledged.
	Waiting int64
	// OldestAge is how long the oldest of these has waited.
	OldestAge time.Duration
	// Receipts are the group's.
	Receipts Receipts
	// Replayed and Dropped count its dead letters that were taken away again.
	Replayed, Dropped int64
}

// inspectPage is how many segments are read at once.
const inspectPage = 100

// Inspect reads the state of a source, in one atomic step as long as it has few
// segments; with more, what waits is what the receipts of the first step say.
func (s *Store) Inspect(ctx context.Context, src *Source) (Report, error) {
	var all Report
	for from := "-inf"; ; {
		page, err := s.inspect(ctx, src, from, inspectPage)
		if err != nil {
			return Report{}, err
		}
		if from == "-inf" {
			all = page
		} else {
			all.Segments = append(all.Segments, page.Segments...)
		}
		if len(page.Segments) < inspectPage {
			break
		}
		from = fmt.Sprintf("(%d", page.Segments[len(page.Segments)-1].Seq)
	}
	for i := range all.Groups {
		all.Groups[i].weigh(&all)
	}
	return all, nil
}

// Groups tells about the groups of a source without looking at its segments. What
// waits is what their receipts say, and its age is unknown.
func (s *Store) Groups(ctx context.Context, src *Source) (Report, error) {
	return s.inspect(ctx, src, "-inf", 0)
}

func (s *Store) inspect(ctx context.Context, src *Source, from string, most int) (Report, error) {
	c := src.callFor("", inspectScript, from, most)
	s.do(ctx, c)
	var read reply
	if err := c.decode(&read); err != nil {
		return Report{}, wrap(err, "inspect %s", src.key)
	}
	report, err := read.report(src)
	return report, wrap(err, "inspect %s", src.key)
}

// reply is what the script tells. Times are in ms, durations too but for the TTL's seconds.
type reply struct {
	At, Unclaimed, TTL, Dead int64
	Receipts                 map[string]int64
	Groups                   []struct {
		Name         string
		Seen, Expiry int64
	}
	Segments []struct {
		Description string
		Seq, Kept   int64
		// Progress and Leases are by group, as Redis keeps them.
		Progress, Leases map[string]string
	}
}

func (r *reply) report(src *Source) (Report, error) {
	all := Report{
		Source: src.key, At: time.UnixMilli(r.At).UTC(), Unclaimed: r.Unclaimed, TTL: time.Duration(r.TTL) * time.Second, Dead: r.Dead,
		Claimed: r.Receipts["claimed"],
	}
	for _, g := range r.Groups {
		of := func(what string) int64 { return r.Receipts[g.Name+"|"+what] }
		seen := all.Claimed - of("before")
		all.Groups = append(all.Groups, GroupReport{
			Name: g.Name, Seen: time.UnixMilli(g.Seen).UTC(), Expiry: time.Duration(g.Expiry) * time.Millisecond,
			Waiting: seen - of("acked"), Replayed: of("replayed"), Dropped: of("dropped"),
			Receipts: Receipts{Seen: seen, Outcome: Outcome{Delivered: of("delivered"), Dead: of("dead"), Lost: of("lost"), Shed: of("shed")}},
		})
	}
	slices.SortFunc(all.Groups, func(a, b GroupReport) int { return strings.Compare(a.Name, b.Name) })
	for _, row := range r.Segments {
		segment, err := src.parseSegment(row.Seq, row.Description, row.Kept)
		if err != nil {
			return Report{}, err
		}
		one := SegmentReport{Segment: segment, Progress: map[string]int64{}, Since: map[string]time.Time{}, Leases: map[string]Lease{}, Expired: map[string]Lease{}}
		for group, progress := range row.Progress {
			if done, _, _ := strings.Cut(progress, " "); done != "0" {
				one.Progress[group] = number(done)
			}
			// The last number is since when a segment has had more for the group.
			if since := number(progress[strings.LastIndexByte(progress, ' ')+1:]); since > 0 {
				one.Since[group] = time.UnixMilli(since).UTC()
			}
		}
		for group, holder := range row.Leases {
			worker, expires, _ := strings.Cut(holder, " ")
			lease, in := Lease{Worker: worker, Expires: time.UnixMilli(number(expires)).UTC()}, one.Expired
			if lease.Expires.After(all.At) {
				in = one.Leases
			}
			in[group] = lease
		}
		all.Segments = append(all.Segments, one)
	}
	return all, nil
}

// weigh counts what waits for the group in the segments, independently of its
// receipts, where both were read in one step.
func (g *GroupReport) weigh(r *Report) {
	waiting := int64(0)
	for _, segment := range r.Segments {
		if left := segment.Count - segment.Progress[g.Name]; left > 0 {
			waiting += left
			since := segment.ClaimedAt
			if again, ok := segment.Since[g.Name]; ok {
				since = again
			}
			g.OldestAge = max(g.OldestAge, r.At.Sub(since))
		}
	}
	if len(r.Segments) < inspectPage {
		g.Waiting = waiting
	}
}
