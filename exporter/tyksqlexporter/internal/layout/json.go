package layout

import (
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// The functions here write the JSON columns, byte for byte what encoding/json
// writes for the same values with HTML escaping on, except that nil lists are []
// and nil maps {} (contract: records and raw stores, section 2.3).

const hexDigits = "0123456789abcdef"

// plainJSON has the bytes that stand for themselves in a JSON string.
var plainJSON = func() (plain [utf8.RuneSelf]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return plain
}()

// appendJSONString writes s with quotes. Bytes that are not UTF-8 become \ufffd.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0
	for plain < len(s) && s[plain] < utf8.RuneSelf && plainJSON[s[plain]] {
		plain++
	}
	if plain == len(s) { // as nearly all
		b = append(b, s...)
		return append(b, '"')
	}
	start := 0
	for i := plain; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plainJSON[c] {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			b = appendJSONEscape(b, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029':
			b = append(b, s[start:i]...)
			b = append(b, `\u202`...)
			b = append(b, hexDigits[r&0xf])
			start = i + size
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendJSONEscape(b []byte, c byte) []byte {
	switch c {
	case '\\', '"':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

func appendJSONStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, s)
	}
	return append(b, ']')
}

func appendJSONMap(b []byte, m map[string]string) []byte {
	if len(m) == 0 {
		return append(b, "{}"...)
	}
	b = append(b, '{')
	if len(m) == 1 { // nothing to sort
		for key, value := range m {
			b = appendJSONMember(b, key, value)
		}
		return append(b, '}')
	}
	var room [16]string // as many languages as places have names in
	keys := room[:0]
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONMember(b, key, m[key])
	}
	return append(b, '}')
}

func appendJSONMember(b []byte, key, value string) []byte {
	b = appendJSONString(b, key)
	b = append(b, ':')
	return appendJSONString(b, value)
}

func appendJSONLists(b []byte, m map[string][]string) []byte {
	if len(m) == 0 {
		return append(b, "{}"...)
	}
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, key)
		b = append(b, ':')
		b = appendJSONStrings(b, m[key])
	}
	return append(b, '}')
}

func appendJSONErrors(b []byte, list []analytics.GraphQLError) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"message":`...)
		b = appendJSONString(b, e.Message)
		b = append(b, `,"path":`...)
		b = appendJSONPath(b, e.Path)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendJSONPath writes where in an answer a GraphQL error lies. Its elements
// are strings and integers; anything else would be a value that encoding/json
// knows, since it came from a message.
func appendJSONPath(b []byte, path []any) []byte {
	b = append(b, '[')
	for i, element := range path {
		if i > 0 {
			b = append(b, ',')
		}
		if s, ok := element.(string); ok {
			b = appendJSONString(b, s)
			continue
		}
		encoded, err := json.Marshal(element)
		if err != nil { // a number that JSON does not have
			encoded = []byte("null")
		}
		b = append(b, encoded...)
	}
	return append(b, ']')
}
