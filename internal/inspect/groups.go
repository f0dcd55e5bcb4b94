package inspect

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// AwayAfter is when a group that is not heard of counts as away. Receivers that
// live are heard of every few hundred milliseconds.
const AwayAfter = time.Minute

// Group is a group over all lists.
type Group struct {
	Name string `json:"name"`
	// Seen is when a worker of it was last heard of, by Redis' clock.
	Seen time.Time `json:"seen"`
	// SeenAgo is how long that is ago, in seconds.
	SeenAgo float64 `json:"seen_ago_seconds"`
	// ExpiresIn is after how many seconds of silence it is removed; absent for never.
	ExpiresIn *float64 `json:"expires_in_seconds,omitempty"`
	// Waiting entries are claimed and not acknowledged, the oldest since OldestAge seconds.
	Waiting   int64   `json:"waiting"`
	OldestAge float64 `json:"oldest_age_seconds"`
	// Keeps is what the group alone holds back.
	Keeps Keeps `json:"keeps"`
	// Lists are those where something was ever claimed.
	Lists []GroupList `json:"lists"`

	// Ago is SeenAgo.
	Ago time.Duration `json:"-"`
	// KnownOn counts the lists that it reads, also those where nothing ever was.
	KnownOn int `json:"-"`

	expiry time.Duration
}

// Keeps is what would be given back if a group were removed.
type Keeps struct {
	Segments int   `json:"segments"`
	Entries  int64 `json:"entries"`
	// Bytes are estimated.
	Bytes int64 `json:"bytes"`
}

func (k *Keeps) add(other Keeps) {
	k.Segments += other.Segments
	k.Entries += other.Entries
	k.Bytes += other.Bytes
}

// GroupList is a group's state at one list, or at what is replayed to it.
type GroupList struct {
	Place
	Waiting   int64   `json:"waiting"`
	OldestAge float64 `json:"oldest_age_seconds"`
	// Movement says whether acknowledgements come.
	Movement Movement `json:"movement"`
	// PerSecond is how many entries are acknowledged in a second; 0 where Movement is not "moving".
	PerSecond float64  `json:"per_second"`
	Receipts  Receipts `json:"receipts"`
	Keeps     Keeps    `json:"keeps"`
}

// Away is true for a group that no worker works for.
func (g Group) Away() bool { return g.Ago > AwayAfter }

// Left is the time left before it is removed; false for never.
func (g Group) Left() (time.Duration, bool) { return g.expiry - g.Ago, g.expiry > 0 }

// weights are the bytes of segments by their key in Redis.
type weights map[string]int64

// weigh asks Redis how big the segments at all places are. Where the user may
// not ask, the answer is nothing at all.
func (r *Redis) weigh(ctx context.Context, all []Found) weights {
	w := weights{}
	for _, f := range all {
		if len(f.Segments) == 0 {
			continue
		}
		footprints, err := r.Store.Footprints(ctx, f.source)
		if err != nil {
			continue
		}
		for _, p := range footprints {
			w[p.Key()] = p.Bytes
		}
	}
	return w
}

// total is what a place's segments take.
func (w weights) total(f Found) int64 {
	sum := int64(0)
	for _, segment := range f.Segments {
		sum += w[segment.Key()]
	}
	return sum
}

// keptBy tells what at a place would be given back without the group.
func (w weights) keptBy(f Found, group string) Keeps {
	if f.ReplayTo == group {
		// Nobody else reads it: it goes as a whole.
		k := Keeps{Segments: len(f.Segments), Entries: f.Unclaimed, Bytes: w.total(f)}
		for _, segment := range f.Segments {
			k.Entries += segment.Kept
		}
		return k
	}
	var k Keeps
	if len(f.Groups) < 2 {
		return k // what the last group leaves waits for the next one
	}
	for _, segment := range f.Segments {
		others := segment.Count
		for _, g := range f.Groups {
			if g.Name != group {
				others = min(others, segment.Progress[g.Name])
			}
		}
		if free := others - (segment.Count - segment.Kept); free > 0 {
			k.Segments++
			k.Entries += free
			k.Bytes += w[segment.Key()] * free / segment.Kept
		}
	}
	return k
}

