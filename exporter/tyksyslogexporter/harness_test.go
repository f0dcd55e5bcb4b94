package tyksyslogexporter

import (
	"bufio"
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

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksyslogexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// lines keeps what arrives on a listener, once each.
type lines struct {
	mu   sync.Mutex // guards the field below
	seen map[string]bool
}

// newLines lets first have the first connection.
func newLines(listener net.Listener, first func(*net.TCPConn)) *lines {
	l := &lines{seen: map[string]bool{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if first != nil {
				first(conn.(*net.TCPConn))
				first = nil
				continue
			}
			l.take(conn)
		}
	}()
	return l
}

func (l *lines) take(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for reader := bufio.NewReader(conn); ; {
		line, err := reader.ReadString('\n')
		if err != nil {
			return // after a whole line or within one, which then comes once more
		}
		l.mu.Lock()
		l.seen[line] = true
		l.mu.Unlock()
	}
}

func (l *lines) different() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
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

// decider is a network on which each message arrives, or fails, as the check decides: syslog
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

// nothing is a receiver that only knows its consumer.
type nothing struct {
	component.StartFunc
	component.ShutdownFunc
}

// The collector's own check: failures that can heal are tried again until they do, others are not.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	network := &decider{}
	config := configured(func(c *Config) { c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond })
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 10, Signal: pipeline.SignalLogs, ExporterConfig: config, ReceiverConfig: &struct{}{},
		ExporterFactory: exporter.NewFactory(metadata.Type, createDefaultConfig,
			exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
				e, err := newSyslogExporter(cfg.(*Config), set)
				if err != nil {
					return nil, err
				}
				e.sender.Dial = network.dial
				logs, err := e.logs(ctx)
				return asRecords{logs}, err
			}, metadata.LogsStability)),
		ReceiverFactory: receiver.NewFactory(metadata.Type, func() component.Config { return &struct{}{} },
			receiver.WithLogs(func(ctx context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
				network.set(func() error { return next.ConsumeLogs(context.WithoutCancel(ctx), plog.NewLogs()) })
				return &nothing{}, nil
			}, metadata.LogsStability)),
	})
}
