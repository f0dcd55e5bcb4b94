package tyklintconverter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

// rule is one thing to look for.
type rule struct {
	name    string // by which x_otelcol_tyk::allow silences it
	refuses bool   // else it warns
	check   func(*configuration) []finding
}

// finding is one place where a rule does not hold.
type finding struct{ key, reason, remedy string }

// rules are in the order in which their findings are told.
var rules = []rule{
	{"batch", true, batches},
	{"memory-queue", true, memoryQueues},
	{"retries-end", true, endingRetries},
	{"requests-unstored", true, unstoredRequests},
	{"requests-partly", false, partlyStored},
	{"rollups-missing", true, missingRollups},
	{"rollups-unstored", true, unstoredRollups},
	{"document-unstored", true, unstoredDocuments},
	{"filter-behind-rollups", true, filtersBehindRollups},
	{"field-missing", true, missingFields},
	{"rollups-twice", true, rollupsTwice},
	{"uptime-unstored", true, unstoredUptime},
	{"uptime-unread", false, unreadUptime},
	{"mcp-unstored", false, unstoredMCP},
	{"latencies", false, unstoredLatencies},
	{"early-answer", false, earlyAnswers},
	{"credentials", false, storedCredentials},
	{"debug-only", false, debugOnly},
	{"entries-missing", true, missingEntries},
	{"entries-whole", false, wholeEntries},
	{"entries-undecodable", true, emptyRecords},
	{"own-source", true, ownSources},
	{"routing-drops", false, routingDrops},
}

// batches finds processors that answer before anything is stored.
func batches(c *configuration) (found []finding) {
	for _, w := range c.promised() {
		for _, p := range c.Pipelines {
			if slices.Contains(w.Pipelines, p.ID) && slices.ContainsFunc(p.Processors, func(id string) bool { return wiring.Type(id) == "batch" }) {
				found = append(found, finding{
					"service::pipelines::" + p.ID + "::processors", "batch answers before the records of " + w.receiver + " are stored, and a crash or a failed write loses them",
					"leave batch out: the receiver delivers in chunks (chunk_size)",
				})
			}
		}
	}
	return found
}

// memoryQueues finds exporters that take records into memory and answer.
func memoryQueues(c *configuration) (found []finding) {
	for _, w := range c.promised() {
		kind, settings := wiring.Type(w.Exporter), c.exporters[w.Exporter]
		if _, written := settings["sending_queue"]; !written && slices.Contains(queueless, kind) {
			continue
		}
		if ours(w.Exporter) || !is(settings, true, "sending_queue", "enabled") ||
			is(settings, false, "sending_queue", "wait_for_result") || get(settings, "sending_queue", "storage") != nil {
			continue
		}
		found = append(found, finding{
			"exporters::" + w.Exporter + "::sending_queue", "is in memory: the records of " + w.receiver + " leave Redis before they are stored, and a crash or an outage loses them",
			"set sending_queue: {enabled: false}, or wait_for_result: true in it, or a storage",
		})
	}
	return found
}

// fewRetries of Elasticsearch's exporter are over within hours.
const fewRetries = 1000

// endingRetries finds exporters that give records up for which nobody asks again.
func endingRetries(c *configuration) (found []finding) {
	for _, w := range c.promised() {
		settings, key := c.exporters[w.Exporter], "exporters::"+w.Exporter+"::"
		if wiring.Type(w.Exporter) == elasticsearch {
			retries, err := strconv.ParseFloat(fmt.Sprint(get(settings, "retry", "max_retries")), 64) // 1e6 is a number, too
			if err != nil || retries < fewRetries || !is(settings, true, "retry", "enabled") {
				found = append(found, finding{
					key + "retry", "a document that fails a few times is given up and counts as delivered, so that an outage loses records",
					"set retry: {max_retries: 1000000, max_interval: 30s} and timeout: 1h",
				})
			}
			continue
		}
		if get(settings, "sending_queue", "storage") == nil || !is(settings, true, "sending_queue", "enabled") {
			continue // the receiver asks again
		}
		if !is(settings, true, "retry_on_failure", "enabled") || !endless(get(settings, "retry_on_failure", "max_elapsed_time")) {
			found = append(found, finding{
				key + "retry_on_failure", "ends (after 5m by default), and what is in the queue on disk is given up then",
				"set retry_on_failure: {max_elapsed_time: 0}",
			})
		}
	}
	return found
}

