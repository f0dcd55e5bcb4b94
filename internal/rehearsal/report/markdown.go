package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
)

// Markdown writes the report for people.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", r.Title(), r.Summary)
	fmt.Fprintf(&b, "| | |\n|---|---|\n| Tyk Pump | %s |\n| otelcol-tyk | %s |\n", cell(r.There), cell(r.Here))
	fmt.Fprintf(&b, "| made | %s by tykctl %s |\n", r.At.Format(time.RFC3339), cell(r.Version))
	if r.Config != "" {
		fmt.Fprintf(&b, "| pump.conf | sha256 %s |\n", r.Config)
	}
	fmt.Fprint(&b, "\n| table | rows there | rows here | the same | explained | not explained |\n|---|--:|--:|--:|--:|--:|\n")
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", cell(t.Name), t.There, t.Here, t.Same, total(t.Explained), total(t.Unexplained))
	}
	for _, t := range r.Tables {
		tableOf(&b, t)
	}
	if len(r.Deviations) > 0 {
		fmt.Fprint(&b, "\n## Explanations\n\n")
		for _, d := range r.Deviations {
			fmt.Fprintf(&b, "- `%s`: %s\n", d.ID, d)
		}
	}
	if len(r.Log) > 0 {
		fmt.Fprint(&b, "\n## What Tyk Pump's log says\n\n")
		for _, l := range r.Log {
			fmt.Fprintf(&b, "- %d × %s\n", l.Times, cell(l.Text))
		}
	}
	list(&b, "Stored, not compared", r.Stored)
	list(&b, "Not compared", r.Skipped)
	list(&b, "Doubts", r.Doubts)
	_, err := io.WriteString(w, b.String())
	return err
}

func tableOf(b *strings.Builder, t *compare.Table) {
	if len(t.Explained) == 0 && len(t.Unexplained) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s (%s)\n\n", cell(t.Name), t.Kind)
	for _, kind := range compare.Kinds {
		if n := t.Unexplained[kind]; n > 0 {
			fmt.Fprintf(b, "- **%d %s**\n", n, kind)
		}
	}
	for _, column := range slices.Sorted(maps.Keys(t.Changes)) {
		fmt.Fprintf(b, "- column `%s`: %d\n", cell(column), t.Changes[column])
	}
	for _, id := range slices.Sorted(maps.Keys(t.Explained)) {
		fmt.Fprintf(b, "- %d explained by `%s`\n", t.Explained[id], id)
	}
	if len(t.Windows) > 0 {
		fmt.Fprint(b, "\n| window | rows there | rows here |\n|---|--:|--:|\n")
		for _, w := range t.Windows {
			fmt.Fprintf(b, "| %s to %s | %d | %d |\n", w.From.Format(time.RFC3339), w.To.Format(time.RFC3339), w.There, w.Here)
		}
	}
	fmt.Fprint(b, "\n| what | when | row | column | there | here |\n|---|---|---|---|---|---|\n")
	for _, d := range t.Samples {
		for _, line := range lines(d) {
			fmt.Fprintf(b, "| %s |\n", strings.Join(line, " | "))
		}
	}
}

// lines are a difference's, one for each column that differs.
func lines(d compare.Difference) [][]string {
	what, when := string(d.Kind), ""
	if len(d.Explained) > 0 {
		what += " (" + strings.Join(d.Explained, ", ") + ")"
	}
	if d.At != nil {
		when = d.At.Format(time.RFC3339Nano)
	}
	if len(d.Columns) == 0 {
		return [][]string{{what, when, cell(d.Row), "", "", ""}}
	}
	var all [][]string
	for _, c := range d.Columns {
		name := cell(c.Name)
		if c.Explained != "" && len(d.Explained) == 0 {
			name += " (" + c.Explained + ")"
		}
		all = append(all, []string{what, when, cell(d.Row), name, cell(c.There), cell(c.Here)})
	}
	return all
}

func list(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for _, item := range items {
		fmt.Fprintf(b, "- %s\n", cell(item))
	}
}

// cell is a text in a table: what drives a terminal, or the table, is written otherwise.
func cell(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '|':
			return '¦'
		case r == '<': // which would be markup where Markdown becomes HTML
			return '‹'
		case r == '`':
			return '\''
		case !unicode.IsPrint(r):
			return '\ufffd'
		}
		return r
	}, text)
}

func total[K comparable](counts map[K]int64) int64 {
	var n int64
	for _, count := range counts {
		n += count
	}
	return n
}
