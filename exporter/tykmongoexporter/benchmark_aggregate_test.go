package tykmongoexporter

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// BenchmarkMongoRollups makes rollups of chunks of realistic records and counts them in
// the documents of the server that MONGO_URI names, or of a FerretDB, which is slow. The
// total of all documents must be that of the records. CPU is this process' own.
func BenchmarkMongoRollups(b *testing.B) {
	uri := os.Getenv("MONGO_URI")
	if uri == "" {
		uri = peers.StartMongo(b).FreshDatabase()
	}
	d := withAggregates(targetOf(b, uri))
	d.seen = nil // to see commands costs time
	d.config.Collections.Aggregates.UseMixedCollection = false
	d.config.Collections.MCPAggregates.Enabled = false
	e := d.start(b)
	settings := traffic.DefaultSettings()
	settings.OmitMCP = true
	generator, err := traffic.New(settings)
	require.NoError(b, err)

	var pushes usage
	counted, n := int64(0), 0
	for b.Loop() {
		b.StopTimer()
		records := make([]analytics.Record, benchmarkChunk)
		for i := range records {
			records[i] = *generator.Next(sinktest.Time.Add(time.Duration(n) * time.Second))
			if r := &records[i]; r.OrgID != "" && !r.GraphQL.IsGraphQL && r.ResponseCode > 0 {
				counted++
			}
		}
		chunk := sinktest.Push(fmt.Sprintf("segment%d", n), 0, records...)
		n++
		b.StartTimer()
		pushes.of(b, func() error { return aggregated(b, e, hourly(), chunk) })
	}
	b.ReportMetric(benchmarkChunk/pushes.median().Seconds(), "records/s")
	b.ReportMetric(float64(pushes.cpu.Nanoseconds())/float64(n*benchmarkChunk), "cpu-ns/record")

	total := int64(0)
	collections, err := d.db.ListCollectionNames(b.Context(), bson.D{{Key: "name", Value: bson.D{{Key: "$regex", Value: "^z_tyk_analyticz_aggregate_"}}}})
	require.NoError(b, err)
	for _, collection := range collections {
		for _, document := range d.documents(b, collection) {
			total += document.Lookup("total", "hits").AsInt64()
		}
	}
	require.Equal(b, counted, total)
}
