package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// object is a JSON object that remembers the order and the spelling of its keys.
type object struct{ members []member }

type member struct {
	key   string
	value any // nil, bool, json.Number, string, []any or *object
}

// parseFile reads the text of a file. An error names line and column.
func parseFile(name string, text []byte) (*object, error) {
	var checked any
	if err := json.Unmarshal(text, &checked); err != nil {
		var syntax *json.SyntaxError
		if !errors.As(err, &syntax) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		// The reader stands behind the character that it does not like.
		at := max(int(syntax.Offset)-1, 0)
		if at > len(text) || strings.Contains(syntax.Error(), "unexpected end") {
			at = len(text)
		}
		line := bytes.Count(text[:at], []byte("\n")) + 1
		column := at - bytes.LastIndexByte(text[:at], '\n')
		return nil, fmt.Errorf("%s:%d:%d: %s", name, line, column, complaint(text, at, syntax))
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	value, err := decode(decoder)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	top, ok := value.(*object)
	if !ok {
		return nil, fmt.Errorf("%s:1:1: the file is %s, not an object: write { … }", name, kindOf(value))
	}
	return top, nil
}

// complaint says in words what people mostly do wrong.
func complaint(text []byte, at int, err error) string {
	before := bytes.TrimRight(text[:at], " \t\r\n")
	switch {
	case at >= len(text):
		return "the file ends too early: a brace or bracket is not closed"
	case text[at] == '/' || text[at] == '#':
		return "JSON has no comments: take it out"
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return "the file begins with a byte order mark: save it without"
	case len(before) > 0 && before[len(before)-1] == ',' && (text[at] == '}' || text[at] == ']'):
		return "there is a comma too many before this: take it out"
	case text[at] == '"':
		return "a comma is missing before this"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func decode(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			value, err := decode(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	o := &object{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := decode(d)
		if err != nil {
			return nil, err
		}
		o.members = append(o.members, member{key: fmt.Sprint(key), value: value})
	}
	_, err = d.Token()
	return o, err
}

// field finds a key in any case of letters. Of several the last one counts, and objects
// are merged, as in Tyk Pump; null counts as absent.
func (o *object) field(name string) any {
	var found any
	if o == nil {
		return nil
	}
	for _, m := range o.members {
		if !strings.EqualFold(m.key, name) || m.value == nil {
			continue
		}
		one, isObject := m.value.(*object)
		if before, ok := found.(*object); ok && isObject {
			found = &object{members: append(before.members[:len(before.members):len(before.members)], one.members...)}
			continue
		}
		found = m.value
	}
	return found
}

// plain turns a value into what Go's own decoder makes of it.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case *object:
		fields := map[string]any{}
		for _, m := range v.all() {
			fields[m.key] = plain(m.value)
		}
		return fields
	}
	return value
}

// kindOf says what a value is, without showing it.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case json.Number, int64, float64:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	}
	return "an object"
}

// shown is kindOf with the value, where that may be shown.
func shown(value any, key *table.Key) string {
	secret := key.Secret || slices.Contains([]table.Kind{table.List, table.Ints, table.Map, table.Object, table.Objects}, key.Kind)
	const longest = 40
	switch v := value.(type) {
	case string:
		if !secret && len(v) <= longest && !looksSecret(v) {
			return fmt.Sprintf("text (%q)", v)
		}
	case json.Number:
		if !key.Secret {
			return "the number " + v.String()
		}
	case bool:
		return strconv.FormatBool(v)
	}
	return kindOf(value)
}
