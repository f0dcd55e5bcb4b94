package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
)

// LogLine is what Tyk Pump complains of, and how often.
type LogLine struct {
	Text  string `json:"text"`
	Times int    `json:"times"`
}

var (
	complaint = regexp.MustCompile(`(?i)level"?[=:]"?(warn|error|fatal|panic)|\b(ERROR|FATAL|PANIC|WARN)\b|^panic:`)
	varying   = regexp.MustCompile(`^\[?\w{3} \d+ [\d:]+\]?\s*|time="[^"]*"\s*|"time":"[^"]*",?|\b\d+(\.\d+)?(ms|s|µs)?\b`)
	hidden    = regexp.MustCompile(`(?i)(://[^:@\s/]*:)[^@\s]*@|((?:pass(?:word)?|secret|token|api_?key)"?[=:]\s*"?)[^\s,"}]+`)
)

// maxLines bounds what is told of a log, maxLine how long a line may be.
const (
	maxLines = 20
	maxLine  = 300
)

// ReadLog finds what a log of Tyk Pump complains of, the most frequent first. Lines that differ only in numbers count as one.
func ReadLog(from io.Reader) ([]LogLine, error) {
	counts := map[string]*LogLine{}
	scanner := bufio.NewScanner(from)
	const longest = 1 << 20
	scanner.Buffer(nil, longest)
	for scanner.Scan() {
		text := scanner.Text()
		if !complaint.MatchString(text) {
			continue
		}
		text = hidden.ReplaceAllString(text, "$1$2***")
		if len(text) > maxLine {
			text = text[:maxLine] + "…"
		}
		key := varying.ReplaceAllString(text, "#")
		if counts[key] == nil {
			counts[key] = &LogLine{Text: text}
		}
		counts[key].Times++
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read Tyk Pump's log: %w", err)
	}
	var lines []LogLine
	for _, l := range counts {
		lines = append(lines, *l)
	}
	slices.SortFunc(lines, func(a, b LogLine) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Text, b.Text))
	})
	return lines[:min(len(lines), maxLines)], nil
}
