package tyklogzioexporter

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func testDocument(tb testing.TB) *analytics.Document {
	tb.Helper()
	document, err := analytics.NewDocument("logzio", nil)
	require.NoError(tb, err)
	return document
}

// TestLinesAreThoseOfTykPump compares them byte for byte.
func TestLinesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	missing := map[string]int{} // the pump's purges run beside each other
	for line := range strings.Lines(string(sinktest.Unzip(t, "testdata", "golden", "logzio.jsonl.gz"))) {
		missing[line]++
	}
	records := sinktest.GoldenRecords(t)
	require.Len(t, records, 600)
	document := testDocument(t)
	for i := range records {
		line, err := appendLine(nil, document, &records[i])
		require.NoError(t, err)
		if assert.Positive(t, missing[string(line)], string(line)) {
			missing[string(line)]--
		}
	}
}

// FuzzLine: whatever a record says, it is one line of JSON.
func FuzzLine(f *testing.F) {
	f.Add("GET", "/a\n\x00", "An API", int64(200))
	f.Add("", "\xff\xfe", "\u2028", int64(-1))
	document := testDocument(f)
	f.Fuzz(func(t *testing.T, method, path, name string, n int64) {
		r := analytics.Record{Method: method, Path: path, APIName: name, RawRequest: path, RequestTime: n, TimeStamp: time.Unix(n, 0)}
		line, err := appendLine([]byte("x"), document, &r)
		if err != nil {
			assert.Equal(t, "x", string(line))
			return
		}
		require.Equal(t, 1, bytes.Count(line, []byte("\n")))
		var got map[string]any
		require.NoError(t, json.Unmarshal(line[1:], &got))
		assert.Len(t, got, 14)
		assert.InDelta(t, n, got["request_time_ms"], 0)
	})
}

func BenchmarkEncode(b *testing.B) {
	records, document := sinktest.GoldenRecords(b), testDocument(b)
	var dst []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		dst, _ = appendLine(dst[:0], document, &records[i%len(records)])
	}
}
