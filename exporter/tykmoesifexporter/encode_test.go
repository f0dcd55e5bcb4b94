package tykmoesifexporter

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// likePump has the settings of the recorded run.
func likePump(c *Config) {
	c.UserIDHeader, c.CompanyIDHeader = "X-User-Id", "X-Company"
	c.RequestHeaderMasks, c.ResponseHeaderMasks = []string{"X-Api-Key"}, []string{"Set-Cookie"}
	c.RequestBodyMasks, c.ResponseBodyMasks = []string{"password", "secret"}, []string{"secret"}
}

// bodies are those of an event.
var bodies = regexp.MustCompile(`"body":"([^"]*)"`)

// parted is an event without its bodies, and those, as JSON without white space where they are.
func parted(tb testing.TB, event string) (rest string, both []string) {
	tb.Helper()
	for _, found := range bodies.FindAllStringSubmatch(event, -1) {
		body, err := base64.StdEncoding.DecodeString(found[1])
		require.NoError(tb, err)
		var value any
		if json.Unmarshal(body, &value) == nil {
			body, err = json.Marshal(value)
			require.NoError(tb, err)
		}
		both = append(both, string(body))
	}
	return bodies.ReplaceAllString(event, `"body":"..."`), both
}

// Events are those of Tyk Pump byte for byte, but for bodies, of which values and masks are the same.
func TestEventsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	type seen struct{ rest, bodies string }
	missing := map[seen]int{}
	for text := range strings.Lines(string(sinktest.Unzip(t, "testdata", "golden", "moesif.jsonl.gz"))) {
		rest, both := parted(t, strings.TrimSuffix(text, "\n"))
		rest = strings.Replace(rest, `"tags":[]`, `"tags":null`, 1) // a record does not keep the difference
		missing[seen{rest, strings.Join(both, "\n")}]++
	}
	e := newEncoder(configured(likePump))
	sent := 0
	for _, r := range sinktest.GoldenRecords(t) {
		if r.APIID == "rawtext-api" {
			continue
		}
		event, taken, err := e.append(nil, &r, "", everything)
		require.NoError(t, err)
		require.True(t, taken)
		rest, both := parted(t, string(event))
		key := seen{rest, strings.Join(both, "\n")}
		if assert.Positive(t, missing[key], "%s\n%q", rest, both) {
			missing[key]--
		}
		sent++
	}
	assert.Equal(t, 575, sent)
}

// event makes the event of a record that was recorded as it is told.
func event(t *testing.T, change func(*Config), r analytics.Record, request, response string) (text, requestBody, responseBody string) {
	t.Helper()
	r.RawRequest = base64.StdEncoding.EncodeToString([]byte(request))
	r.RawResponse = base64.StdEncoding.EncodeToString([]byte(response))
	made, taken, err := newEncoder(configured(change)).append(nil, &r, "seg:1", everything)
	require.NoError(t, err)
	require.True(t, taken)
	var read struct {
		Request, Response struct{ Body []byte }
	}
	require.NoError(t, json.Unmarshal(made, &read), "%s", made)
	return string(made), string(read.Request.Body), string(read.Response.Body)
}

func TestAnEvent(t *testing.T) {
	t.Parallel()
	record := func() analytics.Record {
		return analytics.Record{
			Method: "POST", Path: "/a/{id}", APIVersion: "v1", IPAddress: "1.2.3.4", APIKey: "key", APIName: "An API", Tags: []string{"key-key", "org-o"},
			ResponseCode: 201, RequestTime: 1500, TimeStamp: time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)),
		}
	}
	const request = "POST /a/7?b=<c> HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n\r\nbody"
	text, _, _ := event(t, func(*Config) {}, record(), request, "HTTP/1.1 201 Created\r\n\r\n")
	whole := `{"request":{"time":"2026-01-02T02:04:05.000000006Z","uri":"/a/7?b=\u003cc\u003e","verb":"POST","headers":{"host":"h","x-a":"1, 2"},` +
		`"api_version":"v1","ip_address":"1.2.3.4","body":"Ym9keQ==","transfer_encoding":"base64"},` +
		`"response":{"time":"2026-01-02T02:04:06.500000006Z","status":201,"headers":{},"body":"","transfer_encoding":"base64"},` +
		`"session_token":"key","user_id":"","company_id":"","metadata":{"tyk":{"api_name":"An API","tags":["key-key","org-o"],"uid":"seg:1"}},` +
		`"direction":"Incoming","weight":1}`
	assert.Equal(t, whole, text)

	const hashed = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
	text, _, _ = event(t, func(c *Config) {
		c.SessionToken, c.DisableCaptureRequestBody, c.DisableCaptureResponseBody = tokenHash, true, true
	}, record(), request, "HTTP/1.1 201 Created\r\n\r\n")
	assert.Contains(t, text, `"session_token":"`+hashed+`"`)
	assert.Contains(t, text, `"tags":["key-`+hashed+`","org-o"]`)
	assert.Equal(t, 2, strings.Count(text, `"body":null`))
	text, _, _ = event(t, func(c *Config) { c.SessionToken = tokenOff }, record(), "", "")
	assert.Contains(t, text, `"session_token":"",`)
	assert.Contains(t, text, `"tags":["org-o"]`)
	assert.Contains(t, text, `"uri":"/a/{id}"`)
	assert.Equal(t, 2, strings.Count(text, `"headers":{}`))

	late := record()
	late.TimeStamp = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	_, _, err := newEncoder(configured(func(*Config) {})).append(nil, &late, "", everything)
	require.ErrorContains(t, err, "the time is in the year 10000")
}

