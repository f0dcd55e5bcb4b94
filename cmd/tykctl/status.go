package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// statusFlags are those of tykctl status.
type statusFlags struct {
	json, check bool
	sample      time.Duration
	watch       time.Duration
	stuckAfter  time.Duration
	letters     int
}

func statusCommand(f *flag.FlagSet) action {
	var s statusFlags
	f.BoolVar(&s.json, "json", false, "write JSON; with -watch one line each time")
	f.BoolVar(&s.check, "check", false, "exit with status 1 if there is trouble")
	f.DurationVar(&s.sample, "sample", 2*time.Second, "look twice this far apart, where something waits, to tell what moves; 0: look once")
	f.DurationVar(&s.watch, "watch", 0, "look again every `interval` until interrupted")
	f.DurationVar(&s.stuckAfter, "stuck-after", time.Minute, "what is stalled is trouble once the oldest entry has waited this long")
	f.IntVar(&s.letters, "letters", 10_000, "sort the oldest `n` dead letters of each list by reason; 0: none")
	return s.run
}

func (s *statusFlags) validate() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"-sample", s.sample}, {"-watch", s.watch}, {"-stuck-after", s.stuckAfter}} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %s: use 0 or more", d.name, d.value))
		}
	}
	if s.letters < 0 {
		errs = append(errs, fmt.Errorf("-letters: %d: use 0 or more", s.letters))
	}
	return errors.Join(errs...)
}

func (s *statusFlags) run(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
	if err := s.validate(); err != nil {
		return exitFailed, err
	}
	rdb, end, err := conn.open(ctx)
	if err != nil {
		return exitFailed, err
	}
	defer end()
	look := observer{rdb: rdb, store: claim.NewStore(rdb), conn: conn, flags: s}
	look.lists, look.unsearched = conn.allLists(ctx, look.store)
	var before []found
	for {
		view, now, err := look.observe(ctx, before)
		if s.watch > 0 && ctx.Err() != nil {
			return exitOK, nil // interrupted, which is how a watch ends
		}
		if err != nil {
			return exitFailed, conn.explain(err)
		}
		if err := s.show(c, view); err != nil {
			return exitFailed, err
		}
		if s.watch == 0 {
			return view.exit(s.check), view.Unreadable.err()
		}
		before = now
		if !sleep(ctx, s.watch) {
			return exitOK, nil
		}
	}
}

func (s *statusFlags) show(c console, view *statusView) error {
	switch {
	case s.json && s.watch > 0:
		return writeJSONLine(c.stdout, view)
	case s.json:
		return writeJSON(c.stdout, view)
	case s.watch > 0 && c.terminal:
		fmt.Fprint(c.stdout, "\x1b[H\x1b[2J") // a clean page
	case s.watch > 0:
		defer fmt.Fprintln(c.stdout)
	}
	return view.print(c.stdout)
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

// statusView is all that tykctl status says.
type statusView struct {
	// Redis is where, At when by its clock.
	Redis       string       `json:"redis"`
	At          time.Time    `json:"at"`
	Memory      []nodeMemory `json:"memory"`
	Lists       []listView   `json:"lists"`
	Groups      []groupView  `json:"groups"`
	Leases      []leaseView  `json:"leases"`
	DeadLetters []reasonView `json:"dead_letters"`
	// Unreadable are lists that nothing else here is about.
	Unreadable unreadable `json:"unreadable,omitempty"`
	Findings   []finding  `json:"findings"`
}

// listView is a list that something was ever pushed to.
type listView struct {
	place
	Form form `json:"form"`
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

	ttl time.Duration
}

// reasonView counts the dead letters that share a reason but for its numbers.
type reasonView struct {
	Source      string `json:"source"`
	Group       string `json:"group"`
	Destination string `json:"destination,omitempty"`
	Reason      string `json:"reason"`
	Count       int64  `json:"count"`
	// More is true where the list has more letters than were read.
	More bool `json:"more,omitempty"`
}

// exit is the exit status; only with check does trouble show in it.
func (v *statusView) exit(check bool) int { return exitStatus(check, v.Findings) }

func exitStatus(check bool, findings []finding) int {
	if check && slices.ContainsFunc(findings, func(f finding) bool { return f.Severity == trouble }) {
		return exitTrouble
	}
	return exitOK
}

// observer makes status views.
type observer struct {
	rdb   redis.UniversalClient
	store *claim.Store
	conn  *connection
	flags *statusFlags
	lists []list
	// unsearched is why lists with other key prefixes may be missing.
	unsearched error
}

// observe looks at Redis, and a second time where that tells more and nothing
// was seen before.
func (o *observer) observe(ctx context.Context, before []found) (*statusView, []found, error) {
	now, skipped, err := survey(ctx, o.store, o.conn, o.lists)
	if err != nil {
		return nil, nil, err
	}
	if before == nil && o.flags.sample > 0 && waiting(now) {
		before = now
		if !sleep(ctx, o.flags.sample) {
			return nil, nil, ctx.Err()
		}
		if now, skipped, err = survey(ctx, o.store, o.conn, o.lists); err != nil {
			return nil, nil, err
		}
	}
	if o.unsearched != nil {
		if err := skipped.add(ctx, o.conn, place{Source: "lists with other key prefixes"}, o.unsearched); err != nil {
			return nil, nil, err
		}
	}
	w := weigh(ctx, o.store, now)
	view := &statusView{
		Redis: o.conn.addresses, At: clock(now), Memory: memory(ctx, o.rdb),
		Lists: []listView{}, Groups: groupViews(now, before, w), Leases: []leaseView{}, DeadLetters: []reasonView{},
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
			if err := skipped.add(ctx, o.conn, f.place, err); err != nil {
				return nil, nil, err
			}
		}
		view.DeadLetters = append(view.DeadLetters, reasons...)
	}
	var rivals []finding
	for _, registry := range o.conn.registries(o.lists) {
		members, err := o.store.Registry(registry).Members(ctx)
		if err == nil {
			rivals = append(rivals, examineMembers(members)...)
		} else if err := skipped.add(ctx, o.conn, place{Source: "the registry of workers"}, err); err != nil {
			return nil, nil, err
		}
	}
	view.Unreadable = skipped
	view.Findings = append([]finding{}, slices.Concat(skipped.findings(), rivals, examine(now, view.Groups, o.flags.stuckAfter), examineMemory(view.Memory))...)
	return view, now, nil
}

