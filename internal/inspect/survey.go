package inspect

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// Form is how a list's entries are written.
type Form string

// The forms.
const (
	Msgpack  Form = "msgpack"
	Protobuf Form = "protobuf"
	Uptime   Form = "uptime"
)

// Redis is what is looked at: the gateway's, where collectors keep what they claimed.
type Redis struct {
	Client redis.UniversalClient
	Store  *claim.Store
	// Addresses name it for people.
	Addresses string
	Cluster   bool
	// KeyPrefix and UptimePrefix stand before the names of the gateway's lists.
	KeyPrefix, UptimePrefix string
	// Explain adds a remedy to an error where one is known; nil where nobody knows any.
	Explain func(error) error
}

func (r *Redis) explain(err error) error {
	if r.Explain == nil {
		return err
	}
	return r.Explain(err)
}

// List is one that a gateway pushes to.
type List struct {
	Key  string
	Form Form
	// Prefix is the key prefix that commands must be told to find it; empty where they know it.
	Prefix string
}

// Flags are what a command needs to find a list, with a blank in front.
func (l List) Flags() string {
	if l.Prefix == "" {
		return ""
	}
	return " -key-prefix " + l.Prefix
}

// Lists names everything that receivers watch.
func (r *Redis) Lists() []List {
	var all []List
	for _, l := range analytics.RequestLists(r.KeyPrefix) {
		f := Msgpack
		if l.Protobuf {
			f = Protobuf
		}
		all = append(all, List{Key: l.Key, Form: f})
	}
	return append(all, List{Key: analytics.UptimeListBehind(r.UptimePrefix), Form: Uptime})
}

// searchPause is between the steps of a search through all keys.
const searchPause = 5 * time.Millisecond

// AllLists adds to these what was claimed from lists with another key prefix, as receivers look
// for what nobody reads.
func (r *Redis) AllLists(ctx context.Context) ([]List, error) {
	all := r.Lists()
	claimed, err := r.Store.Find(ctx, searchPause)
	for _, key := range slices.Sorted(maps.Keys(claimed.Lists)) {
		prefix, rest, ok := strings.Cut(key, analytics.ListName)
		if !ok || slices.ContainsFunc(all, func(l List) bool { return l.Key == key }) {
			continue
		}
		f := Msgpack
		if strings.HasSuffix(rest, "_protobuf") {
			f = Protobuf
		}
		all = append(all, List{key, f, prefix})
	}
	return all, err
}

// Registries names those of the groups that read lists: one of receivers that read all lists of
// requests with a prefix, and one of each list, for those that read it by name.
func (r *Redis) Registries(lists []List) []string {
	all := []string{r.KeyPrefix}
	for _, l := range lists {
		if l.Prefix != "" && !slices.Contains(all, l.Prefix) {
			all = append(all, l.Prefix)
		}
		all = append(all, l.Key)
	}
	return all
}

// Choose finds a list by its key; an empty key is for all of them. It gives none where there is no such list.
func (r *Redis) Choose(key string) []List {
	all := r.Lists()
	if key == "" {
		return all
	}
	return slices.DeleteFunc(all, func(l List) bool { return l.Key != key })
}

// Source is the protocol's view of the list; group is for what is replayed.
func (l List) Source(group string) *claim.Source {
	return claim.NewSource(l.Key, claim.Settings{Group: group})
}

// Place is a list, or the list from which one group's dead letters are replayed.
type Place struct {
	// Source is the gateway's list.
	Source string `json:"source"`
	// ReplayTo is the group that dead letters of the list are replayed to, empty
	// for the list itself.
	ReplayTo string `json:"replay_to,omitempty"`
}

// String names the place for people.
func (p Place) String() string {
	if p.ReplayTo == "" {
		return p.Source
	}
	return p.Source + " (replay to " + p.ReplayTo + ")"
}

// Found is what lies at a place.
type Found struct {
	Place
	List   List
	source *claim.Source
	claim.Report
}

// used is false for a list that no gateway ever pushed to.
func (f Found) used() bool {
	return f.Unclaimed > 0 || f.Claimed > 0 || len(f.Segments) > 0 || f.Dead > 0
}

// group finds a group's state at a place.
func (f Found) group(name string) (claim.GroupReport, bool) {
	for _, g := range f.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return claim.GroupReport{}, false
}

// Survey looks at lists and at what is replayed from it; each by itself is
// seen in one atomic step. What cannot be read keeps nothing else from being seen.
func (r *Redis) Survey(ctx context.Context, wanted []List) ([]Found, Unreadable, error) {
	var all []Found
	var skipped Unreadable
	look := func(l List, p Place, src *claim.Source) (Found, error) {
		report, err := r.Store.Inspect(ctx, src)
		if err != nil {
			return Found{}, skipped.add(ctx, r, p, err)
		}
		f := Found{Place: p, List: l, source: src, Report: report}
		if p.ReplayTo != "" {
			f.Dead = 0 // counted with the list, which keeps them
		}
		all = append(all, f)
		return f, nil
	}
	for _, l := range wanted {
		f, err := look(l, Place{Source: l.Key}, l.Source(""))
		if err != nil {
			return nil, nil, err
		}
		for _, g := range f.Groups {
			if _, err := look(l, Place{Source: l.Key, ReplayTo: g.Name}, l.Source(g.Name).Replay()); err != nil {
				return nil, nil, err
			}
		}
	}
	if len(all) == 0 {
		return nil, nil, skipped.Err() // there is nothing else to show
	}
	return all, skipped, nil
}

// Clock is Redis' time at the survey, which is not the same on every node of a cluster.
func Clock(all []Found) time.Time {
	if len(all) == 0 {
		return time.Time{}
	}
	return all[0].At
}
