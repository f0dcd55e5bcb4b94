// Package deviation is the list of what is stored otherwise than by Tyk Pump on purpose, as
// docs/differences.md has it: rows of its tables that have an anchor are explanations of differences.
package deviation

import (
	"regexp"
	"strings"
	"sync"

	"github.com/otelcol-tyk/otelcol-tyk/docs"
)

// The deviations that a comparison of stores can meet; each is the anchor of a row.
const (
	LatencyGateway = "sql-latency-gateway"
	CityNames      = "sql-city-names"
	SimpleProtocol = "sql-simple-protocol"
	MySQLID        = "rollup-mysql-id"
	MySQLText      = "sql-mysql-text"
	MySQLTime      = "sql-mysql-time"

	Bucket       = "rollup-bucket"
	TraceTags    = "rollup-trace-tags"
	MaxValues    = "rollup-max-values"
	Minimum      = "rollup-minimum"
	LastTime     = "rollup-last-time"
	Identifier   = "rollup-identifier"
	Mean         = "rollup-mean"
	GraphNetwork = "rollup-graph-network"

	MongoGateway   = "mongo-latency-gateway"
	MongoCityNames = "mongo-city-names"
	NotUTF8        = "mongo-not-utf8"
	MongoOverwrite = "mongo-network-counters"
	MongoListTime  = "mongo-list-request-time"
	MongoLastTime  = "mongo-last-time"
	MongoMinimum   = "mongo-minimum"
	MongoExpiry    = "mongo-expiry"
	MongoKeys      = "mongo-keys"
	MongoMemory    = "mongo-memory"

	UptimeHour        = "uptime-hour"
	UptimeRequestTime = "uptime-request-time"
	UptimeLastTime    = "uptime-last-time"

	Observations = "prometheus-observations"
)

// Deviation is a row of the document.
type Deviation struct {
	ID      string `json:"id"`
	Section string `json:"section"`
	What    string `json:"what"`
	There   string `json:"tyk_pump"`
	Here    string `json:"here"`
	Reason  string `json:"reason,omitempty"`
}

// anchor marks a row that comparisons know.
var anchor = regexp.MustCompile(`<a id="([a-z0-9-]+)"></a>\s*`)

// Parse reads the rows with an anchor from a document in Markdown. Its tables have the columns "what, Tyk Pump, here,
// reason", or the same without the first.
func Parse(document string) map[string]Deviation {
	found := map[string]Deviation{}
	section := ""
	for line := range strings.Lines(document) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		id := anchor.FindStringSubmatch(line)
		if id == nil || !strings.HasPrefix(line, "|") {
			continue
		}
		line = anchor.ReplaceAllString(line, "")
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		d := Deviation{ID: id[1], Section: section}
		if len(cells) == 4 {
			d.What, cells = cells[0], cells[1:]
		}
		if len(cells) == 3 {
			d.There, d.Here, d.Reason = cells[0], cells[1], cells[2]
		}
		found[d.ID] = d
	}
	return found
}

// All are the deviations of docs/differences.md.
var All = sync.OnceValue(func() map[string]Deviation { return Parse(docs.Differences) })

// String is the deviation in a line.
func (d Deviation) String() string {
	text := "Tyk Pump: " + d.There + "; here: " + d.Here
	if d.What != "" {
		text = d.What + ". " + text
	}
	if d.Reason != "" {
		text += " (" + d.Reason + ")"
	}
	return text
}
