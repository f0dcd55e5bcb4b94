package tykfilterprocessor

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
)

// keepWhole is a configuration that asks for nothing.
func keepWhole() *Config {
	return &Config{}
}

// startLogs starts a processor in front of a sink.
func startLogs(tb testing.TB, cfg *Config, set processor.Settings) (processor.Logs, *consumertest.LogsSink) {
	tb.Helper()
	require.NoError(tb, cfg.Fields.Validate())
	sink := new(consumertest.LogsSink)
	p, err := NewFactory().CreateLogs(tb.Context(), set, cfg, sink)
	require.NoError(tb, err)
	require.NoError(tb, p.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { require.NoError(tb, p.Shutdown(context.WithoutCancel(tb.Context()))) })
	return p, sink
}

// filterRecords sends records through a processor and gives those that come out.
func filterRecords(t *testing.T, cfg *Config, records ...*analytics.Record) []*analytics.Record {
	t.Helper()
	p, sink := startLogs(t, cfg, processortest.NewNopSettings(metadata.Type))
	ld := batch(records...)
	if !p.Capabilities().MutatesData {
		ld.MarkReadOnly()
	}
	require.NoError(t, p.ConsumeLogs(t.Context(), ld))
	var out []*analytics.Record
	for _, got := range sink.AllLogs() {
		out = append(out, recordsOf(got)...)
	}
	return out
}

// batch is what the receiver makes of records.
func batch(records ...*analytics.Record) plog.Logs {
	ld := plog.NewLogs()
	logs := analytics.AppendScope(ld)
	logs.EnsureCapacity(len(records))
	for i, r := range records {
		r.ToLog(logs.AppendEmpty(), fmt.Sprintf("segment-%d", i))
	}
	return ld
}

func recordsOf(ld plog.Logs) []*analytics.Record {
	var out []*analytics.Record
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				r := new(analytics.Record)
				r.FromLog(lr)
				out = append(out, r)
			}
		}
	}
	return out
}

// typicalRecord is a record as a gateway with keys, tags and GeoIP makes it,
// without recorded messages, and about the i-th of a busy second.
func typicalRecord(i int) *analytics.Record {
	at := time.Date(2026, 3, 28, 21, 5, 7, i*1000, time.UTC)
	return &analytics.Record{
		Method: "GET", Host: "orders.internal:8080", Path: "/v2/orders/{id}", RawPath: fmt.Sprintf("/v2/orders/%d", i),
		ContentLength: 512, UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		Day: 28, Month: 3, Year: 2026, Hour: 21, ResponseCode: 200, APIKey: "6a1f0c2be4b0c7a1", TimeStamp: at,
		APIVersion: "Non Versioned", APIName: "Orders", APIID: fmt.Sprintf("api-%d", i%10), OrgID: fmt.Sprintf("org-%d", i%4),
		OauthID: "batch-reporter", RequestTime: 48, IPAddress: "203.0.113.9",
		Geo: analytics.Geo{
			CountryISOCode: "DE", CityGeoNameID: 2950159, CityNames: map[string]string{"en": "Berlin"},
			Latitude: 52.52, Longitude: 13.4, TimeZone: "Europe/Berlin",
		},
		Latency:   analytics.Latency{Total: 48, Upstream: 41, Gateway: 7},
		Tags:      []string{"key-6a1f0c2be4b0c7a1", "org-org-1", "api-api-1"},
		Alias:     "acme-mobile",
		TrackPath: true, ExpireAt: at.AddDate(100, 0, 0), OriginalPath: "/orders/v2/orders/7", ListenPath: "/orders/",
	}
}

// recordedMessages are the base64 of a request and a response with credentials and a body of size bytes.
func recordedMessages(size int) (request, response string) {
	body := make([]byte, size)
	for i := range body {
		body[i] = "{\"id\": 42, \"name\": \"widget\"} "[i%29]
	}
	request = "POST /v2/orders/7 HTTP/1.1\r\nHost: orders.internal:8080\r\nUser-Agent: curl/8.5.0\r\n" +
		"Accept: application/json\r\nAuthorization: Bearer 5e9d9544a1dcd60001d0ed20a1b2c3d4e5f60718293a4b5c6d7e8f90\r\n" +
		"Content-Type: application/json\r\nCookie: session=0123456789abcdef; theme=dark\r\nX-Forwarded-For: 203.0.113.9\r\n" +
		"Traceparent: 00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01\r\nAccept-Encoding: gzip\r\n\r\n"
	response = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Ratelimit-Remaining: 91\r\n" +
		"Date: Sat, 28 Mar 2026 21:05:07 GMT\r\nSet-Cookie: session=fedcba9876543210; Path=/; HttpOnly\r\n\r\n"
	return encode(request + string(body)), encode(response + string(body))
}

func encode(message string) string {
	return base64.StdEncoding.EncodeToString([]byte(message))
}

func decode(tb testing.TB, text string) string {
	tb.Helper()
	plain, err := base64.StdEncoding.DecodeString(text)
	require.NoError(tb, err)
	return string(plain)
}
