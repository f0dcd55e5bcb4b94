package pumpconf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// Refused tells whether something was found that refuses the start.
func (r *Result) Refused() bool { return len(r.Findings.Of(table.Error)) > 0 }

// SkipHelps tells whether the start may succeed without some pumps.
func (r *Result) SkipHelps() bool {
	return slices.ContainsFunc(r.Findings.Of(table.Error), func(f settings.Finding) bool {
		return strings.HasPrefix(f.Place, "pumps.") || strings.HasPrefix(f.Place, table.PumpPrefix)
	})
}

// Summary is the findings as lines for people, with their number before them.
func (r *Result) Summary() string {
	name := r.Settings.File
	if name == "" {
		name = "the environment"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s\n", name, counted(len(r.Findings.Of(table.Error)), "error"), counted(len(r.Findings.Of(table.Warn)), "warning"))
	for _, f := range r.Findings.List() {
		if f.Level > table.Info {
			fmt.Fprintln(&b, f)
		}
	}
	return b.String()
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ShowSecrets lets YAML show secrets as they are.
func (r *Result) ShowSecrets() {
	r.Config.Reveal()
	r.Secrets = nil
}

// YAML is the configuration with its comments: where each setting came from, and what the
// operator is told of it.
func (r *Result) YAML() string {
	var b strings.Builder
	source := "the environment"
	if r.Settings.File != "" {
		sum := sha256.Sum256(r.in.Text)
		source = fmt.Sprintf("%s (sha256 %s)", r.Settings.File, hex.EncodeToString(sum[:])[:12])
	}
	fmt.Fprintf(&b, "# Made by tykctl convert of %s and %s.\n", source, counted(r.Settings.Variables, "TYK_PMP_ variable"))
	b.WriteString("# What stands right of <- is where a setting came from. Check: otelcol-tyk validate --config this-file\n")
	for _, f := range r.annotate() {
		fmt.Fprintf(&b, "# %s\n", f)
	}
	b.WriteString("\n")
	b.WriteString(r.Config.YAML())
	if lost := r.Findings.Of(table.Error); len(lost) > 0 {
		b.WriteString("\n# Left out:\n")
		for _, f := range lost {
			fmt.Fprintf(&b, "#   %s\n", f)
		}
	}
	if len(r.Secrets) > 0 {
		b.WriteString("\n# Secrets are not shown. Set these variables, with each $ in a value doubled:\n")
		for _, name := range r.Secrets {
			fmt.Fprintf(&b, "#   %s\n", name)
		}
	}
	return b.String()
}

// annotate writes findings beside what they are about, and gives those that belong nowhere.
func (r *Result) annotate() []settings.Finding {
	var others []settings.Finding
	for _, f := range r.Findings.List() {
		if f.Level == table.Error {
			continue
		}
		if at, ok := r.place(f.Place); ok {
			if line := f.String(); !slices.Contains(at.section.Remarks(at.key), line) {
				at.section.Above(at.key, line)
			}
			continue
		}
		others = append(others, f)
	}
	return others
}

// place finds where a finding belongs.
func (r *Result) place(place string) (entry, bool) {
	for object, at := range r.owned {
		if rest, ok := strings.CutPrefix(place, object); ok && (rest == "" || rest[0] == '.' || rest[0] == ' ') {
			return at, true
		}
	}
	return entry{}, false
}

// Explain says in three lines, for each meaning that a key or variable has, what becomes of it.
func Explain(name string, env func(string) string) ([]string, error) {
	return table.Explain(name, env)
}