func TestUsersAndCompanies(t *testing.T) {
	t.Parallel()
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".sig"
	}
	for _, c := range []struct {
		name                   string
		headers                string // of the request
		record                 analytics.Record
		response, user, wanted string
	}{
		{name: "header of the request", headers: "x-user-id: u1", wanted: "u1"},
		{name: "the response's wins", headers: "X-User-Id: u1", response: "X-USER-ID: u2", wanted: "u2"},
		{name: "before the alias", headers: "X-User-Id: u1", record: analytics.Record{Alias: "me", OauthID: "o"}, wanted: "u1"},
		{name: "alias", record: analytics.Record{Alias: "me", OauthID: "o"}, wanted: "me"},
		{name: "OAuth client", headers: "Authorization: Basic dTpw", record: analytics.Record{OauthID: "o"}, wanted: "o"},
		{name: "redacted", headers: "X-User-Id: REDACTED\r\nAuthorization: REDACTED", wanted: ""},
		{name: "basic", headers: "Authorization: Basic dTpwOng=", wanted: "u"},
		{name: "basic in other letters", headers: "authorization: basic  dTpw", wanted: "u"},
		{name: "no base64", headers: "Authorization: Basic %%%", wanted: ""},
		{name: "bearer", headers: "Authorization: Bearer " + jwt(`{"sub":"s","iat":1}`), wanted: "s"},
		{name: "bearer without parts", headers: "Authorization: Bearer opaque", wanted: ""},
		{name: "bare token", headers: "Authorization: " + jwt(`{"sub":"s"}`), wanted: "s"},
		{name: "claims alone", headers: "Authorization: eyJzdWIiOiJzIn0", wanted: "s"},
		{name: "padded claims", headers: "Authorization: eyJzdWIiOiJzIn0=", wanted: "s"},
		{name: "a number", headers: "Authorization: Bearer " + jwt(`{"sub":12345678901234567890}`), wanted: "12345678901234567890"},
		{name: "an object", headers: "Authorization: Bearer " + jwt(`{"sub":{"a":1}}`), wanted: ""},
		{name: "nothing", headers: "Authorization: Bearer " + jwt(`{"sub":null}`), wanted: ""},
		{name: "no claims", headers: "Authorization: Bearer " + jwt(`[]`), wanted: ""},
	} {
		request, response := "GET / HTTP/1.1\r\n"+c.headers+"\r\n\r\n", "HTTP/1.1 200 OK\r\n"+c.response+"\r\n\r\n"
		text, _, _ := event(t, func(c *Config) { c.UserIDHeader = "X-User-Id" }, c.record, request, response)
		assert.Contains(t, text, `"user_id":"`+c.wanted+`"`, c.name)
	}
	token := "X-Token: " + jwt(`{"Account":"a"}`) + "\r\nX-Org: acme"
	text, _, _ := event(t, func(c *Config) {
		c.AuthorizationHeaderName, c.AuthorizationUserIDField, c.CompanyIDHeader = "X-Token", "account", "x-org"
	}, analytics.Record{}, "GET / HTTP/1.1\r\n"+token+"\r\n\r\n", "")
	assert.Contains(t, text, `"user_id":"a","company_id":"acme"`)
	text, _, _ = event(t, func(c *Config) { c.UserIDHeader, c.RequestHeaderMasks = "X-User-Id", []string{"x-USER-id"} }, analytics.Record{},
		"GET / HTTP/1.1\r\nX-User-ID: u1\r\nx-user-id: u2\r\n\r\n", "")
	assert.Contains(t, text, `"headers":{"x-user-id":"*****"}`)
	assert.Contains(t, text, `"user_id":""`, "what is masked is told nowhere")
}

func BenchmarkEncode(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	e := newEncoder(configured(likePump))
	var dst []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := records[i%len(records)]
		dst, _, _ = e.append(dst[:0], &r, "0123456789abcdef:1", everything)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add("GET /a HTTP/1.1\r\nA: b\r\n\r\n{\"secret\":1}", "HTTP/1.1 200 OK\r\n\r\n", "me", int64(1))
	f.Add("\xff", "", "", int64(-1<<62))
	f.Add("POST / HTTP/1.1\nContent-Encoding: gzip\nTransfer-Encoding: chunked\n\n1\r\nx\r\n", "x", "a", int64(1<<62))
	e := newEncoder(configured(likePump))
	f.Fuzz(func(t *testing.T, request, response, alias string, n int64) {
		r := analytics.Record{RawRequest: request, RawResponse: response, Alias: alias, TimeStamp: time.Unix(n, n), RequestTime: n}
		event, taken, err := e.append(nil, &r, "", everything)
		if err == nil {
			require.True(t, taken)
			require.True(t, json.Valid(event), "%s", event)
		}
	})
}
