package analytics

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// logOf gives the log record that r becomes.
func logOf(r Record, uid string) plog.LogRecord {
	lr := plog.NewLogRecord()
	r.ToLog(lr, uid)
	return lr
}

func TestToLogNamesEverything(t *testing.T) {
	t.Parallel()
	r := vector()
	r.RawPath, r.RequestTime, r.Hour, r.Alias, r.OauthID = "/b", 301, 12, "al", "oa"
	r.RawRequest, r.RawResponse, r.APISchema, r.TrackPath = "cmVx", "cmVz", "c2NoZW1h", true
	r.Tags = append(r.Tags, "trace-id-0102030405060708090a0b0c0d0e0f10")
	r.Geo = Geo{
		CountryISOCode: "GB", CityGeoNameID: 2643743, CityNames: map[string]string{"en": "London", "fr": "Londres"},
		Latitude: 51.5, Longitude: -0.25, TimeZone: "Europe/London",
	}
	r.Network = Network{OpenConnections: 1, ClosedConnections: 2, BytesIn: 3, BytesOut: 4}
	r.GraphQL = GraphQLStats{
		Variables: "{}", RootFields: []string{"a"}, Types: map[string][]string{"T": {"f"}},
		Errors:        []GraphQLError{{Message: "m", Path: []any{"a", int64(0)}}, {Message: "n"}},
		OperationType: OperationMutation, HasErrors: true, IsGraphQL: true,
	}
	r.MCP = MCPStats{IsMCP: true, JSONRPCMethod: "tools/call", PrimitiveType: "tool", PrimitiveName: "add"}

	lr := logOf(r, "seg-7")
	assert.Equal(t, map[string]any{
		"log.record.uid": "seg-7", "http.request.method": "GET", "http.route": "/a", "url.path": "/b",
		"tyk.original_path": "/l/a", "tyk.api.path": "/l/", "tyk.content_length": int64(-1), "user_agent.original": "ua",
		"http.response.status_code": int64(200), "client.address": "1.2.3.4", "server.address": "u.example",
		"server.port": int64(8080), "tyk.api.id": "api1", "tyk.api.name": "n", "tyk.api.version": "Non Versioned",
		"tyk.api.orgid": "org1", "tyk.api.apikey": "00000000", "tyk.api.apikey.alias": "al", "tyk.api.oauthid": "oa",
		"tyk.request_time": int64(301), "tyk.latency.total": int64(300), "tyk.latency.upstream": int64(299),
		"tyk.latency.gateway": int64(1), "tyk.track_path": true, "tyk.expire_at": int64(1787224272123456789),
		"tyk.raw_request": "cmVx", "tyk.raw_response": "cmVz", "tyk.graphql.schema": "c2NoZW1h", "tyk.time.hour": int64(12),
		"tyk.api.tags":                   []any{"key-00000000", "org-org1", "api-api1", "trace-id-0102030405060708090a0b0c0d0e0f10"},
		"geo.country.iso_code":           "GB",
		"geo.locality.name":              "London",
		"tyk.geo.city.names":             map[string]any{"fr": "Londres"},
		"tyk.geo.city.geoname_id":        int64(2643743),
		"geo.location.lat":               51.5,
		"geo.location.lon":               -0.25,
		"tyk.geo.time_zone":              "Europe/London",
		"graphql.operation.type":         "mutation",
		"tyk.graphql.is_graphql":         true,
		"tyk.graphql.has_errors":         true,
		"tyk.graphql.variables":          "{}",
		"tyk.graphql.root_fields":        []any{"a"},
		"tyk.graphql.types":              map[string]any{"T": []any{"f"}},
		"tyk.graphql.errors":             []any{map[string]any{"message": "m", "path": []any{"a", int64(0)}}, map[string]any{"message": "n"}},
		"tyk.mcp.is_mcp":                 true,
		"mcp.method.name":                "tools/call",
		"tyk.mcp.primitive_type":         "tool",
		"tyk.mcp.primitive_name":         "add",
		"tyk.network.bytes_in":           int64(3),
		"tyk.network.bytes_out":          int64(4),
		"tyk.network.open_connections":   int64(1),
		"tyk.network.closed_connections": int64(2),
	}, lr.Attributes().AsRaw())
	assert.Equal(t, pcommon.Timestamp(1787220672123456789), lr.Timestamp())
	assert.Zero(t, lr.ObservedTimestamp())
	assert.Equal(t, EventRequest, lr.EventName())
	assert.Equal(t, "0102030405060708090a0b0c0d0e0f10", lr.TraceID().String())

	var back Record
	assert.Equal(t, "seg-7", back.FromLog(lr))
	assert.Equal(t, canonical(&r), canonical(&back))
}

