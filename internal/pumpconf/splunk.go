package pumpconf

import (
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/tree"
)

// splunkPath is where Tyk Pump sends events, whatever path its URL has.
const splunkPath = "/services/collector/event/1.0"

// splunk makes the unit of a splunk pump.
func (c *converter) splunk(p *settings.Pump) *unit {
	g := p.Meta
	token, address := g.Text("collector_token"), g.Text("collector_url")
	for _, key := range []string{"collector_token", "collector_url"} {
		if g.Text(key) == "" {
			c.Error(g.Place(key), "is missing, with which Tyk Pump leaves the pump out: set it")
		}
	}
	if token == "" || address == "" {
		return nil
	}
	url, host, err := readURL(address)
	if err != nil {
		c.Error(g.Place("collector_url"), "%v", err)
		return nil
	}
	u := newUnit(p, httpDestination("splunk", "splunk", []string{url.Scheme + "://" + host}), "splunk_hec")
	document := tree.New().Set("format", "splunk")
	if letters := g.Int("obfuscate_api_keys_length"); letters < 0 && g.Bool("obfuscate_api_keys") {
		c.Error(g.Place("obfuscate_api_keys_length"), "%d is no number of letters that stay: write 0 or more", letters)
	}
	copyRows(g, "document", document)
	if fields := c.documentFields(g, "fields", "splunk"); len(fields) > 0 {
		document.Note("fields", fields, from(g, "fields"))
	}
	u.filter = c.filter(p, document)
	m := u.store.config
	m.Note("endpoint", url.Scheme+"://"+url.Host+splunkPath, from(g, "collector_url"))
	m.Note("token", c.secret(g, "collector_token", token), from(g, "collector_token"))
	tls := tree.New()
	c.certificates(g, tls)
	if name := g.Text("ssl_server_name"); name != "" {
		tls.Note("server_name_override", name, from(g, "ssl_server_name"))
	}
	if tls.Len() > 0 {
		m.Set("tls", tls)
	}
	c.splunkBatch(g, m)
	c.longerTimeout(p, m, 10)
	stored(m)
	c.Warn(u.place, "host, source and sourcetype of events are always written here, and time has milliseconds; set source and sourcetype of splunk_hec/%s with a further --config if searches go by them", u.name)
	return u
}

func (c *converter) splunkBatch(g *settings.Group, m *tree.Map) {
	const least, most = 64 << 10, 800 << 20
	if !g.Bool("enable_batch") {
		c.Info(g.Place("enable_batch"), "events are always sent in batches: one request for each record is slower and no safer")
		return
	}
	size := g.Int("batch_max_content_length")
	switch {
	case size <= 0 || size > most:
		size = most
	case size < least:
		c.Info(g.Place("batch_max_content_length"), "%d is less than a record may need: %d is used", size, least)
		size = least
	}
	m.Note("max_content_length_logs", size, from(g, "batch_max_content_length"))
}

// documentFields are those of a list of a pump's that its documents have.
func (c *converter) documentFields(g *settings.Group, key, format string) []string {
	known := []string{}
	for _, name := range g.List(key) {
		if _, err := analytics.NewDocument(format, []string{name}); err != nil {
			c.Warn(g.Place(key), "%s is not a field of these documents: it is left out, as Tyk Pump has nothing for it either", settings.Quoted(name))
			continue
		}
		known = append(known, name)
	}
	return known
}
