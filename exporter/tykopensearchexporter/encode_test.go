package tykopensearchexporter

import (
	"bytes"
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

func testEncoder(tb testing.TB, change func(*Config)) *encoder {
	tb.Helper()
	config := configured(change)
	require.NoError(tb, config.Validate())
	e, err := newEncoder(config)
	require.NoError(tb, err)
	return e
}

// lines are a record's action and document.
func lines(tb testing.TB, e *encoder, r *analytics.Record, uid string) (action, document string) {
	tb.Helper()
	text, err := e.append(nil, e.index(r), r, uid)
	require.NoError(tb, err)
	action, document, _ = strings.Cut(string(text), "\n")
	require.True(tb, strings.HasSuffix(document, "}\n"))
	return action, strings.TrimSuffix(document, "\n")
}

// noTags is what a gateway sent empty, which is none here.
const noTags = `"tags":[]`

// replaced is what stands for bytes that are no text; Tyk Pump has one for each byte.
var replaced = regexp.MustCompile(`(\\ufffd|` + "\uFFFD" + `)+`)

type stored struct {
	Action json.RawMessage
	Doc    json.RawMessage
}

func TestDocumentsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct {
		change func(*Config)
		action *strings.Replacer // of Tyk Pump's actions
		decode bool
	}{
		"elasticsearch-6.jsonl.gz": {
			func(c *Config) { c.DocumentType = "doc" },
			strings.NewReplacer(`{"index":`, `{"create":`), false,
		},
		"elasticsearch-7-extended.jsonl.gz": {
			func(c *Config) { c.ExtendedStats, c.MCPIndexName = true, "tyk_mcp" },
			strings.NewReplacer(`{"index":`, `{"create":`, "-<today>", ""), true,
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			missing := map[string]int{} // the pump's purges run beside each other
			normal := func(document string) string {
				return replaced.ReplaceAllString(strings.Replace(document, noTags, `"tags":null`, 1), "\uFFFD")
			}
			id := regexp.MustCompile(`,"_id":"(\\.|[^"\\])*"`)
			for _, s := range sinktest.JSONLines[stored](t, "testdata", "golden", file) {
				if bytes.Contains(s.Doc, []byte(`"rawtext-api"`)) && c.decode {
					continue // requests that are no base64, of which Tyk Pump makes nothing
				}
				missing[c.action.Replace(id.ReplaceAllString(string(s.Action), ""))+normal(string(s.Doc))]++
			}
			e := testEncoder(t, c.change)
			n := 0
			for _, r := range sinktest.GoldenRecords(t) {
				if c.decode && r.APIID == "rawtext-api" {
					continue
				}
				if c.decode { // which tykfilter does
					r.RawRequest, r.RawResponse = decoded(t, r.RawRequest), decoded(t, r.RawResponse)
				}
				action, document := lines(t, e, &r, "")
				line := action + normal(document)
				if assert.Positive(t, missing[line], line) {
					missing[line]--
				}
				n++
			}
			assert.Greater(t, n, 570)
			for line, n := range missing {
				assert.Zero(t, n, line)
			}
		})
	}
}

func decoded(t *testing.T, text string) string {
	t.Helper()
	plain, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return string(plain)
}

func TestAnIndexFollowsFromTheRecord(t *testing.T) {
	t.Parallel()
	late := analytics.Record{TimeStamp: time.Date(2026, 3, 1, 1, 30, 0, 0, time.FixedZone("", 2*3600))}
	mcp := late
	mcp.MCP.IsMCP = true
	for _, c := range []struct {
		change func(*Config)
		record analytics.Record
		want   string
	}{
		{func(*Config) {}, late, `{"create":{"_index":"tyk_analytics","_id":"seg-1"}}`},
		{func(*Config) {}, mcp, `{"create":{"_index":"tyk_analytics","_id":"seg-1"}}`},
		{func(c *Config) { c.MCPIndexName = "mcp" }, mcp, `{"create":{"_index":"mcp","_id":"seg-1"}}`},
		{func(c *Config) { c.MCPIndexName = "mcp" }, late, `{"create":{"_index":"tyk_analytics","_id":"seg-1"}}`},
		{func(c *Config) { c.RollingIndex = true }, late, `{"create":{"_index":"tyk_analytics-2026.02.28","_id":"seg-1"}}`},
		{func(c *Config) { c.RollingIndex, c.MCPIndexName = true, "mcp" }, mcp, `{"create":{"_index":"mcp-2026.02.28","_id":"seg-1"}}`},
		{func(c *Config) { c.DocumentType = `a"b` }, late, `{"create":{"_index":"tyk_analytics","_type":"a\"b","_id":"seg-1"}}`},
	} {
		action, document := lines(t, testEncoder(t, c.change), &c.record, "seg-1")
		assert.Equal(t, c.want, action)
		assert.Contains(t, document, `"@timestamp":"2026-02-28T23:30:00Z"`)
	}
}

func TestATimeThatNoDocumentCanHaveIsRefused(t *testing.T) {
	t.Parallel()
	e := testEncoder(t, func(*Config) {})
	r := analytics.Record{TimeStamp: time.Unix(1<<40, 0)}
	text, err := e.append([]byte("before"), e.index(&r), &r, "")
	require.ErrorContains(t, err, "JSON has times of the years 0 to 9999")
	assert.Equal(t, "before", string(text))
}

// FuzzLines: whatever a record says, it has two lines of JSON.
func FuzzLines(f *testing.F) {
	f.Add("GET", "/a\n\x00", "An API", int64(200), true, "seg-1")
	f.Add("", "\xff\xfe", "\u2028", int64(-1), false, "")
	f.Fuzz(func(t *testing.T, method, path, name string, n int64, rolling bool, uid string) {
		r := analytics.Record{
			Method: method, Path: path, APIName: name, RawRequest: path, ResponseCode: n, Tags: []string{name, path}, TimeStamp: time.Unix(n, 0),
		}
		e := testEncoder(t, func(c *Config) { c.ExtendedStats, c.RollingIndex = true, rolling })
		text, err := e.append(nil, e.index(&r), &r, uid)
		if err != nil {
			return
		}
		parts := bytes.Split(text, []byte("\n"))
		require.Len(t, parts, 3)
		var action struct {
			Create struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			}
		}
		require.NoError(t, json.Unmarshal(parts[0], &action))
		assert.Equal(t, strings.ToValidUTF8(uid, "\uFFFD") != "", action.Create.ID != "")
		var document map[string]any
		require.NoError(t, json.Unmarshal(parts[1], &document))
		assert.InDelta(t, n, document["response_code"], 0)
		assert.Len(t, document, 19)
	})
}

func BenchmarkEncode(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	for name, extended := range map[string]bool{"standard": false, "extended": true} {
		b.Run(name, func(b *testing.B) {
			e := testEncoder(b, func(c *Config) { c.ExtendedStats = extended })
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r := &records[i%len(records)]
				dst, _ = e.append(dst[:0], e.index(r), r, "0123456789abcdef-1")
			}
		})
	}
}
