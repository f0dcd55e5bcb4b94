package tyklintconverter

import (
	"fmt"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/wiring"
)

// need is what a component does with a field of records, and what becomes of records without it.
type need struct{ field, key, without string }

// choices are the needs of tykfilter: the keys that decide which records go on.
var choices = []need{
	{"api_id", "api_ids", "no record passes"},
	{"org_id", "org_ids", "no record passes"},
	{"response_code", "response_codes", "no record passes"},
	{"api_id", "skip_api_ids", "it keeps no record back"},
	{"org_id", "skip_org_ids", "it keeps no record back"},
	{"response_code", "skip_response_codes", "it keeps no record back"},
}

// counts are the needs of tykaggregate; without any other field, rollups only lack a dimension.
var counts = []need{
	{"org_id", "", "it counts nothing"},
	{"timestamp", "", "all its rollups are of the year 1"},
}

// places are the needs of stores: the switches with which a field decides where a record goes.
var places = map[string][]need{
	sqlStore:   {{"timestamp", "table_sharding", "every record is of the year 1, in a table that retention_days drops"}},
	mongoStore: {{"org_id", "collections::organisations::enabled", "it stores nothing there"}},
}

// missingFields finds fields that are taken away in front of who goes by them.
func missingFields(c *configuration) (found []finding) {
	for _, w := range c.ways {
		taken := map[string]string{} // the key that does it, by the field
		take := func(key string, fields any) {
			for _, field := range list(fields) {
				if taken[field] == "" {
					taken[field] = key
				}
			}
		}
		if wiring.Type(w.receiver) == redisReceiver {
			take("receivers::"+w.receiver+"::requests::ignore_fields", get(c.receivers[w.receiver], "requests", "ignore_fields"))
		}
		for _, id := range w.Processors {
			settings, key := c.processors[id], "processors::"+id
			if wiring.Type(id) == aggregate {
				for _, n := range counts {
					found = append(found, n.missing(taken, key)...)
				}
				break // what follows is of rollups
			}
			if wiring.Type(id) != filter {
				continue
			}
			for _, n := range choices {
				if len(list(settings[n.key])) > 0 {
					found = append(found, n.missing(taken, key+"::"+n.key)...)
				}
			}
			take(key+"::fields::ignore", get(settings, "fields", "ignore")) // a filter chooses first
		}
		for _, n := range places[wiring.Type(w.Exporter)] {
			if !w.rollups() && is(c.exporters[w.Exporter], false, strings.Split(n.key, "::")...) {
				found = append(found, n.missing(taken, "exporters::"+w.Exporter+"::"+n.key)...)
			}
		}
	}
	return found
}

// missing is the finding of a need that is not met.
func (n need) missing(taken map[string]string, by string) []finding {
	key := taken[n.field]
	if key == "" {
		return nil
	}
	elsewhere := ", or take it away behind that processor"
	if strings.HasPrefix(by, "exporters::") {
		elsewhere = ""
	}
	return []finding{{
		key, "takes " + n.field + " away in front of " + by + ", which goes by it: " + n.without,
		"leave " + n.field + " out of it" + elsewhere,
	}}
}

// list reads a list of texts or numbers, which may be written as one text with commas.
func list(value any) []string {
	if text, ok := value.(string); ok && text != "" {
		return strings.Split(text, ",")
	}
	var all []string
	values, _ := value.([]any)
	for _, each := range values {
		all = append(all, fmt.Sprint(each))
	}
	return all
}
