package tykhybridexporter

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// asRecords makes analytics records of the check's log records.
type asRecords struct {
	exporter.Logs

	e      *hybridExporter
	server *decider
}

// Start has the check's server called.
func (a asRecords) Start(ctx context.Context, host component.Host) error {
	err := a.Logs.Start(ctx, host)
	a.e.client = a.server
	return err
}

// ConsumeLogs hands records on.
func (a asRecords) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	log := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	log.SetEventName(analytics.EventRequest)
	log.SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(1_700_000_000, 0)))
	return a.Logs.ConsumeLogs(ctx, logs)
}

// decider is an MDCB whose calls are done, or fail, as the check decides.
type decider struct {
	mu     sync.Mutex // guards the field below
	decide func() error
}

func (d *decider) set(decide func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = decide
}

// Call takes each record by itself.
func (d *decider) Call(_ context.Context, _, argument string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var records []json.RawMessage
	if err := json.Unmarshal([]byte(argument), &records); err != nil {
		return err
	}
	for range records {
		if err := d.decide(); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing.
func (*decider) Close() {}

// nothing is a receiver that only knows its consumer.
type nothing struct {
	component.StartFunc
	component.ShutdownFunc
}

// The collector's own check: failures that can heal are tried again until they do, others are not.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	server := &decider{}
	config := createDefaultConfig().(*Config)
	config.APIKey = "secret"
	config.Retry.InitialInterval, config.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 10, Signal: pipeline.SignalLogs, ExporterConfig: config, ReceiverConfig: &struct{}{},
		ExporterFactory: exporter.NewFactory(metadata.Type, createDefaultConfig,
			exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
				e, err := newHybridExporter(cfg.(*Config), set)
				if err != nil {
					return nil, err
				}
				logs, err := e.logs(ctx, set)
				return asRecords{Logs: logs, e: e, server: server}, err
			}, metadata.LogsStability)),
		ReceiverFactory: receiver.NewFactory(metadata.Type, func() component.Config { return &struct{}{} },
			receiver.WithLogs(func(ctx context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
				server.set(func() error { return next.ConsumeLogs(context.WithoutCancel(ctx), plog.NewLogs()) })
				return &nothing{}, nil
			}, metadata.LogsStability)),
	})
}
