package tyklintconverter

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

// missingEntries finds exporters of entries that get records without them.
func missingEntries(c *configuration) (found []finding) {
	for _, w := range c.ways {
		if !stores[wiring.Type(w.Exporter)].entries {
			continue
		}
		if wiring.Type(w.receiver) != redisReceiver {
			found = append(found, finding{
				"exporters::" + w.Exporter, "wants the entries that a tykredis receiver has, and records of " + w.receiver + " come without: they wait for ever",
				"put it into a pipeline of tykredis, or store what " + w.receiver + " has elsewhere",
			})
		}
	}
	return found
}

// covering are stock processors that people hide parts of records with.
var covering = []string{"attributes", "redaction"}

// wholeEntries finds settings that change records in front of who pushes entries as they came.
func wholeEntries(c *configuration) (found []finding) {
	const remedy = "leave it out; a condition of tykfilter keeps whole records away"
	for _, w := range c.ways {
		if !stores[wiring.Type(w.Exporter)].entries {
			continue
		}
		for _, id := range w.Processors {
			key, fields := "processors::"+id, get(c.processors[id], "fields")
			if settings, _ := fields.(map[string]any); wiring.Type(id) == filter && len(settings) > 0 {
				key += "::fields"
			} else if !slices.Contains(covering, wiring.Type(id)) {
				continue
			}
			found = append(found, finding{key, "does nothing for " + w.Exporter + ", which pushes entries as they came", remedy})
		}
		if len(list(get(c.receivers[w.receiver], "requests", "ignore_fields"))) > 0 {
			found = append(found, finding{"receivers::" + w.receiver + "::requests::ignore_fields", "does nothing for " + w.Exporter + ", which pushes entries as they came", remedy})
		}
	}
	return found
}

// emptyRecords finds receivers that hand on what cannot be decoded to who wants records.
func emptyRecords(c *configuration) (found []finding) {
	for _, w := range c.promised() {
		if get(c.receivers[w.receiver], "undecodable") == "deliver" && !stores[wiring.Type(w.Exporter)].entries {
			found = append(found, finding{
				"receivers::" + w.receiver + "::undecodable",
				"deliver gives " + w.Exporter + " log records of what cannot be decoded that have nothing but an identity: it stores these, and the entries are lost to it, or refuses them without their reason",
				"leave it out, or give tykredis a receiver and a group of its own",
			})
		}
	}
	return found
}

// ownSources finds exporters of entries whose lists are read again, directly or over others, so that
// entries go round for ever.
func ownSources(c *configuration) (found []finding) {
	type step struct {
		exporter string
		to       string
	}
	steps := map[string][]step{}
	for _, w := range c.promised() {
		if stores[wiring.Type(w.Exporter)].entries {
			for kind, from := range lists(c.receivers[w.receiver], is(c.receivers[w.receiver], true, "requests", "enabled"), c.uptime(w.receiver)) {
				to := lists(c.exporters[w.Exporter], true, true)[kind]
				steps[from] = append(steps[from], step{w.Exporter, to})
			}
		}
	}
	for _, from := range slices.Sorted(maps.Keys(steps)) {
		for _, first := range steps[from] {
			reached, left := map[string]bool{}, []string{first.to}
			for len(left) > 0 {
				at := left[0]
				left = left[1:]
				if !reached[at] {
					reached[at] = true
					for _, next := range steps[at] {
						left = append(left, next.to)
					}
				}
			}
			if reached[from] {
				found = append(found, finding{
					"exporters::" + first.exporter, "pushes what comes from " + from + " to " + first.to + ", from where it comes back there: every record goes round for ever",
					"choose another key_prefix, or another Redis",
				})
			}
		}
	}
	return found
}

// lists names the lists that settings are about, of requests and of uptime checks, each with its server.
func lists(settings map[string]any, requests, uptime bool) map[string]string {
	all := map[string]string{}
	for kind, l := range map[string]struct {
		wanted               bool
		path                 []string
		standardPrefix, name string
	}{
		"requests": {requests, []string{"key_prefix"}, "analytics-", "tyk-system-analytics*"},
		"uptime":   {uptime, []string{"uptime", "key_prefix"}, "host-checker:", "tyk-uptime-analytics"},
	} {
		if l.wanted {
			prefix, isText := get(settings, l.path...).(string)
			if !isText {
				prefix = l.standardPrefix
			}
			all[kind] = server(settings) + " " + prefix + l.name
		}
	}
	return all
}

// server names the Redis of some settings, as far as these show which it is. Secrets are left out.
func server(settings map[string]any) string {
	var addresses []string
	database := fmt.Sprint(cmp.Or(get(settings, "database"), any(0)))
	list, isList := settings["addresses"].([]any)
	if !isList {
		list = []any{cmp.Or(settings["addresses"], any("localhost:6379"))}
	}
	for _, value := range list {
		for text := range strings.SplitSeq(fmt.Sprint(value), ",") {
			text = strings.TrimSpace(text)
			if u, err := url.Parse(text); err == nil && strings.Contains(text, "://") {
				text = u.Host
				if path := strings.Trim(u.Path, "/"); path != "" {
					database = path
				}
			}
			host, port, err := net.SplitHostPort(text)
			if err != nil {
				host, port = text, "6379"
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsLoopback() {
				host = "localhost"
			}
			addresses = append(addresses, strings.ToLower(net.JoinHostPort(host, port)))
		}
	}
	slices.Sort(addresses)
	name := strings.Join(slices.Compact(addresses), ",")
	if master, _ := get(settings, "sentinel", "master_name").(string); master != "" {
		name = master + " of " + name
	}
	if database != "0" {
		name += "/" + database
	}
	return name
}
