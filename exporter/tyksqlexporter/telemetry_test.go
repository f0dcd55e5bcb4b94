package tyksqlexporter

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

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadatatest"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestRecordsAreCountedByWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	reader := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, reader.Shutdown(context.Background())) })
	set := metadatatest.NewSettings(reader)
	d := sqliteTarget(t)
	e := startExporter(t, d.config, set, componenttest.NewNopHost())

	records := []analytics.Record{sinktest.Sample(0), sinktest.Sample(1), sinktest.Sample(2), sinktest.Sample(3), sinktest.Sample(4)}
	records[1].MCP.IsMCP = true
	records[2].Geo.CityGeoNameID = 1 << 63
	push := func() plog.Logs {
		logs := sinktest.Push("seg", 0, records...)
		logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty().SetEventName("other")
		return logs
	}
	require.Error(t, e.ConsumeLogs(t.Context(), push()))
	require.Error(t, e.ConsumeLogs(t.Context(), push()))

	outcome := func(name string, n int64) metricdata.DataPoint[int64] {
		attributes := []attribute.KeyValue{attribute.String("outcome", name)}
		if name != "not_taken" {
			attributes = append(attributes, attribute.String("table", "requests"))
		}
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attributes...), Value: n}
	}
	metadatatest.AssertEqualExporterTyksqlRecords(t, reader, []metricdata.DataPoint[int64]{
		outcome("stored", 3), outcome("already_applied", 4), outcome("not_taken", 1),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	reason := func(name string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String("reason", name)), Value: n}
	}
	metadatatest.AssertEqualExporterTyksqlRefusedRecords(t, reader, []metricdata.DataPoint[int64]{
		reason("foreign", 2), reason("range", 2), reason("encoding", 0), reason("too_large", 0), reason("constraint", 0), reason("other", 0),
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	durations, err := reader.GetMetric("otelcol_exporter_tyksql_write_duration")
	require.NoError(t, err)
	assert.EqualValues(t, 2, durations.Data.(metricdata.Histogram[float64]).DataPoints[0].Count)
}

func TestOldLedgerRowsAreDeletedInTheBackground(t *testing.T) {
	t.Parallel()
	reader := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, reader.Shutdown(context.Background())) })
	d := sqliteTarget(t)
	d.config.Ledger = LedgerConfig{Retention: minRetention, PruneInterval: time.Millisecond}
	e := startExporter(t, d.config, metadatatest.NewSettings(reader), componenttest.NewNopHost())
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("old", 0, 9)))
	require.NoError(t, e.ConsumeLogs(t.Context(), sinktest.Samples("new", 10, 19)))
	d.exec(t, "update otelcol_tyk_ledger set applied_at = '2020-01-01 00:00:00.000' where segment = 'old'")
	require.Eventually(t, func() bool {
		return d.number(t, "select count(*) from otelcol_tyk_ledger") == 1
	}, sinktest.Long, 5*time.Millisecond)
	assert.Equal(t, []string{"new"}, d.texts(t, "select segment from otelcol_tyk_ledger"))
	require.Eventually(t, func() bool {
		pruned, err := reader.GetMetric("otelcol_exporter_tyksql_ledger_pruned_rows")
		return err == nil && pruned.Data.(metricdata.Sum[int64]).DataPoints[0].Value == 1
	}, sinktest.Long, 5*time.Millisecond)
	assert.EqualValues(t, 20, d.rows(t))
}

// consumerServer is a database that answers as the check's consumer does.
type consumerServer struct {
	engine.Cache[struct{}]

	next func() consumer.Logs
}

func (s *consumerServer) Find(_ context.Context, shards []layout.Shard) error {
	for _, of := range shards {
		s.Add(map[string]struct{}{of.Relation(): {}})
	}
	return nil
}

func (s *consumerServer) Connect(context.Context) (engine.Session, error) {
	return &consumerSession{server: s}, nil
}

func (*consumerServer) Reconnect() {}

func (*consumerServer) Classify(err error) (engine.Action, sink.Reason) {
	if consumererror.IsPermanent(err) {
		return engine.ActionRefuse, push.ReasonOther
	}
	return engine.ActionRetry, ""
}

func (*consumerServer) ServerText(err error) string { return err.Error() }

func (*consumerServer) Relations(context.Context) ([]string, time.Time, error) {
	return nil, time.Time{}, nil
}

func (*consumerServer) Drop(context.Context, string) error { return nil }

func (*consumerServer) Close() error { return nil }

func (*consumerServer) Isolating() []string { return nil }
func (*consumerServer) Columns(context.Context, string) ([]layout.FoundColumn, error) {
	return nil, nil
}

func (*consumerServer) Prune(context.Context, string, time.Duration, int) (int64, error) {
	return 0, nil
}

type consumerSession struct {
	server *consumerServer
	said   error // of a record that was refused before
}

func (*consumerSession) Begin(_ context.Context, sinks []string, _ []push.Segment) ([][]push.Span, error) {
	return make([][]push.Span, len(sinks)), nil
}

func (s *consumerSession) Send(ctx context.Context, p engine.Portion) (int, error) {
	if s.said == nil {
		err := s.server.next().ConsumeLogs(ctx, plog.NewLogs())
		if !consumererror.IsPermanent(err) {
			return sink.Unplaced, err
		}
		s.said = err
	}
	return sink.Unplaced, s.said
}

func (*consumerSession) Add(context.Context, rollups.Portion) error { return nil }

func (*consumerSession) Exec(context.Context, ...string) error { return nil }

func (*consumerSession) Touch(context.Context, []push.LedgerEntry) error { return nil }
func (*consumerSession) Commit(context.Context) error                    { return nil }

func (*consumerSession) Closed() bool { return false }

func (*consumerSession) Release(context.Context) {}

func (*consumerSession) Record(context.Context, []int64, []push.LedgerEntry, []push.Segment) ([][]push.Span, error) {
	return nil, nil
}

// The collector's own check: failures that can heal are tried again until they do,
// others are not.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	var database consumer.Logs
	contract := component.MustNewType("tyksql")
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T:                    t,
		NumberOfTestElements: 10,
		Signal:               pipeline.SignalLogs,
		ExporterFactory: exporter.NewFactory(contract, createDefaultConfig, exporter.WithLogs(
			func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
				config := cfg.(*Config)
				e := &sqlExporter{
					config: config, logger: set.Logger, tables: requests,
					telemetry: newTelemetry(must(metadata.NewTelemetryBuilder(set.TelemetrySettings)), requests),
					store:     engine.NewStore(&consumerServer{next: func() consumer.Logs { return database }}, engine.Settings{Tables: requests}),
				}
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
