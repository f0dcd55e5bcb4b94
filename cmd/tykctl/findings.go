package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

const (
	// lateTTL is what is left of a list's time to live when a receiver that lives
	// should have claimed it long since: gateways give it 60 seconds, and receivers
	// wait for 10 at most.
	lateTTL = 30 * time.Second
	// oddLease is longer than any lease that a worker takes: Redis' clock was set
	// back, by hand or with a failover.
	oddLease = time.Hour
)

// severity tells what needs somebody's hand from what is worth knowing.
type severity string

const (
	trouble severity = "trouble"
	notice  severity = "notice"
)

// finding is one thing that is not as it should be, and why.
type finding struct {
	Severity severity `json:"severity"`
	// Code is a stable name of the kind of finding, for machines.
	Code string `json:"code"`
	place
	Group string `json:"group,omitempty"`
	// Text says it to people, with what can be done.
	Text string `json:"text"`
}

// examiner collects findings.
type examiner struct {
	stuckAfter time.Duration
	groups     []groupView
	findings   []finding
}

func (e *examiner) find(s severity, code string, p place, group, format string, args ...any) {
	e.findings = append(e.findings, finding{s, code, p, group, fmt.Sprintf(format, args...)})
}

// examine says what is stuck and why.
func examine(all []found, groups []groupView, stuckAfter time.Duration) []finding {
	e := &examiner{stuckAfter: stuckAfter, groups: groups, findings: []finding{}}
	for _, f := range all {
		e.unclaimed(f)
		e.segments(f)
	}
	for _, g := range groups {
		e.group(g, all)
		for _, l := range g.Lists {
			e.receipts(g, l)
			if !g.away() && l.Waiting > 0 {
				e.work(g, l, all)
			}
		}
	}
	for _, f := range all {
		if f.Dead > 0 {
			e.find(notice, "dead_letters", f.place, "", "%s of %s: tykctl dead list%s -source %s", count(f.Dead, "dead letter"), f.place, f.list.flags(), f.place.Source)
		}
	}
	slices.SortStableFunc(e.findings, func(a, b finding) int { return strings.Compare(string(b.Severity), string(a.Severity)) })
	return e.findings
}

// live finds a group that somebody works for and that reads a place.
func (e *examiner) live(f found) bool {
	return slices.ContainsFunc(e.groups, func(g groupView) bool {
		_, reads := f.group(g.Name)
		return reads && !g.away() && f.At.Sub(seenAt(f, g.Name)) <= awayAfter
	})
}

func seenAt(f found, group string) time.Time {
	g, _ := f.group(group)
	return g.Seen
}

// unclaimed looks at what gateways pushed and nobody took.
func (e *examiner) unclaimed(f found) {
	if f.Unclaimed == 0 {
		return
	}
	waits := fmt.Sprintf("%s in %s", count(f.Unclaimed, "entry"), f.place)
	live := e.live(f)
	switch {
	case f.ReplayTo != "" && !live:
		e.find(trouble, "unwatched", f.place, f.ReplayTo, "%s: no collector of group %s was heard of in the last %s; they wait until one is", waits, f.ReplayTo, span(awayAfter))
	case f.ReplayTo != "":
	case f.TTL >= 0 && !live:
		e.find(trouble, "expiring", f.place, "", "%s: no receiver claims them, and Redis drops them in %s: start a collector", waits, span(f.TTL))
	case f.TTL >= 0 && f.TTL < lateTTL:
		e.find(trouble, "claimed_late", f.place, "", "%s: Redis drops them in %s, and receivers that live should have claimed them by now: does their log say why not?", waits, span(f.TTL))
	case !live:
		e.find(trouble, "unwatched", f.place, "", "%s: no receiver claims them, and Redis keeps them until one does: start a collector", waits)
	}
}

// segments looks at what was claimed and what of it Redis still has.
func (e *examiner) segments(f found) {
	missing, waiting, all := 0, int64(0), int64(0)
	for _, segment := range f.Segments {
		least := segment.Count
		for _, g := range f.Groups {
			least = min(least, segment.Progress[g.Name])
		}
		if segment.Kept < segment.Count-least && least > 0 || segment.Kept == 0 {
			missing++
			all += segment.Count - least - segment.Kept
		}
		waiting += segment.Kept
	}
	if missing > 0 {
		e.find(trouble, "missing", f.place, "", "Redis no longer has %s of %s of %s: was it restarted without persistence, or are keys evicted?",
			count(all, "claimed entry"), count(int64(missing), "segment"), f.place)
	}
	if len(f.Groups) == 0 && waiting > 0 {
		e.find(trouble, "no_group", f.place, "", "%s of %s wait for a group, and there is none: start a collector", count(waiting, "claimed entry"), f.place)
	}
}

// group looks for a group that nobody works for.
func (e *examiner) group(g groupView, all []found) {
	if !g.away() {
		return
	}
	text := fmt.Sprintf("group %s was not heard of for %s", g.Name, span(g.ago))
	if left, ok := g.expiresIn(); ok {
		text += ", expires in " + span(left)
	} else {
		text += ", never expires"
	}
	s := notice
	if g.Waiting > 0 {
		s = trouble
		text += fmt.Sprintf("; %s for it", waits(g.Waiting))
	}
	if g.Keeps.Entries > 0 {
		text += fmt.Sprintf(", and it alone keeps %s (%s, about %s)", count(int64(g.Keeps.Segments), "segment"), count(g.Keeps.Entries, "entry"), size(g.Keeps.Bytes))
	}
	var removals []string
	for _, f := range all {
		removal := "tykctl groups remove" + f.list.flags() + " " + g.Name
		if _, reads := f.group(g.Name); reads && !slices.Contains(removals, removal) {
			removals = append(removals, removal)
		}
	}
	e.find(s, "group_away", place{}, g.Name, "%s: start its collector or, if it is gone for good: %s", text, strings.Join(removals, ", "))
}