// endless tells whether a time limit is none.
func endless(limit any) bool {
	d, err := time.ParseDuration(fmt.Sprint(limit))
	return err == nil && d == 0
}

// unstoredRequests finds receivers whose records reach no table. What arrives from elsewhere than
// Redis, such as Kafka, may be something else.
func unstoredRequests(c *configuration) (found []finding) {
	kept, reached := map[string]bool{}, map[string][]string{}
	for _, w := range c.promised() {
		some, _ := c.keeps(w)
		kept[w.receiver] = kept[w.receiver] || some
		reached[w.receiver] = append(reached[w.receiver], w.Exporter)
	}
	for receiver, exporters := range reached {
		if c.requests(receiver) && !kept[receiver] && !c.isCounted(receiver) {
			slices.Sort(exporters)
			found = append(found, finding{
				"receivers::" + receiver, "no table of " + strings.Join(slices.Compact(exporters), ", ") + " stores what arrives there, so that every record is taken from Redis and lost",
				"switch on the tables of records, put tykaggregate in front of those of rollups, or set requests: {enabled: false} at the receiver",
			})
		}
	}
	return found
}

// partlyStored finds stores of requests of GraphQL or MCP where the others are stored nowhere, and
// nobody has said so.
func partlyStored(c *configuration) (found []finding) {
	for _, w := range c.promised() {
		some, plain := c.keeps(w)
		if !c.requests(w.receiver) {
			continue
		}
		if plain || c.isCounted(w.receiver) {
			return nil
		}
		s := stores[wiring.Type(w.Exporter)]
		if !some || get(c.exporters[w.Exporter], s.section, s.plain[0], "enabled") != nil {
			continue
		}
		found = append(found, finding{
			c.table(w.Exporter, s.plain[0]), "requests that are neither of GraphQL nor of MCP are taken from " + w.receiver + " without being stored",
			"switch on the table " + standard + ", or this one behind tykaggregate, or set enabled: false in it to say that they are not wanted",
		})
	}
	return found
}

// rollupsTwice finds a tykaggregate behind another, which cannot count what has been counted.
func rollupsTwice(c *configuration) (found []finding) {
	for _, w := range c.ways {
		first := w.place(aggregate)
		for _, id := range w.Processors[first+1:] {
			if first >= 0 && wiring.Type(id) == aggregate {
				found = append(found, finding{
					"processors::" + id, "stands behind " + w.Processors[first] + ", whose rollups it cannot count: every one is dropped",
					"give it a pipeline of its own, or leave one of the two out",
				})
			}
		}
	}
	return found
}

// missingRollups finds tables of rollups that nobody fills.
func missingRollups(c *configuration) (found []finding) {
	filled := map[string]bool{}
	for _, w := range c.ways {
		// What comes from elsewhere, such as Kafka, may be rollups.
		filled[w.Exporter] = filled[w.Exporter] || w.rollups() || wiring.Type(w.receiver) != redisReceiver
	}
	for exporter, rollups := range filled {
		for _, table := range stores[wiring.Type(exporter)].rollups {
			if !rollups && c.on(exporter, table) {
				found = append(found, finding{
					c.table(exporter, table), "no pipeline to it has tykaggregate, so that it stays empty, and nothing makes these rollups later",
					"add a pipeline with tykaggregate as its last processor, or switch it off",
				})
			}
		}
	}
	return found
}

// unstoredRollups finds rollups on their way to who cannot store them.
func unstoredRollups(c *configuration) (found []finding) {
	for _, w := range c.ways {
		s, known := stores[wiring.Type(w.Exporter)]
		if known && w.rollups() && !s.both && !c.anyOn(w.Exporter, s.rollups) {
			remedy := "switch on one of " + s.section + "::" + strings.Join(s.rollups, ", ") + ", or leave tykaggregate out of " + w.Pipelines[len(w.Pipelines)-1]
			if s.section == "" {
				remedy = "leave tykaggregate out of " + w.Pipelines[len(w.Pipelines)-1]
			}
			found = append(found, finding{
				"exporters::" + w.Exporter, "rollups of " + w.Processors[w.place(aggregate)] + " arrive, of which it stores none: they become dead letters, or wait", remedy,
			})
		}
	}
	return found
}

