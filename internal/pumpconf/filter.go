package pumpconf

import (
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

// filter makes a pump's tykfilter: which records, which parts of them, in which form.
func (c *converter) filter(p *settings.Pump, document *tree.Map) *tree.Map {
	m, g := tree.New(), p.Common
	copyRows(g, "filter", m)
	c.checkLists(p)
	fields := m.Sub("fields")
	c.size(p, fields)
	if ignore := c.ignoredFields(p); len(ignore) > 0 {
		fields.Note("ignore", ignore, from(g, "ignore_fields"))
	}
	for _, d := range []struct{ key, to string }{
		{"raw_request_decoded", "decode_raw_request"}, {"raw_response_decoded", "decode_raw_response"},
	} {
		switch {
		case !g.Bool(d.key):
		case p.Type.Family == "mongo" || p.Type.Family == "sql":
			c.Info(g.Place(d.key), "not taken over: Tyk Pump does not decode for pumps of type %s either", p.Type.Name)
		default:
			fields.Note(d.to, true, from(g, d.key))
		}
	}
	c.redact(fields)
	if document != nil {
		m.Set("document", document)
	}
	if fields.Len() == 0 {
		m.Delete("fields")
	}
	return m
}

// checkLists refuses a pump whose filters can let nothing through.
func (c *converter) checkLists(p *settings.Pump) {
	g, key := p.Common, func(name string) string { return "filters." + name }
	lists := selection.Lists{
		APIIDs: g.List(key("api_ids")), OrgIDs: g.List(key("org_ids")), ResponseCodes: g.Ints(key("response_codes")),
		SkipAPIIDs: g.List(key("skip_api_ids")), SkipOrgIDs: g.List(key("skip_org_ids")), SkipResponseCodes: g.Ints(key("skip_response_codes")),
	}
	for _, err := range lists.Faults() {
		name, why, _ := strings.Cut(err.Error(), ": ")
		c.refuse(p, g.Place(key(name)), "%s", why)
	}
}

func (c *converter) size(p *settings.Pump, fields *tree.Map) {
	if p.Common.Bool("omit_detailed_recording") {
		return // bodies are emptied, not cut
	}
	for _, g := range []*settings.Group{p.Common, c.s.Global} {
		if size := g.Int("max_record_size"); size > 0 {
			fields.Note("max_record_size", size, from(g, "max_record_size"))
			return
		}
	}
}

func (c *converter) ignoredFields(p *settings.Pump) []string {
	var known []string
	for _, name := range p.Common.List("ignore_fields") {
		if _, err := analytics.ParseField(name); err != nil {
			why := err.Error()
			if shown := settings.Quoted(name); !strings.Contains(why, shown) {
				why = shown + " is not a field of a record"
			}
			c.Warn(p.Common.Place("ignore_fields"), "%s It is left out, as Tyk Pump finds no such field either", sentence(why))
			continue
		}
		known = append(known, name)
	}
	return known
}

// sentence ends a text with a full stop, unless it is a question.
func sentence(text string) string {
	if strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// redact decides on the credentials in recorded requests and in queries, which Tyk Pump stores.
func (c *converter) redact(fields *tree.Map) {
	headers := c.s.Own.List("redact_headers")
	switch {
	case len(headers) == 1 && headers[0] == "default":
	case len(headers) > 0:
		fields.Note("redact_headers", headers, from(c.s.Own, "redact_headers"))
	default:
		fields.Note("redact_headers_only", []string{}, "credentials in recorded requests are stored, as by Tyk Pump; delete this to take them out")
		fields.Note("redact_query_only", []string{}, "and those in the queries of URLs")
	}
}

// longerTimeout takes a pump's timeout where it is longer than the exporter's own.
func (c *converter) longerTimeout(p *settings.Pump, exporter *tree.Map, own int64) {
	seconds := p.Common.Int("timeout")
	switch {
	case seconds <= 0:
	case seconds > own:
		exporter.Note("timeout", c.seconds(p.Common, "timeout"), from(p.Common, "timeout"))
	default:
		c.Info(p.Common.Place("timeout"), "not taken over: an attempt may take %ds, and is repeated until the record is stored", own)
	}
}
