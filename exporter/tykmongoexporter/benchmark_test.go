package tykmongoexporter

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// benchmarkChunk is the receiver's default chunk.
const benchmarkChunk = 2500

// BenchmarkAppendRecord is the document encoder alone.
func BenchmarkAppendRecord(b *testing.B) {
	record := sinktest.Sample(1)
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
// FerretDB, which is slow, and lets the driver's own unordered bulk insert store the
// same documents, in turn with it and in a collection with the same indexes. The limit
// of the exporter is the driver: ratio is what it reaches of it. Speeds are medians of
// the chunks, since such a server stands still now and then. CPU is this process' own.
func BenchmarkMongo(b *testing.B) {
	uri := os.Getenv("MONGO_URI")
	if uri == "" {
		uri = peers.StartMongo(b).FreshDatabase()
	}
	d := targetOf(b, uri)
	d.seen = nil // to see commands costs time
	const ours, drivers = "bench_exporter", "bench_driver"
	for _, name := range []string{ours, drivers} {
		require.NoError(b, d.db.Collection(name).Drop(b.Context()))
	}
	d.config.Collections.Requests.Name = drivers
	d.start(b) // makes the indexes
	d.config.Collections.Requests.Name = ours
	e := d.start(b)
	opts, err := d.config.clientOptions(b.Context(), nil)
	require.NoError(b, err)
	client, err := mongo.Connect(opts)
	require.NoError(b, err)
	defer func() { require.NoError(b, client.Disconnect(context.Background())) }()
	collection := client.Database(d.db.Name()).Collection(drivers)

	chunk := samples("", 0, benchmarkChunk-1)
	var exporter, driver usage
	n := 0
	for b.Loop() {
		identifyAll(chunk, fmt.Sprintf("segment%d", n))
		documents := documentsOf(chunk, d.config)
		sides := []func(){
			func() { exporter.of(b, func() error { return e.ConsumeLogs(b.Context(), chunk) }) },
			func() {
				driver.of(b, func() error {
					_, err := collection.InsertMany(b.Context(), documents, options.InsertMany().SetOrdered(false))
					return err
				})
			},
		}
		sides[n%2]() // each comes first as often
		sides[(n+1)%2]()
		n++
	}
	records := float64(n * benchmarkChunk)
	b.ReportMetric(benchmarkChunk/exporter.median().Seconds(), "records/s")
	b.ReportMetric(benchmarkChunk/driver.median().Seconds(), "driver-records/s")
	b.ReportMetric(driver.median().Seconds()/exporter.median().Seconds(), "ratio")
	b.ReportMetric(float64(exporter.cpu.Nanoseconds())/records, "cpu-ns/record")
	b.ReportMetric(float64(driver.cpu.Nanoseconds())/records, "driver-cpu-ns/record")
	require.Equal(b, n*benchmarkChunk, d.count(b, ours))
	require.Equal(b, n*benchmarkChunk, d.count(b, drivers))
}

// usage is what the chunks took.
type usage struct {
	walls []time.Duration
	cpu   time.Duration // in all
}

func (u *usage) median() time.Duration { return slices.Sorted(slices.Values(u.walls))[len(u.walls)/2] }

func (u *usage) of(b *testing.B, do func() error) {
	b.Helper()
	began, cpu := time.Now(), processTime(b)
	require.NoError(b, do())
	u.walls = append(u.walls, time.Since(began))
	u.cpu += processTime(b) - cpu
}

// documentsOf are the documents that the exporter makes of a push.
func documentsOf(logs plog.Logs, config *Config) []any {
	b := newBatch(logs, config.enabledKinds(), config)
	defer b.release()
	var documents []any
	for i := range b.documents {
		documents = append(documents, bson.Raw(slices.Clone(b.bytes(int32(i)))))
	}
	return documents
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
