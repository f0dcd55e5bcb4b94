package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// unit is how a figure is written.
type unit struct {
	name  string
	write func(float64) string
}

var (
	perSecond          = unit{"records/s", thousands}
	perProcessorSecond = unit{"records per CPU-second", thousands}
	microseconds       = unit{"CPU a record, µs", decimals(1)}
	mebibytes          = unit{"peak memory, MiB", decimals(0)}
	megabytesPerSecond = unit{"MB/s of entries", decimals(0)}
	share              = unit{"share of the limit", decimals(2)}
	count              = unit{"", decimals(0)}
	milliseconds       = unit{"ms", decimals(0)}
)

func (u unit) named(name string) unit { return unit{name, u.write} }

func decimals(n int) func(float64) string {
	return func(v float64) string { return fmt.Sprintf("%.*f", n, v) }
}

// row is a line of the table: a figure, what it is held against, and what is to be
// reached.
type row struct {
	job    string
	unit   unit
	pump   string    // Tyk Pump's figure, where there is one
	values []float64 // one a run
	limits []float64 // one a run, where the machine sets one
	goal   goal
}

// goal is what a figure is to reach.
type goal struct {
	bound   float64
	atMost  bool // else at least
	highest bool // the highest of all runs counts, not their median
}

func atLeast(bound float64) goal { return goal{bound: bound} }

func atMost(bound float64) goal { return goal{bound: bound, atMost: true} }

// memoryBound is the peak memory in MiB that no run may exceed.
var memoryBound = goal{bound: 200, atMost: true, highest: true}

func (g goal) reached(values []float64) bool {
	value := median(values)
	if g.highest {
		value = slices.Max(values)
	}
	if g.atMost {
		return value <= g.bound
	}
	return value >= g.bound
}

// cells are the row's, in the order of tableHead.
func (r row) cells() []string {
	limit, sign, reached := "", "≥", "no"
	if len(r.limits) > 0 {
		limit = r.unit.write(median(r.limits))
	}
	if r.goal.atMost {
		sign = "≤"
	}
	if r.goal.reached(r.values) {
		reached = "yes"
	}
	cells := []string{r.job, r.unit.name, r.pump, r.measured(), limit, sign + " " + r.unit.write(r.goal.bound), reached}
	if r.goal == (goal{}) {
		cells[5], cells[6] = "", ""
	}
	return cells
}

// measured is the median of the runs, and how far they lie apart.
func (r row) measured() string {
	text := r.unit.write(median(r.values))
	if len(r.values) > 1 {
		text += fmt.Sprintf(" (%s to %s)", r.unit.write(slices.Min(r.values)), r.unit.write(slices.Max(r.values)))
	}
	return text
}

var tableHead = []string{"job", "figure", "Tyk Pump", "otelcol-tyk, median (min to max)", "limit", "to reach", "reached"}

// table is the rows' table in Markdown, aligned for the eye.
func table(rows []row) string {
	lines := [][]string{tableHead, nil}
	last := ""
	for _, r := range rows {
		cells := r.cells()
		if r.job == last {
			cells[0] = ""
		}
		last = r.job
		lines = append(lines, cells)
	}
	return markdown(lines)
}

// markdown writes a table whose first line is the head and whose second is empty.
func markdown(lines [][]string) string {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		for i, width := range widths {
			if line == nil {
				b.WriteString("|" + strings.Repeat("-", width+2))
				continue
			}
			b.WriteString("| " + line[i] + strings.Repeat(" ", width-utf8.RuneCountInString(line[i])+1))
		}
		b.WriteString("|\n")
	}
	return b.String()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// thousands writes a whole number with separators.
func thousands(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