func waiting(all []found) bool {
	return slices.ContainsFunc(all, func(f found) bool {
		return slices.ContainsFunc(f.Groups, func(g claim.GroupReport) bool { return g.Waiting > 0 })
	})
}

func (f found) view(w weights) listView {
	v := listView{
		place: f.place, Form: f.list.form, Unclaimed: f.Unclaimed, Claimed: f.Claimed,
		Segments: len(f.Segments), Bytes: w.total(f), DeadLetters: f.Dead, ttl: -1,
	}
	for _, segment := range f.Segments {
		v.Kept += segment.Kept
	}
	if f.TTL >= 0 {
		s := seconds(f.TTL)
		v.TTL, v.ttl = &s, f.TTL
	}
	return v
}

// figures are what tells reasons apart that are the same.
var figures = regexp.MustCompile(`0x[0-9a-fA-F]+|\d+`)

var errEnough = errors.New("enough letters")

// reasons sorts the dead letters of a list.
func (o *observer) reasons(ctx context.Context, f found) ([]reasonView, error) {
	views := []reasonView{}
	if f.ReplayTo != "" {
		return views, nil // the list keeps them
	}
	read := 0
	err := o.store.LetterPages(ctx, f.source, nil, func(page []claim.Letter) error {
		for _, l := range page {
			if read == o.flags.letters {
				return errEnough
			}
			read++
			reason := figures.ReplaceAllString(reasonOf(l), "#")
			i := slices.IndexFunc(views, func(v reasonView) bool {
				return v.Group == l.Group && v.Destination == l.Destination && v.Reason == reason
			})
			if i < 0 {
				i = len(views)
				views = append(views, reasonView{Source: f.place.Source, Group: l.Group, Destination: l.Destination, Reason: reason})
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
	slices.SortStableFunc(views, func(a, b reasonView) int {
		if c := strings.Compare(a.Group, b.Group); c != 0 {
			return c
		}
		return int(b.Count - a.Count)
	})
	return views, err
}

// reasonOf is why a letter is dead, for one that can be read.
func reasonOf(l claim.Letter) string {
	if l.Fault != nil {
		return "unreadable: " + l.Fault.Error()
	}
	return l.Reason
}

func (v *statusView) print(w io.Writer) error {
	fmt.Fprintf(w, "Redis %s, %s by its clock\n\n", v.Redis, v.At.Format(time.DateTime))
	if len(v.Lists) == 0 {
		fmt.Fprintln(w, "No gateway has pushed anything, and nothing was ever claimed.")
	}
	tables := []func(io.Writer) error{v.printLists, v.printGroups, v.printReceipts, v.printLeases, v.printReasons}
	for _, print := range tables {
		if err := print(w); err != nil {
			return err
		}
	}
	printFindings(w, v.Findings, "Nothing is stuck.")
	return nil
}
