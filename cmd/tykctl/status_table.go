package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

func (v statusView) printLists(w io.Writer) error {
	if len(v.Lists) == 0 {
		return nil
	}
	t := newTable(w, "LIST", "UNCLAIMED", "DROPPED IN", "SEGMENTS", "ENTRIES", "SIZE", "DEAD LETTERS")
	for _, l := range v.Lists {
		ttl := "-"
		if l.Life >= 0 {
			ttl = inspect.Span(l.Life)
		}
		t.row(l.Place, l.Unclaimed, ttl, l.Segments, l.Kept, inspect.Size(l.Bytes), l.DeadLetters)
	}
	return endTable(w, t)
}

func (v statusView) printGroups(w io.Writer) error {
	if len(v.Groups) == 0 {
		return nil
	}
	t := newTable(w, "GROUP", "LAST SEEN", "EXPIRES IN", "LIST", "WAITING", "OLDEST", "MOVEMENT")
	for _, g := range v.Groups {
		if len(g.Lists) == 0 {
			t.row(g.Name, inspect.Span(g.Ago)+" ago", expiresText(g), "-", 0, "-", inspect.Idle)
		}
		for _, l := range g.Lists {
			oldest := "-"
			if l.Waiting > 0 {
				oldest = inspect.Span(time.Duration(l.OldestAge * float64(time.Second)))
			}
			movement := string(l.Movement)
			if l.Movement == inspect.Moving {
				movement = fmt.Sprintf("moving, %.0f/s", l.PerSecond)
			}
			t.row(g.Name, inspect.Span(g.Ago)+" ago", expiresText(g), l.Place, l.Waiting, oldest, movement)
		}
	}
	return endTable(w, t)
}

// expiresText is when a group that is away is removed.
func expiresText(g inspect.Group) string {
	left, ok := g.Left()
	if !ok {
		return "never"
	}
	return inspect.Span(left)
}

func (v statusView) printReceipts(w io.Writer) error {
	return printReceipts(w, v.Groups)
}

// printReceipts shows what became of everything claimed.
func printReceipts(w io.Writer, groups []inspect.Group) error {
	t := newTable(w, "GROUP", "LIST", "CLAIMED", "= DELIVERED", "+ SHED", "+ DEAD", "+ LOST", "+ IN FLIGHT", "", "REPLAYED", "DROPPED")
	rows := 0
	for _, g := range groups {
		for _, l := range g.Lists {
			r := l.Receipts
			balance := "adds up"
			if !r.AddsUp {
				balance = fmt.Sprintf("OFF BY %d", r.Missing())
			}
			t.row(g.Name, l.Place, r.Claimed, r.Delivered, r.Shed, r.DeadLettered, r.Lost, r.InFlight, balance, r.Replayed, r.Dropped)
			rows++
		}
	}
	if rows == 0 {
		return nil
	}
	return endTable(w, t)
}

func (v statusView) printLeases(w io.Writer) error {
	if len(v.Leases) == 0 {
		return nil
	}
	t := newTable(w, "WORKER", "GROUP", "LIST", "SEGMENTS", "LEASE")
	for _, l := range v.Leases {
		lease := "expires in " + inspect.Span(l.In)
		if l.Expired {
			lease = "EXPIRED " + inspect.Span(-l.In) + " ago"
		}
		t.row(l.Worker, l.Group, l.Place, l.Segments, lease)
	}
	return endTable(w, t)
}

func (v statusView) printReasons(w io.Writer) error {
	if len(v.DeadLetters) == 0 {
		return nil
	}
	t := newTable(w, "DEAD LETTERS", "GROUP", "LIST", "DESTINATION", "REASON")
	for _, r := range v.DeadLetters {
		n := strconv.FormatInt(r.Count, 10)
		if r.More {
			n += "+"
		}
		t.row(n, r.Group, r.Source, cmp.Or(r.Destination, "-"), shorten(r.Reason, 120))
	}
	return endTable(w, t)
}

// endTable writes a table and a line between it and the next.
func endTable(w io.Writer, t *table) error {
	if err := t.end(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// printFindings says what is wrong, or well where nothing is.
func printFindings(w io.Writer, findings []inspect.Finding, well string) {
	if !inspect.Troubled(findings) {
		fmt.Fprintln(w, well)
	}
	for _, f := range findings {
		head := "note:    "
		if f.Severity == inspect.Trouble {
			head = "TROUBLE: "
		}
		fmt.Fprintln(w, head+printable(f.Text))
	}
}
