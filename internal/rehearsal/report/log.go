package report

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
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
	const longest = 64 << 10
	reader := bufio.NewReaderSize(from, longest)
	for inside := false; ; {
		line, more, err := reader.ReadLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read Tyk Pump's log: %w", err)
		}
		rest := inside // of a line that is too long to show
		inside = more
		text := string(line)
		if rest || !complaint.MatchString(text) {
			continue
		}
		text = hidden.ReplaceAllString(text, "$1$2***")
		if len(text) > maxLine {
			text = strings.ToValidUTF8(text[:maxLine], "") + "…"
		}
		key := varying.ReplaceAllString(text, "#")
		if counts[key] == nil {
			counts[key] = &LogLine{Text: text}
		}
		counts[key].Times++
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
