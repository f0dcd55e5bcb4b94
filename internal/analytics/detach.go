package analytics

import (
	"strings"
	"unsafe"
)

// textBlock is how much memory Texts takes at once, and longText from where a text
// gets memory of its own.
const (
	textBlock = 8 << 10
	longText  = textBlock / 8
)

// Texts holds copies of texts side by side. It is used by one goroutine at a time.
type Texts struct{ block []byte }

// keep copies a text.
func (t *Texts) keep(text string) string {
	switch {
	case text == "":
		return ""
	case len(text) > longText:
		return strings.Clone(text)
	case len(text) > cap(t.block)-len(t.block):
		t.block = make([]byte, 0, textBlock)
	}
	from := len(t.block)
	t.block = append(t.block, text...)
	return unsafe.String(&t.block[from], len(text))
}

// Detach copies all texts of r into t, so that neither r nor what is made from it
// keeps the memory that r was decoded from.
func (r *Record) Detach(t *Texts) {
	whole := r.RawPath == r.Path
	for _, text := range [...]*string{
		&r.Method, &r.Host, &r.Path, &r.UserAgent, &r.APIKey, &r.APIVersion, &r.APIName, &r.APIID, &r.OrgID, &r.OauthID,
		&r.RawRequest, &r.RawResponse, &r.IPAddress, &r.Alias, &r.APISchema, &r.OriginalPath, &r.ListenPath,
		&r.MCP.JSONRPCMethod, &r.MCP.PrimitiveType, &r.MCP.PrimitiveName,
	} {
		*text = t.keep(*text)
	}
	if whole {
		r.RawPath = r.Path
	} else {
		r.RawPath = t.keep(r.RawPath)
	}
	for i, tag := range r.Tags {
		r.Tags[i] = t.keep(tag)
	}
	r.Geo.detach(t)
	if r.GraphQL.present() {
		r.GraphQL.detach(t)
	}
}

func (g *Geo) detach(t *Texts) {
	g.CountryISOCode, g.TimeZone = t.keep(g.CountryISOCode), t.keep(g.TimeZone)
	if len(g.CityNames) == 0 {
		return
	}
	names := make(map[string]string, len(g.CityNames))
	for language, name := range g.CityNames {
		names[t.keep(language)] = t.keep(name)
	}
	g.CityNames = names
}

func (g *GraphQLStats) detach(t *Texts) {
	g.Variables = t.keep(g.Variables)
	for i, field := range g.RootFields {
		g.RootFields[i] = t.keep(field)
	}
	types := make(map[string][]string, len(g.Types))
	for name, fields := range g.Types {
		for i, field := range fields {
			fields[i] = t.keep(field)
		}
		types[t.keep(name)] = fields
	}
	g.Types = types
	for i := range g.Errors {
		e := &g.Errors[i]
		e.Message = t.keep(e.Message)
		for j, step := range e.Path {
			if name, ok := step.(string); ok {
				e.Path[j] = t.keep(name)
			}
		}
	}
}
