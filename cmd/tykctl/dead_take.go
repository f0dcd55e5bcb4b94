package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// taking takes dead letters away, to be replayed or for good.
type taking struct {
	*filter
	all, dryRun, json bool
	replay            bool
	retention         time.Duration
	old               bool

	looked map[string]claim.Report // at lists
	tally  []takenView
	silent int64 // left, as nobody would take them
	faulty int64 // left, as they cannot be read
	aged   int64 // left, as stores may have forgotten the records
	failed bool  // so that what is missing was not taken by others
}

// rememberedFor is the default of ledger::retention.
const rememberedFor = 72 * time.Hour

// takenView counts what was taken of one list and group.
type takenView struct {
	Source string `json:"source"`
	Group  string `json:"group"`
	// Matched letters were chosen; Taken of them were still there.
	Matched int64 `json:"matched"`
	Taken   int64 `json:"taken"`
}

func deadReplay(f *flag.FlagSet) action {
	t := newTaking(f)
	t.replay = true
	f.DurationVar(&t.retention, "ledger-retention", rememberedFor, "how long stores remember what they stored, the shortest ledger::retention behind the group; 0: for ever")
	f.BoolVar(&t.old, "old", false, "replay letters older than -ledger-retention too, though a store may then store their records twice")
	return t.run
}

func deadDrop(f *flag.FlagSet) action { return newTaking(f).run }

func newTaking(f *flag.FlagSet) *taking {
	t := &taking{filter: newFilter(f, 0), looked: map[string]claim.Report{}}
	f.BoolVar(&t.all, "all", false, "take all letters, where no filter is given")
	f.BoolVar(&t.dryRun, "dry-run", false, "only say how many would be taken")
	f.BoolVar(&t.json, "json", false, "write the counts as JSON")
	return t
}

func (t *taking) run(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
	if t.empty() && !t.all {
		return exitFailed, errors.New("give a filter, or -all to take every dead letter")
	}
	if t.retention < 0 {
		return exitFailed, fmt.Errorf("-ledger-retention: %s: use 0 or more", t.retention)
	}
	_, err := t.letters(ctx, conn, func(store *claim.Store, l list, page []claim.Letter) error {
		return t.take(ctx, store, l, page)
	})
	// What was done is said also where it did not end well.
	return exitOK, errors.Join(err, t.report(c), t.left())
}

// take takes one page, group by group for the counts.
func (t *taking) take(ctx context.Context, store *claim.Store, l list, page []claim.Letter) error {
	if t.replay {
		var err error
		if page, err = t.deliverable(ctx, store, l, page); err != nil {
			return err
		}
	}
	byGroup := map[string][]claim.Letter{}
	for _, letter := range page {
		if t.old {
			letter.At = time.Time{} // which has stores take it
		}
		byGroup[letter.Group] = append(byGroup[letter.Group], letter)
	}
	for group, letters := range byGroup {
		view := t.count(l, group)
		view.Matched += int64(len(letters))
		if t.dryRun {
			continue
		}
		verb := store.Drop
		if t.replay {
			verb = store.Replay
		}
		n, err := verb(ctx, l.source(""), letters)
		view.Taken += n
		if err != nil {
			t.failed = true
			return err
		}
	}
	return nil
}

// deliverable leaves out letters that nobody would ever take, those that would be lost, and those
// whose records would be stored twice where another store, or another table, took them at the time.
func (t *taking) deliverable(ctx context.Context, store *claim.Store, l list, page []claim.Letter) ([]claim.Letter, error) {
	report, ok := t.looked[l.key]
	if !ok {
		var err error
		if report, err = store.Inspect(ctx, l.source("")); err != nil {
			return nil, err
		}
		t.looked[l.key] = report
	}
	known := func(group string) bool {
		return slices.ContainsFunc(report.Groups, func(g claim.GroupReport) bool { return g.Name == group })
	}
	var out []claim.Letter
	for _, letter := range page {
		switch {
		case letter.Fault != nil:
			t.faulty++
		case !known(letter.Group):
			t.silent++
		case t.retention > 0 && !t.old && report.At.Sub(letter.At) > t.retention:
			t.aged++
		default:
			out = append(out, letter)
		}
	}
	return out, nil
}

// count finds the counts of a list and group.
func (t *taking) count(l list, group string) *takenView {
	for i := range t.tally {
		if t.tally[i].Source == l.key && t.tally[i].Group == group {
			return &t.tally[i]
		}
	}
	t.tally = append(t.tally, takenView{Source: l.key, Group: group})
	return &t.tally[len(t.tally)-1]
}

// report says how many letters were taken.
func (t *taking) report(c console) error {
	slices.SortFunc(t.tally, func(a, b takenView) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Group, b.Group))
	})
	verb := "dropped"
	if t.replay {
		verb = "replayed"
	}
	var matched, taken int64
	for _, v := range t.tally {
		matched += v.Matched
		taken += v.Taken
	}
	if t.json {
		tally := t.tally
		if tally == nil {
			tally = []takenView{}
		}
		return writeJSON(c.stdout, map[string]any{"action": verb, "dry_run": t.dryRun, "matched": matched, "taken": taken, "lists": tally})
	}
	if t.dryRun {
		fmt.Fprintf(c.stdout, "%s would be %s\n", count(matched, "dead letter"), verb)
	} else {
		fmt.Fprintf(c.stdout, "%s %s", verb, count(taken, "dead letter"))
		if taken < matched && !t.failed {
			fmt.Fprintf(c.stdout, "; %d more were taken by others meanwhile", matched-taken)
		}
		fmt.Fprintln(c.stdout)
	}
	if len(t.tally) == 0 {
		return nil
	}
	table := newTable(c.stdout, "LIST", "GROUP", "LETTERS")
	for _, v := range t.tally {
		n := v.Taken
		if t.dryRun {
			n = v.Matched
		}
		table.row(v.Source, v.Group, n)
	}
	return table.end()
}

// left says which letters were left where they are.
func (t *taking) left() error {
	var errs []error
	if t.silent > 0 {
		errs = append(errs, fmt.Errorf("%s left: no collector reads these lists for their groups any more, so nobody would deliver them: start one with such a group first", count(t.silent, "dead letter")))
	}
	if t.faulty > 0 {
		errs = append(errs, fmt.Errorf("%s left: they cannot be read, only dropped: see tykctl dead list -reason unreadable", count(t.faulty, "dead letter")))
	}
	if t.aged > 0 {
		errs = append(errs, fmt.Errorf("%s left: they are older than -ledger-retention %s, and stores have forgotten since then what they stored: "+
			"what one of them, or one of its tables, took at the time it would store twice: look at them with tykctl dead show, then add -old", count(t.aged, "dead letter"), span(t.retention)))
	}
	return errors.Join(errs...)
}
