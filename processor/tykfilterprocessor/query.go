package tykfilterprocessor

import (
	"bytes"
	"encoding/hex"
	"net/url"
	"regexp"
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
	attrStackTrace    = "exception.stacktrace"
	attrErrorText     = "error.message"
)

// urlValue is an attribute that may have parameters.
type urlValue struct {
	attribute, text string
}

// parameterized gives the text of an attribute that may have parameters.
func parameterized(key string, value pcommon.Value) (string, bool) {
	switch key {
	case attrQuery, attrFullURL, attrURLPath, attrRoute, attrPath, attrOriginalPath, attrOldURL, attrOldTarget,
		attrExceptionText, attrStackTrace, attrErrorText:
		text := analytics.AttributeString(value)
		return text, mayHaveCredentials(text)
	}
	return "", false
}

// mayHaveCredentials tells whether text may have a parameter, or a user's name and password in front of a host.
func mayHaveCredentials(text string) bool {
	return strings.IndexByte(text, '=') >= 0 || strings.IndexByte(text, '@') >= 0
}

// starts are what comes before a parameter's name. A semicolon is one for some servers.
const starts = "?&;#"

// within are what ends a URL within other text.
const within = "\"<> \t\r\n"

// text gives an attribute's value without the credentials that its URLs have, and whether that is something else.
func (q *queryRules) text(attribute, text string) (string, bool) {
	if q == nil || !mayHaveCredentials(text) {
		return text, false
	}
	in := place{bare: attribute == attrQuery}
	switch attribute {
	case attrExceptionText, attrStackTrace, attrErrorText:
		in.end = within
	case attrFullURL, attrOldURL, attrOldTarget:
		in.encoded = true
	}
	changed, found := q.replace(nil, []byte(text), in)
	return string(changed), found && string(changed) != text
}

// in tells whether text, which may be noise, has a parameter.
func (q *queryRules) in(text []byte) bool {
	if q == nil {
		return false
	}
	_, found := q.parameters(nil, text, place{end: within}, 0)
	return found
}

// line appends a line of a header section to dst without its credentials, and tells whether it has any.
func (q *queryRules) line(dst, line []byte) (out []byte, found bool) {
	// A request line's URL is all before the protocol; other lines may quote URLs.
	if at := bytes.LastIndex(line, []byte(" HTTP/")); at >= 0 && protocol.Match(line[at+1:]) {
		dst, found = q.replace(dst, line[:at], place{encoded: true})
		return append(dst, line[at:]...), found
	}
	return q.replace(dst, line, place{end: within})
}

var protocol = regexp.MustCompile(`^HTTP/\d(\.\d)?\s*$`)

// place is where URLs are looked for.
type place struct {
	bare    bool   // a query without its question mark: a parameter begins it
	encoded bool   // a slash is none of a value in a path
	end     string // what ends a URL
}

// replace appends text to dst with other values of parameters, and with other names of users and passwords.
func (q *queryRules) replace(dst, text []byte, in place) (out []byte, found bool) {
	const deepest = 3 // URLs within values of URLs
	return q.replaceIn(dst, text, in, deepest)
}

func (q *queryRules) replaceIn(dst, text []byte, in place, depth int) (out []byte, found bool) {
	text, hasUser := withoutUser(text, in.end)
	out, found = q.parameters(dst, text, in, depth)
	return out, found || hasUser
}

// parameters appends text to dst with other values of parameters.
func (q *queryRules) parameters(dst, text []byte, in place, depth int) (out []byte, found bool) {
	at, copied, path := 0, 0, in.encoded
	if !in.bare {
		at = nameAfter(text, 0, false)
	}
	for at >= 0 {
		begin := byte('?')
		if at > 0 {
			begin = text[at-1]
		}
		path = path && begin == ';' // of the path, as long as no query has begun
		next := at
		for next < len(text) && text[next] != '=' && !isBlank(text[next]) && strings.IndexByte(starts, text[next]) < 0 {
			next++
		}
		if next < len(text) && text[next] == '=' {
			value := next + 1
			var with []byte
			switch {
			case q.named(text[at:next]):
				next, with = valueEnd(text, value, valueEnds(begin, path, in.end)), []byte(mark)
				found = true
			case depth > 0:
				stop := valueEnd(text, value, starts+within)
				if with = q.nested(text[value:stop], depth-1); with != nil {
					next, found = stop, true
				}
			}
			if with != nil && next > value {
				dst = append(append(dst, text[copied:value]...), with...)
				copied = next
			}
		}
		at = nameAfter(text, next, in.bare)
	}
	return append(dst, text[copied:]...), found
}

// nested is a value without the credentials of the URL that it is, nil where it has none.
func (q *queryRules) nested(value []byte, depth int) []byte {
	if bytes.IndexByte(value, '%') < 0 {
		return nil
	}
	plain := unescaped(value)
	changed, found := q.replaceIn(nil, plain, place{encoded: true}, depth)
	switch {
	case !found:
		return nil
	case bytes.Equal(changed, plain): // replaced before
		return value
	}
	return []byte(url.QueryEscape(string(changed)))
}

// valueEnds are what ends the value of a parameter that this character begins. Those of a path have shorter values than
// those of a query.
func valueEnds(begin byte, path bool, end string) string {
	switch {
	case begin != ';':
		return end + "&"
	case path:
		return "&;/?#"
	}
	return end + "&;"
}

// valueEnd is where the value ends that begins at value.
func valueEnd(text []byte, value int, ends string) int {
	if n := bytes.IndexAny(text[value:], ends); n >= 0 {
		return value + n
	}
	return len(text)
}

// withoutUser is text with a mark for what stands between the scheme of a URL and its host, and whether anything does.
func withoutUser(text []byte, end string) (out []byte, found bool) {
	const scheme = "://"
	if bytes.IndexByte(text, '@') < 0 {
		return text, false
	}
	copied := 0
	for at := 0; ; {
		n := bytes.Index(text[at:], []byte(scheme))
		if n < 0 {
			break
		}
		at += n + len(scheme)
		user := bytes.LastIndexByte(text[at:valueEnd(text, at, "/?#"+within+end)], '@')
		if user <= 0 {
			continue
		}
		found = true
		out = append(append(out, text[copied:at]...), mark...)
		copied = at + user
	}
	if !found {
		return text, false
	}
	return append(out, text[copied:]...), true
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

// unescaped decodes a name or value of a query; what is no escape, such as one that is cut, stays.
func unescaped(text []byte) []byte {
	const escape = len("%00")
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+escape <= len(text):
			var decoded [1]byte
			if _, err := hex.Decode(decoded[:], text[i+1:i+escape]); err == nil {
				c = decoded[0]
				i += escape - 1
			}
		}
		plain = append(plain, c)
	}
	return plain
}

// named tells whether a parameter is one whose value is replaced. Its name is what a server reads: decoded; of a[b][c] any
// part may be it; behind the # of a page that has its own paths, as in #/access_token, it may begin with a slash.
func (q *queryRules) named(name []byte) bool {
	if bytes.ContainsAny(name, "%+") {
		name = unescaped(name)
	}
	name = bytes.TrimLeft(name, "!/")
	for len(name) > 0 {
		var part []byte
		part, name, _ = bytes.Cut(name, []byte("["))
		if q.names.has(bytes.TrimRight(part, "]")) {
			return true
		}
	}
	return false
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
	for _, link := range span.Links().All() {
		n += q.visitAttributes(link.Attributes(), replace)
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
