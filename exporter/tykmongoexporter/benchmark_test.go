package tykmongoexporter

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// benchmarkChunk is the receiver's default chunk.
const benchmarkChunk = 2500

// BenchmarkAppendRecord is the document encoder alone.
func BenchmarkAppendRecord(b *testing.B) {
	record := sample(1)
	id := bson.NewObjectID()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = appendRecord(buf[:0], formRequest, id, &record); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "B/document")
}

// BenchmarkCommand is all that the exporter does for a record before the driver:
// identity, pdata to record, record to document, document into the command.
func BenchmarkCommand(b *testing.B) {
	config := createDefaultConfig().(*Config)
	kinds := config.enabledKinds()
	logs := samples("segment", 0, benchmarkChunk-1)
	concern := bson.Raw{5, 0, 0, 0, 0}
	var command []byte
	b.ReportAllocs()
	for b.Loop() {
		batch := newBatch(logs, kinds, config)
		command = appendInsert(command[:0], "tyk_analytics", concern, batch, batch.parts[0].list)
		batch.release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchmarkChunk, "ns/record")
}

// BenchmarkMongo pushes chunks into the server that MONGO_URI names, or into a
// FerretDB, which is slow. CPU is this process' own.
func BenchmarkMongo(b *testing.B) {
	uri := os.Getenv("MONGO_URI")
	if uri == "" {
		uri = peers.StartMongo(b).FreshDatabase()
	}
	d := targetOf(b, uri)
	d.seen = nil // to see commands costs time
	e := d.start(b)
	chunk := samples("", 0, benchmarkChunk-1)
	n, cpu := 0, processTime(b)
	for b.Loop() {
		identifyAll(chunk, fmt.Sprintf("segment%d", n))
		require.NoError(b, e.ConsumeLogs(b.Context(), chunk))
		n++
	}
	records := float64(n * benchmarkChunk)
	b.ReportMetric(records/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64((processTime(b)-cpu).Nanoseconds())/records, "cpu-ns/record")
	require.Equal(b, n*benchmarkChunk, d.count(b, "tyk_analytics"))
}

// identifyAll numbers the records of a push anew; that costs some 100 ns a record.
func identifyAll(logs plog.Logs, segment string) {
	for i, log := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		log.Attributes().PutStr(analytics.AttrUID, uidOf(segment, int64(i)))
	}
}

// processTime is the CPU time that this process has used.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	runtime.Gosched()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
