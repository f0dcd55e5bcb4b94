package tykfilterprocessor

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
)

// filterLogs gives the log records that come out.
func filterLogs(tb testing.TB, cfg *Config, ld plog.Logs) []plog.LogRecord {
	tb.Helper()
	require.NoError(tb, cfg.Document.Validate())
	p, sink := startLogs(tb, cfg, processortest.NewNopSettings(metadata.Type))
	require.False(tb, p.Capabilities().MutatesData)
	ld.MarkReadOnly()
	require.NoError(tb, p.ConsumeLogs(tb.Context(), ld))
	var out []plog.LogRecord
	for _, ld := range sink.AllLogs() {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					out = append(out, lr)
				}
			}
		}
	}
	return out
}

func TestDocumentsAreThoseOfTykPump(t *testing.T) {
	_, records := pumpRecords(t)
	lines := bytes.Split(bytes.TrimSpace(readFile(t, "documents.jsonl")), []byte("\n"))
	prefixes := []string{"key-", "org-", "dup", "many-1"}
	cfg := &Config{Document: DocumentConfig{
		Format: "splunk", Place: "body", ObfuscateAPIKeys: true, ObfuscateAPIKeysLength: 4, IgnoreTagPrefixList: prefixes,
		Fields: []string{
			"method", "host", "path", "raw_path", "content_length", "user_agent", "response_code", "api_key", "time_stamp",
			"api_version", "api_name", "api_id", "org_id", "oauth_id", "raw_request", "request_time", "raw_response",
			"ip_address", "geo", "network", "latency", "tags", "alias", "track_path",
		},
	}}
	got := filterLogs(t, cfg, batch(records...))
	require.Len(t, got, len(lines))
	for i, line := range lines {
		want, body := map[string]any{}, map[string]any{}
		require.NoError(t, json.Unmarshal(line, &want))
		text, err := json.Marshal(got[i].Body().Map().AsRaw())
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &body))
		// Of two such tags in a row, Tyk Pump leaves the second.
		tags, _ := want["tags"].([]any)
		tags = slices.DeleteFunc(tags, func(tag any) bool {
			return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(tag.(string), prefix) })
		})
		want["tags"] = nil
		if len(tags) > 0 {
			want["tags"] = tags
		}
		names := want["geo"].(map[string]any)["city"].(map[string]any)
		if empty, ok := names["names"].(map[string]any); ok && len(empty) == 0 {
			names["names"] = nil
		}
		assert.Equal(t, want, body, "record %d", i)
	}
}

func TestADocumentTakesTheRecordsPlace(t *testing.T) {
	record := typicalRecord(1)
	record.Tags = append(record.Tags, "trace-id-0102030405060708090a0b0c0d0e0f10")
	ld := batch(record)
	in := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	in.SetObservedTimestamp(42)

	t.Run("in the body", func(t *testing.T) {
		got := filterLogs(t, &Config{Document: DocumentConfig{Format: "kafka", Place: "body"}}, ld)[0]
		assert.Equal(t, map[string]any{analytics.AttrUID: "segment-0"}, got.Attributes().AsRaw())
		assert.Equal(t, "api-1", got.Body().Map().AsRaw()["api_id"])
		assert.Equal(t, 20, got.Body().Map().Len())
		assert.Equal(t, in.Timestamp(), got.Timestamp())
		assert.Equal(t, in.ObservedTimestamp(), got.ObservedTimestamp())
		assert.Equal(t, in.TraceID(), got.TraceID())
		assert.False(t, got.TraceID().IsEmpty())
		assert.Equal(t, in.SeverityText(), got.SeverityText())
		assert.Equal(t, analytics.EventDocument, got.EventName())
	})
	t.Run("in the attributes", func(t *testing.T) {
		got := filterLogs(t, &Config{Document: DocumentConfig{Format: "influx", Place: "attributes", Fields: []string{"path", "upstream_latency"}}}, ld)[0]
		assert.Equal(t, map[string]any{
			analytics.AttrUID: "segment-0", "path": "/v2/orders/{id}", "upstream_latency": int64(41),
		}, got.Attributes().AsRaw())
		assert.Empty(t, got.Body().AsString())
	})
	t.Run("for Elasticsearch, under an id of its own", func(t *testing.T) {
		p, sink := startLogs(t, &Config{Document: DocumentConfig{Format: "elasticsearch", Place: "body"}}, processortest.NewNopSettings(metadata.Type))
		require.NoError(t, p.ConsumeLogs(t.Context(), ld))
		scope := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0)
		assert.Equal(t, map[string]any{"elastic.mapping.mode": "bodymap"}, scope.Scope().Attributes().AsRaw())
		assert.Equal(t, map[string]any{
			analytics.AttrUID: "segment-0", "elasticsearch.document_id": "segment-0",
		}, scope.LogRecords().At(0).Attributes().AsRaw())
	})
}

