package settings

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// environment is the variables, and which of them are read by something.
type environment struct {
	vars map[string]string
	read map[string]bool
}

func newEnvironment(vars map[string]string) *environment {
	return &environment{vars: vars, read: map[string]bool{}}
}

// lookup gives a variable and notes that it is read.
func (e *environment) lookup(name string) (string, bool) {
	text, ok := e.vars[name]
	if ok {
		e.read[name] = true
	}
	return text, ok
}

// names gives those that begin with prefix, sorted.
func (e *environment) names(prefix string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(e.vars)) {
		if strings.HasPrefix(name, prefix) {
			all = append(all, name)
		}
	}
	return all
}

// readVariables takes what the environment sets of a group, under a prefix.
func (g *Group) readVariables(env *environment, prefix string, f *Findings) {
	for i := range g.Section.Keys {
		key := &g.Section.Keys[i]
		name := key.Full(prefix)
		if name == "" {
			continue
		}
		text, ok := env.lookup(name)
		if ok && key.Kind != table.Object {
			g.take(env, key, name, text, prefix, f)
		}
		if ok && text != "" || key.Alias == "" {
			continue
		}
		if text, ok = env.lookup(key.Alias); ok {
			g.take(env, key, key.Alias, text, prefix, f)
		}
	}
}

func (g *Group) take(env *environment, key *table.Key, name, text, prefix string, f *Findings) {
	place := g.KeyPath(key.Name) + " (set by " + name + ")"
	switch key.Kind {
	case table.Bool, table.Int, table.Float, table.Pause:
		if text == "" {
			f.Warn(place, "the variable is empty and taken for unset; Tyk Pump stops reading there%s", g.behind(env, key, prefix))
			return
		}
	case table.Objects:
		g.layOver(key, name, text, f)
		return
	}
	data, err := fromVariable(key.Kind, text)
	if err != nil {
		if inQuotes(text) {
			err = errors.New("is in quotation marks, which are part of the value (docker --env-file keeps them): take them out")
		}
		f.Error(place, "%v; Tyk Pump stops reading there%s", err, g.behind(env, key, prefix))
		return
	}
	if inQuotes(text) {
		f.Warn(place, "the value begins and ends with a quotation mark, which is then part of it (docker --env-file keeps them): take them out")
	}
	before := g.values[key.Name]
	g.values[key.Name] = &Value{Data: data, Variable: name, InFile: before != nil && before.InFile, Verbatim: key.Kind == table.Text}
}

// inQuotes tells whether a variable's text has quotation marks around it.
func inQuotes(text string) bool {
	return len(text) > 1 && strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`)
}

// behind names the variables that Tyk Pump does not reach.
func (g *Group) behind(env *environment, key *table.Key, prefix string) string {
	var lost []string
	passed := false
	for i := range g.Section.Keys {
		name := g.Section.Keys[i].Full(prefix)
		if _, set := env.vars[name]; set && passed {
			lost = append(lost, name)
		}
		passed = passed || g.Section.Keys[i].Name == key.Name
	}
	if len(lost) == 0 {
		return ""
	}
	return " and ignores " + named(lost)
}

// layOver reads a list of objects as JSON; keys that its elements lack keep the values
// of the file's element at the same position.
func (g *Group) layOver(key *table.Key, name, text string, f *Findings) {
	place := g.KeyPath(key.Name) + " (set by " + name + ")"
	top, err := parseFile(name, []byte(`{"list":`+text+`}`))
	if err != nil {
		f.Error(place, "is not JSON: write a list of objects, as in the file")
		return
	}
	list, ok := top.field("list").([]any)
	if !ok {
		f.Error(place, "is %s: write a JSON list of objects", kindOf(top.field("list")))
		return
	}
	before := g.values[key.Name]
	merged, _ := plain(list).([]any)
	if before != nil {
		file, _ := before.Data.([]any)
		for i := range merged {
			element, isObject := merged[i].(map[string]any)
			if i >= len(file) || !isObject {
				continue
			}
			under, _ := file[i].(map[string]any)
			whole := maps.Clone(under)
			if whole == nil {
				whole = map[string]any{}
			}
			maps.Copy(whole, element)
			merged[i] = whole
		}
	}
	g.values[key.Name] = &Value{Data: merged, Variable: name, InFile: before != nil && before.InFile}
}
