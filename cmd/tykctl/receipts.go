package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

// receiptsView is all that tykctl receipts says.
type receiptsView struct {
	Redis string    `json:"redis"`
	At    time.Time `json:"at"`
	// Groups hold, for each list, what became of its entries since the group began,
	// over all processes.
	Groups []receiptsGroup `json:"since_group_start"`
	// Process is what one collector counted since it started.
	Process *inspect.Process `json:"since_process_start,omitempty"`
	// Unreadable are lists that nothing else here is about.
	Unreadable inspect.Unreadable `json:"unreadable,omitempty"`
	Findings   []inspect.Finding  `json:"findings"`
}

// receiptsGroup is one group's receipts.
type receiptsGroup struct {
	Name  string         `json:"name"`
	Lists []receiptsList `json:"lists"`
}

// receiptsList is what became of one list's entries.
type receiptsList struct {
	inspect.Place
	inspect.Receipts
}

func receiptsCommand(f *flag.FlagSet) action {
	asJSON := f.Bool("json", false, "write JSON")
	check := f.Bool("check", false, "exit with status 1 if something does not add up")
	source := f.String("source", "", "look at this `list` only")
	metrics := f.String("metrics", "", "`URL` of a collector's own Prometheus metrics, such as http://localhost:8888/metrics, to account for its destinations too")
	return func(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
		view, groups, err := account(ctx, conn, *source, *metrics)
		if err != nil {
			return exitFailed, conn.explain(err)
		}
		if *asJSON {
			err = writeJSON(c.stdout, view)
		} else {
			err = view.print(c.stdout, groups)
		}
		return exitStatus(*check, view.Findings), errors.Join(err, view.Unreadable.Err())
	}
}

// account reads the receipts, and one collector's metrics where there is a URL.
func account(ctx context.Context, conn *connection, source, metrics string) (*receiptsView, []inspect.Group, error) {
	wanted, err := conn.chooseLists(source)
	if err != nil {
		return nil, nil, err
	}
	r, end, err := conn.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	all, skipped, err := r.Survey(ctx, wanted)
	if err != nil {
		return nil, nil, err
	}
	groups := inspect.Groups(all, nil, nil)
	view := &receiptsView{Redis: conn.addresses, At: inspect.Clock(all), Groups: []receiptsGroup{}, Unreadable: skipped}
	for _, g := range groups {
		lines := receiptsGroup{Name: g.Name, Lists: []receiptsList{}}
		for _, l := range g.Lists {
			lines.Lists = append(lines.Lists, receiptsList{l.Place, l.Receipts})
		}
		view.Groups = append(view.Groups, lines)
	}
	if metrics != "" {
		if view.Process, err = inspect.ReadProcess(ctx, metrics, conn.timeout); err != nil {
			return nil, nil, fmt.Errorf("-metrics: %w", err)
		}
	}
	view.Findings = inspect.CheckReceipts(groups, skipped, view.Process)
	return view, groups, nil
}

func (v *receiptsView) print(w io.Writer, groups []inspect.Group) error {
	fmt.Fprintf(w, "Redis %s, %s by its clock\n\nSince each group began, over all its processes:\n\n", v.Redis, v.At.Format(time.DateTime))
	if len(groups) == 0 {
		fmt.Fprintln(w, "There are no groups: no collector has read these lists.")
		fmt.Fprintln(w)
	}
	if err := printReceipts(w, groups); err != nil {
		return err
	}
	if v.Process != nil {
		if err := printProcess(w, v.Process); err != nil {
			return err
		}
	}
	printFindings(w, v.Findings, "Everything adds up.")
	return nil
}
