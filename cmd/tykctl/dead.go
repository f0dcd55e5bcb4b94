package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

// someLetters is how many letters are listed where -limit does not say.
const someLetters = 100

// letters connects and walks over the letters that a filter chooses.
func (o *filter) letters(ctx context.Context, conn *connection, visit func(*inspect.Redis, inspect.List, []claim.Letter) error) (more bool, err error) {
	if err := o.validate(); err != nil {
		return false, err
	}
	wanted, err := conn.chooseLists(o.Source)
	if err != nil {
		return false, err
	}
	r, end, err := conn.look(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	o.Since, o.Until = o.since.Time, o.until.Time
	return r.Walk(ctx, &o.Filter, wanted, func(l inspect.List, page []claim.Letter) error { return visit(r, l, page) })
}

func deadList(f *flag.FlagSet) action {
	o := newFilter(f, someLetters)
	asJSON := f.Bool("json", false, "write one JSON object on each line")
	wide := f.Bool("wide", false, "do not shorten reasons")
	return func(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
		shown := 0
		more, err := o.letters(ctx, conn, func(_ *inspect.Redis, l inspect.List, page []claim.Letter) error {
			if *asJSON {
				for _, letter := range page {
					if err := writeJSONLine(c.stdout, inspect.LetterOf(l, letter)); err != nil {
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
		fmt.Fprintf(c.stderr, "there are more than -limit %d\n", o.Limit)
	}
}

func listPage(c console, heading []string, l inspect.List, page []claim.Letter, wide bool) error {
	t := newTable(c.stdout, heading...)
	for _, letter := range page {
		v := inspect.LetterOf(l, letter)
		if !wide {
			v.Reason = shorten(v.Reason, 100)
		}
		t.row(v.When(time.DateTime), v.Group, v.Source, v.UID, inspect.Size(int64(v.Bytes)), cmp.Or(v.Destination, "-"), v.Reason)
	}
	return t.end()
}
