package delivery

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/held"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// benchmarkDecodeBatch makes log records of chunks of a usual size. Some of what was
// made stays alive for a while, as in pipelines.
func benchmarkDecodeBatch(b *testing.B, form source.Form, encode func([]byte, *analytics.Record) []byte, ignored ...string) {
	fields, faults := analytics.ParseFields(ignored)
	require.Empty(b, faults)
	const chunks, records, alive = 8, 2500, 3
	generator, err := traffic.New(traffic.DefaultSettings())
	require.NoError(b, err)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	src := &source.Source{Form: form}
	batches := make([]held.Batch, chunks)
	for i := range batches {
		segment := &held.Segment{Segment: claim.Segment{ID: "0f1e2d3c4b5a6978.000123.a1b2c3d4", ClaimedAt: at}, Of: src}
		c := held.Chunk{Segment: segment, From: int64(i * records), Count: records}
		for range records {
			at = at.Add(time.Millisecond)
			c.Entries = append(c.Entries, string(encode(nil, generator.Next(at))))
		}
		batches[i].Add(c)
	}
	d := New(Settings{Next: consumertest.NewNop(), Version: "1.2.3", Ignored: fields})
	var kept [alive]plog.Logs
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		dl := newDelivery(batches[i%chunks])
		logs, _ := d.decode(dl, dl.places(pending))
		if logs.LogRecordCount() != records {
			b.Fatal("not all entries became log records")
		}
		kept[i%alive] = logs
		i++
	}
	runtime.KeepAlive(kept)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

func BenchmarkDecodeBatchMsgpack(b *testing.B) {
	benchmarkDecodeBatch(b, source.MsgpackRequest, analytics.AppendMsgpack)
}

func BenchmarkDecodeBatchProtobuf(b *testing.B) {
	benchmarkDecodeBatch(b, source.ProtobufRequest, analytics.AppendProtobuf)
}

// BenchmarkDecodeBatchAbridged leaves out what rollups count nothing of.
func BenchmarkDecodeBatchAbridged(b *testing.B) {
	benchmarkDecodeBatch(b, source.MsgpackRequest, analytics.AppendMsgpack,
		"raw_path", "content_length", "user_agent", "ip_address", "geo.city", "geo.location", "raw_request", "raw_response",
		"original_path", "listen_path", "expireAt")
}

// BenchmarkEntries makes what gives the entries of a delivery, which every delivery pays for, and asks it for each.
func BenchmarkEntries(b *testing.B) {
	const records = 4000
	src := &source.Source{Form: source.MsgpackRequest}
	batch := held.Batch{}
	c := held.Chunk{Segment: &held.Segment{Segment: claim.Segment{ID: "0f1e2d3c.123.a1b2c3d4"}, Of: src}, Count: records}
	for range records {
		c.Entries = append(c.Entries, "entry")
	}
	batch.Add(c)
	dl := newDelivery(batch)
	b.Run("made", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = analytics.WithEntries(b.Context(), newEntries(dl, func() {}))
		}
	})
	b.Run("read", func(b *testing.B) {
		entries := analytics.EntriesOf(analytics.WithEntries(b.Context(), newEntries(dl, func() {})))
		b.ReportAllocs()
		for b.Loop() {
			if entry, ok := entries.Entry(analytics.UID{Segment: "0f1e2d3c.123.a1b2c3d4", Index: records - 1}); !ok || len(entry.Bytes) == 0 {
				b.Fatal("there is no entry")
			}
		}
	})
}
