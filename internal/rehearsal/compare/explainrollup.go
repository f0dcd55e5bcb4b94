package compare

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rows"
)

const foldedID = deviation.MaxValues

// deviationOfBuckets is why counters are in another bucket.
func deviationOfBuckets(kind rows.Kind) string {
	if kind == rows.Uptime {
		return deviation.UptimeHour
	}
	return deviation.Bucket
}

func parseFloat(v rows.Value) float64 {
	n, err := strconv.ParseFloat(string(rows.Plain(v)), 64)
	if err != nil {
		return 0
	}
	return n
}

// meanOf are the means, with the sums of which they are.
var meanOf = map[string]string{
	"counter_request_time": "counter_total_request_time", "counter_latency": "counter_total_latency", "counter_upstream_latency": "counter_total_upstream_latency",
}

// meanAccuracy is the relative difference that two means of the same sum may have.
const meanAccuracy = 1e-9

// explain is the deviation that explains a column of two rows of a bucket, or nothing.
func (s *seriesComparison) explain(there, here []rows.Value, at int) string {
	column := func(row []rows.Value, name string) rows.Value {
		if i := s.p.place(name); i >= 0 {
			return row[i]
		}
		return nil
	}
	name := s.p.columns[at].Name
	uptime := s.kind == rows.Uptime
	either := func(inSQL, inMongo string) string {
		if s.documents {
			return inMongo
		}
		return inSQL
	}
	switch name {
	case "counter_last_time":
		if uptime {
			return deviation.UptimeLastTime
		}
		return either(deviation.LastTime, deviation.MongoLastTime)
	case "counter_identifier", "counter_human_identifier":
		return either(deviation.Identifier, deviation.MongoLastTime)
	case "counter_min_latency", "counter_min_upstream_latency":
		// Only where a request failed, or there are network records, is there a choice.
		plain := number(column(here, "counter_hits")) == number(column(here, "counter_success"))
		if !plain || number(column(here, "counter_bytes_in")) != 0 || number(column(here, "counter_open_connections")) != 0 {
			return either(deviation.Minimum, deviation.MongoMinimum)
		}
	case "counter_open_connections", "counter_closed_connections", "counter_bytes_in", "counter_bytes_out":
		if s.documents && number(there[at]) <= number(here[at]) { // of the last purge alone
			return deviation.MongoOverwrite
		}
	case "id":
		if s.mysqlID(there[at], here[at]) {
			return deviation.MySQLID
		}
	}
	if _, mean := meanOf[name]; mean && s.documents && there[at] == nil && strings.Contains(string(column(here, "dimension_value")), ".") {
		return deviation.MongoKeys // written a level too high
	}
	of, mean := meanOf[name]
	if !mean || number(column(there, of)) != number(column(here, of)) || number(column(there, "counter_hits")) != number(column(here, "counter_hits")) {
		return ""
	}
	a, b := parseFloat(there[at]), parseFloat(here[at])
	if math.Abs(a-b) <= meanAccuracy*max(math.Abs(a), math.Abs(b)) {
		return deviation.Mean
	}
	hits := number(column(here, "counter_hits"))
	if uptime && name == "counter_request_time" && hits > 0 && math.Abs(b-number(column(here, of))/hits) <= meanAccuracy*math.Abs(b) {
		return deviation.UptimeRequestTime
	}
	return ""
}

// mysqlID tells whether an id was cut to fit MySQL's column: then both begin alike.
func (s *seriesComparison) mysqlID(there, here rows.Value) bool {
	const least = 100
	n := 0
	for n < min(len(there), len(here)) && there[n] == here[n] {
		n++
	}
	return n >= least && len(there) != len(here)
}

// explainLone is the deviation that explains a row that only Tyk Pump has.
func (s *seriesComparison) explainLone(row []rows.Value) string {
	dimension, value := string(row[s.dimension]), string(row[s.value])
	if dimension == "tags" && strings.HasPrefix(value, "trace-id-") {
		return deviation.TraceTags
	}
	empty := !slices.ContainsFunc(s.added, func(i int) bool { return number(row[i]) != 0 })
	if empty && s.api >= 0 {
		return deviation.GraphNetwork
	}
	return ""
}
