package tykstatsdexporter

import (
	"bytes"
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykstatsdexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
)

const reasonTooLarge sink.Reason = "too_large"

// statsdExporter sends lines to one StatsD.
type statsdExporter struct {
	id        string
	config    *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	health    sink.Health
	sender    *socket.Sender
}

func newStatsdExporter(config *Config, set exporter.Settings) (*statsdExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	address := config.Address
	address.Endpoint = config.endpoint()
	return &statsdExporter{
		id: set.ID.String(), config: config, logger: set.Logger, telemetry: builder, encoder: newEncoder(config), sender: socket.NewSender(address),
	}, nil
}

// start tells what can be lost. A StatsD that is away is waited for, where that shows.
func (e *statsdExporter) start(ctx context.Context, host component.Host) error {
	e.health.Start(host, e.logger)
	return e.sender.Start(ctx, nil, e.logger)
}

// shutdown ends what was begun. The helper calls it after the last push.
func (e *statsdExporter) shutdown(context.Context) error {
	e.health.Stop()
	e.sender.Close()
	return nil
}

// pushLogs sends records. Its error is either permanent and names the records that are
// refused, everything else being sent, or it asks for another attempt with all of them.
func (e *statsdExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	var batch []byte
	var requests sink.Requests
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		if !e.encoder.sampled(r, uid) {
			return
		}
		before := len(batch)
		batch = e.encoder.append(batch, r)
		for line := range bytes.Lines(batch[before:]) {
			if e.sender.AsDatagrams() && len(line) > socket.MaxDatagram {
				batch = batch[:before]
				requests.Refuse(entry, reasonTooLarge, fmt.Sprintf("a line of %d bytes is longer than a datagram can be, %d bytes: leave tags out", len(line), socket.MaxDatagram))
				return
			}
		}
	})
	if len(batch) > 0 { // else nothing is learned of the server
		err := e.send(ctx, batch)
		e.health.Report(err)
		if err != nil {
			return err
		}
	}
	e.telemetry.ExporterTykstatsdLines.Add(ctx, int64(bytes.Count(batch, []byte{'\n'})))
	requests.CountRefused(ctx, e.telemetry.ExporterTykstatsdRefusedRecords)
	return requests.Err(e.id)
}

func (e *statsdExporter) send(ctx context.Context, batch []byte) error {
	if !e.sender.AsDatagrams() {
		return e.sender.Send(ctx, batch)
	}
	lines := make([][]byte, 0, bytes.Count(batch, []byte{'\n'}))
	for line := range bytes.Lines(batch) {
		lines = append(lines, line)
	}
	return e.sender.Send(ctx, socket.PackLines(lines, e.config.datagramBytes(), e.config.MaxDatagramLines)...)
}
