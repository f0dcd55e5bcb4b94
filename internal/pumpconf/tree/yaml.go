package tree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
)

// YAML writes the mapping with its comments.
func (m *Map) YAML() string {
	var b strings.Builder
	m.write(&b, 0)
	return b.String()
}

func (m *Map) write(b *strings.Builder, depth int) {
	indent := strings.Repeat("  ", depth)
	for i, e := range m.entries {
		if depth == 0 && i > 0 {
			b.WriteString("\n")
		}
		for _, line := range e.above {
			fmt.Fprintf(b, "%s# %s\n", indent, remark(line))
		}
		fmt.Fprintf(b, "%s%s:", indent, scalar(e.key))
		inner, lines := block(e.value)
		if inner == nil && lines == nil {
			b.WriteString(" " + flow(e.value))
		}
		if e.comment != "" {
			b.WriteString(" # " + remark(e.comment))
		}
		b.WriteString("\n")
		if inner != nil {
			inner.write(b, depth+1)
		}
		for _, line := range lines {
			fmt.Fprintf(b, "%s  - %s\n", indent, flow(line))
		}
	}
}

// block gives what is written over several lines: a mapping, or a list with mappings.
func block(value any) (*Map, []any) {
	switch v := value.(type) {
	case *Map:
		if v.Len() > 0 && !v.short() {
			return v, nil
		}
	case []any:
		for _, element := range v {
			if inner, ok := element.(*Map); ok && inner.Len() > 0 {
				return nil, v
			}
		}
	}
	return nil, nil
}

// short tells whether a mapping is written in one line: a few scalars without comments.
func (m *Map) short() bool {
	const most = 2
	for _, e := range m.entries {
		if _, inner := e.value.(*Map); inner || e.comment != "" || len(e.above) > 0 {
			return false
		}
	}
	return m.Len() <= most && len(flow(m)) <= 60
}

func flow(value any) string {
	switch v := value.(type) {
	case *Map:
		parts := make([]string, len(v.entries))
		for i, e := range v.entries {
			parts[i] = scalar(e.key) + ": " + flow(e.value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []string:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = scalar(escaped(v[i]))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = flow(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Secret:
		return scalar(escaped(v.Before) + "${env:" + v.Variable + "}" + escaped(v.After))
	case string:
		return scalar(escaped(v))
	}
	return fmt.Sprint(value)
}

// plainText is what YAML reads as text without quotation marks: names, addresses, paths.
var (
	plainText  = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@+=~-]*(://?[A-Za-z0-9_./@+=~-]+|:[0-9]+)*$`)
	plainHost  = regexp.MustCompile(`^\d+(\.\d+){3}:\d+$`)
	plainSpan  = regexp.MustCompile(`^\d+(ms|s|m|h)$`)
	otherWords = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n|nan|inf)$`)
)

func scalar(text string) string {
	if plainText.MatchString(text) && !otherWords.MatchString(text) || plainHost.MatchString(text) || plainSpan.MatchString(text) {
		return text
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return `""` // texts have a JSON form, so this is not reached
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// remark is a comment that cannot end its line.
func remark(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
