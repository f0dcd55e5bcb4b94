package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// place is a row where it stands.
type place struct {
	key      *Key
	path     string // of the file
	variable string
	types    []string // of the pumps that have it
}

// Explain says what becomes of a key or variable, three lines for each meaning that it
// has. The environment tells of which type a pump is that a variable names.
func Explain(name string, env func(string) string) ([]string, error) {
	var found []place
	for _, p := range merge(places()) {
		if p.named(name, env) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		found = slices.DeleteFunc(merge(places()), func(p place) bool { return !p.around(strings.ToLower(name)) })
	}
	var beside []place
	upper := strings.ToUpper(name)
	for i := range others {
		if strings.EqualFold(others[i].Var, name) || (name == upper || isVariable(upper)) && others[i].covers(upper) {
			beside = append(beside, place{key: &others[i], variable: others[i].Var})
		}
	}
	if len(beside) > 0 && name == upper && !isVariable(upper) {
		found = nil // keys that have the name of another program's variable
	}
	found = append(found, beside...)
	if t := FindType(strings.TrimPrefix(strings.ToLower(name), "pumps.")); t != nil && len(found) == 0 {
		return nil, fmt.Errorf("%q is a type of pumps: ask for a key of it, such as pumps.%s.timeout%s", name, t.Name, t.example())
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%q is no key and no variable that Tyk Pump reads%s: docs/pump-conf.md lists them", name, hint(name))
	}
	texts := make([]string, len(found))
	for i, p := range found {
		texts[i] = fmt.Sprintf("Tyk Pump: %s (%s)\nhere: %s%s\nwhy: %s\n", p.key.Pump, p.about(), level(p.key), p.key.Here, p.key.Reason())
	}
	return texts, nil
}

// isVariable tells whether a name in capitals is one of Tyk Pump's own variables.
func isVariable(upper string) bool {
	return strings.HasPrefix(upper, "TYK_") || strings.HasPrefix(upper, "PMP_")
}

// example is a key of the type's meta, where there is any.
func (t *Type) example() string {
	if len(t.Keys) == 0 {
		return ""
	}
	return " or pumps." + t.Name + ".meta." + t.Keys[0].Name
}

func hint(name string) string {
	if name == "" {
		return ""
	}
	meant := Misnamed(name)
	if meant == "" {
		meant = MisnamedVariable(strings.ToUpper(name))
	}
	if meant == "" {
		meant = nearest(name)
	}
	if meant == "" || meant == Nothing {
		return ""
	}
	return " (" + meant + " is meant?)"
}

// nearest is the key or variable that is spelt most alike.
func nearest(name string) string {
	var names []string
	for _, p := range merge(places()) {
		names = append(names, p.path[strings.LastIndexByte(p.path, '.')+1:])
		if p.variable != "" {
			names = append(names, p.variable)
		}
	}
	for i := range others {
		names = append(names, strings.TrimSuffix(others[i].Var, "*"))
	}
	if strings.HasPrefix(strings.ToUpper(name), "TYK_") {
		return spelling.Nearest(strings.ToUpper(name), names)
	}
	return spelling.Nearest(strings.ToLower(name), names)
}

func level(k *Key) string {
	if k.Level == None {
		return ""
	}
	return k.Level.String() + " "
}

// about names key, variable, kind, default and types.
func (p *place) about() string {
	parts := slices.DeleteFunc([]string{p.path, p.variable}, func(name string) bool { return name == "" })
	kind := p.key.Kind.String()
	if p.key.Default != "" {
		kind += ", default " + p.key.Default
	}
	parts = append(parts, kind)
	if len(p.types) > 0 {
		parts = append(parts, "type "+strings.Join(p.types, ", "))
	}
	return strings.Join(parts, "; ")
}

// named tells whether a text means the place.
func (p *place) named(name string, env func(string) string) bool {
	if upper := strings.ToUpper(name); isVariable(upper) {
		return p.hasVariable(upper, env)
	}
	lower := strings.ToLower(name)
	if rest, ok := strings.CutPrefix(lower, "pumps."); ok {
		key, ofPump := strings.CutPrefix(p.path, "pumps.<name>.")
		pump, ends := strings.CutSuffix(rest, "."+key) // a pump's name may have dots
		if !ofPump || !ends || pump == "" || strings.HasSuffix(pump, ".meta") {
			return false
		}
		t := FindType(pump)
		return t == nil || len(p.types) == 0 || slices.Contains(p.types, t.Name)
	}
	return p.path == lower || p.key.Name == lower || strings.HasSuffix(p.path, "."+lower)
}

// around tells whether a text is an object that holds the key, or stands in one that is taken whole.
func (p *place) around(name string) bool {
	if name == "" {
		return false
	}
	whole := p.key.Kind == Object && (p.path == "kv" || p.path == "opentelemetry")
	return strings.HasPrefix(p.path, name+".") || strings.Contains(p.path, "."+name+".") || whole && strings.HasPrefix(name, p.path+".")
}

func (p *place) hasVariable(name string, env func(string) string) bool {
	if p.variable == "" {
		return false
	}
	if rest, ok := strings.CutPrefix(name, PumpPrefix); ok {
		for _, t := range Types() {
			if end, ok := strings.CutPrefix(name, t.Prefix()+"_"); ok && slices.Contains(p.types, t.Name) && p.key.Variable() == end {
				return true
			}
		}
		pump, end, _ := strings.Cut(rest, "_")
		t := FindType(pump)
		if t == nil {
			t = FindType(env(PumpPrefix + pump + "_TYPE"))
		}
		if t != nil && len(p.types) > 0 && !slices.Contains(p.types, t.Name) {
			return false
		}
		return strings.ReplaceAll(p.variable, PumpPrefix+"<NAME>_", "") == end || p.variable == name
	}
	for _, prefix := range RedisPrefixes() {
		if end, ok := strings.CutPrefix(name, prefix+"_"); ok {
			return strings.HasPrefix(p.path, redis.Path+".") && p.key.Variable() == end
		}
	}
	for kind, prefix := range OldPrefixes() {
		if end, ok := strings.CutPrefix(name, prefix+"_"); ok && slices.Contains(p.types, kind) && p.key.Variable() == end {
			return true
		}
	}
	return p.variable == name
}

// places lists all rows.
func places() []place {
	var all []place
	add := func(s *Section, prefix string, types ...string) {
		for i := range s.Keys {
			p := place{key: &s.Keys[i], path: s.Keys[i].Name, types: types}
			if s.Path != "" {
				p.path = s.Path + "." + p.path
			}
			if prefix != Unset {
				p.variable = p.key.Full(prefix)
			}
			all = append(all, p)
		}
	}
	add(global, global.Prefix)
	add(redis, redis.Prefix)
	add(pump, pump.Prefix)
	add(own, Unset)
	add(ownPump, Unset)
	add(uptime, uptime.Prefix)
	for _, t := range Types() {
		add(t.Section(), PumpPrefix+"<NAME>_META", t.Name)
	}
	return all
}

// merge makes one of places that differ only in the types of the pumps.
func merge(all []place) []place {
	var merged []place
	for _, p := range all {
		i := slices.IndexFunc(merged, func(o place) bool {
			return o.path == p.path && o.variable == p.variable && o.key.Pump == p.key.Pump && o.key.Here == p.key.Here && o.key.Default == p.key.Default && o.key.Kind == p.key.Kind
		})
		if i < 0 {
			p.types = slices.Clone(p.types)
			merged = append(merged, p)
			continue
		}
		merged[i].types = append(merged[i].types, p.types...)
	}
	return merged
}
