package inspect

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

// Severity tells what needs somebody's hand from what is worth knowing.
type Severity string

// The severities.
const (
	Trouble Severity = "trouble"
	Notice  Severity = "notice"
)

// Finding is one thing that is not as it should be, and why.
type Finding struct {
	Severity Severity `json:"severity"`
	// Code is a stable name of the kind of finding, for machines.
	Code string `json:"code"`
	Place
	Group string `json:"group,omitempty"`
	// Text says it to people, with what can be done.
	Text string `json:"text"`

	// The same in parts, for pages: what it is about, what is so, what to do, and the command that does it;
	// the last two may be empty.
	Title   string `json:"-"`
	What    string `json:"-"`
	Remedy  string `json:"-"`
	Command string `json:"-"`
}

// examiner collects findings.
type examiner struct {
	stuckAfter time.Duration
	groups     []Group
	findings   []Finding
}

func (e *examiner) find(s Severity, code string, p Place, group, format string, args ...any) {
	f := Finding{Severity: s, Code: code, Place: p, Group: group, Text: fmt.Sprintf(format, args...)}
	f.part()
	e.findings = append(e.findings, f)
}

// examine says what is stuck and why.
func examine(all []Found, groups []Group, stuckAfter time.Duration) []Finding {
	e := &examiner{stuckAfter: stuckAfter, groups: groups, findings: []Finding{}}
	for _, f := range all {
		e.unclaimed(f)
		e.segments(f)
	}
	for _, g := range groups {
		e.group(g, all)
		for _, l := range g.Lists {
			e.receipts(g, l)
			if !g.Away() && l.Waiting > 0 {
				e.work(g, l, all)
			}
		}
	}
	for _, f := range all {
		if f.Dead > 0 {
			e.find(Notice, "dead_letters", f.Place, "", "%s of %s: tykctl dead list%s -source %s", Count(f.Dead, "dead letter"), f.Place, f.List.Flags(), f.Place.Source)
		}
	}
	slices.SortStableFunc(e.findings, func(a, b Finding) int { return strings.Compare(string(b.Severity), string(a.Severity)) })
	return e.findings
}

// live finds a group that somebody works for and that reads a place.
func (e *examiner) live(f Found) bool {
	return slices.ContainsFunc(e.groups, func(g Group) bool {
		_, reads := f.group(g.Name)
		return reads && !g.Away() && f.At.Sub(seenAt(f, g.Name)) <= AwayAfter
	})
}

func seenAt(f Found, group string) time.Time {
	g, _ := f.group(group)
	return g.Seen
}

// unclaimed looks at what gateways pushed and nobody took.
func (e *examiner) unclaimed(f Found) {
	if f.Unclaimed == 0 {
		return
	}
	waits := fmt.Sprintf("%s in %s", Count(f.Unclaimed, "entry"), f.Place)
	live := e.live(f)
	switch {
	case f.ReplayTo != "" && !live:
		e.find(Trouble, "unwatched", f.Place, f.ReplayTo, "%s: no collector of group %s was heard of in the last %s; they wait until one is", waits, f.ReplayTo, Span(AwayAfter))
	case f.ReplayTo != "":
	case f.TTL >= 0 && !live:
		e.find(Trouble, "expiring", f.Place, "", "%s: no receiver claims them, and Redis drops them in %s: start a collector", waits, Span(f.TTL))
	case f.TTL >= 0 && f.TTL < lateTTL:
		e.find(Trouble, "claimed_late", f.Place, "", "%s: Redis drops them in %s, and receivers that live should have claimed them by now: does their log say why not?", waits, Span(f.TTL))
	case !live:
		e.find(Trouble, "unwatched", f.Place, "", "%s: no receiver claims them, and Redis keeps them until one does: start a collector", waits)
	}
}

