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
	for _, upper := range slices.Sorted(mapsKeys(l.ignored)) {
		unread := slices.DeleteFunc(slices.Clone(l.ignored[upper]), func(name string) bool { return l.env.read[name] })
		for _, name := range unread {
			l.env.read[name] = true
		}
		switch {
		case len(unread) == 0:
		case upper == "UPTIME":
			l.f.Warn(named(unread), "is read by nothing: variables of uptime checks begin with %s_", table.Uptime().Prefix)
		default:
			l.f.Warn(named(unread), "is read by nothing: there is no pump %s, since %s%s_TYPE does not say which type it would have", upper, table.PumpPrefix, upper)
		}
	}
	candidates := l.knownVariables()
	for _, prefix := range []string{"TYK_PMP_", "PMP_"} {
		for _, name := range l.env.names(prefix) {
			if !l.env.read[name] {
				l.f.Warn(name, "is read by nothing%s", meant(meantVariable(name, candidates)))
			}
		}
	}
}

// meantVariable finds what a variable that nothing reads may be meant for.
func meantVariable(name string, candidates []string) string {
	if known := table.MisnamedVariable(name); known != "" {
		return known
	}
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
func (l *loader) knownVariables() []string {
	var all []string
	add := func(section *table.Section, prefix string) {
		for i := range section.Keys {
			if name := section.Keys[i].Full(prefix); name != "" && prefix != table.Unset {
				all = append(all, name)
			}
		}
	}
	for _, row := range table.Others() {
		all = append(all, row.Var)
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
