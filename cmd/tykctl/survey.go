package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// form is how a list's entries are written.
type form string

const (
	msgpackForm  form = "msgpack"
	protobufForm form = "protobuf"
	uptimeForm   form = "uptime"
)

// list is one that a gateway pushes to.
type list struct {
	key  string
	form form
	// prefix is the key prefix that commands must be told to find it; empty where they know it.
	prefix string
}

// flags are what a command needs to find a list, with a blank in front.
func (l list) flags() string {
	if l.prefix == "" {
		return ""
	}
	return " -key-prefix " + l.prefix
}

// lists names everything that receivers watch.
func (c *connection) lists() []list {
	var all []list
	for _, l := range analytics.RequestLists(c.keyPrefix) {
		f := msgpackForm
		if l.Protobuf {
			f = protobufForm
		}
		all = append(all, list{key: l.Key, form: f})
	}
	return append(all, list{key: analytics.UptimeListBehind(c.uptimePrefix), form: uptimeForm})
}

// searchPause is between the steps of a search through all keys.
const searchPause = 5 * time.Millisecond

// allLists adds to these what was claimed from lists with another key prefix, as receivers look
// for what nobody reads.
func (c *connection) allLists(ctx context.Context, store *claim.Store) ([]list, error) {
	all := c.lists()
	claimed, err := store.Find(ctx, searchPause)
	for _, key := range slices.Sorted(maps.Keys(claimed.Lists)) {
		prefix, rest, ok := strings.Cut(key, analytics.ListName)
		if !ok || slices.ContainsFunc(all, func(l list) bool { return l.key == key }) {
			continue
		}
		f := msgpackForm
		if strings.HasSuffix(rest, "_protobuf") {
			f = protobufForm
		}
		all = append(all, list{key, f, prefix})
	}
	return all, err
}

// registries names those of the groups that read lists: one of receivers that read all lists of
// requests with a prefix, and one of each list, for those that read it by name.
func (c *connection) registries(lists []list) []string {
	all := []string{c.keyPrefix}
	for _, l := range lists {
		if l.prefix != "" && !slices.Contains(all, l.prefix) {
			all = append(all, l.prefix)
		}
		all = append(all, l.key)
	}
	return all
}

// chooseLists finds a list by its key; an empty key is for all of them.
func (c *connection) chooseLists(key string) ([]list, error) {
	all := c.lists()
	if key == "" {
		return all, nil
	}
	for _, l := range all {
		if l.key == key {
			return []list{l}, nil
		}
	}
	return nil, fmt.Errorf("-source: no list %q: those with -key-prefix %q are %s, the same with _0 to _9, each of these with _protobuf, and %s",
		key, c.keyPrefix, all[0].key, all[len(all)-1].key)
}

// source is the protocol's view of the list; group is for what is replayed.
func (l list) source(group string) *claim.Source {
	return claim.NewSource(l.key, claim.Settings{Group: group})
}

// place is a list, or the list from which one group's dead letters are replayed.
type place struct {
	// Source is the gateway's list.
	Source string `json:"source"`
	// ReplayTo is the group that dead letters of the list are replayed to, empty
	// for the list itself.
	ReplayTo string `json:"replay_to,omitempty"`
}

func (p place) String() string {
	if p.ReplayTo == "" {
		return p.Source
	}
	return p.Source + " (replay to " + p.ReplayTo + ")"
}

// found is what lies at a place.
type found struct {
	place
	list   list
	source *claim.Source
	claim.Report
}

// used is false for a list that no gateway ever pushed to.
func (f found) used() bool {
	return f.Unclaimed > 0 || f.Claimed > 0 || len(f.Segments) > 0 || f.Dead > 0
}

// group finds a group's state at a place.
func (f found) group(name string) (claim.GroupReport, bool) {
	for _, g := range f.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return claim.GroupReport{}, false
}

// survey looks at lists and at what is replayed from it; each by itself is
// seen in one atomic step. What cannot be read keeps nothing else from being seen.
func survey(ctx context.Context, store *claim.Store, conn *connection, wanted []list) ([]found, unreadable, error) {
	var all []found
	var skipped unreadable
	look := func(l list, p place, src *claim.Source) (found, error) {
		report, err := store.Inspect(ctx, src)
		if err != nil {
			return found{}, skipped.add(ctx, conn, p, err)
		}
		f := found{place: p, list: l, source: src, Report: report}
		if p.ReplayTo != "" {
			f.Dead = 0 // counted with the list, which keeps them
		}
		all = append(all, f)
		return f, nil
	}
	for _, l := range wanted {
		f, err := look(l, place{Source: l.key}, l.source(""))
		if err != nil {
			return nil, nil, err
		}
		for _, g := range f.Groups {
			if _, err := look(l, place{Source: l.key, ReplayTo: g.Name}, l.source(g.Name).Replay()); err != nil {
				return nil, nil, err
			}
		}
	}
	if len(all) == 0 {
		return nil, nil, skipped.err() // there is nothing else to show
	}
	return all, skipped, nil
}

// clock is Redis' time at the survey, which is not the same on every node of a cluster.
func clock(all []found) time.Time {
	if len(all) == 0 {
		return time.Time{}
	}
	return all[0].At
}
