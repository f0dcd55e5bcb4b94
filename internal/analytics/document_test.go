package analytics

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

// documentJSON is what the stock exporters make of a document: Go's JSON of the map.
func documentJSON(t require.TestingT, d *Document, r *Record) []byte {
	m := pcommon.NewMap()
	d.Put(r, "", m)
	text, err := json.Marshal(m.AsRaw())
	require.NoError(t, err)
	return text
}

// throughLog is the record that comes out of a log record made of r.
func throughLog(r *Record) *Record {
	lr := plog.NewLogRecord()
	r.ToLog(lr, "s-1")
	back := new(Record)
	back.FromLog(lr)
	return back
}

func newDocument(tb testing.TB, format string, keys ...string) *Document {
	tb.Helper()
	d, err := NewDocument(format, keys)
	require.NoError(tb, err)
	return d
}

// splunkFields are the fields of Tyk Pump's run that is called splunk_fields in testdata.
var splunkFields = []string{
	"method", "host", "path", "raw_path", "content_length", "user_agent", "response_code", "api_key", "time_stamp",
	"api_version", "api_name", "api_id", "org_id", "oauth_id", "raw_request", "request_time", "raw_response", "ip_address",
	"geo", "network", "latency", "tags", "alias", "track_path",
}

// TestDocumentsAreThoseOfTykPump compares with what the real one sent.
func TestDocumentsAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	formats := map[string]*Document{
		"tyk":                    newDocument(t, "tyk"),
		"kafka":                  newDocument(t, "kafka"),
		"elasticsearch":          newDocument(t, "elasticsearch"),
		"elasticsearch_extended": newDocument(t, "elasticsearch_extended"),
		"splunk":                 newDocument(t, "splunk"),
		"splunk_fields":          newDocument(t, "splunk", splunkFields...),
		"logzio":                 newDocument(t, "logzio"),
		"influx": newDocument(t, "influx", "method", "path", "response_code", "api_key", "time_stamp", "api_version", "api_name",
			"api_id", "org_id", "oauth_id", "raw_request", "request_time", "raw_response", "ip_address", "total_latency", "upstream_latency"),
	}
	lines := bytes.Split(bytes.TrimSpace(readGzip(t, "pump/documents.jsonl.gz")), []byte("\n"))
	entries := capturedEntries(t, "pump/records-msgpack.bin.gz")
	require.Len(t, entries, len(lines))
	for i, line := range lines {
		sent := map[string]any{}
		require.NoError(t, json.Unmarshal(line, &sent))
		var r Record
		require.NoError(t, DecodeMsgpack(entries[i], &r))
		for format, d := range formats {
			var got any
			require.NoError(t, json.Unmarshal(documentJSON(t, d, throughLog(&r)), &got))
			want := nullForEmpty(sent[format])
			if format == "splunk_fields" {
				// In that run, keys were masked and tags filtered.
				for _, key := range []string{"api_key", "tags"} {
					delete(want.(map[string]any), key)
					delete(got.(map[string]any), key)
				}
			}
			require.Equal(t, want, got, "record %d as %s", i, format)
		}
	}
}

// nullForEmpty replaces lists and objects without elements, which a Record does not tell from none.
func nullForEmpty(v any) any {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return nil
		}
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
		for key := range v {
			v[key] = nullForEmpty(v[key])
		}
	}
	return v
}

