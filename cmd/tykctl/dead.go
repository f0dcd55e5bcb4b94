package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// someLetters is how many letters are listed where -limit does not say.
const someLetters = 100

// letters connects and walks over the letters that a filter chooses.
func (o *filter) letters(ctx context.Context, conn *connection, visit func(*claim.Store, list, []claim.Letter) error) (more bool, err error) {
	if err := o.validate(); err != nil {
		return false, err
	}
	wanted, err := conn.chooseLists(o.source)
	if err != nil {
		return false, err
	}
	rdb, end, err := conn.open(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	store := claim.NewStore(rdb)
	return o.walk(ctx, store, conn, wanted, func(l list, page []claim.Letter) error { return visit(store, l, page) })
}

// letterView is a dead letter as JSON shows it.
type letterView struct {
	UID    string    `json:"uid"`
	Source string    `json:"source"`
	Group  string    `json:"group"`
	At     time.Time `json:"at"`
	// Destination refused it; absent where that is not known.
	Destination string `json:"destination,omitempty"`
	Reason      string `json:"reason"`
	Bytes       int    `json:"bytes"`
}

// when is unknown for a letter that cannot be read.
func (v letterView) when(layout string) string {
	if v.At.IsZero() {
		return "unknown"
	}
	return v.At.Format(layout)
}

func viewOf(l list, letter claim.Letter) letterView {
	return letterView{UID: letter.UID, Source: l.key, Group: letter.Group, At: letter.At, Destination: letter.Destination, Reason: reasonOf(letter), Bytes: len(letter.Entry)}
}

func deadList(f *flag.FlagSet) action {
	o := newFilter(f, someLetters)
	asJSON := f.Bool("json", false, "write one JSON object on each line")
	wide := f.Bool("wide", false, "do not shorten reasons")
	return func(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
		shown := 0
		more, err := o.letters(ctx, conn, func(_ *claim.Store, l list, page []claim.Letter) error {
			if *asJSON {
				for _, letter := range page {
					if err := writeJSONLine(c.stdout, viewOf(l, letter)); err != nil {
						return err
					}
				}
				return nil
			}
			var heading []string
			if shown == 0 {
				heading = []string{"GIVEN UP", "GROUP", "LIST", "UID", "SIZE", "DESTINATION", "REASON"}
			}
			shown += len(page)
			return listPage(c, heading, l, page, *wide)
		})
		if shown == 0 && err == nil && !*asJSON {
			fmt.Fprintln(c.stdout, "No dead letters.")
		}
		sayMore(c, more, o)
		return exitOK, err
	}
}

// sayMore tells on stderr, out of the way of what reads the list, that it is not all.
func sayMore(c console, more bool, o *filter) {
	if more {
		fmt.Fprintf(c.stderr, "there are more than -limit %d\n", o.limit)
	}
}

func listPage(c console, heading []string, l list, page []claim.Letter, wide bool) error {
	t := newTable(c.stdout, heading...)
	for _, letter := range page {
		v := viewOf(l, letter)
		if !wide {
			v.Reason = shorten(v.Reason, 100)
		}
		t.row(v.when(time.DateTime), v.Group, v.Source, v.UID, size(int64(v.Bytes)), cmp.Or(v.Destination, "-"), v.Reason)
	}
	return t.end()
}
