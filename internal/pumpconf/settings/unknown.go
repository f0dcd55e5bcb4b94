package settings

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

func mapsKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// meant asks whether another name is meant; empty where there is none.
func meant(name string) string {
	switch name {
	case "":
		return ""
	case table.Nothing:
		return ", and has no other name: take it out"
	}
	return "; " + name + " is meant?"
}

// meantKey says what a key may be meant for that a section does not have.
func meantKey(section *table.Section, name string) string {
	if known := table.Misnamed(name); known != "" {
		return meant(known)
	}
	if section == table.Global() && table.FindType(name) != nil {
		return ": pumps stand in pumps; is a brace in the wrong place?"
	}
	var names []string
	for _, k := range section.Keys {
		names = append(names, k.Name)
	}
	return meant(spelling.Nearest(strings.ToLower(name), names))
}

// tellUnread tells of variables that nothing reads.
func (l *loader) tellUnread() {
	candidates := l.knownVariables()
	for _, upper := range slices.Sorted(mapsKeys(l.ignored)) {
		var unread []string
		for _, name := range l.ignored[upper] {
			if l.env.read[name] {
				continue
			}
			l.env.read[name] = true
			if known := l.meantForPump(name, upper, candidates); known != "" {
				l.f.Warn(name, "is read by nothing%s", meant(known))
			} else {
				unread = append(unread, name)
			}
		}
		switch {
		case len(unread) == 0:
		case upper == "UPTIME":
			l.f.Warn(named(unread), "is read by nothing: variables of uptime checks begin with %s_", table.Uptime().Prefix)
		default:
			l.f.Warn(named(unread), "is read by nothing: there is no pump %s, since %s%s_TYPE does not say which type it would have", upper, table.PumpPrefix, upper)
		}
	}
	for _, prefix := range []string{"TYK_PMP_", "PMP_"} {
		for _, name := range l.env.names(prefix) {
			if !l.env.read[name] {
				l.f.Warn(name, "is read by nothing%s", l.meantOrMissing(name, candidates))
			}
		}
	}
}

// meantOrMissing says what a variable may be meant for, or why there is nothing.
func (l *loader) meantOrMissing(name string, candidates candidates) string {
	if known := meantVariable(name, candidates); known != "" {
		return meant(known)
	}
	for kind, prefix := range table.OldPrefixes() {
		if strings.HasPrefix(name, prefix+"_") && !slices.ContainsFunc(l.settings.Pumps, func(p *Pump) bool { return p.Type.Name == kind }) {
			return ": there is no pump of type " + kind
		}
	}
	return ""
}

// meantForPump finds what a variable of a pump that does not exist may be meant for: a file's pump takes
// those of its type's prefix all the same, which is not always the type's name.
func (l *loader) meantForPump(name, upper string, candidates candidates) string {
	start := table.PumpPrefix + upper + "_"
	for _, p := range l.settings.Pumps {
		switch end, ok := strings.CutPrefix(name, start+"META_"); {
		case strings.HasPrefix(p.Meta.Prefix, start):
			if known := meantVariable(name, candidates); candidates.has(known) {
				return known
			}
		case ok && p.Type.CalledBy(upper):
			other := p.Meta.Prefix + "_" + end
			if candidates.has(other) {
				return other
			}
			if known := meantVariable(other, candidates); candidates.has(known) {
				return known
			}
		}
	}
	return ""
}

// candidates are the variables that would be read, by what their names would be if they followed from their keys.
type candidates map[string]string

func (c candidates) has(name string) bool {
	return slices.Contains(slices.Collect(maps.Values(c)), name)
}

// meantVariable finds what a variable that nothing reads may be meant for.
func meantVariable(name string, known candidates) string {
	if known := table.MisnamedVariable(name); known != "" {
		return known
	}
	if variable := known[strings.ToUpper(name)]; variable != "" {
		return variable
	}
	candidates := slices.Sorted(maps.Values(known))
	bare := func(s string) string { return strings.ReplaceAll(s, "_", "") }
	for _, c := range candidates {
		if bare(c) == bare(strings.ToUpper(name)) {
			return c
		}
	}
	start, end := cutLast(name)
	var ends []string
	for _, c := range candidates {
		if s, e := cutLast(c); s == start {
			ends = append(ends, e)
		}
	}
	if found := spelling.Nearest(end, ends); found != "" {
		return start + "_" + found
	}
	const slips = 2
	if found := spelling.Within(slips, strings.ToUpper(name), candidates); found != "" {
		return found
	}
	if rest, ok := strings.CutPrefix(strings.ToUpper(name), "TYK_PMP_PUMP_"); ok {
		return table.PumpPrefix + rest
	}
	if upper := strings.ToUpper(name); upper != name && strings.HasPrefix(upper, table.PumpPrefix) {
		return upper
	}
	return ""
}

// cutLast takes a variable's last word apart.
func cutLast(name string) (string, string) {
	i := strings.LastIndexByte(name, '_')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// knownVariables are those that would be read.
func (l *loader) knownVariables() candidates {
	all := candidates{}
	add := func(section *table.Section, prefix string) {
		for i := range section.Keys {
			key := section.Keys[i]
			if name := key.Full(prefix); name != "" && prefix != table.Unset {
				all[name] = name
				key.Var, key.Kind = "", table.Text
				if natural := key.Full(prefix); all[natural] == "" {
					all[natural] = name
				}
			}
		}
	}
	for _, row := range table.Others() {
		if row.Level != table.Error {
			all[row.Var] = row.Var
		}
	}
	add(table.Global(), table.Global().Prefix)
	for _, prefix := range table.RedisPrefixes() {
		add(table.Redis(), prefix)
	}
	add(table.Uptime(), table.Uptime().Prefix)
	for _, p := range l.settings.Pumps {
		add(table.Pump(), p.Common.Prefix)
		add(p.Meta.Section, p.Meta.Prefix)
		if old := table.OldPrefixes()[p.Type.Name]; old != "" {
			add(p.Meta.Section, old)
		}
	}
	return all
}
