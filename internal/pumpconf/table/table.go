package table

import (
	"slices"
	"strings"
)

// Level is how much a finding matters.
type Level int

// The levels. A finding of Error refuses the start, since going on would lose or
// misplace records in silence.
const (
	None Level = iota
	Info
	Warn
	Error
)

// String is the level as messages show it.
func (l Level) String() string { return [...]string{"", "INFO", "WARN", "ERROR"}[l] }

// Kind is the type of a key's value.
type Kind int

// The kinds. Object and Objects are taken as they are, and no variable can set them
// unless a key has a reader of its own; Pause is a number of seconds or a text.
const (
	Text Kind = iota
	Bool
	Int
	Float
	List
	Ints
	Map
	Object
	Objects
	Pause
)

// String is the kind in words.
func (k Kind) String() string {
	return [...]string{"text", "boolean", "whole number", "number", "list", "list of numbers", "map", "object", "list of objects", "number or text"}[k]
}

// Phrase is the kind with its article.
func (k Kind) Phrase() string {
	switch k {
	case Text:
		return "text"
	case List:
		return "a list of texts"
	case Map:
		return "a map whose values are texts"
	case Object:
		return "an object"
	}
	return "a " + k.String()
}

// Unset is Key.Var of a key that no variable sets.
const Unset = "-"

// Key is one row: a key of the file, its variable, and what both mean.
type Key struct {
	// Name is the key's path in its section, with dots.
	Name string
	// Kind is the type of its value.
	Kind Kind
	// Var is the end of its variable's name where that does not follow from Name; a
	// whole name if it begins with TYK_.
	Var string
	// Alias is a variable that counts where Var's is not set.
	Alias string
	// Default is the value that Tyk Pump takes where none is set.
	Default string
	// Secret says that messages never show the value.
	Secret bool
	// Loose says that the value does not matter here, so that one of a wrong type is no error.
	Loose bool
	// With are keys, one of which must be set, or Tyk Pump does not look at this one.
	With []string
	// Needed says that a pump cannot work without it.
	Needed bool
	// To is where the value goes, component and path; empty where more than copying is needed.
	To string
	// Pump is what Tyk Pump does with it.
	Pump string
	// Here is what becomes of it.
	Here string
	// Why is the reason, where it does not follow.
	Why string
	// Level is that of the message which a value other than zero earns: Here and Why.
	Level Level
}

// Unread tells whether Tyk Pump does not look at the key, by which keys are set.
func (k *Key) Unread(set func(key string) bool) bool {
	return len(k.With) > 0 && !slices.ContainsFunc(k.With, set)
}

// Variable is the end of the key's variable behind its section's prefix, or empty.
func (k *Key) Variable() string {
	switch {
	case k.Var == Unset, k.Var == "" && (k.Kind == Object || k.Kind == Objects || k.Kind == Pause):
		return ""
	case k.Var != "":
		return k.Var
	}
	return strings.ToUpper(strings.ReplaceAll(strings.ReplaceAll(k.Name, "_", ""), ".", "_"))
}

// Full is the name of the key's variable behind prefix, or empty.
func (k *Key) Full(prefix string) string {
	end := k.Variable()
	if end == "" || strings.HasPrefix(end, "TYK_") {
		return end
	}
	return prefix + "_" + end
}

// Reason is Why, or what follows from the rest of the row.
func (k *Key) Reason() string {
	switch {
	case k.Why != "":
		return k.Why
	case k.To != "":
		return "it means the same there"
	case k.Level == Info:
		return "nothing here needs it"
	}
	return "it is the same thing under its name here"
}

// Section is the keys of one object of the file, in the order in which variables are read.
type Section struct {
	// Path is where the object stands, with <name> for a pump's.
	Path string
	// Prefix is what its variables begin with.
	Prefix string
	// Strict says that Tyk Pump ends or leaves the pump out on a value of another type.
	Strict bool
	// Ends says which of both.
	Ends bool
	// Keys are the rows.
	Keys []Key
}

// Key finds a row by its name in any case of letters, or nil.
func (s *Section) Key(name string) *Key {
	i := slices.IndexFunc(s.Keys, func(k Key) bool { return strings.EqualFold(k.Name, name) })
	if i < 0 {
		return nil
	}
	return &s.Keys[i]
}

// Inner tells whether name is an object that has keys of the section.
func (s *Section) Inner(name string) bool {
	prefix := strings.ToLower(name) + "."
	return slices.ContainsFunc(s.Keys, func(k Key) bool { return strings.HasPrefix(k.Name, prefix) })
}

// Type is one value of a pump's type.
type Type struct {
	// Name is the type.
	Name string
	// EnvName is what stands in the prefix of its META variables where the pump has none
	// of its own and it is not Name in capitals.
	EnvName string
	// Family is the kind of its destination.
	Family string
	// Title is what its exporter writes to, in words.
	Title string
	// Missing is why there is no exporter for it, and what else there is; empty where there is one.
	Missing string
	// Ends says that a wrong value in meta ends Tyk Pump; otherwise it leaves the pump out.
	Ends bool
	// NoMeta is what Tyk Pump does with a pump of this type that has no meta.
	NoMeta string
	// Keys are those of its meta.
	Keys []Key
}

// What Tyk Pump does with a pump without meta.
const (
	Panics    = "ends"
	LeavesOut = "leaves the pump out"
	Works     = ""
)

// Section is the keys of the type's meta.
func (t *Type) Section() *Section {
	keys := append(t.Keys[:len(t.Keys):len(t.Keys)], Key{
		Name: PrefixKey, Var: Unset, Pump: "what the variables of this meta begin with", Here: "the same",
	})
	return &Section{Path: "pumps.<name>.meta", Prefix: t.Prefix(), Strict: true, Ends: t.Ends, Keys: keys}
}

// CalledBy tells whether variables of a pump of that name may be meant for one of the type.
func (t *Type) CalledBy(upper string) bool {
	bare := strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(t.Name))
	return upper == bare || "PMP_"+upper == OldPrefixes()[t.Name]
}

// PrefixKey is the key of meta that names the prefix of its variables.
const PrefixKey = "meta_env_prefix"

// Prefix is what the META variables of the type's pumps begin with where neither the
// environment nor the file says otherwise.
func (t *Type) Prefix() string {
	name := t.EnvName
	if name == "" {
		name = strings.ToUpper(t.Name)
	}
	return PumpPrefix + name + "_META"
}

// PumpPrefix is what variables of pumps begin with.
const PumpPrefix = "TYK_PMP_PUMPS_"

// FindType finds a type in any case of letters, or nil.
func FindType(name string) *Type {
	all := Types()
	i := slices.IndexFunc(all, func(t *Type) bool { return strings.EqualFold(t.Name, name) })
	if i < 0 {
		return nil
	}
	return all[i]
}

// Types lists the types of Tyk Pump.
func Types() []*Type { return types }

var types = slices.Concat(
	mongoTypes, sqlTypes, stockTypes, influxTypes, graylogTypes, logzioTypes, statsdTypes, syslogTypes, hybridTypes, csvTypes, webTypes, awsTypes,
)
