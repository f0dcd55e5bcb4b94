package main

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table is laid out with numbers to the right and text to the left.
type table struct {
	header []string
	rows   [][]cell
}

type cell struct {
	text   string
	number bool
}

// maxCell is the most characters of a cell that are shown.
const maxCell = 48

func newTable(header []string) *table { return &table{header: header} }

// add takes a row with as many cells as the header has. What comes from outside,
// such as a path, cannot drive the terminal: control characters are replaced.
func (t *table) add(row []cell) {
	for i := range row {
		row[i].text = strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return '?'
		}, row[i].text)
		if utf8.RuneCountInString(row[i].text) > maxCell {
			row[i].text = string([]rune(row[i].text)[:maxCell-3]) + "..."
		}
	}
	t.rows = append(t.rows, row)
}

// String is the table with two spaces in front of each column, and each line ended.
func (t *table) String() string {
	if len(t.rows) == 0 {
		return "  none\n"
	}
	widths := make([]int, len(t.header))
	for i, name := range t.header {
		widths[i] = utf8.RuneCountInString(name)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
	}
	var b strings.Builder
	line := func(text func(column int) string) {
		var l strings.Builder
		for i, width := range widths {
			padding := strings.Repeat(" ", width-utf8.RuneCountInString(text(i)))
			l.WriteString("  ")
			if t.rows[0][i].number {
				l.WriteString(padding + text(i))
			} else {
				l.WriteString(text(i) + padding)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	line(func(column int) string { return t.header[column] })
	for _, row := range t.rows {
		line(func(column int) string { return row[column].text })
	}
	return b.String()
}

// group writes a number with a comma between groups of three digits.
func group(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
