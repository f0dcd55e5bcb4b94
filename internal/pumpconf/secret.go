package pumpconf

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// plainVariable is what the collector takes for a variable's name.
var plainVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secret gives a text that the YAML does not show. It refers to the variable that holds
// it, where one does and the collector reads the same in it.
func (c *converter) secret(g *settings.Group, key, text string) tree.Secret {
	if v := g.Value(key); v != nil && v.Verbatim && v.Data == text && plainVariable.MatchString(v.Variable) && !strings.Contains(text, "$") {
		return tree.Secret{Text: text, Variable: v.Variable}
	}
	name := "TYKPUMP_" + strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToUpper(r)
		}
		return '_'
	}, g.KeyPath(key))
	own := name
	for n := 2; c.secretTexts[own] != "" && c.secretTexts[own] != text; n++ {
		own = name + "_" + strconv.Itoa(n)
	}
	if c.secretTexts[own] == "" {
		c.secretTexts[own] = text
		c.secrets = append(c.secrets, own)
	}
	return tree.Secret{Text: text, Variable: own}
}

// hidden is secret for texts, such as URLs, that are shown where they hold no credentials.
func (c *converter) hidden(g *settings.Group, key, text string, credentials bool) any {
	v := g.Value(key)
	if !credentials && (v == nil || !v.Resolved && v.Variable == "") {
		return text
	}
	return c.secret(g, key, text)
}

// from is the comment that says where a setting came from.
func from(g *settings.Group, key string) string { return "<- " + g.Source(key) }

// copyRows copies what the table says goes to a component unchanged.
func copyRows(g *settings.Group, component string, into *tree.Map) {
	for i := range g.Section.Keys {
		row := &g.Section.Keys[i]
		path, ok := strings.CutPrefix(row.To, component+".")
		if !ok || !g.Set(row.Name) || row.Unread(g.Set) {
			continue
		}
		data := g.Value(row.Name).Data
		if numbers, isInts := data.([]int64); isInts {
			list := make([]any, len(numbers))
			for i := range numbers {
				list[i] = numbers[i]
			}
			data = list
		}
		into.Path(path, data, from(g, row.Name))
	}
}

// certificates copies the keys that stock exporters' TLS has in common.
func (c *converter) certificates(g *settings.Group, into *tree.Map) {
	for _, file := range []struct{ key, to string }{
		{"ssl_ca_file", "ca_file"}, {"ssl_cert_file", "cert_file"}, {"ssl_key_file", "key_file"},
	} {
		if g.Set(file.key) {
			into.Note(file.to, g.Text(file.key), from(g, file.key))
		}
	}
	c.certificatePair(g)
	if g.Bool("ssl_insecure_skip_verify") {
		into.Note("insecure_skip_verify", true, from(g, "ssl_insecure_skip_verify"))
	}
}

// certificatePair refuses a certificate without its key, and the other way round, as all components do.
func (c *converter) certificatePair(g *settings.Group) {
	there, missing := "ssl_cert_file", "ssl_key_file"
	if g.Set(missing) {
		there, missing = missing, there
	}
	if g.Set(there) && !g.Set(missing) {
		c.Error(g.Place(missing), "is missing, and %s is set: set both, or none of them", there)
	}
}

// hideResolved makes secrets of all values that a store of secrets gave.
func (c *converter) hideResolved(config *tree.Map) {
	groups := []*settings.Group{c.s.Global, c.s.Redis, c.s.Uptime}
	for _, p := range c.s.Pumps {
		groups = append(groups, p.Common, p.Meta)
	}
	for _, g := range groups {
		for i := range g.Section.Keys {
			key := g.Section.Keys[i].Name
			v := g.Value(key)
			if v == nil || !v.Resolved {
				continue
			}
			texts := g.List(key)
			if text := g.Text(key); text != "" {
				texts = []string{text}
			}
			if g.Section.Keys[i].Kind == table.Objects {
				texts = v.Given
			}
			for _, text := range texts {
				config.Replace(text, func() any { return c.secret(g, key, text) })
			}
		}
	}
}