func TestToLogLeavesZeroValuesOut(t *testing.T) {
	t.Parallel()
	lr := logOf(Record{}, "")
	assert.Empty(t, lr.Attributes().AsRaw())
	assert.Zero(t, lr.Timestamp())
	assert.True(t, lr.TraceID().IsEmpty())
}

func TestToLogReplacesAttributes(t *testing.T) {
	t.Parallel()
	lr := plog.NewLogRecord()
	lr.Attributes().PutStr("x", "y")
	lr.SetTimestamp(5)
	(&Record{Method: "GET"}).ToLog(lr, "")
	assert.Equal(t, map[string]any{"http.request.method": "GET"}, lr.Attributes().AsRaw())
	assert.Zero(t, lr.Timestamp())
}

func TestSeverityFollowsTheResponseCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[int64]plog.SeverityNumber{
		-1: plog.SeverityNumberInfo, 0: plog.SeverityNumberInfo, 200: plog.SeverityNumberInfo, 399: plog.SeverityNumberInfo,
		400: plog.SeverityNumberWarn, 499: plog.SeverityNumberWarn, 500: plog.SeverityNumberError, 599: plog.SeverityNumberError,
		4040: plog.SeverityNumberError,
	} {
		lr := logOf(Record{ResponseCode: code}, "")
		assert.Equal(t, want, lr.SeverityNumber(), "code %d", code)
		assert.Equal(t, map[plog.SeverityNumber]string{
			plog.SeverityNumberInfo: "INFO", plog.SeverityNumberWarn: "WARN", plog.SeverityNumberError: "ERROR",
		}[want], lr.SeverityText())
	}
}

func TestTraceIDIsOnlyTakenFromAWholeTag(t *testing.T) {
	t.Parallel()
	const id = "0102030405060708090a0b0c0d0e0f10"
	for tag, want := range map[string]string{
		"trace-id-" + id: id,
		"trace-id-0102030405060708090A0B0C0D0E0F10": id,
		"trace-id-" + id + "0":                      "",
		"trace-id-" + id[1:]:                        "",
		"x-trace-id-" + id[2:]:                      "",
		"trace-id-0102030405060708090a0b0c0d0e0fzz": "",
		"trace-id-00000000000000000000000000000000": "",
		"Trace-id-" + id:                            "",
	} {
		assert.Equal(t, want, logOf(Record{Tags: []string{"a", tag, "b"}}, "").TraceID().String(), tag)
	}
}

func TestHostIsSplitOnlyWhereJoiningGivesItBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		address string
		port    int64
	}{
		"u.example:8080":       {"u.example", 8080},
		"u.example":            {"u.example", 0},
		"127.0.0.1:1":          {"127.0.0.1", 1},
		"[::1]:8080":           {"::1", 8080},
		"[fe80::1%25eth0]:443": {"fe80::1%25eth0", 443},
		"::1":                  {"::1", 0},
		"[::1]":                {"[::1]", 0},
		"[v]:80":               {"[v]:80", 0},
		"[]:80":                {"[]:80", 0},
		"[:80":                 {"[:80", 0},
		"a:b:80":               {"a:b:80", 0},
		":80":                  {"", 80},
		":":                    {":", 0},
		"h:":                   {"h:", 0},
		"h:0":                  {"h:0", 0},
		"h:080":                {"h:080", 0},
		"h:+80":                {"h:+80", 0},
		"h:80a":                {"h:80a", 0},
		"h:99999":              {"h:99999", 0},
		"h:65535":              {"h", 65535},
		"h:65536":              {"h:65536", 0},
		"h:123456":             {"h:123456", 0},
	}
	for host, want := range tests {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			lr := logOf(Record{Host: host}, "")
			attributes := map[string]any{}
			if want.address != "" {
				attributes[AttrServerAddress] = want.address
			}
			if want.port != 0 {
				attributes[AttrServerPort] = want.port
			}
			assert.Equal(t, attributes, lr.Attributes().AsRaw())
			var back Record
			back.FromLog(lr)
			assert.Equal(t, host, back.Host)
			back.FromLog(lr)
			assert.Equal(t, host, back.Host, "with the host of the record before")
		})
	}
}

func TestTimesOfAllAgesComeBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		at        time.Time
		timestamp pcommon.Timestamp
		attribute any
	}{
		"absent":                 {at: time.Time{}},
		"today":                  {at: time.Unix(1787220672, 5), timestamp: 1787220672000000005},
		"the epoch":              {at: time.Unix(0, 0), attribute: int64(0)},
		"just after the epoch":   {at: time.Unix(0, 1), timestamp: 1},
		"just before the epoch":  {at: time.Unix(0, -1), attribute: int64(-1)},
		"1969":                   {at: time.Unix(-86400, 7), attribute: int64(-86400e9 + 7)},
		"1601":                   {at: time.Unix(-11644473600, 7), attribute: []any{int64(-11644473600), int64(7)}},
		"the first nanosecond":   {at: time.Time{}.Add(1), attribute: []any{int64(-62135596800), int64(1)}},
		"100 years ahead":        {at: time.Unix(4942995927, 27251503), timestamp: 4942995927027251503},
		"2262":                   {at: time.Unix(9223372035, 999999999), timestamp: 9223372035999999999},
		"after 2262":             {at: time.Unix(9223372036, 0), attribute: []any{int64(9223372036), int64(0)}},
		"after 2554":             {at: time.Unix(18446744074, 0), attribute: []any{int64(18446744074), int64(0)}},
		"the end of all seconds": {at: time.Unix(math.MaxInt64, 999999999), attribute: []any{int64(math.MaxInt64), int64(999999999)}},
		"their beginning":        {at: time.Unix(math.MinInt64, 0), attribute: []any{int64(math.MinInt64), int64(0)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			date := calendar(test.at)
			r := Record{TimeStamp: test.at.UTC(), ExpireAt: test.at.UTC(), Day: date[0], Month: date[1], Year: date[2], Hour: date[3]}
			lr := logOf(r, "")
			assert.Equal(t, test.timestamp, lr.Timestamp())
			attributes := lr.Attributes().AsRaw()
			if test.attribute != nil {
				assert.Equal(t, test.attribute, attributes[AttrTimestamp])
				assert.Equal(t, test.attribute, attributes[AttrExpireAt])
			} else {
				assert.NotContains(t, attributes, AttrTimestamp)
			}
			assert.NotContains(t, attributes, AttrYear)
			var back Record
			back.FromLog(lr)
			assert.Equal(t, r, canonical(&back))
		})
	}
}

