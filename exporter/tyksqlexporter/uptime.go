package tyksqlexporter

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// uptimeCodes are the columns of the status codes: those of one code, and those of
// what has none, by its first digit.
var uptimeCodes = []string{
	"1x", "200", "201", "2x", "301", "302", "303", "304", "3x", "400", "401", "403", "404", "429", "4x",
	"500", "501", "502", "503", "504", "5x",
}

// uptimeLayout is the table of uptime checks, counted by hour (contract: records
// and raw stores, section 4.5). Its columns have no values of single records.
var uptimeLayout = &layout{key: "uptime", kind: kindUptime, columns: uptimeColumns(), primary: "id"}

func uptimeColumns() []column {
	of := func(c class, names ...string) []column {
		list := make([]column, len(names))
		for i, name := range names {
			list[i] = column{name: name, class: c}
		}
		return list
	}
	codes := make([]string, len(uptimeCodes))
	for i, code := range uptimeCodes {
		codes[i] = "code_" + code
	}
	return slices.Concat(
		of(classText, "id"),
		of(classInteger, "counter_hits", "counter_success", "counter_error"),
		of(classFloat, "counter_request_time", "counter_total_request_time"),
		of(classText, "counter_identifier", "counter_human_identifier"),
		of(classTime, "counter_last_time"),
		of(classInteger, "counter_open_connections", "counter_closed_connections", "counter_bytes_in", "counter_bytes_out",
			"counter_max_upstream_latency", "counter_min_upstream_latency", "counter_total_upstream_latency"),
		of(classFloat, "counter_upstream_latency"),
		of(classInteger, "counter_max_latency", "counter_min_latency", "counter_total_latency"),
		of(classFloat, "counter_latency"),
		of(classJSON, "counter_error_map", "counter_error_list"),
		of(classInteger, "timestamp"),
		of(classText, "org_id", "dimension", "dimension_value"),
		of(classInteger, codes...),
	)
}

// uptimeCounter is one row of the uptime table, or what a push adds to it.
type uptimeCounter struct {
	id                        string
	hour                      int64 // Unix seconds
	org, dimension, value     string
	identifier                string
	hits, successes, failures int64
	totalTime                 float64 // milliseconds
	last                      time.Time
	codes                     [21]int64 // by uptimeCodes
}

// average is the mean time of a check in milliseconds.
func (c *uptimeCounter) average() float64 {
	if c.hits == 0 {
		return 0
	}
	return c.totalTime / float64(c.hits)
}

// values are the counter's in the order of the table's columns.
func (c *uptimeCounter) values() []any {
	values := map[string]any{
		"id": c.id, "counter_hits": c.hits, "counter_success": c.successes, "counter_error": c.failures,
		"counter_request_time": c.average(), "counter_total_request_time": c.totalTime,
		"counter_identifier": c.identifier, "counter_last_time": c.lastCheck(),
		"counter_error_map": "{}", "counter_error_list": "[]",
		"timestamp": c.hour, "org_id": c.org, "dimension": c.dimension, "dimension_value": c.value,
	}
	for at, code := range uptimeCodes {
		values["code_"+code] = c.codes[at]
	}
	constant := map[class]any{classText: "", classInteger: int64(0), classFloat: float64(0)}
	list := make([]any, len(uptimeLayout.columns))
	for i, column := range uptimeLayout.columns {
		value, ok := values[column.name]
		if !ok {
			value = constant[column.class]
		}
		list[i] = value
	}
	return list
}

// uptimeTotals counts checks by row.
type uptimeTotals map[string]*uptimeCounter

// countUptime counts the entries. Each check is booked to the hour in which it was
// made, by the clocks of the zone. The rows are sorted by id, so that transactions
// which change the same ones meet at the first and none waits crosswise.
func countUptime(p *part, list []int32, zone *time.Location) []*uptimeCounter {
	totals := uptimeTotals{}
	var check analytics.Uptime
	for _, i := range list {
		check.FromLog(p.batch.entries[i].log)
		check.TimeStamp = check.TimeStamp.In(zone)
		if !totals.add(&check) {
			p.states[i] = stateNotTaken
		}
	}
	rows := make([]*uptimeCounter, 0, len(totals))
	for _, counter := range totals {
		rows = append(rows, counter)
	}
	slices.SortFunc(rows, func(x, y *uptimeCounter) int { return cmp.Compare(x.id, y.id) })
	return rows
}

