package tykmongoexporter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmongoexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmongoexporter/internal/metadatatest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func nopSettings() exporter.Settings { return exportertest.NewNopSettings(metadata.Type) }

func testRecordsAreCounted(t *testing.T, server *peers.Mongo) {
	reader := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, reader.Shutdown(context.Background())) })
	d := freshTarget(t, server)
	d.config.Collections.Organisations.Enabled = true
	e := d.startWith(t, metadatatest.NewSettings(reader), componenttest.NewNopHost())

	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2), sinktest.Sample(3), sinktest.Sample(4)}
	records[1].MCP.IsMCP = true
	records[2].Geo.CityGeoNameID = 1 << 63
	records[3].OrgID = ""
	records[4].RawRequest = string(make([]byte, d.config.MaxDocumentSizeBytes))
	push := func() plog.Logs {
		logs := sinktest.Push("seg", 0, records...)
		logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty().SetEventName("other")
		return logs
	}
	require.Error(t, e.ConsumeLogs(t.Context(), push()))
	require.Error(t, e.ConsumeLogs(t.Context(), push()))

	point := func(n int64, attributes ...string) metricdata.DataPoint[int64] {
		var set []attribute.KeyValue
		for i := 0; i < len(attributes); i += 2 {
			set = append(set, attribute.String(attributes[i], attributes[i+1]))
		}
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(set...), Value: n}
	}
	ignore := []metricdatatest.Option{metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars()}
	metadatatest.AssertEqualExporterTykmongoRecords(t, reader, []metricdata.DataPoint[int64]{
		point(3, "collection", "requests", "outcome", "stored"), point(3, "collection", "requests", "outcome", "already_stored"),
		point(2, "collection", "organisations", "outcome", "stored"), point(2, "collection", "organisations", "outcome", "already_stored"),
		point(2, "outcome", "not_taken"),
	}, ignore...)
	metadatatest.AssertEqualExporterTykmongoRefusedRecords(t, reader, []metricdata.DataPoint[int64]{
		point(2, "reason", "foreign"), point(4, "reason", "range"),
	}, ignore...)
	metadatatest.AssertEqualExporterTykmongoReplacedBodies(t, reader, []metricdata.DataPoint[int64]{point(2)}, ignore...)
	durations, err := reader.GetMetric("otelcol_exporter_tykmongo_write_duration")
	require.NoError(t, err)
	assert.EqualValues(t, 2, durations.Data.(metricdata.Histogram[float64]).DataPoints[0].Count)
}

// consumerStore is a database whose answers a consumer gives: an error is one of
// the database, a permanent one refuses the records.
type consumerStore struct{ next func() consumer.Logs }

func (*consumerStore) open(context.Context) error  { return nil }
func (*consumerStore) close(context.Context) error { return nil }

func (*consumerStore) begin() {}

func (s *consumerStore) write(ctx context.Context, b *batch) error {
	err := s.next().ConsumeLogs(ctx, plog.NewLogs())
	if consumererror.IsPermanent(err) {
		for entry := range b.entries {
			b.refuse(int32(entry), reasonOther, err.Error())
		}
		return nil
	}
	return err
}

// The collector's own check: failures that can heal are tried again until they do,
// others are not.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	var database consumer.Logs
	contract := component.MustNewType("tykmongo")
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T:                    t,
		NumberOfTestElements: 10,
		Signal:               pipeline.SignalLogs,
		ExporterFactory: exporter.NewFactory(contract, createDefaultConfig, exporter.WithLogs(
			func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
				config := cfg.(*Config)
				e, err := newMongoExporter(config, set)
				if err != nil {
					return nil, err
				}
				e.store = &consumerStore{next: func() consumer.Logs { return database }}
				wired, err := wire(ctx, set, config, e)
				return &asRequests{Logs: wired}, err
			}, component.StabilityLevelAlpha)),
		ExporterConfig: func() *Config {
			config := createDefaultConfig().(*Config)
			config.Retry.InitialInterval = time.Millisecond
			config.Retry.MaxInterval = 5 * time.Millisecond
			return config
		}(),
		ReceiverFactory: receiver.NewFactory(contract, func() component.Config { return &struct{}{} }, receiver.WithLogs(
			func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
				database = next
				return &nothing{}, nil
			}, component.StabilityLevelAlpha)),
		ReceiverConfig: &struct{}{},
	})
}

// asRequests makes analytics records of the check's log records.
type asRequests struct{ exporter.Logs }

func (a *asRequests) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, log := range scope.LogRecords().All() {
				log.SetEventName(analytics.EventRequest)
			}
		}
	}
	return a.Logs.ConsumeLogs(ctx, logs)
}

type nothing struct {
	component.StartFunc
	component.ShutdownFunc
}
