package claim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
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
	// Segment is the segment; Done is not set, see Progress.
	Segment
	// Progress is how many entries each group is done with.
	Progress map[string]int64
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
	// OldestAge is the age of the oldest segment with such entries.
	OldestAge time.Duration
	// Receipts are the group's.
	Receipts Receipts
	// Replayed and Dropped count its dead letters that were taken away again.
	Replayed, Dropped int64
}

// Inspect reads the state of a source in one atomic step.
func (s *Store) Inspect(ctx context.Context, src *Source) (Report, error) {
	k := src.keys
	reply, err := s.run(ctx, inspectScript, []string{src.key, k.segments, k.leases, k.progress, k.groups, k.receipts, k.dead}, k.segment).Slice()
	if err != nil {
		return Report{}, fmt.Errorf("inspect %s: %w", src.key, err)
	}
	report, err := src.parseReport(reply)
	if err != nil {
		return Report{}, fmt.Errorf("inspect %s: %w", src.key, err)
	}
	return report, nil
}

func (s *Source) parseReport(reply []any) (Report, error) {
	if len(reply) != 9 {
		return Report{}, fmt.Errorf("unexpected reply %v", reply)
	}
	numbers := map[int]int64{}
	for _, i := range []int{0, 1, 2, 8} {
		n, ok := reply[i].(int64)
		if !ok {
			return Report{}, fmt.Errorf("unexpected reply %v", reply[i])
		}
		numbers[i] = n
	}
	tables := map[int]map[string]string{}
	for i := 4; i <= 7; i++ {
		table, err := pairs(reply[i])
		if err != nil {
			return Report{}, err
		}
		tables[i] = table
	}
	rows, ok := reply[3].([]any)
	if !ok {
		return Report{}, fmt.Errorf("unexpected reply %v", reply[3])
	}
	r := Report{
		Source: s.key, At: time.UnixMilli(numbers[0]).UTC(), Unclaimed: numbers[1],
		TTL: time.Duration(numbers[2]) * time.Second, Dead: numbers[8], Claimed: number(tables[7]["claimed"]),
	}
	leases, progress := bySegment(tables[5]), bySegment(tables[6])
	for _, row := range rows {
		segment, err := s.parseSegmentReport(row, leases, progress, r.At)
		if err != nil {
			return Report{}, err
		}
		r.Segments = append(r.Segments, segment)
	}
	for name, seen := range tables[4] {
		r.Groups = append(r.Groups, r.group(name, number(seen), tables[6], tables[7]))
	}
	slices.SortFunc(r.Groups, func(a, b GroupReport) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

// bySegment sorts a table of <group>|<sequence> by sequence, then by group.
func bySegment(table map[string]string) map[string]map[string]string {
	sorted := map[string]map[string]string{}
	for field, value := range table {
		group, seq, _ := strings.Cut(field, "|")
		if sorted[seq] == nil {
			sorted[seq] = map[string]string{}
		}
		sorted[seq][group] = value
	}
	return sorted
}

func (s *Source) parseSegmentReport(row any, leases, progress map[string]map[string]string, now time.Time) (SegmentReport, error) {
	fields, ok := row.([]any)
	if !ok || len(fields) != 3 {
		return SegmentReport{}, fmt.Errorf("unexpected reply %v", row)
	}
	seq, _ := fields[1].(string)
	segment, err := s.parseSegment([]any{number(seq), fields[0], int64(0), fields[2]})
	if err != nil {
		return SegmentReport{}, err
	}
	r := SegmentReport{Segment: segment, Progress: map[string]int64{}, Leases: map[string]Lease{}, Expired: map[string]Lease{}}
	for group, value := range progress[seq] {
		r.Progress[group] = number(value)
	}
	for group, value := range leases[seq] {
		worker, expires, ok := strings.Cut(value, " ")
		if !ok {
			continue
		}
		lease := Lease{Worker: worker, Expires: time.UnixMilli(number(expires)).UTC()}
		if lease.Expires.After(now) {
			r.Leases[group] = lease
		} else {
			r.Expired[group] = lease
		}
	}
	return r, nil
}

func (r *Report) group(name string, seen int64, progress, receipts map[string]string) GroupReport {
	g := GroupReport{
		Name: name, Seen: time.UnixMilli(seen).UTC(),
		Expiry:   time.Duration(number(progress[name+"|expiry"])) * time.Millisecond,
		Replayed: number(receipts[name+"|replayed"]), Dropped: number(receipts[name+"|dropped"]),
		Receipts: Receipts{
			Seen: r.Claimed - number(receipts[name+"|before"]), Dead: number(receipts[name+"|dead"]), Lost: number(receipts[name+"|lost"]), Gone: number(receipts[name+"|gone"]),
		},
	}
	g.Receipts.Delivered = number(receipts[name+"|acked"]) - g.Receipts.Dead - g.Receipts.Lost - g.Receipts.Gone
	for _, segment := range r.Segments {
		left := segment.Count - segment.Progress[name]
		if segment.Progress[name] == 0 {
			left = segment.Kept
		}
		if left > 0 {
			g.Waiting += left
			g.OldestAge = max(g.OldestAge, r.At.Sub(segment.ClaimedAt))
		}
	}
	return g
}

// number reads what Redis keeps as one; anything else is 0.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