func TestDerivedFieldsAreWrittenOnlyWhereTheyDiffer(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.November, 21, 1, 8, 0, 0, time.UTC)
	tests := map[string]struct {
		record Record
		want   map[string]any
	}{
		"equal": {
			Record{TimeStamp: at, Day: 21, Month: 11, Year: 2026, Hour: 1, Path: "/a", RawPath: "/a", RequestTime: 3, Latency: Latency{Total: 3}},
			map[string]any{"url.path": "/a", "tyk.latency.total": int64(3)},
		},
		"the evening before": {
			Record{TimeStamp: at, Day: 20, Month: 11, Year: 2026, Hour: 20},
			map[string]any{"tyk.time.day": int64(20), "tyk.time.hour": int64(20)},
		},
		"zero where the timestamp is not": {
			Record{TimeStamp: at},
			map[string]any{"tyk.time.day": int64(0), "tyk.time.month": int64(0), "tyk.time.year": int64(0), "tyk.time.hour": int64(0)},
		},
		"a calendar without a timestamp": {Record{Year: 2026, Day: 1}, map[string]any{"tyk.time.day": int64(1), "tyk.time.year": int64(2026)}},
		"the calendar of year 1":         {Record{Year: 1, Month: 1, Day: 1}, map[string]any{"tyk.time.day": int64(1), "tyk.time.month": int64(1), "tyk.time.year": int64(1)}},
		"an empty raw path":              {Record{Path: "/a"}, map[string]any{"tyk.path": "/a"}},
		"only a raw path":                {Record{RawPath: "/a"}, map[string]any{"url.path": "/a", "tyk.path": ""}},
		"a normalised path":              {Record{Path: "/a/{id}", RawPath: "/a/7"}, map[string]any{"url.path": "/a/7", "tyk.path": "/a/{id}"}},
		"a tracked endpoint": {
			Record{Path: "/a/{id}", RawPath: "/a/7", TrackPath: true},
			map[string]any{"url.path": "/a/7", "http.route": "/a/{id}", "tyk.track_path": true},
		},
		"a tracked endpoint without parts": {
			Record{Path: "/a", RawPath: "/a", TrackPath: true},
			map[string]any{"url.path": "/a", "http.route": "/a", "tyk.track_path": true},
		},
		"a tracked endpoint without a template": {
			Record{RawPath: "/a", TrackPath: true}, map[string]any{"url.path": "/a", "tyk.path": "", "tyk.track_path": true},
		},
		"a TCP API": {
			Record{ResponseCode: -1, ContentLength: -1}, map[string]any{"tyk.response_code": int64(-1), "tyk.content_length": int64(-1)},
		},
		"no request time":             {Record{Latency: Latency{Total: 3}}, map[string]any{"tyk.latency.total": int64(3), "tyk.request_time": int64(0)}},
		"only a request time":         {Record{RequestTime: 3}, map[string]any{"tyk.request_time": int64(3)}},
		"an English city":             {Record{Geo: Geo{CityNames: map[string]string{"en": "X"}}}, map[string]any{"geo.locality.name": "X"}},
		"a city without English":      {Record{Geo: Geo{CityNames: map[string]string{"de": "X"}}}, map[string]any{"tyk.geo.city.names": map[string]any{"de": "X"}}},
		"an empty English city":       {Record{Geo: Geo{CityNames: map[string]string{"en": ""}}}, map[string]any{"tyk.geo.city.names": map[string]any{"en": ""}}},
		"an operation without a name": {Record{GraphQL: GraphQLStats{OperationType: 9}}, map[string]any{"tyk.graphql.operation_type": int64(9)}},
		"a negative operation":        {Record{GraphQL: GraphQLStats{OperationType: -1}}, map[string]any{"tyk.graphql.operation_type": int64(-1)}},
		"an error that says nothing":  {Record{GraphQL: GraphQLStats{Errors: []GraphQLError{{}}}}, map[string]any{"tyk.graphql.errors": []any{map[string]any{}}}},
		"minus zero":                  {Record{Geo: Geo{Latitude: math.Copysign(0, -1)}}, map[string]any{"geo.location.lat": math.Copysign(0, -1)}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lr := logOf(test.record, "")
			assert.Equal(t, test.want, lr.Attributes().AsRaw())
			var back Record
			back.FromLog(lr)
			assert.Equal(t, canonical(&test.record), canonical(&back))
		})
	}
}

// OTLP refuses a whole batch for one string that is not UTF-8.
func TestInvalidUTF8IsCleaned(t *testing.T) {
	t.Parallel()
	const bad, good = "a\xff\xfeb", "a\ufffdb"
	r := Record{
		Path: bad, RawPath: bad, Host: bad + ":80", Tags: []string{bad}, Alias: "fine ünï",
		Geo: Geo{CityNames: map[string]string{bad: bad, "de": "X"}},
		GraphQL: GraphQLStats{
			Types:  map[string][]string{"\xff": {bad}, "\xfe": {"other"}},
			Errors: []GraphQLError{{Message: bad, Path: []any{bad, int64(1)}}},
		},
	}
	logs := plog.NewLogs()
	r.ToLog(AppendScope(logs).AppendEmpty(), bad)
	wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	logs, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
	require.NoError(t, err)
	var back Record
	assert.Equal(t, good, back.FromLog(logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)))
	assert.Equal(t, Record{
		Path: good, RawPath: good, Host: good + ":80", Tags: []string{good}, Alias: "fine ünï",
		Geo: Geo{CityNames: map[string]string{good: good, "de": "X"}},
		GraphQL: GraphQLStats{
			Types:  map[string][]string{"\ufffd": {"other"}},
			Errors: []GraphQLError{{Message: good, Path: []any{good, int64(1)}}},
		},
	}, canonical(&back))
}

