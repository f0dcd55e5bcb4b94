// Package jsontext appends JSON, byte for byte what encoding/json writes for the same values with HTML
// escaping on, except that nil lists are [] and nil maps {}.
package jsontext

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a byte of a text may be.
const (
	escaped = 1 << iota // does not stand for itself
	partial             // of a letter beyond ASCII
)

var kinds = func() (kinds [256]uint8) {
	for c := range kinds {
		switch {
		case c >= utf8.RuneSelf:
			kinds[c] = partial
		case c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&':
			kinds[c] = escaped
		}
	}
	return kinds
}()

// AppendString writes s with quotes. Bytes that are not UTF-8 become \ufffd.
func AppendString(b []byte, s string) []byte {
	if !isPlain(s) {
		text, _ := json.Marshal(s) // which takes any text
		return append(b, text...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// isPlain tells whether a text stands for itself in a string, as nearly all do.
func isPlain(s string) bool {
	var found uint8
	for i := range len(s) {
		found |= kinds[s[i]]
	}
	return found == 0 || found == partial && utf8.ValidString(s) && !strings.Contains(s, "\u2028") && !strings.Contains(s, "\u2029")
}

// AppendFloat writes a number. What JSON has no number for becomes 0.
func AppendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, '0')
	}
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-09 is e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// AppendStrings writes a list.
func AppendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, s)
	}
	return append(b, ']')
}

// AppendMap writes a map in the order of its keys.
func AppendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	var room [mostRoom]string
	for i, key := range sorted(room[:0], m) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, key, m[key])
	}
	return append(b, '}')
}

// mostRoom is twice the languages that GeoIP databases name places in.
const mostRoom = 16

// sorted gives the keys of a map in their order, in room if that suffices: most maps are small or empty, and then
// cost no memory.
func sorted[V any](room []string, m map[string]V) []string {
	if len(m) > cap(room) {
		return slices.Sorted(maps.Keys(m))
	}
	for key := range m {
		at := len(room)
		for room = append(room, key); at > 0 && room[at-1] > key; at-- {
			room[at] = room[at-1]
		}
		room[at] = key
	}
	return room
}

func appendMember(b []byte, key, value string) []byte {
	b = AppendString(b, key)
	b = append(b, ':')
	return AppendString(b, value)
}

// AppendLists writes a map of lists in the order of its keys.
func AppendLists(b []byte, m map[string][]string) []byte {
	b = append(b, '{')
	var room [mostRoom]string
	for i, key := range sorted(room[:0], m) {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, key)
		b = append(b, ':')
		b = AppendStrings(b, m[key])
	}
	return append(b, '}')
}

// AppendPath writes the path of a GraphQL error. Its elements are strings and integers; anything else is a
// value that encoding/json knows, or null.
func AppendPath(b []byte, path []any) []byte {
	b = append(b, '[')
	for i, element := range path {
		if i > 0 {
			b = append(b, ',')
		}
		if s, ok := element.(string); ok {
			b = AppendString(b, s)
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
