package pumpconf

import (
	"path/filepath"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// csv makes the unit of a csv pump.
func (c *converter) csv(p *settings.Pump) *unit {
	g := p.Meta
	dir := filepath.Clean(g.Text("csv_dir"))
	if g.Text("csv_dir") == "" {
		c.Warn(g.Place("csv_dir"), "is missing, with which Tyk Pump writes into its working directory, and so does otelcol-tyk: name the directory")
	}
	u := newUnit(p, destination{family: "csv", identity: "csv " + dir, group: "csv." + dir, label: "the directory " + dir}, "tykcsv")
	u.filter = c.filter(p, nil)
	m := u.store.config
	m.Note("csv_dir", dir, from(g, "csv_dir"))
	m.Note("columns", "tyk", "Tyk Pump's")
	m.Note("file_mode", "0666", "Tyk Pump's, less the umask")
	if c.in.Zone.Name != utc {
		m.Note("timezone", c.in.Zone.Name, "<- "+c.in.Zone.Origin)
	}
	c.longerTimeout(p, m, ownTimeout)
	return u
}
