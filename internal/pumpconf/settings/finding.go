package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// Finding is something that the operator is told.
type Finding struct {
	// Level is how much it matters.
	Level table.Level
	// Place names the key and the variable.
	Place string
	// Text says what is found there, and what to do.
	Text string
}

// String is the finding as a line.
func (f Finding) String() string {
	if f.Place == "" {
		return f.Level.String() + " " + f.Text
	}
	return f.Level.String() + " " + f.Place + ": " + f.Text
}

// Findings collects them.
type Findings struct {
	all []Finding
	// mistyped are the places whose value is of a wrong type: what follows from that is not told.
	mistyped map[string]bool
	// hidden are the texts that stores of secrets gave.
	hidden []string
}

const notShown = "(not shown)"

// Hide keeps a text out of the messages to come.
func (f *Findings) Hide(text string) {
	if text != "" && !slices.Contains(f.hidden, text) {
		f.hidden = append(f.hidden, text)
	}
}

// masked is a text without what stores of secrets gave.
func (f *Findings) masked(text string) string {
	const shortest = 3 // a shorter one would take words of the message with it
	for _, secret := range f.hidden {
		text = strings.ReplaceAll(text, strconv.Quote(secret), notShown)
		if text == secret {
			text = notShown
		}
		if len(secret) >= shortest {
			text = replaceWord(text, secret)
		}
	}
	return text
}

// replaceWord masks a word where no letter or digit stands before or behind it.
func replaceWord(text, word string) string {
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	var b strings.Builder
	for {
		i := strings.Index(text, word)
		if i < 0 {
			return b.String() + text
		}
		before, _ := utf8.DecodeLastRuneInString(b.String() + text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(word):])
		b.WriteString(text[:i])
		text = text[i+len(word):]
		if inWord(before) || inWord(after) {
			b.WriteString(word)
		} else {
			b.WriteString(notShown)
		}
	}
}

// Quoted is a setting's text for a message, unless it looks like one with credentials.
func Quoted(text string) string {
	if looksSecret(text) {
		return "the value"
	}
	return strconv.Quote(text)
}

// looksSecret tells whether a text may hold credentials, whatever its key is meant for.
func looksSecret(text string) bool {
	lower := strings.ToLower(text)
	return strings.ContainsAny(lower, "@=;") || slices.ContainsFunc([]string{"://", "pass", "pwd", "token", "secret"}, func(sign string) bool { return strings.Contains(lower, sign) })
}

// Mistyped adds that a value is of a wrong type.
func (f *Findings) Mistyped(level table.Level, place, format string, args ...any) {
	f.Add(level, place, format, args...)
	if f.mistyped == nil {
		f.mistyped = map[string]bool{}
	}
	f.mistyped[printable(place)] = true
}

// Add adds one, unless it is there already.
func (f *Findings) Add(level table.Level, place, format string, args ...any) {
	if f.mistyped[printable(place)] {
		return
	}
	args = slices.Clone(args)
	for i := range args {
		switch arg := args[i].(type) {
		case string:
			args[i] = f.masked(arg)
		case error:
			args[i] = f.masked(arg.Error())
		}
	}
	found := Finding{Level: level, Place: printable(place), Text: printable(fmt.Sprintf(format, args...))}
	if !slices.Contains(f.all, found) {
		f.all = append(f.all, found)
	}
}

// Error adds what refuses the start.
func (f *Findings) Error(place, format string, args ...any) {
	f.Add(table.Error, place, format, args...)
}

// Warn adds what an operator can see to be different.
func (f *Findings) Warn(place, format string, args ...any) {
	f.Add(table.Warn, place, format, args...)
}

// Info adds what has no counterpart because none is needed.
func (f *Findings) Info(place, format string, args ...any) {
	f.Add(table.Info, place, format, args...)
}

// List gives all findings, those that matter most first.
func (f *Findings) List() []Finding {
	sorted := slices.Clone(f.all)
	slices.SortStableFunc(sorted, func(a, b Finding) int { return int(b.Level) - int(a.Level) })
	return sorted
}

// Of gives the findings of a level.
func (f *Findings) Of(level table.Level) []Finding {
	var found []Finding
	for _, one := range f.all {
		if one.Level == level {
			found = append(found, one)
		}
	}
	return found
}

// named lists names for a message, at most a few.
func named(names []string) string {
	const shown = 8
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// printable replaces what could drive a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