func TestADocumentHasWhatGoesOn(t *testing.T) {
	request, response := recordedMessages(10)
	record := typicalRecord(1)
	record.RawRequest, record.RawResponse = request, response
	cfg := &Config{
		Lists: selection.Lists{SkipAPIIDs: []string{"api-2"}},
		Fields: FieldsConfig{
			Ignore: []string{"api_key", "geo", "timestamp", "raw_response", "tags"}, DecodeRawRequest: true, RedactHeaders: []string{"cookie"},
		},
		Document: DocumentConfig{Format: "tyk", Place: "body"},
	}
	got := filterLogs(t, cfg, batch(typicalRecord(2), record, typicalRecord(2)))
	require.Len(t, got, 1)
	body := got[0].Body().Map().AsRaw()
	assert.Empty(t, body["api_key"])
	assert.Empty(t, body["raw_response"])
	assert.Contains(t, body["raw_request"], "Cookie: REDACTED")
	assert.Nil(t, body["tags"])
	assert.Equal(t, "0001-01-01T00:00:00Z", body["timestamp"])
	assert.Equal(t, int64(28), body["day"], "as without a document, it is ignored by its own name only")
	assert.Zero(t, got[0].Timestamp())
	assert.Empty(t, body["geo"].(map[string]any)["country"].(map[string]any)["iso_code"])
}

func TestOnlyRequestsBecomeDocuments(t *testing.T) {
	ld := plog.NewLogs()
	records := analytics.AppendScope(ld)
	for _, event := range []string{analytics.EventRequest, analytics.EventUptime, "", analytics.EventRollup} {
		lr := records.AppendEmpty()
		lr.SetEventName(event)
		lr.Attributes().PutStr(analytics.AttrAPIID, "orders")
	}
	got := filterLogs(t, &Config{Document: DocumentConfig{Format: "kafka", Place: "body"}}, ld)
	require.Len(t, got, 4)
	for i, event := range []string{analytics.EventDocument, analytics.EventUptime, analytics.EventDocument, analytics.EventRollup} {
		assert.Equal(t, event, got[i].EventName())
		_, kept := got[i].Attributes().Get(analytics.AttrAPIID)
		assert.Equal(t, event != analytics.EventDocument, kept)
	}
}

// The gateway tags records with their key.
func TestObfuscatedKeysAreInNoTag(t *testing.T) {
	r := typicalRecord(1)
	r.APIKey, r.Tags = "0123456789", []string{"a", "key-0123456789"}
	got := filterLogs(t, &Config{Document: DocumentConfig{
		Format: "tyk", Place: "body", ObfuscateAPIKeys: true, ObfuscateAPIKeysLength: 4, Fields: []string{"api_key", "tags"},
	}}, batch(r))
	assert.Equal(t, map[string]any{"api_key": "****6789", "tags": []any{"a", "key-****6789"}}, got[0].Body().Map().AsRaw())
}

func TestObfuscatedKeys(t *testing.T) {
	for _, test := range []struct {
		key     string
		letters int
		want    string
	}{
		{"6a1f0c2be4b0c7a1", 4, "****c7a1"},
		{"6a1f0c2be4b0c7a1", 0, "****"},
		{"", 4, ""},
		{"abcd", 4, "****"},
		{"ab", 4, "****"},
		{"keyï", 1, "****ï"},
		{"ключ", 3, "****люч"},
		{"ключ", 4, "****"},
	} {
		assert.Equal(t, test.want, obfuscated(test.key, test.letters), "%q", test.key)
	}
}

func BenchmarkDocuments(b *testing.B) {
	const size = 1000
	records := make([]*analytics.Record, size)
	for i := range records {
		records[i] = typicalRecord(i)
	}
	ld := batch(records...)
	ld.MarkReadOnly()
	for _, format := range []string{"tyk", "kafka", "elasticsearch"} {
		b.Run(format, func(b *testing.B) {
			p, sink := startLogs(b, &Config{Document: DocumentConfig{Format: format, Place: "body"}}, processortest.NewNopSettings(metadata.Type))
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, p.ConsumeLogs(b.Context(), ld))
				sink.Reset()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/record")
		})
	}
}
