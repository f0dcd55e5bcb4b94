package rollup

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// realistic is a chunk of realistic records.
func realistic(b *testing.B, n int) plog.Logs {
	b.Helper()
	generator, err := traffic.New(traffic.DefaultSettings())
	if err != nil {
		b.Fatal(err)
	}
	records := make([]analytics.Record, n)
	for i := range records {
		records[i] = *generator.Next(vectorTime)
	}
	return logsOf("seg", 0, records...)
}

func BenchmarkAggregate(b *testing.B) {
	const records = 2500
	logs := realistic(b, records)
	a := newAggregator(b, Settings{Minutes: 60, Zone: "UTC", MaxValues: 100_000})
	b.ReportAllocs()
	for b.Loop() {
		a.Aggregate(logs, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

func BenchmarkForm(b *testing.B) {
	const records = 2500
	a := newAggregator(b, Settings{Minutes: 60, Zone: "UTC", MaxValues: 100_000})
	groups, _ := a.Aggregate(realistic(b, records), nil)
	b.ReportAllocs()
	for b.Loop() {
		logs := plog.NewLogs()
		AppendLogs(logs, "", groups)
		if _, err := FromLogs(logs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}
