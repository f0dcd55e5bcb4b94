package table

import (
	"fmt"
	"strings"
)

// Page is the reference of all keys, as docs/pump-conf.md has it.
func Page() string {
	var b strings.Builder
	b.WriteString(`# Every setting of Tyk Pump, and what becomes of it

Made from the table that the code goes by; ` + "`go test ./internal/pumpconf/table -update`" + ` writes it. How to use it is in
[migrating.md](migrating.md); ` + "`tykctl explain KEY`" + ` shows one row.

A variable wins over the file. Its name is the prefix of the section and what stands in the table. A pump that variables name has
the prefix ` + "`TYK_PMP_PUMPS_<NAME>`" + `; ` + "`<NAME>`" + ` has no underscore, and where it is a type, that is the pump's. Other pumps of the file
have the prefix of their type for ` + "`meta`" + `, or ` + "`meta_env_prefix`" + `.

| level | at ` + "`--config tykpump:`" + ` | in ` + "`tykctl convert`" + ` |
|---|---|---|
| ERROR | the start is refused, with all errors at once | the part is left out, exit status 2 |
| WARN | a line of the log at each start | a comment |
| INFO | counted in one line of the log | a comment |
`)
	part(&b, "Outside of objects", global)
	part(&b, "`analytics_storage_config`", redis)
	b.WriteString("\nVariables that begin with `TYK_PMP_REDIS_` and, above all, `TYK_PMP_TEMPORAL_STORAGE_` win over these.\n")
	part(&b, "`pumps.<name>`", pump)
	part(&b, "`x_otelcol_tyk`, which Tyk Pump passes over", own)
	part(&b, "`pumps.<name>.x_otelcol_tyk`", ownPump)
	part(&b, "`uptime_pump_config`", uptime)
	b.WriteString("\n## Variables that belong to no key\n\nA `*` stands for any end of the name.\n\n| variable | type, default | Tyk Pump | here |\n|---|---|---|---|\n")
	for i := range others {
		k := &others[i]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Var, cell(k.typed()), cell(k.Pump), cell(k.outcome()))
	}
	b.WriteString("\n## Types\n\n| `type` | prefix of `meta` in the environment | here |\n|---|---|---|\n")
	for _, t := range Types() {
		here := t.Title
		if t.Missing != "" {
			here = "ERROR: no exporter for " + t.Title + ". " + t.Missing
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", t.Name, t.Prefix(), cell(here))
	}
	var before *Type
	for _, t := range Types() {
		if len(t.Keys) == 0 {
			continue
		}
		if before != nil && &before.Keys[0] == &t.Keys[0] {
			fmt.Fprintf(&b, "\n`meta` of `%s` has the same keys as that of `%s`.\n", t.Name, before.Name)
			continue
		}
		part(&b, "`meta` of `"+t.Name+"`", &Section{Prefix: t.Prefix(), Keys: t.Keys})
		before = t
	}
	return b.String()
}

func part(b *strings.Builder, title string, s *Section) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if s.Prefix != Unset && !strings.Contains(s.Prefix, "_META") {
		fmt.Fprintf(b, "Variables begin with `%s_`.\n\n", s.Prefix)
	}
	b.WriteString("| key | variable | type, default | Tyk Pump | here |\n|---|---|---|---|---|\n")
	for i := range s.Keys {
		k := &s.Keys[i]
		variable := k.Variable()
		if variable != "" {
			variable = "`" + variable + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", k.Name, variable, cell(k.typed()), cell(k.Pump), cell(k.outcome()))
	}
}

// typed is the kind and the default, as the page has them.
func (k *Key) typed() string {
	if k.Default == "" {
		return k.Kind.String()
	}
	return k.Kind.String() + ", " + k.Default
}

// outcome is what becomes of the key, as the page has it.
func (k *Key) outcome() string {
	here := k.Here
	if k.Why != "" {
		here += ": " + k.Why
	}
	return level(k) + here
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
