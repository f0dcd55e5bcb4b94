package tykkinesisexporter

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykkinesisexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func newTestEncoder(tb testing.TB, change func(*Config)) *encoder {
	tb.Helper()
	e, err := newEncoder(configured(change))
	require.NoError(tb, err)
	return e
}

func TestRecordsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	nullForEmpty := func(text string) string { return strings.ReplaceAll(text, `"tags":[]`, `"tags":null`) }
	missing := map[string]int{} // the pump's purges run beside each other
	for text := range strings.Lines(string(sinktest.Unzip(t, "testdata", "golden", "kinesis.jsonl.gz"))) {
		missing[nullForEmpty(text)]++
	}
	records := sinktest.GoldenRecords(t)
	require.Len(t, records, 600)
	e := newTestEncoder(t, func(c *Config) { c.AppendNewline = true })
	for i := range records {
		data, err := e.append(nil, &records[i])
		require.NoError(t, err)
		text := nullForEmpty(string(data))
		if assert.Positive(t, missing[text], text) {
			missing[text]--
		}
	}
}

// FuzzRecord holds for any text: the data is one line of JSON with that text, and the key is one that Kinesis takes.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{"", "/a", "\x00\n\u2028", "\xff", strings.Repeat("é", 257)} {
		f.Add(seed)
	}
	e := newTestEncoder(f, func(*Config) {})
	f.Fuzz(func(t *testing.T, text string) {
		data, err := e.append([]byte("before"), &analytics.Record{Path: text})
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(data, []byte("before{")))
		require.NotContains(t, string(data), "\n")
		var back struct{ Path string }
		require.NoError(t, json.Unmarshal(data[len("before"):], &back))
		require.Equal(t, string([]rune(text)), back.Path)
		for _, field := range partitionKeys {
			key := partition(field, &analytics.Record{OrgID: text, APIID: text, APIKey: text}, text)
			require.NotEmpty(t, key)
			require.LessOrEqual(t, utf8.RuneCountInString(key), 256)
		}
	})
}

func TestPartitionKeys(t *testing.T) {
	t.Parallel()
	r := &analytics.Record{OrgID: "org", APIID: "api", APIKey: "key"}
	for field, want := range map[string]string{fieldUID: "seg-7", fieldOrgID: "org", fieldAPIID: "api", fieldAPIKey: "key"} {
		assert.Equal(t, want, partition(field, r, "seg-7"))
		assert.Equal(t, "seg-7", partition(field, &analytics.Record{}, "seg-7"), "a key must not be empty")
	}
	one, other := partition(fieldUID, r, ""), partition(fieldUID, r, "")
	assert.NotEqual(t, one, other, "what has no identity is spread")
	assert.Len(t, partition(fieldOrgID, &analytics.Record{OrgID: strings.Repeat("x", 257)}, ""), 64)
}

// unsent is an exporter that sends nothing.
func unsent(tb testing.TB, change func(*Config)) *kinesisExporter {
	tb.Helper()
	e, err := newKinesisExporter(configured(change), exportertest.NewNopSettings(metadata.Type))
	require.NoError(tb, err)
	return e
}

func TestWhatCannotBeSentIsRefusedByName(t *testing.T) {
	t.Parallel()
	long, late := sinktest.Sample(1), sinktest.Sample(2)
	long.RawRequest = strings.Repeat("QUJD", 3000)
	late.TimeStamp = time.Unix(1<<40, 0)
	limit := func(c *Config) { c.StreamName, c.MaxRecordBytes = "s", 5000 }
	items, requests := unsent(t, limit).items(sinktest.LogsOf(sinktest.Sample(0), long, late))
	require.Len(t, items, 1)
	err := requests.Err("tykkinesis")
	require.ErrorContains(t, err, "too_large: ")
	require.ErrorContains(t, err, "bytes are more than max_record_bytes, 5000: raise it as far as the stream allows, record less, or set truncate")
	require.ErrorContains(t, err, "out_of_range: timestamp is in the year 36812")

	items, requests = unsent(t, func(c *Config) { limit(c); c.Truncate = true }).items(sinktest.LogsOf(long))
	require.NoError(t, requests.Err("tykkinesis"))
	require.Len(t, items, 1)
	assert.LessOrEqual(t, len(items[0].Body)+len(items[0].Key), 5000)
	var cut struct {
		Raw string `json:"raw_request"`
	}
	require.NoError(t, json.Unmarshal(items[0].Body, &cut))
	assert.NotEmpty(t, cut.Raw)
	assert.Equal(t, strings.Repeat("QUJD", len(cut.Raw)/4), cut.Raw)
}

func BenchmarkEncode(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	e := newTestEncoder(b, func(*Config) {})
	var data []byte
	b.ReportAllocs()
	for n := 0; b.Loop(); n = (n + 1) % math.MaxInt32 {
		data, _ = e.append(data[:0], &records[n%len(records)])
	}
}