func waits(n int64) string {
	if n == 1 {
		return "1 entry waits"
	}
	return fmt.Sprintf("%d entries wait", n)
}

// receipts looks for entries that nothing accounts for.
func (e *examiner) receipts(g groupView, l groupList) {
	r := l.Receipts
	if off := r.missing(); off != 0 {
		e.find(trouble, "receipts_off", l.place, g.Name, "RECEIPTS DO NOT ADD UP for group %s at %s: %d claimed, %d delivered + %d shed + %d dead + %d lost + %d in flight: %d too %s",
			g.Name, l.place, r.Claimed, r.Delivered, r.Shed, r.DeadLettered, r.Lost, r.InFlight, max(off, -off), map[bool]string{true: "few", false: "many"}[off > 0])
	}
	if r.Lost > 0 {
		e.find(notice, "lost", l.place, g.Name, "Redis lost %s of %s before group %s could read them", count(r.Lost, "claimed entry"), l.place, g.Name)
	}
	if r.Shed > 0 {
		e.find(notice, "shed", l.place, g.Name, "%s of %s were shed to keep the bound on the backlog before group %s got them", count(r.Shed, "entry"), l.place, g.Name)
	}
}

// work looks at who works on what waits for a group, and whether it gets on.
func (e *examiner) work(g groupView, l groupList, all []found) {
	i := slices.IndexFunc(all, func(f found) bool { return f.place == l.place })
	held := leasesOf(all[i], g.Name)
	oldest := time.Duration(l.OldestAge * float64(time.Second))
	who, live := holders(held, false)
	switch {
	case !live:
		text := fmt.Sprintf("%s for group %s at %s, and nobody holds a lease", waits(l.Waiting), g.Name, l.place)
		if late, ok := holders(held, true); ok {
			text += fmt.Sprintf(": that of %s expired and was not taken over", late)
		}
		e.find(trouble, "no_lease", l.place, g.Name, "%s; the group was last heard of %s ago: has its collector stopped?", text, span(g.ago))
	case l.Movement == stalled && oldest < e.stuckAfter:
		e.find(notice, "stalled", l.place, g.Name, "%s for group %s at %s, the oldest since %s; nothing was acknowledged between two looks, which is trouble after %s (-stuck-after)",
			waits(l.Waiting), g.Name, l.place, span(oldest), span(e.stuckAfter))
	case l.Movement == stalled:
		e.find(trouble, "stalled", l.place, g.Name,
			"%s for group %s at %s, the oldest since %s; %s but nothing is acknowledged: a destination does not take what is delivered, see the collector's log and its health check",
			waits(l.Waiting), g.Name, l.place, span(oldest), who)
	case l.Movement == moving && oldest >= e.stuckAfter:
		left := time.Duration(float64(l.Waiting) / l.PerSecond * float64(time.Second))
		e.find(notice, "behind", l.place, g.Name, "group %s is %s behind at %s, and moving: %s, %.0f a second are acknowledged, %s if no more came",
			g.Name, span(oldest), l.place, waits(l.Waiting), l.PerSecond, span(left))
	}
	for _, h := range held {
		if h.in > oddLease {
			e.find(trouble, "odd_lease", l.place, g.Name, "the lease of %s at %s lasts another %s: Redis' clock was set back; its segments are out of reach for others until then",
				h.Worker, l.place, span(h.in))
		}
	}
}

// holders names the workers with leases that hold, or with those that expired.
func holders(held []leaseView, expired bool) (string, bool) {
	var names []string
	for _, h := range held {
		if h.Expired != expired {
			continue
		}
		if expired {
			names = append(names, h.Worker)
		} else {
			names = append(names, fmt.Sprintf("%s holds the lease of %s", h.Worker, count(int64(h.Segments), "segment")))
		}
	}
	return strings.Join(names, ", "), len(names) > 0
}

// leaseView is what one worker holds at one place.
type leaseView struct {
	Worker string `json:"worker"`
	Group  string `json:"group"`
	place
	Segments int `json:"segments"`
	// Expired leases were not renewed, and not yet taken over.
	Expired bool `json:"expired"`
	// ExpiresIn is in seconds, below 0 since the lease expired; the earliest of the segments'.
	ExpiresIn float64 `json:"expires_in_seconds"`

	in time.Duration
}

// leasesOf lists who holds a group's segments at a place, by name.
func leasesOf(f found, group string) []leaseView {
	var views []leaseView
	add := func(lease claim.Lease, ok, expired bool) {
		if !ok {
			return
		}
		in := lease.Expires.Sub(f.At)
		i := slices.IndexFunc(views, func(v leaseView) bool { return v.Worker == lease.Worker && v.Expired == expired })
		if i < 0 {
			i = len(views)
			views = append(views, leaseView{Worker: lease.Worker, Group: group, place: f.place, Expired: expired, in: in})
		}
		views[i].Segments++
		views[i].in = min(views[i].in, in)
		views[i].ExpiresIn = seconds(views[i].in)
	}
	for _, segment := range f.Segments {
		lease, ok := segment.Leases[group]
		add(lease, ok, false)
		lease, ok = segment.Expired[group]
		add(lease, ok, true)
	}
	slices.SortStableFunc(views, func(a, b leaseView) int { return strings.Compare(a.Worker, b.Worker) })
	return views
}
