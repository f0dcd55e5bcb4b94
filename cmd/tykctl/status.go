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
	r, end, err := conn.look(ctx)
	if err != nil {
		return exitFailed, err
	}
	defer end()
	look := inspect.Observer{Redis: r, Sample: s.sample, StuckAfter: s.stuckAfter, Letters: s.letters}
	var before []inspect.Found
	for {
		status, now, err := look.Look(ctx, before)
		if s.watch > 0 && ctx.Err() != nil {
			return exitOK, nil // interrupted, which is how a watch ends
		}
		if err != nil {
			return exitFailed, conn.explain(err)
		}
		view := statusView{status}
		if err := s.show(c, view); err != nil {
			return exitFailed, err
		}
		if s.watch == 0 {
			return view.exit(s.check), view.Unreadable.Err()
		}
		before = now
		if !sleep(ctx, s.watch) {
			return exitOK, nil
		}
	}
}

func (s *statusFlags) show(c console, view statusView) error {
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
type statusView struct{ *inspect.Status }

// exit is the exit status; only with check does trouble show in it.
func (v statusView) exit(check bool) int { return exitStatus(check, v.Findings) }

func exitStatus(check bool, findings []inspect.Finding) int {
	if check && inspect.Troubled(findings) {
		return exitTrouble
	}
	return exitOK
}

func (v statusView) print(w io.Writer) error {
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
