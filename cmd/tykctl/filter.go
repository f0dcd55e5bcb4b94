package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

// filter chooses dead letters by flags.
type filter struct {
	inspect.Filter

	since, until moment
}

func newFilter(f *flag.FlagSet, limit int) *filter {
	o := &filter{}
	f.StringVar(&o.Source, "source", "", "of this `list`")
	f.StringVar(&o.Group, "group", "", "given up by this group")
	f.StringVar(&o.Destination, "destination", "", "refused by this `component`, such as tyksql/eu")
	f.StringVar(&o.Reason, "reason", "", "undecodable, refused, or a `text` within the reason")
	f.StringVar(&o.UID, "uid", "", "of this record `identity`")
	f.Var(&o.since, "since", "given up at or after this `time`: RFC 3339, or an age such as 90m or 2d")
	f.Var(&o.until, "until", "given up before this `time`, written the same way")
	f.IntVar(&o.Limit, "limit", limit, "at most this many, the oldest of each list first; 0: all")
	return o
}

// empty is true where nothing is chosen.
func (o *filter) empty() bool { return o.Empty() && o.since.IsZero() && o.until.IsZero() }

func (o *filter) validate() error {
	if o.Limit < 0 {
		return fmt.Errorf("-limit: %d: use 0 or more", o.Limit)
	}
	if !o.since.IsZero() && !o.until.IsZero() && !o.since.Before(o.until.Time) {
		return fmt.Errorf("-since: %s is not before -until %s: no letter can be of such a time", o.since, o.until)
	}
	return nil
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