// TestDocumentsOfAnyRecordAreWhole holds for every format and record: all keys, in
// order, once, and nothing that an exporter cannot write as JSON.
func TestDocumentsOfAnyRecordAreWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawRecord(t)
		r := throughLog(&drawn)
		for _, format := range documentFormats {
			d, err := NewDocument(format.name, nil)
			require.NoError(t, err)
			m := pcommon.NewMap()
			d.Put(r, "s-7", m)
			var keys []string
			for key := range m.All() {
				keys = append(keys, key)
			}
			require.Equal(t, AttrUID, keys[len(keys)-1])
			keys = keys[:len(keys)-1]
			require.True(t, slices.IsSorted(keys))
			want := len(slices.DeleteFunc(slices.Clone(format.standard), func(m member) bool { return !m.has(r) }))
			require.Len(t, slices.Compact(slices.Clone(keys)), want)
			back := map[string]any{}
			require.NoError(t, json.Unmarshal(documentJSON(t, d, r), &back))
			require.Len(t, back, want)
			require.Equal(t, r.APIID, back["api_id"])
			require.Equal(t, r.OrgID, back["org_id"])
		}
	})
}

func FuzzDocument(f *testing.F) {
	seed(f, msgpackCaptures)
	whole := newDocument(f, "tyk")
	f.Fuzz(func(t *testing.T, entry []byte) {
		var r Record
		if DecodeMsgpack(entry, &r) != nil {
			return
		}
		back := throughLog(&r)
		var got struct {
			Path         string                   `json:"path"`
			ResponseCode int64                    `json:"response_code"`
			Tags         []string                 `json:"tags"`
			GraphQL      struct{ IsGraphQL bool } `json:"graphql_stats"`
		}
		require.NoError(t, json.Unmarshal(documentJSON(t, whole, back), &got))
		assert.Equal(t, back.Path, got.Path)
		assert.Equal(t, back.ResponseCode, got.ResponseCode)
		assert.Equal(t, append([]string(nil), back.Tags...), got.Tags)
		assert.Equal(t, back.GraphQL.IsGraphQL, got.GraphQL.IsGraphQL)
	})
}

func TestDocumentFaultsNameTheRemedy(t *testing.T) {
	t.Parallel()
	_, err := NewDocument("graylog", nil)
	require.EqualError(t, err, `"graylog" is not a format of documents; the formats are tyk, kafka, elasticsearch, `+
		`elasticsearch_extended, splunk, logzio, influx`)
	_, err = NewDocument("logzio", []string{"api_id", "geo"})
	require.EqualError(t, err, `"geo" is not a key of logzio documents; their keys are @timestamp, http_method, request_uri, `+
		`response_code, api_key, api_version, api_name, api_id, org_id, oauth_id, raw_request, request_time_ms, raw_response, ip_address`)
}

func BenchmarkDocument(b *testing.B) {
	var r Record
	require.NoError(b, DecodeMsgpack(captured(b, "records-msgpack")[0], &r))
	for _, format := range []string{"tyk", "kafka", "elasticsearch"} {
		b.Run(format, func(b *testing.B) {
			d := newDocument(b, format)
			b.ReportAllocs()
			for b.Loop() {
				d.Put(&r, "s-1", pcommon.NewMap())
			}
		})
	}
}

// BenchmarkDocumentJSON makes of a record what the stock exporter for Kafka sends.
func BenchmarkDocumentJSON(b *testing.B) {
	var r Record
	require.NoError(b, DecodeMsgpack(captured(b, "records-msgpack")[0], &r))
	d := newDocument(b, "kafka")
	b.ReportAllocs()
	for b.Loop() {
		documentJSON(b, d, &r)
	}
}

// A map with as many keys as somebody likes takes time in proportion: looking at all keys for each would take minutes here.
func TestDocumentsOfManyNamesTakeNoLonger(t *testing.T) {
	t.Parallel()
	const names, hang = 400_000, time.Minute
	r := &Record{GraphQL: GraphQLStats{IsGraphQL: true, Types: make(map[string][]string, names)}}
	for i := range names {
		r.GraphQL.Types[strconv.Itoa(i)] = []string{"field"}
	}
	d, err := NewDocument("tyk", nil)
	require.NoError(t, err)
	begun := time.Now()
	document := pcommon.NewMap()
	d.Put(r, "", document)
	assert.Less(t, time.Since(begun), hang)
}