// unstoredDocuments finds documents on their way to who wants records.
func unstoredDocuments(c *configuration) (found []finding) {
	for _, w := range c.ways {
		made, counted := c.document(w), w.place(aggregate)
		if made < 0 || counted >= 0 && counted < made {
			continue
		}
		by := w.Exporter
		switch {
		case counted > made:
			by = w.Processors[counted]
		case !ours(w.Exporter):
			continue
		}
		found = append(found, finding{
			"processors::" + w.Processors[made] + "::document::format", "makes documents, and " + by + " behind it wants records: every one becomes a dead letter, or is left out",
			"give " + by + " a pipeline with a tykfilter/<name> without document",
		})
	}
	return found
}

// filtersBehindRollups finds conditions that are asked of what has no API, status or organisation any more.
func filtersBehindRollups(c *configuration) (found []finding) {
	for _, w := range c.ways {
		counted := w.place(aggregate)
		if counted < 0 {
			continue
		}
		for _, id := range w.Processors[counted:] {
			for _, n := range choices {
				if wiring.Type(id) == filter && len(list(get(c.processors[id], n.key))) > 0 {
					found = append(found, finding{
						"processors::" + id + "::" + n.key, "stands behind " + w.Processors[counted] + ", whose rollups are of many records, so that none or all pass",
						"put " + id + " in front of " + w.Processors[counted],
					})
				}
			}
		}
	}
	return found
}

// unstoredUptime finds uptime checks on their way to who cannot store them.
func unstoredUptime(c *configuration) (found []finding) {
	const apart = "give uptime checks a receiver and a group of their own: requests: {enabled: false}, uptime: {enabled: true}"
	stored := map[string]bool{}
	for _, w := range c.ways {
		if !c.uptime(w.receiver) || w.rollups() {
			continue
		}
		stored[w.receiver] = true
		s, known := stores[wiring.Type(w.Exporter)]
		key := "receivers::" + w.receiver + "::uptime::enabled"
		switch made := c.document(w); {
		case w.parted(): // perhaps from requests
		case s.entries:
		case known && (s.section == "" || !c.on(w.Exporter, "uptime")):
			found = append(found, finding{key, "uptime checks arrive at " + w.Exporter + ", which has no table for them on: everything waits behind the first", "switch on its table uptime, or " + apart})
		case made >= 0:
			found = append(found, finding{key, "uptime checks pass " + w.Processors[made] + ", which makes documents of requests only: " + w.Exporter + " gets both kinds", apart})
		}
	}
	for _, w := range c.ways {
		if c.uptime(w.receiver) && !stored[w.receiver] {
			found = append(found, finding{"receivers::" + w.receiver + "::uptime::enabled", "all its pipelines have tykaggregate, which counts requests only, so that uptime checks are lost", apart})
		}
	}
	return found
}

// unreadUptime finds tables of uptime checks that nobody fills.
func unreadUptime(c *configuration) (found []finding) {
	filled := map[string]bool{}
	for _, w := range c.ways {
		filled[w.Exporter] = filled[w.Exporter] || c.uptime(w.receiver) || wiring.Type(w.receiver) != redisReceiver
	}
	for exporter, is := range filled {
		if s, known := stores[wiring.Type(exporter)]; known && s.section != "" && !is && c.on(exporter, "uptime") {
			found = append(found, finding{
				c.table(exporter, "uptime"), "no receiver in front of it reads uptime checks, so that it stays empty",
				"set uptime: {enabled: true} at the receiver, or switch it off",
			})
		}
	}
	return found
}

// unstoredMCP finds stores of requests for which nobody has decided what becomes of those of MCP.
func unstoredMCP(c *configuration) (found []finding) {
	const mcp = "mcp"
	stored := map[string]bool{}
	for _, w := range c.ways {
		s, known := stores[wiring.Type(w.Exporter)]
		stored[w.receiver] = stored[w.receiver] || !w.rollups() && (!known || s.section == "" || c.on(w.Exporter, mcp))
	}
	for _, w := range c.ways {
		s, known := stores[wiring.Type(w.Exporter)]
		if known && s.section != "" && c.requests(w.receiver) && !w.rollups() && !stored[w.receiver] && c.on(w.Exporter, standard) &&
			get(c.exporters[w.Exporter], s.section, mcp, "enabled") == nil {
			found = append(found, finding{
				c.table(w.Exporter, mcp), "requests of MCP are not in the table of requests, and are taken from Redis without being stored",
				"set enabled: true in it, or enabled: false to say that they are not wanted",
			})
		}
	}
	return found
}

