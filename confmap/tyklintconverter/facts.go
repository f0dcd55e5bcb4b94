package tyklintconverter

import (
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

// The types of components that rules are about.
const (
	redisReceiver = "tykredis"
	filter        = "tykfilter"
	aggregate     = "tykaggregate"
	sqlStore      = "tyksql"
	mongoStore    = "tykmongo"
	influxStore   = "tykinflux"
	gelfStore     = "tykgelf"
	statsdStore   = "tykstatsd"
	csvStore      = "tykcsv"
	syslogStore   = "tyksyslog"
	hybridStore   = "tykhybrid"
	redisStore    = "tykredis"
	searchStore   = "tykopensearch"
	logzioStore   = "tyklogzio"
	moesifStore   = "tykmoesif"
	resurface     = "tykresurface"
	segmentStore  = "tyksegment"
	sqsStore      = "tyksqs"
	kinesisStore  = "tykkinesis"
	routing       = "routing"
	elasticsearch = "elasticsearch"
)

// store is what an exporter of Tyk's schemas stores, by the keys of its configuration.
type store struct {
	section string // of the keys; empty where all records are stored, and of rollups all or none
	records []string
	rollups []string
	// plain are those of requests that are neither of GraphQL nor of MCP, the rollups first.
	plain []string
	both  bool // rollups are stored, too, without a key of theirs
	// entries are stored as they came: requests and uptime checks, and nothing that is made of them.
	entries bool
}

// standard is the one table, or collection, that is on by default.
const standard = "requests"

var stores = map[string]store{
	sqlStore: {
		section: "tables",
		records: []string{standard, "graph", "mcp"},
		rollups: []string{"aggregated", "graph_aggregated", "mcp_aggregated", "latency"},
		plain:   []string{"aggregated", "latency", standard},
	},
	mongoStore: {
		section: "collections",
		records: []string{standard, "organisations", "graph", "mcp"},
		rollups: []string{"aggregates", "mcp_aggregates"},
		plain:   []string{"aggregates", "organisations", standard},
	},
	gelfStore:    {},
	influxStore:  {},
	statsdStore:  {},
	csvStore:     {},
	syslogStore:  {},
	searchStore:  {},
	logzioStore:  {},
	hybridStore:  {both: true},
	moesifStore:  {},
	resurface:    {},
	segmentStore: {},
	redisStore:   {entries: true},
	sqsStore:     {},
	kinesisStore: {},
}

// queueless are stock exporters without a sending_queue, or with one that is off unless it is written.
var queueless = []string{"awss3", "debug", "file", "nop", "prometheus", "prometheusremotewrite"}

// configuration is what rules look at.
type configuration struct {
	*wiring.Wiring
	receivers, processors, exporters, connectors map[string]map[string]any
	// ways are those of log records, from receivers to exporters.
	ways []way
}

// way is one on which log records get from a receiver to an exporter.
type way struct {
	receiver string
	wiring.Way
}

func newConfiguration(conf *confmap.Conf) *configuration {
	w := wiring.Of(conf)
	c := &configuration{
		Wiring: w, receivers: w.Components("receivers"), processors: w.Components("processors"),
		exporters: w.Components("exporters"), connectors: w.Components("connectors"),
	}
	for _, receiver := range slices.Sorted(maps.Keys(c.receivers)) {
		for _, found := range w.Ways(receiver) {
			if !slices.ContainsFunc(found.Pipelines, func(id string) bool { return wiring.Type(id) != "logs" }) {
				c.ways = append(c.ways, way{receiver: receiver, Way: found})
			}
		}
	}
	return c
}

// get is a setting below others, or nil.
func get(settings map[string]any, path ...string) any {
	var value any = settings
	for _, key := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[key]
	}
	return value
}

// is reads a switch that has a default.
func is(settings map[string]any, standard bool, path ...string) bool {
	if value, ok := get(settings, path...).(bool); ok {
		return value
	}
	return standard
}

// on tells whether a table or a collection is written.
func (c *configuration) on(exporter, table string) bool {
	return is(c.exporters[exporter], table == standard, stores[wiring.Type(exporter)].section, table, "enabled")
}

// anyOn tells whether one of them is.
func (c *configuration) anyOn(exporter string, tables []string) bool {
	return slices.ContainsFunc(tables, func(table string) bool { return c.on(exporter, table) })
}

// table is the key of a table in a configuration.
func (c *configuration) table(exporter, table string) string {
	return "exporters::" + exporter + "::" + stores[wiring.Type(exporter)].section + "::" + table
}

// requests tells whether a receiver has records of requests, or may have.
func (c *configuration) requests(receiver string) bool {
	return wiring.Type(receiver) != redisReceiver || is(c.receivers[receiver], true, "requests", "enabled")
}

// uptime tells whether a receiver is known to have uptime checks.
func (c *configuration) uptime(receiver string) bool {
	return wiring.Type(receiver) == redisReceiver && is(c.receivers[receiver], false, "uptime", "enabled")
}

// promised are the ways on which an answer ends the record's life in Redis.
func (c *configuration) promised() []way {
	return slices.DeleteFunc(slices.Clone(c.ways), func(w way) bool { return wiring.Type(w.receiver) != redisReceiver })
}

// ours tells exporters of this project, which refuse settings that lose records by themselves.
func ours(exporter string) bool { return strings.HasPrefix(wiring.Type(exporter), "tyk") }

// place is where the first processor of a type stands on a way, or -1.
func (w way) place(kind string) int {
	return slices.IndexFunc(w.Processors, func(id string) bool { return wiring.Type(id) == kind })
}

// rollups tells whether rollups arrive at the end of a way, in the place of records.
func (w way) rollups() bool { return w.place(aggregate) >= 0 }

// document gives the place of the filter that makes documents on a way, or -1.
func (c *configuration) document(w way) int {
	return slices.IndexFunc(w.Processors, func(id string) bool {
		format, _ := get(c.processors[id], "document", "format").(string)
		return wiring.Type(id) == filter && format != ""
	})
}

// parted tells whether only some of the records may take a way to its end.
func (w way) parted() bool {
	return w.place("filter") >= 0 || slices.ContainsFunc(w.Connectors, func(id string) bool { return wiring.Type(id) == routing })
}

// isCounted tells whether metrics, or something else, are made of a receiver's records.
func (c *configuration) isCounted(receiver string) bool {
	return slices.ContainsFunc(c.Ways(receiver), func(w wiring.Way) bool {
		return slices.ContainsFunc(w.Pipelines, func(id string) bool { return wiring.Type(id) != "logs" })
	})
}

// keeps tells whether requests that take a way are stored at its end, as themselves or in rollups: some
// of them, and those of which no table of GraphQL or MCP is.
func (c *configuration) keeps(w way) (some, plain bool) {
	s, known := stores[wiring.Type(w.Exporter)]
	if !known || s.section == "" {
		return true, true
	}
	tables := s.records
	if w.rollups() {
		tables = s.rollups
	}
	for _, table := range tables {
		isOn := c.on(w.Exporter, table)
		some = some || isOn
		plain = plain || isOn && slices.Contains(s.plain, table)
	}
	return some, plain
}
