package tykredisreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// benchmarkDecodeBatch makes log records of chunks of a usual size. Some of what was
// made stays alive for a while, as in pipelines.
func benchmarkDecodeBatch(b *testing.B, form form, encode func([]byte, *analytics.Record) []byte, ignored ...analytics.Field) {
	const chunks, records, alive = 8, 2500, 3
	generator, err := traffic.New(traffic.DefaultSettings())
	require.NoError(b, err)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	src := &source{form: form}
	batches := make([]batch, chunks)
	for i := range batches {
		c := chunk{h: &holding{Segment: claim.Segment{ID: "0f1e2d3c4b5a6978.000123.a1b2c3d4", ClaimedAt: at}, source: src}, from: int64(i * records), count: records}
		for range records {
			at = at.Add(time.Millisecond)
			c.entries = append(c.entries, string(encode(nil, generator.Next(at))))
		}
		batches[i].add(c)
	}
	d := deliverer{next: consumertest.NewNop(), version: "1.2.3", ignored: analytics.NewFieldSet(ignored...)}
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
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

func BenchmarkDecodeBatchMsgpack(b *testing.B) {
	benchmarkDecodeBatch(b, msgpackRequest, analytics.AppendMsgpack)
}

func BenchmarkDecodeBatchProtobuf(b *testing.B) {
	benchmarkDecodeBatch(b, protobufRequest, analytics.AppendProtobuf)
}

// BenchmarkDecodeBatchAbridged leaves out what rollups count nothing of.
func BenchmarkDecodeBatchAbridged(b *testing.B) {
	benchmarkDecodeBatch(b, msgpackRequest, analytics.AppendMsgpack,
		analytics.FieldRawPath, analytics.FieldContentLength, analytics.FieldUserAgent, analytics.FieldIPAddress,
		analytics.FieldGeoCity, analytics.FieldGeoLocation, analytics.FieldRawRequest, analytics.FieldRawResponse,
		analytics.FieldOriginalPath, analytics.FieldListenPath, analytics.FieldExpireAt)
}