// Groups sums up groups over all places. Movement is what happened since before.
func Groups(now, before []Found, w weights) []Group {
	byName := map[string]*Group{}
	for _, f := range now {
		for _, g := range f.Groups {
			view := byName[g.Name]
			if view == nil {
				view = &Group{Name: g.Name, Lists: []GroupList{}}
				byName[g.Name] = view
			}
			if g.Seen.After(view.Seen) {
				view.Seen, view.Ago, view.expiry = g.Seen, f.At.Sub(g.Seen), g.Expiry
			}
			if f.ReplayTo == "" {
				view.KnownOn++
			}
			view.Waiting += g.Waiting
			view.OldestAge = max(view.OldestAge, seconds(g.OldestAge))
			kept := w.keptBy(f, g.Name)
			view.Keeps.add(kept)
			if !f.used() {
				continue
			}
			l := GroupList{Place: f.Place, Waiting: g.Waiting, OldestAge: seconds(g.OldestAge), Keeps: kept, Receipts: ReceiptsOf(g)}
			l.Movement, l.PerSecond = moved(f, g, before)
			view.Lists = append(view.Lists, l)
		}
	}
	views := make([]Group, 0, len(byName))
	for _, view := range byName {
		view.SeenAgo = seconds(view.Ago)
		if left, ok := view.Left(); ok {
			s := seconds(left)
			view.ExpiresIn = &s
		}
		views = append(views, *view)
	}
	slices.SortFunc(views, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return views
}

// Movement is whether a group gets on.
type Movement string

// How a group gets on.
const (
	Idle    Movement = "idle"    // nothing waits
	Moving  Movement = "moving"  // acknowledgements came between two looks
	Stalled Movement = "stalled" // none came, though entries waited at both
	Unknown Movement = "unknown" // there was only one look, or entries have just come
)

func moved(f Found, g claim.GroupReport, before []Found) (Movement, float64) {
	for _, old := range before {
		if old.Place != f.Place {
			continue
		}
		was, ok := old.group(g.Name)
		took := f.At.Sub(old.At)
		if !ok || took <= 0 {
			break
		}
		switch n := done(g) - done(was); {
		case n > 0:
			return Moving, float64(n) / took.Seconds()
		case g.Waiting == 0:
			return Idle, 0
		case n == 0 && was.Waiting > 0:
			return Stalled, 0
		}
	}
	if g.Waiting == 0 {
		return Idle, 0
	}
	return Unknown, 0
}

// done is how many entries the group has acknowledged.
func done(g claim.GroupReport) int64 {
	return g.Receipts.Delivered + g.Receipts.Shed + g.Receipts.Dead + g.Receipts.Lost
}

// Receipts tell what became of the entries that a group was to see.
type Receipts struct {
	Claimed      int64 `json:"claimed"`
	Delivered    int64 `json:"delivered"`
	Shed         int64 `json:"shed"`
	DeadLettered int64 `json:"dead_lettered"`
	Lost         int64 `json:"lost"`
	InFlight     int64 `json:"in_flight"`
	// AddsUp is false where claimed is not the sum of the others.
	AddsUp bool `json:"adds_up"`
	// Replayed and Dropped count dead letters that were taken away again.
	Replayed int64 `json:"replayed"`
	Dropped  int64 `json:"dropped"`
}

// ReceiptsOf are a group's.
func ReceiptsOf(g claim.GroupReport) Receipts {
	r := Receipts{
		Claimed: g.Receipts.Seen, Delivered: g.Receipts.Delivered, Shed: g.Receipts.Shed,
		DeadLettered: g.Receipts.Dead, Lost: g.Receipts.Lost, InFlight: g.Waiting,
		Replayed: g.Replayed, Dropped: g.Dropped,
	}
	// An entry is a dead letter a moment before it is acknowledged, and in flight until then.
	if early := min(-r.Delivered, r.InFlight); early > 0 {
		r.Delivered += early
		r.InFlight -= early
	}
	r.AddsUp = r.Missing() == 0
	return r
}

// Missing is how many claimed entries nothing accounts for; below 0 where more
// are accounted for than were claimed.
func (r Receipts) Missing() int64 {
	return r.Claimed - r.Delivered - r.Shed - r.DeadLettered - r.Lost - r.InFlight
}
