package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// filter chooses dead letters; all that is given must be true of one.
type filter struct {
	source, group, destination, reason, uid string
	since, until                            moment
	limit                                   int
}

func newFilter(f *flag.FlagSet, limit int) *filter {
	o := &filter{}
	f.StringVar(&o.source, "source", "", "of this `list`")
	f.StringVar(&o.group, "group", "", "given up by this group")
	f.StringVar(&o.destination, "destination", "", "refused by this `component`, such as tyksql/eu")
	f.StringVar(&o.reason, "reason", "", "undecodable, refused, or a `text` within the reason")
	f.StringVar(&o.uid, "uid", "", "of this record `identity`")
	f.Var(&o.since, "since", "given up at or after this `time`: RFC 3339, or an age such as 90m or 2d")
	f.Var(&o.until, "until", "given up before this `time`, written the same way")
	f.IntVar(&o.limit, "limit", limit, "at most this many, the oldest of each list first; 0: all")
	return o
}

// empty is true where nothing is chosen.
func (o *filter) empty() bool {
	return o.source == "" && o.group == "" && o.destination == "" && o.reason == "" && o.uid == "" && o.since.IsZero() && o.until.IsZero()
}

func (o *filter) validate() error {
	if o.limit < 0 {
		return fmt.Errorf("-limit: %d: use 0 or more", o.limit)
	}
	if !o.since.IsZero() && !o.until.IsZero() && !o.since.Before(o.until.Time) {
		return fmt.Errorf("-since: %s is not before -until %s: no letter can be of such a time", o.since, o.until)
	}
	return nil
}

// The classes of reasons, which begin them.
const (
	undecodable = "undecodable"
	refused     = "refused"
)

func (o *filter) matches(l claim.Letter) bool {
	if o.destination != "" && o.destination != l.Destination {
		return false
	}
	switch reason := reasonOf(l); o.reason {
	case "":
	case undecodable, refused:
		if !strings.HasPrefix(reason, o.reason+":") {
			return false
		}
	default:
		if !strings.Contains(strings.ToLower(reason), strings.ToLower(o.reason)) {
			return false
		}
	}
	return (o.since.IsZero() || !l.At.Before(o.since.Time)) && (o.until.IsZero() || l.At.Before(o.until.Time))
}

// walk calls visit with the letters chosen, some of one list at a time. more is
// true where -limit left some out. A list that cannot be worked with keeps no other from being visited.
func (o *filter) walk(ctx context.Context, store *claim.Store, conn *connection, wanted []list, visit func(list, []claim.Letter) error) (more bool, err error) {
	taken := 0
	var skipped unreadable
	pick := func(group, uid string) bool {
		return (o.group == "" || group == o.group) && (o.uid == "" || uid == o.uid)
	}
	for _, l := range wanted {
		err := store.LetterPages(ctx, l.source(""), pick, func(page []claim.Letter) error {
			var chosen []claim.Letter
			enough := false
			for _, letter := range page {
				if !o.matches(letter) {
					continue
				}
				if o.limit > 0 && taken == o.limit {
					enough = true
					break
				}
				taken++
				chosen = append(chosen, letter)
			}
			if len(chosen) > 0 {
				if err := visit(l, chosen); err != nil {
					return err
				}
			}
			if enough {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return true, skipped.err()
		}
		if err == nil {
			continue
		}
		if err := skipped.add(ctx, conn, place{Source: l.key}, err); err != nil {
			return false, conn.explain(err)
		}
	}
	return false, skipped.err()
}

// moment is a flag's time.
type moment struct{ time.Time }

// String is empty for no time.
func (m *moment) String() string {
	if m == nil || m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}

// Set reads a time, or how long ago it was.
func (m *moment) Set(text string) error {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		m.Time = at
		return nil
	}
	age, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n float64
		n, err = strconv.ParseFloat(days, 64)
		age = time.Duration(n * 24 * float64(time.Hour))
	}
	if err != nil || age < 0 {
		return errors.New("use RFC 3339, such as 2026-01-31T12:00:00Z, or an age such as 90m or 2d")
	}
	m.Time = time.Now().Add(-age)
	return nil
}
