package sinktest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// Aggregator counts by the hour in UTC, unless change says otherwise.
func Aggregator(t testing.TB, change func(*rollup.Settings)) *rollup.Aggregator {
	t.Helper()
	settings := rollup.Settings{Minutes: 60, Zone: "UTC", TraceTags: true}
	if change != nil {
		change(&settings)
	}
	a, err := rollup.NewAggregator(settings)
	require.NoError(t, err)
	return a
}

// Hit is a request to the i-th of five APIs by one of seven keys.
func Hit(i int) analytics.Record {
	r := Sample(i)
	r.APIID, r.APIKey, r.TimeStamp = fmt.Sprintf("api-%d", i%5), fmt.Sprintf("key-%d", i%7), Time.Add(time.Duration(i)*time.Second)
	r.RequestTime, r.Latency = int64(i), analytics.Latency{Total: int64(i), Upstream: int64(i / 2)}
	if i%4 == 3 {
		r.ResponseCode = 500
	}
	r.TrackPath, r.Path = true, fmt.Sprintf("/items/%d", i%3)
	return r
}

// Hits makes a chunk of the records of a segment from first to last.
func Hits(segment string, first, last int) plog.Logs {
	var records []analytics.Record
	for i := first; i <= last; i++ {
		records = append(records, Hit(i))
	}
	return Push(segment, int64(first), records...)
}

// Time is when the first sample was made.
var Time = time.Date(2026, 8, 20, 10, 11, 12, 123_456_789, time.UTC)

// Sample is a record like many; its path ends in its number.
func Sample(i int) analytics.Record {
	at := Time.Add(time.Duration(i) * time.Millisecond)
	return analytics.Record{
		Method: "GET", Host: "upstream.example:8080", Path: fmt.Sprintf("/items/%d", i), RawPath: fmt.Sprintf("/items/%d", i),
		ContentLength: -1, UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
		Day: int64(at.Day()), Month: int64(at.Month()), Year: int64(at.Year()), Hour: int64(at.Hour()),
		ResponseCode: 200, APIKey: "5e9d9544a1dcd60001d0ed20a1b2c3d4", TimeStamp: at, APIVersion: "Non Versioned",
		APIName: "Items", APIID: "items-api", OrgID: "acme", OauthID: "client-7", RequestTime: 23, IPAddress: "192.0.2.7",
		Geo: analytics.Geo{
			CountryISOCode: "DE", CityGeoNameID: 2950159, CityNames: map[string]string{"en": "Berlin"},
			Latitude: 52.5244, Longitude: 13.4105, TimeZone: "Europe/Berlin",
		},
		Latency: analytics.Latency{Total: 23, Upstream: 21, Gateway: 2},
		Tags:    []string{"pol-gold", "env-prod", "key-5e9d9544a1dcd60001d0ed20a1b2c3d4", "org-acme", "api-items-api"},
		Alias:   "mobile", ExpireAt: at.Add(24 * time.Hour), OriginalPath: fmt.Sprintf("/v1/items/%d", i), ListenPath: "/v1/",
	}
}

// Push makes one of records with uids of a segment, numbered from first; without a segment
// they have none.
func Push(segment string, first int64, records ...analytics.Record) plog.Logs {
	logs := plog.NewLogs()
	slice := analytics.AppendScope(logs)
	slice.EnsureCapacity(len(records))
	for i := range records {
		uid := ""
		if segment != "" {
			uid = analytics.UID{Segment: segment, Index: first + int64(i)}.String()
		}
		record := records[i] // which tests beside this one may use, too: ToLog writes what it needs beside the fields
		record.ToLog(slice.AppendEmpty(), uid)
	}
	return logs
}

// Samples makes a push of the records of a segment from first to last.
func Samples(segment string, first, last int) plog.Logs {
	records := make([]analytics.Record, 0, last-first+1)
	for i := first; i <= last; i++ {
		records = append(records, Sample(i))
	}
	return Push(segment, int64(first), records...)
}
