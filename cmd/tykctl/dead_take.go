package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

// taking takes dead letters away, to be replayed or for good.
type taking struct {
	*filter
	inspect.Taking

	all, json bool
}

func deadReplay(f *flag.FlagSet) action {
	t := newTaking(f)
	t.Replay = true
	f.DurationVar(&t.Retention, "ledger-retention", inspect.RememberedFor, "how long stores remember what they stored, the shortest ledger::retention behind the group; 0: for ever")
	f.BoolVar(&t.Old, "old", false, "replay letters older than -ledger-retention too, though a store may then store their records twice")
	return t.run
}

func deadDrop(f *flag.FlagSet) action { return newTaking(f).run }

func newTaking(f *flag.FlagSet) *taking {
	t := &taking{filter: newFilter(f, 0)}
	f.BoolVar(&t.all, "all", false, "take all letters, where no filter is given")
	f.BoolVar(&t.DryRun, "dry-run", false, "only say how many would be taken")
	f.BoolVar(&t.json, "json", false, "write the counts as JSON")
	return t
}

func (t *taking) run(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
	if t.empty() && !t.all {
		return exitFailed, errors.New("give a filter, or -all to take every dead letter")
	}
	if t.Retention < 0 {
		return exitFailed, fmt.Errorf("-ledger-retention: %s: use 0 or more", t.Retention)
	}
	_, err := t.letters(ctx, conn, func(r *inspect.Redis, l inspect.List, page []claim.Letter) error {
		return t.Take(ctx, r, l, page)
	})
	// What was done is said also where it did not end well.
	return exitOK, errors.Join(err, t.report(c), t.left())
}

// report says how many letters were taken.
func (t *taking) report(c console) error {
	tally, matched, taken := t.Tally()
	verb := "dropped"
	if t.Replay {
		verb = "replayed"
	}
	if t.json {
		if tally == nil {
			tally = []inspect.Taken{}
		}
		return writeJSON(c.stdout, map[string]any{"action": verb, "dry_run": t.DryRun, "matched": matched, "taken": taken, "lists": tally})
	}
	if t.DryRun {
		fmt.Fprintf(c.stdout, "%s would be %s\n", inspect.Count(matched, "dead letter"), verb)
	} else {
		fmt.Fprintf(c.stdout, "%s %s", verb, inspect.Count(taken, "dead letter"))
		if taken < matched && !t.Failed {
			fmt.Fprintf(c.stdout, "; %d more were taken by others meanwhile", matched-taken)
		}
		fmt.Fprintln(c.stdout)
	}
	if len(tally) == 0 {
		return nil
	}
	table := newTable(c.stdout, "LIST", "GROUP", "LETTERS")
	for _, v := range tally {
		n := v.Taken
		if t.DryRun {
			n = v.Matched
		}
		table.row(v.Source, v.Group, n)
	}
	return table.end()
}

// left says which letters were left where they are.
func (t *taking) left() error {
	var errs []error
	if t.Silent > 0 {
		errs = append(errs, fmt.Errorf("%s left: no collector reads these lists for their groups any more, so nobody would deliver them: start one with such a group first", inspect.Count(t.Silent, "dead letter")))
	}
	if t.Faulty > 0 {
		errs = append(errs, fmt.Errorf("%s left: they cannot be read, only dropped: see tykctl dead list -reason unreadable", inspect.Count(t.Faulty, "dead letter")))
	}
	if t.Aged > 0 {
		errs = append(errs, fmt.Errorf("%s left: they are older than -ledger-retention %s, and stores have forgotten since then what they stored: "+
			"what one of them, or one of its tables, took at the time it would store twice: look at them with tykctl dead show, then add -old", inspect.Count(t.Aged, "dead letter"), inspect.Span(t.Retention)))
	}
	return errors.Join(errs...)
}
