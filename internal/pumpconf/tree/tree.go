// Package tree is a configuration with comments, as a value for the collector and as YAML
// for people.
package tree

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Map is a mapping that keeps the order of its keys.
type Map struct{ entries []entry }

type entry struct {
	key     string
	value   any
	comment string
	above   []string
}

// Secret is a text that is shown as a reference to a variable.
type Secret struct {
	// Text is the secret.
	Text string
	// Variable is where the reference points to.
	Variable string
	// Before and After stand around the secret, and are shown.
	Before, After string
}

func (s Secret) whole() string { return s.Before + s.Text + s.After }

// New makes an empty mapping.
func New() *Map { return &Map{} }

// Set gives a key a value: a *Map, a []any, a []string, a Secret or a scalar.
func (m *Map) Set(key string, value any) *Map {
	e := m.entry(key)
	e.value = value
	return m
}

// Note is Set with a comment beside it.
func (m *Map) Note(key string, value any, comment string) *Map {
	e := m.entry(key)
	e.value, e.comment = value, comment
	return m
}

// Above puts lines of comment above a key that is there.
func (m *Map) Above(key string, lines ...string) *Map {
	e := m.entry(key)
	e.above = append(e.above, lines...)
	return m
}

// Remarks gives the lines above a key.
func (m *Map) Remarks(key string) []string { return m.entry(key).above }

func (m *Map) entry(key string) *entry {
	i := slices.IndexFunc(m.entries, func(e entry) bool { return e.key == key })
	if i < 0 {
		m.entries = append(m.entries, entry{key: key})
		i = len(m.entries) - 1
	}
	return &m.entries[i]
}

// Sub gives the mapping below a key, which is made where it is missing.
func (m *Map) Sub(key string) *Map {
	e := m.entry(key)
	if sub, ok := e.value.(*Map); ok {
		return sub
	}
	sub := New()
	e.value = sub
	return sub
}

// Path is Note at the end of a path with dots.
func (m *Map) Path(path string, value any, comment string) {
	for {
		key, rest, more := strings.Cut(path, ".")
		if !more {
			m.Note(key, value, comment)
			return
		}
		m, path = m.Sub(key), rest
	}
}

// Get gives the value of a key, or nil; also where there is no mapping.
func (m *Map) Get(key string) any {
	if m == nil {
		return nil
	}
	for i := range m.entries {
		if m.entries[i].key == key {
			return m.entries[i].value
		}
	}
	return nil
}

// Delete takes a key out.
func (m *Map) Delete(key string) {
	m.entries = slices.DeleteFunc(m.entries, func(e entry) bool { return e.key == key })
}

// Keys lists the keys in their order.
func (m *Map) Keys() []string {
	keys := make([]string, len(m.entries))
	for i := range m.entries {
		keys[i] = m.entries[i].key
	}
	return keys
}

// Len is how many keys there are.
func (m *Map) Len() int { return len(m.entries) }

// Clone copies the mapping and those below it.
func (m *Map) Clone() *Map {
	c := &Map{entries: slices.Clone(m.entries)}
	for i := range c.entries {
		if sub, ok := c.entries[i].value.(*Map); ok {
			c.entries[i].value = sub.Clone()
		}
	}
	return c
}

// Replace puts something else in the place of each value that is a certain text.
func (m *Map) Replace(text string, with func() any) {
	for i := range m.entries {
		m.entries[i].value = replaced(m.entries[i].value, text, with)
	}
}

func replaced(value any, text string, with func() any) any {
	switch v := value.(type) {
	case *Map:
		v.Replace(text, with)
	case string:
		if v == text {
			return with()
		}
	case []string:
		if slices.Contains(v, text) {
			list := make([]any, len(v))
			for i := range v {
				list[i] = replaced(v[i], text, with)
			}
			return list
		}
	case []any:
		for i := range v {
			v[i] = replaced(v[i], text, with)
		}
	}
	return value
}

// Reveal makes plain texts of secrets.
func (m *Map) Reveal() {
	for i := range m.entries {
		m.entries[i].value = revealed(m.entries[i].value)
	}
}

func revealed(value any) any {
	switch v := value.(type) {
	case *Map:
		v.Reveal()
	case Secret:
		return v.whole()
	case []any:
		for i := range v {
			v[i] = revealed(v[i])
		}
	}
	return value
}

// Plain is the mapping as the collector takes it, with each $ doubled, which the
// collector would expand otherwise.
func (m *Map) Plain() map[string]any {
	all := map[string]any{}
	for _, e := range m.entries {
		all[e.key] = plain(e.value)
	}
	return all
}

func plain(value any) any {
	switch v := value.(type) {
	case *Map:
		return v.Plain()
	case Secret:
		return escaped(v.whole())
	case string:
		return escaped(v)
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = escaped(v[i])
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	}
	return value
}

func escaped(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// Same tells whether two mappings, of which any may be nil, say the same.
func Same(a, b *Map) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	x, errX := json.Marshal(a.Plain())
	y, errY := json.Marshal(b.Plain())
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
