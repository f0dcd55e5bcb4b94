package inspect

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const metrics = `# TYPE otelcol_process_uptime_seconds_total counter
otelcol_process_uptime_seconds_total 10
# TYPE otelcol_exporter_sent_log_records_total counter
otelcol_exporter_sent_log_records_total{exporter="tyksql"} 120
otelcol_exporter_sent_log_records_total{exporter="tykmongo/a"} 1
otelcol_exporter_sent_log_records_total{exporter="tykmongo/b"} 2
# TYPE otelcol_exporter_sent_spans_total counter
otelcol_exporter_sent_spans_total{exporter="otlp"} 7
# TYPE otelcol_exporter_tyksql_records_total counter
otelcol_exporter_tyksql_records_total{outcome="stored",table="requests"} 100
otelcol_exporter_tyksql_records_total{outcome="stored",table="mcp"} 10
otelcol_exporter_tyksql_records_total{outcome="already_applied",table="requests"} 5
# TYPE otelcol_exporter_tykmongo_records_total counter
otelcol_exporter_tykmongo_records_total{outcome="stored"} 3
# TYPE otelcol_exporter_tyksql_refused_records_total counter
otelcol_exporter_tyksql_refused_records_total{reason="range"} 4
# TYPE otelcol_exporter_tyksql_write_duration_seconds histogram
otelcol_exporter_tyksql_write_duration_seconds_bucket{le="0.01"} 90
otelcol_exporter_tyksql_write_duration_seconds_bucket{le="0.05"} 99
otelcol_exporter_tyksql_write_duration_seconds_bucket{le="+Inf"} 100
otelcol_exporter_tyksql_write_duration_seconds_sum 1.5
otelcol_exporter_tyksql_write_duration_seconds_count 100
`

func TestDestinationsAreToldFromMetrics(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(metrics)) }))
	defer server.Close()
	p, err := ReadProcess(t.Context(), server.URL, time.Minute)
	require.NoError(t, err)
	none := Destination{Stored: -1, Known: -1, NotTaken: -1, Refused: -1, Writes: -1}
	otlp, a, b := none, none, none
	otlp.Exporter, otlp.Spans = "otlp", 7
	a.Exporter, a.Sent, b.Exporter, b.Sent = "tykmongo/a", 1, "tykmongo/b", 2
	assert.Equal(t, []Destination{
		otlp, a, b,
		{Exporter: "tyksql", Sent: 120, Stored: 110, Known: 5, Refused: 4, Writes: 100, P99: 50 * time.Millisecond},
	}, p.Details())
	assert.Len(t, p.Destinations, 3, "of logs")
}

// What is slower than the last bucket's bound is said to be.
func TestQuantilesBeyondTheLastBucket(t *testing.T) {
	t.Parallel()
	slow := strings.NewReplacer(`{le="0.05"} 99`, `{le="0.05"} 95`).Replace(metrics)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(slow)) }))
	defer server.Close()
	p, err := ReadProcess(t.Context(), server.URL, time.Minute)
	require.NoError(t, err)
	sql := p.Details()[3]
	assert.Equal(t, 50*time.Millisecond, sql.P99)
	assert.True(t, sql.P99Beyond)
}

// What a page says of a finding is all that its text says.
func TestFindingsAreTakenApart(t *testing.T) {
	t.Parallel()
	for code := range wordings {
		f := Finding{Code: code, Group: "g", Place: Place{Source: "list"}, Text: "what is so: do: tykctl dead list -source x, tykctl other"}
		f.part()
		assert.NotEmpty(t, f.Title, code)
		assert.NotContains(t, f.Title, "{", code)
		assert.NotEmpty(t, f.What, code)
	}
	f := Finding{Code: "dead_letters", Place: Place{Source: "list"}, Text: "3 dead letters of list: tykctl dead list -source list"}
	f.part()
	assert.Equal(t, "3 dead letters of list|tykctl dead list -source list", f.What+"|"+f.Command)
	f = Finding{Code: "group_away", Group: "g", Text: "group g was not heard of for 3h; 1 entry waits for it: start its collector or, if it is gone for good: tykctl groups remove g, tykctl groups remove -key-prefix x- g"}
	f.part()
	assert.Equal(t, "group g was not heard of for 3h; 1 entry waits for it|tykctl groups remove g", f.What+"|"+f.Command)
}
