package settings

import (
	"fmt"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// Value is a setting and where it came from.
type Value struct {
	// Data is of the type that belongs to the key's kind.
	Data any
	// Variable set it, if any did.
	Variable string
	// InFile says that the file has the key too.
	InFile bool
	// Verbatim says that a variable holds just this text.
	Verbatim bool
	// Resolved says that a store of secrets gave it, or a part of it.
	Resolved bool
	// Given are the texts in it that a store of secrets gave, or a part of them.
	Given []string
}

// Group is the settings of one object of the file.
type Group struct {
	// Path is where the object stands.
	Path string
	// Prefix is what its variables begin with.
	Prefix string
	// Section is the keys that it may have.
	Section *table.Section
	values  map[string]*Value
	file    string
}

func newGroup(path, prefix string, section *table.Section, file string) *Group {
	return &Group{Path: path, Prefix: prefix, Section: section, values: map[string]*Value{}, file: file}
}

// As gives the group with some of its keys only.
func (g *Group) As(section *table.Section) *Group {
	part := *g
	part.Section = section
	return &part
}

// Value gives the setting of a key, or nil.
func (g *Group) Value(key string) *Value { return g.values[key] }

// Has tells whether a key is set, to whatever value.
func (g *Group) Has(key string) bool { return g.values[key] != nil }

func get[T any](g *Group, key string) T {
	var zero T
	if v := g.values[key]; v != nil {
		if data, ok := v.Data.(T); ok {
			return data
		}
	}
	return zero
}

// Text gives a text, empty where none is set.
func (g *Group) Text(key string) string { return get[string](g, key) }

// Bool gives a boolean.
func (g *Group) Bool(key string) bool { return get[bool](g, key) }

// Float gives a number that may have a fraction.
func (g *Group) Float(key string) float64 { return get[float64](g, key) }

// Int gives a whole number.
func (g *Group) Int(key string) int64 { return get[int64](g, key) }

// List gives a list.
func (g *Group) List(key string) []string { return get[[]string](g, key) }

// Ints gives a list of numbers.
func (g *Group) Ints(key string) []int64 { return get[[]int64](g, key) }

// Map gives a map.
func (g *Group) Map(key string) map[string]string { return get[map[string]string](g, key) }

// Pause gives a duration.
func (g *Group) Pause(key string) time.Duration { return get[time.Duration](g, key) }

// Objects gives a list of objects.
func (g *Group) Objects(key string) []any { return get[[]any](g, key) }

// Set tells whether a key has another value than the zero of its kind.
func (g *Group) Set(key string) bool {
	v := g.values[key]
	if v == nil {
		return false
	}
	switch data := v.Data.(type) {
	case string:
		return data != ""
	case bool:
		return data
	case int64:
		return data != 0
	case float64:
		return data != 0
	case time.Duration:
		return data != 0
	case []string:
		return len(data) > 0
	case []int64:
		return len(data) > 0
	case map[string]string:
		return len(data) > 0
	case []any:
		return len(data) > 0
	case *object:
		return len(data.members) > 0
	}
	return v.Data != nil
}

// ReadsFrom tells whether a variable with this beginning set any of the keys.
func (g *Group) ReadsFrom(prefix string) bool {
	for _, v := range g.values {
		if strings.HasPrefix(v.Variable, prefix) {
			return true
		}
	}
	return false
}

// KeyPath is where a key stands in the file.
func (g *Group) KeyPath(key string) string {
	if g.Path == "" {
		return key
	}
	return g.Path + "." + key
}

// Place names a key and its variable, and which of them set it.
func (g *Group) Place(key string) string {
	path, variable := g.KeyPath(key), ""
	if row := g.Section.Key(key); row != nil && g.Prefix != table.Unset {
		variable = row.Full(g.Prefix)
	}
	v := g.values[key]
	switch {
	case v != nil && v.Variable != "" && v.InFile:
		return fmt.Sprintf("%s (set by %s, overrides %s)", path, v.Variable, g.file)
	case v != nil && v.Variable != "":
		return fmt.Sprintf("%s (set by %s)", path, v.Variable)
	case variable == "":
		return path
	default:
		return fmt.Sprintf("%s (variable %s)", path, variable)
	}
}

// Shown is a text for a message, unless it may be a secret.
func (g *Group) Shown(key string) string {
	row, v := g.Section.Key(key), g.values[key]
	if v == nil || row == nil || row.Secret || v.Resolved {
		return "the value"
	}
	return Quoted(g.Text(key))
}

// Source is where a setting came from, for a comment beside it.
func (g *Group) Source(key string) string {
	v := g.values[key]
	switch {
	case v == nil:
		return "default of " + g.KeyPath(key)
	case v.Variable != "":
		return v.Variable
	}
	return g.KeyPath(key)
}

// readObject takes what the section knows from the file's object, and tells of the rest.
func (g *Group) readObject(o *object, f *Findings) {
	if o == nil {
		return
	}
	for _, key := range g.Section.Keys {
		value := find(o, strings.Split(key.Name, "."))
		if value == nil {
			continue
		}
		data, ok := fromFile(key.Kind, value, g.Section.Strict)
		if !ok {
			g.mistyped(&key, value, f)
			continue
		}
		g.values[key.Name] = &Value{Data: data, InFile: true}
	}
	g.tellUnknown(o, "", f)
}

func find(o *object, path []string) any {
	value := o.field(path[0])
	if len(path) == 1 || value == nil {
		return value
	}
	inner, ok := value.(*object)
	if !ok {
		return nil
	}
	return find(inner, path[1:])
}

// mistyped tells of a value of another type than its key's.
func (g *Group) mistyped(key *table.Key, value any, f *Findings) {
	place := g.Place(key.Name)
	switch {
	case strings.HasSuffix(g.Path, table.OwnKey):
		f.Mistyped(table.Error, place, "is %s: write %s", shown(value, key), key.Kind.Phrase())
	case key.Loose:
		f.Mistyped(table.Warn, place, "is %s, which Tyk Pump does not take: write %s", shown(value, key), key.Kind.Phrase())
	case g.Section.Strict:
		effect := "leaves the pump out"
		if g.Section.Ends {
			effect = "ends"
		}
		f.Mistyped(table.Error, place, "is %s, with which Tyk Pump %s: write %s", shown(value, key), effect, key.Kind.Phrase())
	default:
		f.Mistyped(table.Error, place, "is %s, which Tyk Pump takes for %s: write %s", shown(value, key), zeroOf(key.Kind), key.Kind.Phrase())
	}
}

func zeroOf(kind table.Kind) string {
	switch kind {
	case table.Bool:
		return "false"
	case table.Int, table.Float:
		return "0"
	}
	return "empty"
}

// tellUnknown tells of keys that nothing reads.
func (g *Group) tellUnknown(o *object, inside string, f *Findings) {
	for _, m := range o.members {
		name := inside + m.key
		if g.Section.Key(name) != nil {
			continue
		}
		inner, isObject := m.value.(*object)
		if g.Section.Inner(name) {
			switch {
			case isObject:
				g.tellUnknown(inner, name+".", f)
			case m.value != nil:
				f.Error(g.KeyPath(name), "is %s: write an object", kindOf(m.value))
			}
			continue
		}
		f.Warn(g.KeyPath(name), "is read by nothing%s", meantKey(g.Section, name))
	}
}
