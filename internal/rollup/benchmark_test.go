package rollup

import (
	"strconv"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// chunkRecords is how many records a chunk of a benchmark has.
const chunkRecords = 5000

// realistic makes chunks of realistic records in the way that the receiver makes
// them, each record's texts in the memory of its own entry. There are several, so
// that a benchmark finds none in the processor's caches. change may be nil.
func realistic(b *testing.B, change func(i int, r *analytics.Record)) []plog.Logs {
	b.Helper()
	settings := traffic.DefaultSettings()
	settings.APIs, settings.PathVariants = 20, 52
	generator, err := traffic.New(settings)
	if err != nil {
		b.Fatal(err)
	}
	const chunks = 6
	all := make([]plog.Logs, chunks)
	var decoded analytics.Record
	for at := range all {
		all[at] = plog.NewLogs()
		slice, room := analytics.AppendScope(all[at]), slab.New(chunkRecords)
		slice.EnsureCapacity(chunkRecords)
		segment := "0123456789abcdef0123456789abcde" + strconv.Itoa(at)
		for i := range chunkRecords {
			r := generator.Next(vectorTime.Add(time.Duration(i) * 10 * time.Microsecond))
			if change != nil {
				change(at*chunkRecords+i, r)
			}
			if err := analytics.DecodeMsgpack(analytics.AppendMsgpack(nil, r), &decoded); err != nil {
				b.Fatal(err)
			}
			decoded.ToLogIn(room, slice.AppendEmpty(), analytics.UID{Segment: segment, Index: int64(i)}.String())
		}
		all[at].MarkReadOnly()
	}
	return all
}

func benchmarkAggregate(b *testing.B, settings Settings, change func(i int, r *analytics.Record)) {
	chunks := realistic(b, change)
	a := newAggregator(b, settings)
	b.ReportAllocs()
	rollups, i := 0, 0
	for b.Loop() {
		groups, _ := a.Aggregate(chunks[i%len(chunks)], nil)
		for j := range groups {
			rollups += len(groups[j].Rollups)
		}
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunkRecords, "ns/record")
	b.ReportMetric(float64(rollups)/float64(b.N), "rollups/op")
}

func BenchmarkAggregate(b *testing.B) {
	benchmarkAggregate(b, Settings{Minutes: 60, Zone: "UTC", MaxValues: 100_000, TagAlert: 1000}, nil)
}

func BenchmarkAggregateEveryPath(b *testing.B) {
	benchmarkAggregate(b, Settings{Minutes: 60, Zone: "UTC", MaxValues: 100_000, TagAlert: 1000, TrackAllPaths: true}, nil)
}

// Every record with a key that is not seen again, most of them beyond the budget.
func BenchmarkAggregateScan(b *testing.B) {
	benchmarkAggregate(b, Settings{Minutes: 60, Zone: "UTC", MaxValues: 1000, TagAlert: 1000}, func(i int, r *analytics.Record) {
		r.APIKey = strconv.Itoa(i)
	})
}

func BenchmarkForm(b *testing.B) {
	a := newAggregator(b, Settings{Minutes: 60, Zone: "UTC", MaxValues: 100_000})
	groups, _ := a.Aggregate(realistic(b, nil)[0], nil)
	b.ReportAllocs()
	for b.Loop() {
		logs := plog.NewLogs()
		AppendLogs(logs, "", groups)
		if _, err := FromLogs(logs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunkRecords, "ns/record")
}
