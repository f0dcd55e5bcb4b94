package rollups

import (
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// networkCode marks what is no answer of HTTP.
const networkCode = -1

// CountUptime counts the entries. Each check is booked to the hour in which it was
// made, by the clocks of the zone.
func CountUptime(p *push.Part, list []int32, zone *time.Location) []*layout.Row {
	sums := &rowSums{byID: map[string]*layout.Row{}}
	var check analytics.Uptime
	for _, i := range list {
		check.FromLog(p.Batch.Entries[i].Log)
		check.TimeStamp = check.TimeStamp.In(zone)
		if !sums.addCheck(&check) {
			p.States[i] = push.StateNotTaken
		}
	}
	return sums.sorted()
}

// addCheck books a check to its address, its error and its organisation's total. One
// without an organisation belongs to nobody, and is not taken.
func (s *rowSums) addCheck(check *analytics.Uptime) bool {
	const firstError = 400
	row := layout.Row{Org: layout.CleanText(check.OrgID), Bucket: hourOf(check.TimeStamp)}
	if row.Org == "" {
		return false
	}
	counter := counterOf(check)
	book := func(dimension, value, identifier string) {
		own := counter
		own.Identifier = identifier
		row.Named, row.Value, row.Counter = dimension, value, &own
		s.id = row.AppendID(s.id[:0])
		s.put(&row)
	}
	if url := layout.CleanText(check.URL); url != "" {
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