// unstoredLatencies finds latencies that one end has and the other has not.
func unstoredLatencies(c *configuration) (found []finding) {
	made := map[string]bool{}
	for _, w := range c.ways {
		if at := w.place(aggregate); at >= 0 && wiring.Type(w.Exporter) == sqlStore {
			by := w.Processors[at]
			latencies := is(c.processors[by], false, "latencies")
			made[w.Exporter] = made[w.Exporter] || latencies
			if latencies && !c.on(w.Exporter, "latency") {
				found = append(found, finding{"processors::" + by + "::latencies", "makes sketches of latencies, and " + w.Exporter + " stores none", "switch on its table latency, or this off"})
			}
		}
	}
	for exporter, latencies := range made {
		if !latencies && c.on(exporter, "latency") {
			found = append(found, finding{c.table(exporter, "latency"), "no tykaggregate in front of it makes latencies, so that it stays empty", "set latencies: true at tykaggregate, or switch it off"})
		}
	}
	return found
}

// earlyAnswers finds exporters that answer before they have stored.
func earlyAnswers(c *configuration) (found []finding) {
	for _, w := range c.promised() {
		settings, key := c.exporters[w.Exporter], "exporters::"+w.Exporter
		path, _ := settings["path"].(string)
		switch kind := wiring.Type(w.Exporter); {
		case kind == "datadog":
			found = append(found, finding{key, "answers before Datadog has the logs, so that a crash loses what is on the way", "send records to Datadog's OTLP intake, with otlp_http"})
		case kind == "file" && settings["rotation"] == nil && !strings.HasPrefix(path, "/dev/"):
			found = append(found, finding{key, "keeps up to flush_interval of records in memory, which a crash loses", "set rotation, with which each delivery is written at once"})
		}
	}
	return found
}

// storedCredentials finds recorded requests that are stored with all their headers.
func storedCredentials(c *configuration) (found []finding) {
	for _, w := range c.promised() {
		if !c.requests(w.receiver) || w.rollups() || w.place(filter) >= 0 || w.place("redaction") >= 0 || c.bodiless(w) {
			continue
		}
		found = append(found, finding{
			"service::pipelines::" + w.Pipelines[len(w.Pipelines)-1] + "::processors", "recorded requests get to " + w.Exporter + " with the credentials in their headers",
			"put tykfilter in, which replaces them (redact_headers_only: [] in it keeps them)",
		})
	}
	return found
}

// bodiless tells whether no recorded request or response is shown or stored at the end of a way.
func (c *configuration) bodiless(w way) bool {
	settings := c.exporters[w.Exporter]
	switch wiring.Type(w.Exporter) {
	case "nop", redisStore: // which has entries as the gateway's Redis has them
		return true
	case "debug":
		return settings["verbosity"] != "detailed"
	case searchStore:
		extended, _ := settings["extended_stats"].(bool)
		return !extended
	case influxStore:
		fields := list(settings["fields"])
		return settings["fields"] != nil && !slices.Contains(fields, "raw_request") && !slices.Contains(fields, "raw_response")
	}
	ignored := list(get(c.receivers[w.receiver], "requests", "ignore_fields"))
	return slices.Contains(ignored, "raw_request") && slices.Contains(ignored, "raw_response")
}

// debugOnly finds receivers whose records are shown in the log, and stored nowhere.
func debugOnly(c *configuration) (found []finding) {
	for receiver := range c.receivers {
		if wiring.Type(receiver) != redisReceiver {
			continue
		}
		ways := c.Ways(receiver)
		if len(ways) > 0 && !slices.ContainsFunc(ways, func(w wiring.Way) bool { return wiring.Type(w.Exporter) != "debug" }) {
			found = append(found, finding{"receivers::" + receiver, "its records go to debug only: they leave Redis, and are stored nowhere", "add a store, or a group of its own to look at records that others store"})
		}
	}
	return found
}

// routingDrops finds routes that records can miss.
func routingDrops(c *configuration) (found []finding) {
	for _, w := range c.promised() {
		for _, p := range c.Pipelines {
			for _, to := range p.Exporters {
				settings, connector := c.connectors[to]
				if !connector || wiring.Type(to) != routing || !slices.Contains(w.Pipelines, p.ID) {
					continue
				}
				if len(list(settings["default_pipelines"])) == 0 {
					found = append(found, finding{"connectors::" + to + "::default_pipelines", "is not set: records that no route matches leave Redis, and are stored nowhere", "name a pipeline for them"})
				}
			}
		}
	}
	return found
}