// segments looks at what was claimed and what of it Redis still has.
func (e *examiner) segments(f Found) {
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
		e.find(Trouble, "missing", f.Place, "", "Redis no longer has %s of %s of %s: was it restarted without persistence, or are keys evicted?",
			Count(all, "claimed entry"), Count(int64(missing), "segment"), f.Place)
	}
	if len(f.Groups) == 0 && waiting > 0 {
		e.find(Trouble, "no_group", f.Place, "", "%s of %s wait for a group, and there is none: start a collector", Count(waiting, "claimed entry"), f.Place)
	}
}

// group looks for a group that nobody works for.
func (e *examiner) group(g Group, all []Found) {
	if !g.Away() {
		return
	}
	text := fmt.Sprintf("group %s was not heard of for %s", g.Name, Span(g.Ago))
	if left, ok := g.Left(); ok {
		text += ", expires in " + Span(left)
	} else {
		text += ", never expires"
	}
	s := Notice
	if g.Waiting > 0 {
		s = Trouble
		text += fmt.Sprintf("; %s for it", waits(g.Waiting))
	}
	if g.Keeps.Entries > 0 {
		text += fmt.Sprintf(", and it alone keeps %s (%s, about %s)", Count(int64(g.Keeps.Segments), "segment"), Count(g.Keeps.Entries, "entry"), Size(g.Keeps.Bytes))
	}
	var removals []string
	for _, f := range all {
		removal := "tykctl groups remove" + f.List.Flags() + " " + g.Name
		if _, reads := f.group(g.Name); reads && !slices.Contains(removals, removal) {
			removals = append(removals, removal)
		}
	}
	e.find(s, "group_away", Place{}, g.Name, "%s: start its collector or, if it is gone for good: %s", text, strings.Join(removals, ", "))
}

func waits(n int64) string {
	if n == 1 {
		return "1 entry waits"
	}
	return fmt.Sprintf("%d entries wait", n)
}

// receipts looks for entries that nothing accounts for.
func (e *examiner) receipts(g Group, l GroupList) {
	r := l.Receipts
	if off := r.Missing(); off != 0 {
		e.find(Trouble, "receipts_off", l.Place, g.Name, "RECEIPTS DO NOT ADD UP for group %s at %s: %d claimed, %d delivered + %d shed + %d dead + %d lost + %d in flight: %d too %s",
			g.Name, l.Place, r.Claimed, r.Delivered, r.Shed, r.DeadLettered, r.Lost, r.InFlight, max(off, -off), map[bool]string{true: "few", false: "many"}[off > 0])
	}
	if r.Lost > 0 {
		e.find(Notice, "lost", l.Place, g.Name, "Redis lost %s of %s before group %s could read them", Count(r.Lost, "claimed entry"), l.Place, g.Name)
	}
	if r.Shed > 0 {
		e.find(Notice, "shed", l.Place, g.Name, "%s of %s were shed to keep the bound on the backlog before group %s got them", Count(r.Shed, "entry"), l.Place, g.Name)
	}
}

