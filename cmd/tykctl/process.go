package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/inspect"
)

// listed writes counts as "7 (undecodable 5, refused 2)".
func listed(counts map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", inspect.Sum(counts), strings.Join(parts, ", "))
}

// printProcess shows what one collector counted.
func printProcess(w io.Writer, p *inspect.Process) error {
	fmt.Fprintf(w, "Since the collector at %s started %s ago, for all its groups and lists:\n\n", p.URL, inspect.Span(time.Duration(p.Uptime*float64(time.Second))))
	t := newTable(w, "ACKNOWLEDGED", "DEAD LETTERS", "LOST", "SHED", "FILTERED", "CHUNKS REDELIVERED")
	t.row(p.Acknowledged, listed(p.DeadLettered), p.Lost, p.Shed, listed(p.Filtered), p.Redelivered)
	if err := endTable(w, t); err != nil {
		return err
	}
	if len(p.Destinations) > 0 {
		t = newTable(w, "DESTINATION", "SENT", "FAILED ATTEMPTS")
		for _, d := range p.Destinations {
			t.row(d.Exporter, d.Sent, d.Failed)
		}
		if err := endTable(w, t); err != nil {
			return err
		}
	}
	if p.SQL == nil {
		return nil
	}
	t = newTable(w, "TYKSQL TABLE", "STORED", "STORED BEFORE")
	for _, name := range slices.Sorted(maps.Keys(p.SQL.Tables)) {
		t.row(cmp.Or(name, "-"), p.SQL.Tables[name].Stored, p.SQL.Tables[name].AlreadyApplied)
	}
	if err := endTable(w, t); err != nil {
		return err
	}
	stored := p.SQL.Total()
	t = newTable(w, "TYKSQL: ACKNOWLEDGED", "= STORED", "+ STORED BEFORE", "+ NOT TAKEN", "+ FILTERED", "+ DEAD", "+ SHED", "")
	t.row(p.Acknowledged, stored.Stored, stored.AlreadyApplied, p.SQL.NotTaken, inspect.Sum(p.Filtered), inspect.Sum(p.DeadLettered), p.Shed, balance(p.SQL))
	return endTable(w, t)
}

func balance(s *inspect.SQL) string {
	switch {
	case s.Missing == 0:
		return "adds up"
	case s.Missing < 0:
		return fmt.Sprintf("%d more: delivered again, to several exporters, or not yet acknowledged", -s.Missing)
	default:
		return fmt.Sprintf("%d MISSING", s.Missing)
	}
}
