package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

func deadShow(f *flag.FlagSet) action {
	o := newFilter(f, someLetters)
	asJSON := f.Bool("json", false, "write one JSON object on each line")
	most := f.Int("bytes", 512, "show at most this many bytes of an entry that does not decode; 0: all")
	return func(ctx context.Context, c console, conn *connection, _ []string) (int, error) {
		if *most < 0 {
			return exitFailed, fmt.Errorf("-bytes: %d: use 0 or more", *most)
		}
		shown := 0
		more, err := o.letters(ctx, conn, func(_ *inspect.Redis, l inspect.List, page []claim.Letter) error {
			for _, letter := range page {
				shown++
				w := inspect.Open(l, letter)
				if *asJSON {
					if err := writeJSONLine(c.stdout, w); err != nil {
						return err
					}
					continue
				}
				if err := printLetter(c.stdout, w, *most); err != nil {
					return err
				}
			}
			return nil
		})
		if shown == 0 && err == nil && !*asJSON {
			fmt.Fprintln(c.stdout, "No dead letters.")
		}
		sayMore(c, more, o)
		return exitOK, err
	}
}

func printLetter(out io.Writer, w inspect.WholeLetter, most int) error {
	for _, line := range [][2]string{
		{"uid", w.UID},
		{"list", fmt.Sprintf("%s (%s)", w.Source, w.Form)},
		{"group", w.Group},
		{"given up", w.When(time.RFC3339)},
		{"by", cmp.Or(w.Destination, "-")},
		{"reason", w.Reason},
		{"entry", inspect.Count(int64(w.Bytes), "byte")},
	} {
		fmt.Fprintf(out, "%-9s %s\n", line[0], printable(line[1]))
	}
	if w.DecodeError == "" {
		if err := writeJSON(out, w.Record); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out)
		return err
	}
	fmt.Fprintf(out, "%-9s %s\n", "decoding", printable(w.DecodeError))
	entry := w.Entry
	if most > 0 && len(entry) > most {
		entry = entry[:most]
	}
	fmt.Fprint(out, hex.Dump(entry))
	if left := len(w.Entry) - len(entry); left > 0 {
		fmt.Fprintf(out, "... and %s more: -bytes 0 shows all\n", inspect.Count(int64(left), "byte"))
	}
	_, err := fmt.Fprintln(out)
	return err
}