func TestFromLogTakesForeignRecords(t *testing.T) {
	t.Parallel()
	lr := plog.NewLogRecord()
	lr.SetTimestamp(1787220672123456789)
	require.NoError(t, lr.Attributes().FromRaw(map[string]any{
		"http.request.method": "GET", "url.path": "/a", "http.response.status_code": 404.0, "http.request.body.size": "12",
		"server.address": "u.example", "server.port": "8080", "tyk.latency.total": 7, "tyk.api.version": 2,
		"tyk.api.tags": "alone", "tyk.track_path": "true", "tyk.expire_at": "2126-10-28T01:05:27.027251503+02:00",
		"geo.location.lat": 5, "geo.location.lon": "6.5", "geo.locality.name": "Bonn", "tyk.geo.city.names": "no map",
		"tyk.graphql.is_graphql": 1, "tyk.graphql.types": map[string]any{"T": "f", "U": []any{"g", 5}}, "tyk.graphql.errors": []any{"boom", 5, map[string]any{"message": "m", "path": "p", "other": 1}},
		"graphql.operation.type": "subscription", "something.else": "x",
	}))
	var r Record
	assert.Empty(t, r.FromLog(lr))
	assert.Equal(t, Record{
		Method: "GET", Path: "/a", RawPath: "/a", ResponseCode: 404, ContentLength: 12, Host: "u.example:8080",
		RequestTime: 7, Latency: Latency{Total: 7}, APIVersion: "2", Tags: []string{"alone"}, TrackPath: true,
		TimeStamp: time.Unix(1787220672, 123456789).UTC(), Day: 20, Month: 8, Year: 2026, Hour: 10,
		ExpireAt: time.Date(2126, time.October, 27, 23, 5, 27, 27251503, time.UTC),
		Geo:      Geo{Latitude: 5, Longitude: 6.5, CityNames: map[string]string{"en": "Bonn"}},
		GraphQL: GraphQLStats{
			IsGraphQL: true, OperationType: OperationSubscription, Types: map[string][]string{"T": {"f"}, "U": {"g", "5"}},
			Errors: []GraphQLError{{Message: "boom"}, {Message: "5"}, {Message: "m"}},
		},
	}, canonical(&r))
}

// Every name with every type of value: nothing panics, and what makes no sense is zero.
func TestFromLogSurvivesOddTypes(t *testing.T) {
	t.Parallel()
	values := []any{
		nil, "", "x", "9", true, false, 0, -5, int64(math.MaxInt64), 1.5, math.NaN(), math.Inf(1), -1e300, []byte("bytes"),
		[]any{},
		[]any{nil},
		[]any{1, 2},
		[]any{"a", "b"},
		[]any{1.5, []any{}},
		[]any{map[string]any{"path": []any{nil, 1.5, "s"}}},
		map[string]any{},
		map[string]any{"k": nil},
		map[string]any{"message": 5, "path": map[string]any{}},
	}
	names := logOf(everything(), "uid").Attributes()
	for _, value := range values {
		var r, back Record
		lr := plog.NewLogRecord()
		lr.SetTimestamp(math.MaxUint64)
		for name := range names.All() {
			require.NoError(t, lr.Attributes().PutEmpty(name).FromRaw(value))
		}
		uid := r.FromLog(lr)
		assert.Equal(t, uid, back.FromLog(logOf(r, uid)))
		want := cleaned(&r)
		assert.Equal(t, want, canonical(&back), "value %v", value)
	}
}

// everything is a record that has every attribute of ToLog.
func everything() Record {
	return Record{
		Method: "m", Host: "h:1", Path: "p", RawPath: "r", ContentLength: 1, UserAgent: "u", Day: 40, Month: 13, Year: 1, Hour: 25,
		ResponseCode: 1, APIKey: "k", TimeStamp: time.Unix(-1, 0), APIVersion: "v", APIName: "n", APIID: "i", OrgID: "o",
		OauthID: "a", RequestTime: 1, RawRequest: "q", RawResponse: "s", IPAddress: "ip",
		Geo: Geo{
			CountryISOCode: "c", CityGeoNameID: 1, CityNames: map[string]string{"en": "e", "de": "d"},
			Latitude: 1, Longitude: 1, TimeZone: "z",
		},
		Network: Network{1, 1, 1, 1}, Latency: Latency{2, 2, 2}, Tags: []string{"t"}, Alias: "l", TrackPath: true,
		ExpireAt: time.Unix(1, 0), APISchema: "s", OriginalPath: "o", ListenPath: "l",
		GraphQL: GraphQLStats{
			Variables: "v", RootFields: []string{"f"}, Types: map[string][]string{"t": {"f"}}, Errors: []GraphQLError{{Message: "e"}},
			OperationType: OperationQuery, HasErrors: true, IsGraphQL: true,
		},
		MCP: MCPStats{true, "m", "t", "n"},
	}
}

func TestScopeAndResourceAreNamed(t *testing.T) {
	t.Parallel()
	logs := plog.NewLogs()
	AppendScope(logs).AppendEmpty()
	assert.Equal(t, 1, logs.LogRecordCount())
	assert.Equal(t, map[string]any{"service.name": "tyk-gateway"}, logs.ResourceLogs().At(0).Resource().Attributes().AsRaw())
	assert.Equal(t, ScopeName, logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope().Name())
}