// networkCode marks what is no answer of HTTP.
const networkCode = -1

// add books a check to its address, its error and its organisation's total. One
// without an organisation belongs to nobody, and is not taken.
func (t uptimeTotals) add(check *analytics.Uptime) bool {
	const firstError = 400
	org := cleanText(check.OrgID)
	if org == "" {
		return false
	}
	hour := hourOf(check.TimeStamp)
	if url := cleanText(check.URL); url != "" {
		t.counter(hour, org, "url", url, url).add(check)
	}
	if check.ResponseCode == networkCode {
		return true
	}
	if check.ResponseCode >= firstError {
		code := strconv.FormatInt(check.ResponseCode, 10)
		t.counter(hour, org, "errors", code, code).add(check)
	}
	t.counter(hour, org, "", "total", "").add(check)
	return true
}

// hourOf is the beginning of an instant's hour in Unix seconds.
func hourOf(at time.Time) int64 {
	const hour = 3600
	_, offset := at.Zone()
	local := at.Unix() + int64(offset)
	return at.Unix() - (local%hour+hour)%hour
}

// counter finds or makes a row. Its id is Tyk Pump's, byte for byte: the hex form
// of what names the row.
func (t uptimeTotals) counter(hour int64, org, dimension, value, identifier string) *uptimeCounter {
	id := hex.EncodeToString([]byte(strconv.FormatInt(hour, 10) + org + dimension + value))
	c := t[id]
	if c == nil {
		c = &uptimeCounter{id: id, hour: hour, org: org, dimension: dimension, value: value, identifier: identifier}
		t[id] = c
	}
	return c
}

// add counts one check. Of the codes only successes and errors have columns.
func (c *uptimeCounter) add(check *analytics.Uptime) {
	const (
		firstSuccess, lastSuccess = 200, 299
		firstError                = 400
	)
	if check.TimeStamp.After(c.last) {
		c.last = check.TimeStamp
	}
	code := check.ResponseCode
	if code == networkCode {
		return
	}
	c.hits++
	c.totalTime += float64(check.RequestTime)
	switch {
	case code >= firstSuccess && code <= lastSuccess:
		c.successes++
	case code >= firstError:
		c.failures++
	default:
		return
	}
	if at := codeColumn(code); at >= 0 {
		c.codes[at]++
	}
}

// codePlaces has what findCodeColumn finds for each status that HTTP knows.
var codePlaces = func() (places [600]int8) {
	for code := range places {
		places[code] = int8(findCodeColumn(int64(code))) //nolint:gosec // a few columns
	}
	return places
}()

// codeColumn is the place of a code's column in uptimeCodes, -1 where it has none.
func codeColumn(code int64) int {
	if code >= 0 && code < int64(len(codePlaces)) {
		return int(codePlaces[code])
	}
	return findCodeColumn(code)
}

func findCodeColumn(code int64) int {
	digits := strconv.FormatInt(code, 10)
	if at := slices.Index(uptimeCodes, digits); at >= 0 {
		return at
	}
	return slices.Index(uptimeCodes, digits[:1]+"x")
}

// uptimeSums are the columns that grow with each check.
func uptimeSums() []string {
	sums := []string{"counter_hits", "counter_success", "counter_error", "counter_total_request_time"}
	for _, code := range uptimeCodes {
		sums = append(sums, "code_"+code)
	}
	return sums
}

// The instants between which the last check of a counter can lie in every database.
var (
	earliestCheck = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latestCheck   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// lastCheck is the counter's last time as both databases read and SQLite sorts it.
func (c *uptimeCounter) lastCheck() string { return storedTime(c.last) }

// storedTime is an instant as databases read and SQLite sorts it, or the nearest
// that they have.
func storedTime(at time.Time) string { return withinChecks(at).UTC().Format(sqliteTimeForm) }

// withinChecks is the instant, or the nearest that databases have.
func withinChecks(at time.Time) time.Time {
	switch {
	case at.Before(earliestCheck):
		return earliestCheck
	case at.After(latestCheck):
		return latestCheck
	}
	return at
}
