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

// appendJSONString writes s with quotes. Bytes that are not UTF-8 become \ufffd.
func appendJSONString(b []byte, s string) []byte {
	if isPlainJSON(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	return appendJSONValue(b, s)
}

// isPlainJSON tells whether all bytes stand for themselves in a JSON string, as those of
// nearly all texts do.
func isPlainJSON(s string) bool {
	for i := range len(s) {
		if !plainJSON[s[i]] {
			return false
		}
	}
	return true
}

var plainJSON = func() (plain [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return plain
}()

// appendJSONValue writes what is rare, or null for a number that JSON does not have.
func appendJSONValue(b []byte, value any) []byte {
	encoded, err := json.Marshal(value)
	if err != nil {
		encoded = []byte("null")
	}
	return append(b, encoded...)
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
		b = appendJSONValue(b, element)
	}
	return append(b, ']')
}
