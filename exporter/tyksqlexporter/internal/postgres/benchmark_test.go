package postgres

import (
	"io"
	"testing"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// BenchmarkAppendRow is the row encoder alone.
func BenchmarkAppendRow(b *testing.B) {
	encodings := ownEncodings()
	record := sinktest.Sample(1)
	days := make([]layout.DayText, len(encodings))
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = appendRow(buf[:0], layout.RequestColumns, encodings, days, &record); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "B/row")
}

// BenchmarkCopySource is all that the exporter does for a record: identity, pdata
// to record, record to row.
func BenchmarkCopySource(b *testing.B) {
	encodings := ownEncodings()
	logs := sinktest.Samples("segment", 0, 5000-1)
	b.ReportAllocs()
	for b.Loop() {
		batch := push.NewBatch(logs, requests...)
		source := newCopySource(encodings, &batch.Parts[0], batch.Parts[0].Pending())
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{source}); err != nil {
			b.Fatal(err)
		}
		source.stop()
		batch.Ledger()
		batch.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/record")
}

// requests is the default: one table.
var requests = []layout.Table{{Layout: layout.RequestLayout, Name: "tyk_analytics"}}

// ownEncodings are those of a table of ours.
func ownEncodings() []encoding {
	t, _ := (&catalog{}).Table("tyk_analytics", layout.Shard{Table: requests[0]})
	return t.encodings
}
