package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// isTerminal tells a terminal from a file or pipe.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// table aligns rows under a heading, if it has one.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, heading ...string) *table {
	t := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	cells := make([]any, len(heading))
	for i := range heading {
		cells[i] = heading[i]
	}
	if len(cells) > 0 {
		t.row(cells...)
	}
	return t
}

// row adds one row; texts are made printable.
func (t *table) row(cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, printable(fmt.Sprint(cell)))
	}
	fmt.Fprintln(t.w)
}

// end writes the table.
func (t *table) end() error { return t.w.Flush() }

// printable shows control characters, which come from clients of the gateway
// and could drive a terminal, as escapes.
func printable(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// shorten cuts a text to at most n characters.
func shorten(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// writeJSON writes one document, over several lines for people.
func writeJSON(w io.Writer, value any) error { return encodeJSON(w, value, "  ") }

// writeJSONLine writes one document on a line of its own, for streams of them.
func writeJSONLine(w io.Writer, value any) error { return encodeJSON(w, value, "") }

func encodeJSON(w io.Writer, value any, indent string) error {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(value); err != nil {
		return err
	}
	_, err := w.Write(escaped(out.Bytes()))
	return err
}

// escaped writes what could drive a terminal, and what JSON itself leaves alone,
// as JSON escapes. Beyond ASCII there are only strings in JSON.
func escaped(document []byte) []byte {
	drives := func(r rune) bool { return r > unicode.MaxASCII && !unicode.IsPrint(r) || r == '\x7f' }
	if bytes.IndexFunc(document, drives) < 0 {
		return document
	}
	var out []byte
	for _, r := range string(document) {
		if !drives(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}
