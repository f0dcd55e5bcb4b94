package measure

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// BenchmarkCount counts records in batches of the receiver's size.
func BenchmarkCount(b *testing.B) {
	for name, instruments := range map[string][]Instrument{
		"gateway": Gateway(), "tyk_pump": TykPump(TrackedPaths), "tyk_pump_all_paths": TykPump(AllPaths), "exponential": Exponential(Gateway()),
	} {
		b.Run(name, func(b *testing.B) {
			all := gatewayRecords(b)
			m := NewMeter(instruments, roomy(), epoch)
			batch := m.NewBatch()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				batch.Add(&all[i%len(all)])
				i++
				if i%2500 == 0 {
					m.Merge(epoch, batch)
				}
			}
		})
	}
}

// BenchmarkCollect tells what a push costs for each series.
func BenchmarkCollect(b *testing.B) {
	m := count(TykPump(AllPaths), roomy(), pumpRecords(b))
	series := 0
	for _, u := range m.Usage() {
		series += u.Series
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Collect(epoch.Add(time.Second), pmetric.NewMetricSlice())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(series), "ns/series")
}
