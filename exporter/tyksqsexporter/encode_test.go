package tyksqsexporter

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqsexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// pumpMessages are those that the real Tyk Pump sent.
func pumpMessages(tb testing.TB) []string {
	tb.Helper()
	return strings.Split(strings.TrimSuffix(string(sinktest.Unzip(tb, "testdata", "golden", "sqs.jsonl.gz")), "\n"), "\n")
}

// nullForEmpty replaces lists and maps without elements, which a record does not tell from none.
func nullForEmpty(text string) string {
	for _, key := range []string{"tags", "names", "RootFields", "Types", "Errors"} {
		for _, empty := range []string{"[]", "{}"} {
			text = strings.ReplaceAll(text, `"`+key+`":`+empty, `"`+key+`":null`)
		}
	}
	return text
}

func TestMessagesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	missing := map[string]int{} // the pump's purges run beside each other
	for _, text := range pumpMessages(t) {
		missing[nullForEmpty(text)]++
	}
	records := sinktest.GoldenRecords(t)
	require.Len(t, records, 600)
	for i := range records {
		body, err := appendBody(nil, &records[i])
		require.NoError(t, err)
		text := nullForEmpty(string(body))
		if assert.Positive(t, missing[text], text) {
			missing[text]--
		}
	}
}

// isAllowed is the rule of the documentation of SQS.
func isAllowed(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool {
		listed := c == 0x9 || c == 0xA || c == 0xD || c >= 0x20 && c <= 0xD7FF || c >= 0xE000 && c <= 0xFFFD || c >= 0x10000 && c <= 0x10FFFF
		return !listed
	})
}

// FuzzBody holds for any text: SQS takes the message, and who reads its JSON gets the text back.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{"", "/a", "\x00\x01\x1f\x7f\u0085", "\uFFFE\uFFFF\uFFFD\uFFFC", `\ufffe`, "\U0001FFFE\U0010FFFF", "\xff\xfe", "\u2028<&>\"\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before := "before\uFFFF"
		body, err := appendBody([]byte(before), &analytics.Record{Path: text, OrgID: text})
		require.NoError(t, err)
		require.Equal(t, before, string(body[:len(before)]), "what was there stays")
		body = body[len(before):]
		require.True(t, isAllowed(string(body)), "%q", body)
		var back struct {
			Path  string
			OrgID string `json:"org_id"`
		}
		require.NoError(t, json.Unmarshal(body, &back))
		want := string([]rune(text)) // with what is not UTF-8 replaced
		require.Equal(t, want, back.Path)
		require.Equal(t, want, back.OrgID)
		require.True(t, isAllowed(allowed(text)), "%q", allowed(text))
		if isAllowed(text) {
			require.Equal(t, text, allowed(text))
		}
		id := token(text)
		require.True(t, isToken(id), "%q", id)
		require.True(t, !isToken(text) || id == text)
	})
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "seg-7", identity("seg-7"))
	assert.Len(t, identity(strings.Repeat("x", 129)), 64)
	one, other := identity(""), identity("")
	assert.NotEqual(t, one, other, "records without an identity are not taken for each other")
	by := configured(func(c *Config) { c.MessageGroupBy = fieldAPIID })
	assert.Equal(t, "api", by.group(&analytics.Record{APIID: "api"}))
	assert.Len(t, by.group(&analytics.Record{}), 64, "a group must have a name")
	assert.NotEqual(t, by.group(&analytics.Record{APIID: "a b"}), by.group(&analytics.Record{APIID: "a c"}))
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	config := configured(func(c *Config) { c.Attributes = []string{fieldUID, fieldOrgID, fieldAPIID} })
	attributes, size := config.attributes(&analytics.Record{OrgID: "o\x00", APIID: ""}, "seg-7")
	texts := map[string]string{}
	for name, a := range attributes {
		assert.Equal(t, "String", *a.DataType)
		texts[name] = *a.StringValue
	}
	assert.Equal(t, map[string]string{"uid": "seg-7", "org_id": "o\uFFFD"}, texts, "SQS refuses empty ones")
	assert.Equal(t, len("uid"+"String"+"seg-7"+"org_id"+"String"+"o\uFFFD"), size)
}

// unsent is an exporter that sends nothing.
func unsent(tb testing.TB, change func(*Config)) *sqsExporter {
	tb.Helper()
	e, err := newSQSExporter(configured(change), exportertest.NewNopSettings(metadata.Type))
	require.NoError(tb, err)
	return e
}

func TestWhatCannotBeSentIsRefusedByName(t *testing.T) {
	t.Parallel()
	long, late := sinktest.Sample(1), sinktest.Sample(2)
	long.RawRequest = strings.Repeat("QUJD", 3000)
	late.TimeStamp = time.Unix(1<<40, 0)
	limit := func(c *Config) { c.QueueName, c.MaxBytes = "q", 5000 }
	items, requests := unsent(t, limit).items(sinktest.LogsOf(sinktest.Sample(0), long, late))
	require.Len(t, items, 1)
	err := requests.Err("tyksqs")
	require.ErrorContains(t, err, "too_large: a message of ")
	require.ErrorContains(t, err, "is longer than max_bytes, 5000: raise it as far as the queue allows, record less, or set truncate")
	require.ErrorContains(t, err, "out_of_range: timestamp is in the year 36812")

	items, requests = unsent(t, func(c *Config) { limit(c); c.Truncate = true }).items(sinktest.LogsOf(long))
	require.NoError(t, requests.Err("tyksqs"))
	require.Len(t, items, 1)
	assert.LessOrEqual(t, len(items[0].Body)+items[0].More, 5000)
	var cut struct {
		Raw string `json:"raw_request"`
	}
	require.NoError(t, json.Unmarshal(items[0].Body, &cut))
	assert.NotEmpty(t, cut.Raw)
	assert.Equal(t, strings.Repeat("QUJD", len(cut.Raw)/4), cut.Raw)
	long.Path = strings.Repeat("x", 6000)
	_, requests = unsent(t, func(c *Config) { limit(c); c.Truncate = true }).items(sinktest.LogsOf(long))
	require.ErrorContains(t, requests.Err("tyksqs"), "too_large: ", "there is nothing more to cut")
}

func BenchmarkEncode(b *testing.B) {
	records := sinktest.GoldenRecords(b)
	config := configured(func(c *Config) { c.QueueName, c.MessageGroupBy = "q.fifo", fieldOrgID })
	var body []byte
	b.ReportAllocs()
	for n := 0; b.Loop(); n = (n + 1) % math.MaxInt32 {
		r := &records[n%len(records)]
		body, _ = appendBody(body[:0], r)
		_, _ = config.attributes(r, "seg-1")
		_, _ = config.group(r), identity("seg-1")
	}
}
