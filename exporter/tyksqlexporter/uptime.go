package tyksqlexporter

import (
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// networkCode marks what is no answer of HTTP.
const networkCode = -1

// countUptime counts the entries. Each check is booked to the hour in which it was
// made, by the clocks of the zone.
func countUptime(p *part, list []int32, zone *time.Location) []*rollupRow {
	sums := &rowSums{byID: map[string]*rollupRow{}}
	var check analytics.Uptime
	for _, i := range list {
		check.FromLog(p.batch.entries[i].log)
		check.TimeStamp = check.TimeStamp.In(zone)
		if !sums.addCheck(&check) {
			p.states[i] = stateNotTaken
		}
	}
	return sums.sorted()
}

// addCheck books a check to its address, its error and its organisation's total. One
// without an organisation belongs to nobody, and is not taken.
func (s *rowSums) addCheck(check *analytics.Uptime) bool {
	const firstError = 400
	row := rollupRow{org: cleanText(check.OrgID), bucket: hourOf(check.TimeStamp)}
	if row.org == "" {
		return false
	}
	counter := counterOf(check)
	book := func(dimension, value, identifier string) {
		own := counter
		own.Identifier = identifier
		row.named, row.value, row.counter = dimension, value, &own
		s.id = row.appendID(s.id[:0])
		s.put(&row)
	}
	if url := cleanText(check.URL); url != "" {
		book("url", url, url)
	}
	if check.ResponseCode == networkCode {
		return true
	}
	if check.ResponseCode >= firstError {
		code := strconv.FormatInt(check.ResponseCode, 10)
		book("errors", code, code)
	}
	book("", "total", "")
	return true
}

// counterOf counts one check. Of the codes only successes and errors have columns.
func counterOf(check *analytics.Uptime) rollup.Counter {
	const (
		firstSuccess, lastSuccess = 200, 299
		firstError                = 400
	)
	c := rollup.Counter{LastTime: check.TimeStamp}
	code := check.ResponseCode
	if code == networkCode {
		return c
	}
	c.Hits, c.RequestTime = 1, check.RequestTime
	switch {
	case code >= firstSuccess && code <= lastSuccess:
		c.Success = 1
	case code >= firstError:
		c.Errors = 1
	default:
		return c
	}
	c.Codes = []rollup.CodeCount{{Code: code, Count: 1}}
	return c
}

// hourOf is the beginning of an instant's hour in Unix seconds.
func hourOf(at time.Time) int64 {
	const hour = 3600
	_, offset := at.Zone()
	local := at.Unix() + int64(offset)
	return at.Unix() - (local%hour+hour)%hour
}
