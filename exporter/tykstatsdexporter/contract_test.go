package tykstatsdexporter

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykstatsdexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// asRecords makes analytics records of the check's log records.
type asRecords struct{ exporter.Logs }

// ConsumeLogs hands records on.
func (a asRecords) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	log := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	log.SetEventName(analytics.EventRequest)
	log.SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(1_700_000_000, 0)))
	return a.Logs.ConsumeLogs(ctx, logs)
}

// decider is a network on which each line arrives, or fails, as the check decides: StatsD
// itself answers nothing, so that only the connection can fail.
type decider struct {
	mu     sync.Mutex // guards the field below
	decide func() error
}

func (d *decider) set(decide func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide = decide
}

func (d *decider) dial(context.Context) (net.Conn, error) {
	near, _ := net.Pipe() // nobody reads the far end
	return &decided{Conn: near, by: d}, nil
}

// decided is a connection of a decider.
type decided struct {
	net.Conn
	by *decider
}

// Write takes one delivery.
func (c *decided) Write(lines []byte) (int, error) {
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	for range bytes.Lines(lines) {
		if err := c.by.decide(); err != nil {
			return 0, err
		}
	}
	return len(lines), nil
}

// nothing is a receiver that only knows its consumer.
type nothing struct {
	component.StartFunc
	component.ShutdownFunc
}

// The collector's own check: failures that can heal are tried again until they do, others are not.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	network := &decider{}
	config := createDefaultConfig().(*Config)
	config.Address.Transport = confignet.TransportTypeTCP
	config.Retry.InitialInterval, config.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 10, Signal: pipeline.SignalLogs, ExporterConfig: config, ReceiverConfig: &struct{}{},
		ExporterFactory: exporter.NewFactory(metadata.Type, createDefaultConfig,
			exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
				e, err := newStatsdExporter(cfg.(*Config), set)
				if err != nil {
					return nil, err
				}
				e.sender.Dial = network.dial
				logs, err := e.logs(ctx, set)
				return asRecords{logs}, err
			}, metadata.LogsStability)),
		ReceiverFactory: receiver.NewFactory(metadata.Type, func() component.Config { return &struct{}{} },
			receiver.WithLogs(func(ctx context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
				network.set(func() error { return next.ConsumeLogs(context.WithoutCancel(ctx), plog.NewLogs()) })
				return &nothing{}, nil
			}, metadata.LogsStability)),
	})
}
