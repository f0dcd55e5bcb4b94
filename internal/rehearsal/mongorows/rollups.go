package mongorows

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

// counterFields are the fields of a counter, with the names that SQL's tables have for them.
var counterFields = map[string]string{
	"hits": "counter_hits", "success": "counter_success", "errortotal": "counter_error", "requesttime": "counter_request_time",
	"totalrequesttime": "counter_total_request_time", "identifier": "counter_identifier", "humanidentifier": "counter_human_identifier", "lasttime": "counter_last_time",
	"openconnections": "counter_open_connections", "closedconnections": "counter_closed_connections", "bytesin": "counter_bytes_in", "bytesout": "counter_bytes_out",
	"maxupstreamlatency": "counter_max_upstream_latency", "minupstreamlatency": "counter_min_upstream_latency", "totalupstreamlatency": "counter_total_upstream_latency", "upstreamlatency": "counter_upstream_latency",
	"maxlatency": "counter_max_latency", "minlatency": "counter_min_latency", "totallatency": "counter_total_latency", "latency": "counter_latency",
	"errormap": "counter_error_map",
}

// unread are fields of rollups that no comparison needs: lists repeat what the dimensions have, and the others count nothing.
var unread = []rows.Unread{{Field: "expireAt", Deviation: deviation.MongoExpiry}, {Field: "lists", Deviation: deviation.MongoListTime}, {Field: "otelcol_tyk", Deviation: deviation.MongoMemory}}

// notDimensions are the fields of a document in which nothing is counted by a dimension.
var notDimensions = []string{"_id", "orgid", "timestamp", "timeid", "lasttime", "expireAt", "lists", "otelcol_tyk", "total"}

var rollupColumns = func() []rows.Column {
	list := []rows.Column{
		{Name: "timestamp", Class: rows.Typed}, {Name: "org_id", Class: rows.Typed}, {Name: "api_id", Class: rows.Typed}, {Name: "dimension", Class: rows.Typed}, {Name: "dimension_value", Class: rows.Typed},
	}
	var counters []string
	for _, name := range counterFields {
		counters = append(counters, name)
	}
	slices.Sort(counters)
	for _, name := range counters {
		list = append(list, rows.Column{Name: name, Class: rows.Typed})
	}
	return list
}()

// unescaped gives the key of a dimension as it was before a dot, a dollar or a NUL was written otherwise.
var unescaped = strings.NewReplacer(`\u2e`, ".", `\u24`, "$", `\u00`, "\x00")

// counted is a value of a dimension.
type counted struct {
	dimension, value string
	counter          bson.Raw
}

// counters are all that a document of rollups counts.
func counters(document bson.Raw) ([]counted, error) {
	var list []counted
	elements, err := document.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		below, ok := e.Value().DocumentOK()
		if !ok || slices.Contains(notDimensions, e.Key()) {
			continue
		}
		if list, err = descend(list, e.Key(), "", below, false); err != nil {
			return nil, err
		}
	}
	if total, ok := document.Lookup("total").DocumentOK(); ok {
		list = append(list, counted{value: "total", counter: total})
	}
	return list, nil
}

// descend finds counters below a dimension, or below one of its counters: where Tyk Pump took a dot in a key for a path, the parts
// are one value.
func descend(list []counted, dimension, name string, document bson.Raw, ofCounter bool) ([]counted, error) {
	elements, err := document.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		below, ok := e.Value().DocumentOK()
		if !ok || ofCounter && counterFields[e.Key()] != "" {
			continue
		}
		value := name + unescaped.Replace(e.Key())
		counts := below.Lookup("hits").IsNumber()
		if counts {
			list = append(list, counted{dimension, value, below})
		}
		if list, err = descend(list, dimension, value+".", below, counts); err != nil {
			return nil, err
		}
	}
	return list, nil
}
