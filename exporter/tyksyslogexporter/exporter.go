package tyksyslogexporter

import (
	"bytes"
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksyslogexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
)

const reasonTooLarge sink.Reason = "too_large"

// syslogExporter sends messages to one syslog server.
type syslogExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	health    sink.Health
	sender    *socket.Sender
}

func newSyslogExporter(config *Config, set exporter.Settings) (*syslogExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	hostname, err := config.hostname()
	if err != nil {
		return nil, err
	}
	return &syslogExporter{
		config: config, set: set, telemetry: builder, encoder: newEncoder(config, hostname), sender: socket.NewSender(config.Address),
	}, nil
}

// start tells what can be lost. A server that is away is waited for, where that shows.
func (e *syslogExporter) start(ctx context.Context, host component.Host) error {
	e.health.Start(host, e.set.Logger)
	return e.sender.Start(ctx, e.config.TLS.Get(), e.set.Logger)
}

// shutdown ends what was begun. The helper calls it after the last push.
func (e *syslogExporter) shutdown(context.Context) error {
	e.health.Stop()
	e.sender.Close()
	return nil
}

// pushLogs sends records. Its error is either permanent and names the records that are
// refused, everything else being sent, or it asks for another attempt with all of them.
func (e *syslogExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	var requests sink.Requests
	var pieces [][]byte
	var message []byte
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		most := e.config.mostBytes()
		fits := func() bool {
			message = e.encoder.append(message[:0], r, uid)
			return most == 0 || len(message) <= most
		}
		if !fits() && (!e.config.Truncate || !sink.Shorten(r, fits)) {
			requests.Refuse(entry, reasonTooLarge, fmt.Sprintf("a message of %d bytes is longer than %d: raise max_message_bytes if the server takes more, leave raw_request and raw_response out, or set truncate", len(message), most))
			return
		}
		pieces = append(pieces, e.piece(message))
	})
	if len(pieces) > 0 { // else nothing is learned of the server
		err := e.sender.Send(ctx, pieces...)
		e.health.Report(err)
		if err != nil {
			return err
		}
	}
	e.telemetry.ExporterTyksyslogMessages.Add(ctx, int64(len(pieces)))
	requests.CountRefused(ctx, e.telemetry.ExporterTyksyslogRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// piece is a message as it travels.
func (e *syslogExporter) piece(message []byte) []byte {
	if e.sender.AsDatagrams() {
		if e.config.Protocol == protocolTyk && len(message) < socket.MaxDatagram {
			return socket.Newline.Append(nil, message) // as Tyk Pump does
		}
		return bytes.Clone(message)
	}
	return e.config.framing().Append(make([]byte, 0, len(message)+socket.FrameBytes), message)
}