// work looks at who works on what waits for a group, and whether it gets on.
func (e *examiner) work(g Group, l GroupList, all []Found) {
	i := slices.IndexFunc(all, func(f Found) bool { return f.Place == l.Place })
	held := leasesOf(all[i], g.Name)
	oldest := time.Duration(l.OldestAge * float64(time.Second))
	who, live := holders(held, false)
	switch {
	case !live:
		text := fmt.Sprintf("%s for group %s at %s, and nobody holds a lease", waits(l.Waiting), g.Name, l.Place)
		if late, ok := holders(held, true); ok {
			text += fmt.Sprintf(": that of %s expired and was not taken over", late)
		}
		e.find(Trouble, "no_lease", l.Place, g.Name, "%s; the group was last heard of %s ago: has its collector stopped?", text, Span(g.Ago))
	case l.Movement == Stalled && oldest < e.stuckAfter:
		e.find(Notice, "stalled", l.Place, g.Name, "%s for group %s at %s, the oldest since %s; nothing was acknowledged between two looks, which is trouble after %s (-stuck-after)",
			waits(l.Waiting), g.Name, l.Place, Span(oldest), Span(e.stuckAfter))
	case l.Movement == Stalled:
		e.find(Trouble, "stalled", l.Place, g.Name,
			"%s for group %s at %s, the oldest since %s; %s but nothing is acknowledged: a destination does not take what is delivered, see the collector's log and its health check",
			waits(l.Waiting), g.Name, l.Place, Span(oldest), who)
	case l.Movement == Moving && oldest >= e.stuckAfter:
		left := time.Duration(float64(l.Waiting) / l.PerSecond * float64(time.Second))
		e.find(Notice, "behind", l.Place, g.Name, "group %s is %s behind at %s, and moving: %s, %.0f a second are acknowledged, %s if no more came",
			g.Name, Span(oldest), l.Place, waits(l.Waiting), l.PerSecond, Span(left))
	}
	for _, h := range held {
		if h.In > oddLease {
			e.find(Trouble, "odd_lease", l.Place, g.Name, "the lease of %s at %s lasts another %s: Redis' clock was set back; its segments are out of reach for others until then",
				h.Worker, l.Place, Span(h.In))
		}
	}
}

// holders names the workers with leases that hold, or with those that expired.
func holders(held []Lease, expired bool) (string, bool) {
	var names []string
	for _, h := range held {
		if h.Expired != expired {
			continue
		}
		if expired {
			names = append(names, h.Worker)
		} else {
			names = append(names, fmt.Sprintf("%s holds the lease of %s", h.Worker, Count(int64(h.Segments), "segment")))
		}
	}
	return strings.Join(names, ", "), len(names) > 0
}

// Lease is what one worker holds at one place.
type Lease struct {
	Worker string `json:"worker"`
	Group  string `json:"group"`
	Place
	Segments int `json:"segments"`
	// Expired leases were not renewed, and not yet taken over.
	Expired bool `json:"expired"`
	// ExpiresIn is in seconds, below 0 since the lease expired; the earliest of the segments'.
	ExpiresIn float64 `json:"expires_in_seconds"`

	// In is ExpiresIn.
	In time.Duration `json:"-"`
}

// leasesOf lists who holds a group's segments at a place, by name.
func leasesOf(f Found, group string) []Lease {
	var views []Lease
	add := func(lease claim.Lease, ok, expired bool) {
		if !ok {
			return
		}
		in := lease.Expires.Sub(f.At)
		i := slices.IndexFunc(views, func(v Lease) bool { return v.Worker == lease.Worker && v.Expired == expired })
		if i < 0 {
			i = len(views)
			views = append(views, Lease{Worker: lease.Worker, Group: group, Place: f.Place, Expired: expired, In: in})
		}
		views[i].Segments++
		views[i].In = min(views[i].In, in)
		views[i].ExpiresIn = seconds(views[i].In)
	}
	for _, segment := range f.Segments {
		lease, ok := segment.Leases[group]
		add(lease, ok, false)
		lease, ok = segment.Expired[group]
		add(lease, ok, true)
	}
	slices.SortStableFunc(views, func(a, b Lease) int { return strings.Compare(a.Worker, b.Worker) })
	return views
}

// CheckReceipts looks for entries of groups that nothing accounts for, and of a process where there is one.
func CheckReceipts(groups []Group, skipped Unreadable, p *Process) []Finding {
	e := &examiner{findings: skipped.Findings()}
	for _, g := range groups {
		for _, l := range g.Lists {
			e.receipts(g, l)
		}
	}
	if p != nil && p.SQL != nil && p.SQL.Missing > 0 {
		e.find(Trouble, "unaccounted", Place{}, "", "%s acknowledged by this collector are not accounted for by tyksql and tykfilter: were there other exporters or filters that dropped them?", Count(p.SQL.Missing, "entry"))
	}
	return e.findings
}
