package tykfilterprocessor

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// nameSet is a set of names that are the same in any case of letters.
type nameSet struct {
	names   map[string]struct{} // in lower case
	longest int
}

// blanksOfNames are what careless senders write around names.
const blanksOfNames = " \t\r"

func newNameSet(names []string) nameSet {
	s := nameSet{names: make(map[string]struct{}, len(names))}
	for _, name := range names {
		s.names[strings.ToLower(name)] = struct{}{}
		s.longest = max(s.longest, len(name))
	}
	return s
}

func (s nameSet) has(name []byte) bool {
	name = bytes.Trim(name, blanksOfNames)
	if len(name) > s.longest {
		return false
	}
	var buf [64]byte
	lower := buf[:0]
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower = append(lower, c)
	}
	_, ok := s.names[string(lower)]
	return ok
}

// queryRules replace the values of named parameters in the queries and fragments of
// URLs. The nil value keeps all.
type queryRules struct {
	names nameSet
}

func newQueryRules(parameters []string) *queryRules {
	if len(parameters) == 0 {
		return nil
	}
	return &queryRules{names: newNameSet(parameters)}
}

// Attributes in which there are URLs, or parts of them. Of both spans and records, and
// also by the names of conventions that older gateways follow.
const (
	attrQuery         = "url.query"
	attrFullURL       = "url.full"
	attrURLPath       = "url.path"
	attrRoute         = "http.route"
	attrPath          = "tyk.path"
	attrOriginalPath  = "tyk.original_path"
	attrOldURL        = "http.url"
	attrOldTarget     = "http.target"
	attrExceptionText = "exception.message"
)

// urlValue is an attribute that may have parameters.
type urlValue struct {
	attribute, text string
}

// parameterized gives the text of an attribute that may have parameters.
func parameterized(key string, value pcommon.Value) (string, bool) {
	switch key {
	case attrQuery, attrFullURL, attrURLPath, attrRoute, attrPath, attrOriginalPath, attrOldURL, attrOldTarget, attrExceptionText:
		text := analytics.AttributeString(value)
		return text, strings.IndexByte(text, '=') >= 0
	}
	return "", false
}

// starts are what comes before a parameter's name. A semicolon is one for some servers.
const starts = "?&;#"

// ends are what ends a URL within other text.
const ends = "\"<>"

// stops are what ends values in a line of a header section. A request line's URL is all
// to the blank behind it; other lines may quote URLs.
func stops(line []byte) string {
	if bytes.Contains(line, []byte(" HTTP/")) {
		return ""
	}
	return ends
}

// text gives an attribute's value with other values of parameters, and whether that is something else.
func (q *queryRules) text(attribute, text string) (string, bool) {
	if q == nil || strings.IndexByte(text, '=') < 0 {
		return text, false
	}
	stop := ""
	if attribute == attrExceptionText {
		stop = ends
	}
	changed, found := q.replace(nil, []byte(text), attribute == attrQuery, stop)
	return string(changed), found && string(changed) != text
}

// in tells whether text has a parameter of q.
func (q *queryRules) in(text []byte, stop string) bool {
	if q == nil || bytes.IndexByte(text, '=') < 0 {
		return false
	}
	_, found := q.replace(nil, text, false, stop)
	return found
}

// replace appends text to dst with other values of parameters. Text is bare where it is a query
// without its question mark: a parameter begins it. Values end at blanks, at the next
// parameter and at what is in stop.
func (q *queryRules) replace(dst, text []byte, bare bool, stop string) (out []byte, found bool) {
	at, copied := 0, 0
	if !bare {
		at = nameAfter(text, 0, false)
	}
	for at >= 0 {
		end := at
		for end < len(text) && text[end] != '=' && !isBlank(text[end]) && strings.IndexByte(starts, text[end]) < 0 {
			end++
		}
		if end < len(text) && text[end] == '=' && q.names.has(parameterName(text[at:end])) {
			found = true
			value := end + 1
			for end = value; end < len(text) && text[end] != '&' && !isBlank(text[end]) && strings.IndexByte(stop, text[end]) < 0; {
				end++
			}
			if end > value && string(text[value:end]) != mark {
				dst = append(dst, text[copied:value]...)
				dst = append(dst, mark...)
				copied = end
			}
		}
		at = nameAfter(text, end, bare)
	}
	return append(dst, text[copied:]...), found
}

// nameAfter is where a parameter's name begins at or behind at, -1 where none does. In a bare
// query it may be behind a blank; in other text that is another word, as in "a/b; key=c".
func nameAfter(text []byte, at int, bare bool) int {
	var n int
	if !bare {
		n = bytes.IndexAny(text[at:], starts)
	} else {
		n = slices.IndexFunc(text[at:], func(c byte) bool { return isBlank(c) || strings.IndexByte(starts, c) >= 0 })
	}
	if n < 0 {
		return -1
	}
	return at + n + 1
}

func isBlank(c byte) bool {
	const space = ' '
	return c <= space
}

// parameterName is a name as a server reads it: decoded, and without an index as in token[0].
func parameterName(name []byte) []byte {
	if bytes.IndexByte(name, '%') >= 0 {
		if plain, err := url.QueryUnescape(string(name)); err == nil {
			name = []byte(plain)
		}
	}
	name, _, _ = bytes.Cut(name, []byte("["))
	return name
}

// inTraces tells whether a span has a value that is to be replaced.
func (q *queryRules) inTraces(td ptrace.Traces) bool {
	if q == nil {
		return false
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if q.visit(span, false) > 0 {
					return true
				}
			}
		}
	}
	return false
}

// visit counts the values of a span that are to be replaced, and replaces them on demand.
// The messages of failed calls quote their URLs.
func (q *queryRules) visit(span ptrace.Span, replace bool) int64 {
	if q == nil {
		return 0
	}
	n := q.visitAttributes(span.Attributes(), replace)
	for _, event := range span.Events().All() {
		n += q.visitAttributes(event.Attributes(), replace)
	}
	if text, ok := q.text(attrExceptionText, span.Status().Message()); ok {
		n++
		if replace {
			span.Status().SetMessage(text)
		}
	}
	return n
}

func (q *queryRules) visitAttributes(attrs pcommon.Map, replace bool) int64 {
	var n int64
	for key, value := range attrs.All() {
		text, ok := parameterized(key, value)
		if !ok {
			continue
		}
		if text, ok = q.text(key, text); ok {
			n++
			if replace {
				value.SetStr(text)
			}
		}
	}
	return n
}
