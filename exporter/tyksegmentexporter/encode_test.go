package tyksegmentexporter

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// eventOf is the event of a record.
func eventOf(tb testing.TB, e *encoder, r analytics.Record, uid string) string {
	tb.Helper()
	rest := e.take(&r, uid)
	event, err := appendEvent(nil, &r, rest)
	require.NoError(tb, err)
	return string(event)
}

// beside is an event without its properties.
func beside(tb testing.TB, event string) (rest string, properties map[string]any) {
	tb.Helper()
	at := strings.LastIndex(event, `},"anonymousId":`)
	require.Positive(tb, at, event)
	require.NoError(tb, json.Unmarshal([]byte(strings.TrimPrefix(event[:at+1], `{"properties":`)), &properties), event)
	return event[at+2:], properties
}

func TestEvents(t *testing.T) {
	t.Parallel()
	record := analytics.Record{
		Method: "GET", Path: "/<a>", ContentLength: 5 << 30, APIKey: "key", OauthID: "client", Alias: "me", IPAddress: "1.2.3.4",
		UserAgent: `"x"`, Tags: []string{"key-key"}, TimeStamp: time.Date(2026, 11, 21, 1, 54, 59, 123_456_789, time.FixedZone("", 3600)),
		RawRequest: "cmF3", RawResponse: "cmF3", APISchema: "c2No",
	}
	defaults := newEncoder(configured(func(*Config) {}))
	rest, properties := beside(t, eventOf(t, defaults, record, "seg:1"))
	assert.Equal(t, `"anonymousId":"key","event":"Hit","type":"track","messageId":"seg:1","timestamp":"2026-11-21T00:54:59.123Z",`+
		`"context":{"ip":"1.2.3.4","userAgent":"\"x\""}}`, rest)
	for key, want := range map[string]any{
		"api_key": "key", "path": "/<a>", "content_length": float64(5 << 30), "raw_request": "", "raw_response": "", "api_schema": "", "tags": []any{"key-key"},
	} {
		assert.Equal(t, want, properties[key], key)
	}

	record.Tags = []string{"key-key"}
	chosen := newEncoder(configured(func(c *Config) {
		c.Event, c.AnonymousID, c.UserID, c.IgnoreFields = "API <hit>", anonymousHash, userAlias, []string{"ip_address", "user_agent"}
	}))
	const hashed = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
	event := eventOf(t, chosen, record, "")
	rest, properties = beside(t, event)
	assert.Equal(t, `"anonymousId":"`+hashed+`","userId":"me","event":"API \u003chit\u003e","type":"track","timestamp":"2026-11-21T00:54:59.123Z"}`, rest)
	assert.Equal(t, []any{"key-" + hashed}, properties["tags"])
	assert.Equal(t, "cmF3", properties["raw_request"])
	assert.NotContains(t, event, `"key"`)

	for want, r := range map[string]analytics.Record{
		`"anonymousId":"client","event":"Hit","type":"track"}`:                            {OauthID: "client"},
		`"anonymousId":"anonymous","event":"Hit","type":"track","context":{"ip":"::1"}}`:  {IPAddress: "::1"},
		`"anonymousId":"k","event":"Hit","type":"track","context":{"userAgent":"agent"}}`: {APIKey: "k", UserAgent: "agent"},
	} {
		rest, _ = beside(t, eventOf(t, defaults, r, ""))
		assert.Equal(t, want, rest)
	}
}

// What Tyk Pump puts into properties is the record as JSON, whose form other tests compare with it.
func TestEachRecordIsAnEvent(t *testing.T) {
	t.Parallel()
	e := newEncoder(configured(func(c *Config) { c.IgnoreFields = nil }))
	records := sinktest.GoldenRecords(t)
	for i := range records {
		want, err := analytics.AppendJSON(nil, &records[i])
		require.NoError(t, err)
		_, properties := beside(t, eventOf(t, e, records[i], "seg:1"))
		got, err := json.Marshal(properties)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(got))
	}
}

func FuzzEvents(f *testing.F) {
	f.Add("key", "client", "me", "1.2.3.4", "agent\n", "seg:1", int64(1_700_000_000), true)
	f.Add("", "", "\xff", "", "", "", int64(-1<<40), false)
	f.Fuzz(func(t *testing.T, key, oauth, alias, ip, agent, uid string, seconds int64, hash bool) {
		r := analytics.Record{APIKey: key, OauthID: oauth, Alias: alias, IPAddress: ip, UserAgent: agent, TimeStamp: time.Unix(seconds, 0), Tags: []string{"key-" + key}}
		e := newEncoder(configured(func(c *Config) {
			c.UserID = userAlias
			if hash {
				c.AnonymousID = anonymousHash
			}
		}))
		rest := e.take(&r, uid)
		event, err := appendEvent(nil, &r, rest)
		if err != nil {
			require.True(t, r.TimeStamp.Year() < 0 || r.TimeStamp.Year() > 9999)
			return
		}
		var read struct {
			AnonymousID string
			Type        string
			Properties  struct {
				APIKey string `json:"api_key"`
			}
		}
		require.NoError(t, json.Unmarshal(event, &read), "%s", event)
		require.NotEmpty(t, read.AnonymousID)
		require.Equal(t, "track", read.Type)
		if hash && key != "" {
			require.Len(t, read.Properties.APIKey, 64)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	e := newEncoder(configured(func(*Config) {}))
	var dst []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := records[i%len(records)]
		rest := e.take(&r, "0123456789abcdef:1")
		dst, _ = appendEvent(dst[:0], &r, rest)
	}
}
