package inspect

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// Status is all that tykctl status says.
type Status struct {
	// Redis is where, At when by its clock.
	Redis       string       `json:"redis"`
	At          time.Time    `json:"at"`
	Memory      []NodeMemory `json:"memory"`
	Lists       []ListState  `json:"lists"`
	Groups      []Group      `json:"groups"`
	Leases      []Lease      `json:"leases"`
	DeadLetters []Reason     `json:"dead_letters"`
	// Unreadable are lists that nothing else here is about.
	Unreadable Unreadable `json:"unreadable,omitempty"`
	Findings   []Finding  `json:"findings"`
}

// ListState is a list that something was ever pushed to.
type ListState struct {
	Place
	Form Form `json:"form"`
	// Unclaimed entries are dropped by Redis after TTL seconds; absent for never.
	Unclaimed int64    `json:"unclaimed"`
	TTL       *float64 `json:"ttl_seconds,omitempty"`
	// Claimed is how many entries ever were; Kept of them are still in Redis, in
	// Segments, which take about Bytes.
	Claimed     int64 `json:"claimed"`
	Segments    int   `json:"segments"`
	Kept        int64 `json:"kept"`
	Bytes       int64 `json:"bytes"`
	DeadLetters int64 `json:"dead_letters"`

	// Life is TTL; below 0 for never.
	Life time.Duration `json:"-"`
}

// Reason counts the dead letters that share a reason but for its numbers.
type Reason struct {
	Source      string `json:"source"`
	Group       string `json:"group"`
	Destination string `json:"destination,omitempty"`
	Reason      string `json:"reason"`
	Count       int64  `json:"count"`
	// More is true where the list has more letters than were read.
	More bool `json:"more,omitempty"`
}

// Troubled tells whether one of the findings is trouble.
func Troubled(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Trouble })
}

// sleep returns false when ctx was done first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Observer looks at Redis.
type Observer struct {
	*Redis

	// Sample has the first look be two, so far apart, where something waits, to tell what moves; 0 has it be one.
	Sample time.Duration
	// StuckAfter is how long the oldest entry of what is stalled has waited when that is trouble.
	StuckAfter time.Duration
	// Letters is how many dead letters of each list are sorted by reason.
	Letters int

	lists []List
	// unsearched is why lists with other key prefixes may be missing.
	unsearched error
}

// Look looks at Redis, and a second time where that tells more and nothing
// was seen before.
func (o *Observer) Look(ctx context.Context, before []Found) (*Status, []Found, error) {
	if o.lists == nil {
		o.lists, o.unsearched = o.AllLists(ctx)
	}
	now, skipped, err := o.Survey(ctx, o.lists)
	if err != nil {
		return nil, nil, err
	}
	if before == nil && o.Sample > 0 && waiting(now) {
		before = now
		if !sleep(ctx, o.Sample) {
			return nil, nil, ctx.Err()
		}
		if now, skipped, err = o.Survey(ctx, o.lists); err != nil {
			return nil, nil, err
		}
	}
	if o.unsearched != nil {
		if err := skipped.add(ctx, o.Redis, Place{Source: "lists with other key prefixes"}, o.unsearched); err != nil {
			return nil, nil, err
		}
	}
	w := o.weigh(ctx, now)
	view := &Status{
		Redis: o.Addresses, At: Clock(now), Memory: memory(ctx, o.Client),
		Lists: []ListState{}, Groups: Groups(now, before, w), Leases: []Lease{}, DeadLetters: []Reason{},
	}
	for _, f := range now {
		if !f.used() {
			continue
		}
		view.Lists = append(view.Lists, f.view(w))
		for _, g := range f.Groups {
			view.Leases = append(view.Leases, leasesOf(f, g.Name)...)
		}
		reasons, err := o.reasons(ctx, f)
		if err != nil {
			if err := skipped.add(ctx, o.Redis, f.Place, err); err != nil {
				return nil, nil, err
			}
		}
		view.DeadLetters = append(view.DeadLetters, reasons...)
	}
	var rivals []Finding
	for _, registry := range o.Registries(o.lists) {
		members, err := o.Store.Registry(registry).Members(ctx)
		if err == nil {
			rivals = append(rivals, examineMembers(members)...)
		} else if err := skipped.add(ctx, o.Redis, Place{Source: "the registry of workers"}, err); err != nil {
			return nil, nil, err
		}
	}
	view.Unreadable = skipped
	view.Findings = append([]Finding{}, slices.Concat(skipped.Findings(), rivals, examine(now, view.Groups, o.StuckAfter), examineMemory(view.Memory))...)
	return view, now, nil
}

func waiting(all []Found) bool {
	return slices.ContainsFunc(all, func(f Found) bool {
		return slices.ContainsFunc(f.Groups, func(g claim.GroupReport) bool { return g.Waiting > 0 })
	})
}

func (f Found) view(w weights) ListState {
	v := ListState{
		Place: f.Place, Form: f.List.Form, Unclaimed: f.Unclaimed, Claimed: f.Claimed,
		Segments: len(f.Segments), Bytes: w.total(f), DeadLetters: f.Dead, Life: -1,
	}
	for _, segment := range f.Segments {
		v.Kept += segment.Kept
	}
	if f.TTL >= 0 {
		s := seconds(f.TTL)
		v.TTL, v.Life = &s, f.TTL
	}
	return v
}

// figures are what tells reasons apart that are the same.
var figures = regexp.MustCompile(`0x[0-9a-fA-F]+|\d+`)

// Alike is a reason without what tells reasons apart that are the same.
func Alike(reason string) string { return figures.ReplaceAllString(reason, "#") }

var errEnough = errors.New("enough letters")

// reasons sorts the dead letters of a list.
func (o *Observer) reasons(ctx context.Context, f Found) ([]Reason, error) {
	views := []Reason{}
	if f.ReplayTo != "" {
		return views, nil // the list keeps them
	}
	read := 0
	err := o.Store.LetterPages(ctx, f.source, nil, func(page []claim.Letter) error {
		for _, l := range page {
			if read == o.Letters {
				return errEnough
			}
			read++
			reason := Alike(ReasonOf(l))
			i := slices.IndexFunc(views, func(v Reason) bool {
				return v.Group == l.Group && v.Destination == l.Destination && v.Reason == reason
			})
			if i < 0 {
				i = len(views)
				views = append(views, Reason{Source: f.Place.Source, Group: l.Group, Destination: l.Destination, Reason: reason})
			}
			views[i].Count++
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		for i := range views {
			views[i].More = true
		}
		err = nil
	}
	slices.SortStableFunc(views, func(a, b Reason) int {
		if c := strings.Compare(a.Group, b.Group); c != 0 {
			return c
		}
		return int(b.Count - a.Count)
	})
	return views, err
}

// ReasonOf is why a letter is dead, for one that can be read.
func ReasonOf(l claim.Letter) string {
	if l.Fault != nil {
		return "unreadable: " + l.Fault.Error()
	}
	return l.Reason
}
