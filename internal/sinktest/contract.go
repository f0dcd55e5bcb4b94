package sinktest

import (
	"bytes"
	"context"
	"net"
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

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// CheckContract is the collector's own check of exporters: failures that can heal are tried again until they do, others
// are not. decides takes what decides over each record that is sent.
func CheckContract(t *testing.T, config component.Config, kind component.Type, create exporter.CreateLogsFunc, decides func(decide func() error)) {
	t.Helper()
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 10, Signal: pipeline.SignalLogs, ExporterConfig: config, ReceiverConfig: &struct{}{},
		ExporterFactory: exporter.NewFactory(kind, func() component.Config { return config },
			exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
				logs, err := create(ctx, set, cfg)
				return asRecords{logs}, err
			}, component.StabilityLevelAlpha)),
		ReceiverFactory: receiver.NewFactory(kind, func() component.Config { return &struct{}{} },
			receiver.WithLogs(func(ctx context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
				decides(func() error { return next.ConsumeLogs(context.WithoutCancel(ctx), plog.NewLogs()) })
				return &nothing{}, nil
			}, component.StabilityLevelAlpha)),
	})
}

// asRecords makes analytics records of the check's log records.
type asRecords struct{ exporter.Logs }

// ConsumeLogs hands records on.
func (a asRecords) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	log := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	log.SetEventName(analytics.EventRequest)
	log.SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(1_700_000_000, 0)))
	return a.Logs.ConsumeLogs(ctx, logs)
}

// nothing is a receiver that only knows its consumer.
type nothing struct {
	component.StartFunc
	component.ShutdownFunc
}

// Network is one on which each line arrives, or fails, as is decided: peers whose protocols have no answer can fail in no
// other way than the connection.
type Network struct {
	mu     sync.Mutex // guards the field below
	decide func() error
}

// Decides sets what decides.
func (n *Network) Decides(decide func() error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.decide = decide
}

// Dial opens a connection.
func (n *Network) Dial(context.Context) (net.Conn, error) {
	near, _ := net.Pipe() // nobody reads the far end
	return &decided{Conn: near, by: n}, nil
}

// decided is a connection of a network.
type decided struct {
	net.Conn

	by *Network
}

// Write takes one delivery.
func (c *decided) Write(batch []byte) (int, error) {
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	for range bytes.Lines(batch) {
		if err := c.by.decide(); err != nil {
			return 0, err
		}
	}
	return len(batch), nil
}
