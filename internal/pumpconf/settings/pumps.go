package settings

import (
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Pump is one of the pumps that result from file and environment.
type Pump struct {
	// Name is its key in the file, or its name in the environment.
	Name string
	// Type is what it is.
	Type *table.Type
	// Common is its keys beside meta, Meta those of its type, Own our overrides.
	Common, Meta, Own *Group
	// ByChance is a variable without which the pump would not exist, where nothing says
	// that it is meant: neither the file nor a TYPE variable.
	ByChance string
}

// loader reads the pumps.
type loader struct {
	file     string
	env      *environment
	f        *Findings
	skip     []string
	ignored  map[string][]string // variables by the name of a pump that has no type
	settings *Settings

	references *references
}

// pumps lists the pumps of the file in its order, then those of the environment.
func (l *loader) pumps(top *object) []*Pump {
	files := l.filePumps(top)
	byName := map[string]string{} // variable names of a pump that the environment names
	for _, name := range l.env.names(table.PumpPrefix) {
		upper, _, ok := strings.Cut(strings.TrimPrefix(name, table.PumpPrefix), "_")
		if upper = strings.ToUpper(upper); ok && upper != "" && byName[upper] == "" {
			byName[upper] = name
		}
	}
	var all []*Pump
	for _, m := range files {
		upper := strings.ToUpper(m.key)
		_, named := byName[upper]
		delete(byName, upper)
		o, _ := m.value.(*object)
		if p := l.pump(m.key, o, named); p != nil {
			all = append(all, p)
		}
	}
	for _, upper := range slices.Sorted(mapsKeys(byName)) {
		p := l.pump(upper, nil, true)
		if p == nil {
			continue
		}
		if _, meant := l.env.vars[table.PumpPrefix+upper+"_TYPE"]; !meant {
			p.ByChance = byName[upper]
		}
		all = append(all, p)
	}
	return all
}

// filePumps gives the pumps of the file; of equal keys the last one.
func (l *loader) filePumps(top *object) []member {
	o, _ := top.field("pumps").(*object)
	var files []member
	for _, m := range o.all() {
		if _, isObject := m.value.(*object); !isObject && m.value != nil {
			l.f.Error("pumps."+m.key, "is %s: write an object", kindOf(m.value))
			continue
		}
		i := slices.IndexFunc(files, func(other member) bool { return strings.EqualFold(other.key, m.key) })
		switch {
		case i < 0:
			files = append(files, m)
		case files[i].key == m.key:
			files[i] = m
		default:
			l.f.Error("pumps."+m.key, "Tyk Pump writes names in capitals, so this and pumps.%s are one, and chance says which: give them different names", files[i].key)
		}
	}
	return files
}

// pump puts one together; nil where it has no type or is skipped.
func (l *loader) pump(name string, o *object, named bool) *Pump {
	if !slices.ContainsFunc(l.skip, func(skipped string) bool { return strings.EqualFold(skipped, name) }) {
		return l.readPump(name, o, named)
	}
	// Its variables are read all the same, but what is wrong with it does not matter.
	l.settings.Skipped = append(l.settings.Skipped, name)
	unheard := *l
	unheard.f = &Findings{}
	unheard.readPump(name, o, named)
	for _, variable := range l.env.names(table.PumpPrefix + strings.ToUpper(name) + "_") {
		l.env.read[variable] = true
	}
	return nil
}

func (l *loader) readPump(name string, o *object, named bool) *Pump {
	upper := strings.ToUpper(name)
	t := l.typeOf(name, upper, o, named)
	if t == nil {
		// What is wrong beside the type may say why there is none.
		newGroup("pumps."+name, table.Unset, table.Pump(), l.file).readObject(o, l.f)
		return nil
	}
	prefix := table.PumpPrefix + upper
	if strings.Contains(upper, "_") {
		prefix = table.Unset // no variable can address it
	}
	p := &Pump{Name: name, Type: t, Common: newGroup("pumps."+name, prefix, table.Pump(), l.file)}
	p.Common.readObject(o, l.f)
	if named {
		p.Common.readVariables(l.env, prefix, l.f)
	}
	p.Own = newGroup("pumps."+name+"."+table.OwnKey, table.Unset, table.OwnPump(), l.file)
	p.Own.readObject(get[*object](p.Common, table.OwnKey), l.f)

	meta := get[*object](p.Common, "meta")
	metaPrefix := prefix + "_META"
	if !named {
		metaPrefix = t.Prefix()
		if own, ok := meta.field(table.PrefixKey).(string); ok && own != "" {
			metaPrefix = own
		}
	}
	p.Meta = newGroup("pumps."+name+".meta", metaPrefix, t.Section(), l.file)
	p.Meta.readObject(meta, l.f)
	p.Meta.readVariables(l.env, metaPrefix, l.f)
	l.readOld(p)
	if meta == nil && !named && t.NoMeta != table.Works {
		l.f.Warn("pumps."+name, "has no meta, with which Tyk Pump %s: it is taken for an empty one", t.NoMeta)
	}
	return p
}

// readOld takes the variables of the oldest names, which win over all others.
func (l *loader) readOld(p *Pump) {
	old := table.OldPrefixes()[p.Type.Name]
	if old == "" {
		return
	}
	before := p.Meta.values
	p.Meta.values = map[string]*Value{}
	p.Meta.readVariables(l.env, old, l.f)
	for _, row := range p.Meta.Section.Keys {
		key := row.Name
		v := p.Meta.values[key]
		if v == nil || !strings.HasPrefix(v.Variable, old) {
			continue // an alias, which has been read before
		}
		if hasReference(v.Data) {
			l.f.Error(p.Meta.Place(key), "has a reference to a secret, which Tyk Pump does not resolve in variables of the oldest names: use %s", p.Meta.Section.Key(key).Full(p.Meta.Prefix))
		}
		l.f.Info(v.Variable, "is a deprecated name of %s", p.Meta.Section.Key(key).Full(p.Meta.Prefix))
		v.InFile = before[key] != nil && before[key].InFile
		before[key] = v
	}
	p.Meta.values = before
}

// typeOf finds the type of a pump: a name that is a type, TYPE of the environment, type
// of the file, the key.
func (l *loader) typeOf(name, upper string, o *object, named bool) *table.Type {
	variable := table.PumpPrefix + upper + "_TYPE"
	place := "pumps." + name + ".type"
	if !strings.Contains(upper, "_") {
		place += " (variable " + variable + ")"
	}
	inFile, _ := o.field("type").(string)
	if !named {
		if inFile == "" {
			return l.typeOfName(name, place)
		}
		return l.knownType(inFile, place, name)
	}
	byVariable, _ := l.env.lookup(variable)
	if t := table.FindType(name); t != nil {
		for _, other := range []string{byVariable, inFile} {
			if other != "" && !strings.EqualFold(other, t.Name) {
				l.f.Warn("pumps."+name, "its name is a type, which wins over type %s as soon as a variable names the pump: it is a %s pump; give it another name", Quoted(other), t.Name)
			}
		}
		return t
	}
	switch {
	case byVariable != "":
		return l.knownType(byVariable, "pumps."+name+".type (set by "+variable+")", name)
	case inFile != "":
		return l.knownType(inFile, place, name)
	case o != nil:
		l.ignored[upper] = l.env.names(table.PumpPrefix + upper + "_")
		return l.typeOfName(name, place)
	}
	l.ignored[upper] = l.env.names(table.PumpPrefix + upper + "_")
	return nil
}

// knownType finds a type by its name and tells where there is none.
func (l *loader) knownType(typeName, place, pump string) *table.Type {
	if hasReference(typeName) {
		resolved, err := l.references.text(typeName)
		if err != nil {
			l.f.Error(place, "%v", err)
			return nil
		}
		if typeName = resolved; table.FindType(typeName) == nil {
			l.f.Hide(typeName)
		}
	}
	t := table.FindType(typeName)
	switch {
	case t != nil:
	case inQuotes(typeName):
		l.f.Error(place, "type %s of pump %s is in quotation marks, which are part of it (docker --env-file keeps them). Tyk Pump leaves the pump out; take them out", Quoted(strings.Trim(typeName, `"`)), pump)
	default:
		l.f.Error(place, "type %s of pump %s does not exist%s Tyk Pump leaves the pump out; correct it, or take the pump out", Quoted(typeName), pump, meantType(typeName))
	}
	return t
}

// typeOfName finds the type that a pump without one has by its name.
func (l *loader) typeOfName(name, place string) *table.Type {
	t := table.FindType(name)
	if t == nil {
		l.f.Error(place, "is missing, and the pump's name is no type%s Tyk Pump leaves the pump out; set it, or take the pump out", meantType(name))
	}
	return t
}

// meantType ends a sentence with the type that may be meant.
func meantType(name string) string {
	known := table.MisnamedType(name)
	if known == "" {
		names := make([]string, 0, len(table.Types()))
		for _, t := range table.Types() {
			names = append(names, t.Name)
		}
		known = spelling.Nearest(strings.ToLower(name), names)
		if near := spelling.Near(name, names); known == "" && len(near) == 1 {
			known = near[0]
		}
	}
	if known == "" {
		return "."
	}
	return meant(known)
}
