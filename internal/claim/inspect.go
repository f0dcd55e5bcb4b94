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
	reply, err := s.do(ctx, src.callFor("", inspectScript, from, most)).Slice()
	if err == nil {
		var report Report
		if report, err = src.parseReport(reply); err == nil {
			return report, nil
		}
	}
	return Report{}, fmt.Errorf("inspect %s: %w", src.key, err)
}

func (s *Source) parseReport(reply []any) (Report, error) {
	const numbers, fields = 4, 8
	if len(reply) != fields {
		return Report{}, fmt.Errorf("unexpected reply %v", reply)
	}
	var n [numbers]int64
	for i := range n {
		var ok bool
		if n[i], ok = reply[i].(int64); !ok {
			return Report{}, fmt.Errorf("unexpected reply %v", reply[i])
		}
	}
	groups, okGroups := reply[4].([]any)
	expiries, okExpiries := reply[5].([]any)
	rows, okRows := reply[7].([]any)
	receipts, err := pairs(reply[6])
	if !okGroups || !okExpiries || !okRows || err != nil || len(groups) != 2*len(expiries) {
		return Report{}, fmt.Errorf("unexpected reply %v", reply)
	}
	r := Report{
		Source: s.key, At: time.UnixMilli(n[0]).UTC(), Unclaimed: n[1], TTL: time.Duration(n[2]) * time.Second, Dead: n[3],
		Claimed: number(receipts["claimed"]),
	}
	for i, expiry := range expiries {
		name, _ := groups[2*i].(string)
		seen, _ := groups[2*i+1].(string)
		ms, _ := expiry.(string)
		r.Groups = append(r.Groups, r.group(name, number(seen), number(ms), receipts))
	}
	for _, row := range rows {
		segment, err := s.parseSegmentReport(row, r)
		if err != nil {
			return Report{}, err
		}
		r.Segments = append(r.Segments, segment)
	}
	slices.SortFunc(r.Groups, func(a, b GroupReport) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

// group reads what receipts say about a group.
func (r Report) group(name string, seen, expiry int64, receipts map[string]string) GroupReport {
	of := func(what string) int64 { return number(receipts[name+"|"+what]) }
	g := GroupReport{
		Name: name, Seen: time.UnixMilli(seen).UTC(), Expiry: time.Duration(expiry) * time.Millisecond,
		Replayed: of("replayed"), Dropped: of("dropped"),
		Receipts: Receipts{
			Seen:    r.Claimed - of("before"),
			Outcome: Outcome{Delivered: of("delivered"), Dead: of("dead"), Lost: of("lost"), Shed: of("shed")},
		},
	}
	g.Waiting = g.Receipts.Seen - of("acked")
	return g
}

func (s *Source) parseSegmentReport(row any, r Report) (SegmentReport, error) {
	fields, _ := row.([]any)
	const head = 3
	if len(fields) != head+2*len(r.Groups) {
		return SegmentReport{}, fmt.Errorf("unexpected reply %v", row)
	}
	description, _ := fields[0].(string)
	seq, _ := fields[1].(string)
	kept, _ := fields[2].(int64)
	segment, err := s.parseSegment(number(seq), description, kept)
	if err != nil {
		return SegmentReport{}, err
	}
	report := SegmentReport{Segment: segment, Progress: map[string]int64{}, Since: map[string]time.Time{}, Leases: map[string]Lease{}, Expired: map[string]Lease{}}
	for i, group := range r.Groups {
		progress, _ := fields[head+2*i].(string)
		holder, _ := fields[head+2*i+1].(string)
		done, rest, _ := strings.Cut(progress, " ")
		if done != "0" {
			report.Progress[group.Name] = number(done)
		}
		// The last number is since when a segment has had more for the group.
		if since := number(rest[strings.LastIndexByte(rest, ' ')+1:]); since > 0 {
			report.Since[group.Name] = time.UnixMilli(since).UTC()
		}
		if worker, expires, ok := strings.Cut(holder, " "); ok {
			lease := Lease{Worker: worker, Expires: time.UnixMilli(number(expires)).UTC()}
			if lease.Expires.After(r.At) {
				report.Leases[group.Name] = lease
			} else {
				report.Expired[group.Name] = lease
			}
		}
	}
	return report, nil
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
