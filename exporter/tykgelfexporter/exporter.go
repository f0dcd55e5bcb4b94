package tykgelfexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykgelfexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
)

// gelfExporter sends messages to one GELF input.
type gelfExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	health    sink.Health

	sender *socket.Sender // one of the two
	poster *poster
}

func newGELFExporter(config *Config, set exporter.Settings) (*gelfExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	e := &gelfExporter{config: config, set: set, telemetry: builder, encoder: newEncoder(config)}
	if config.HTTP.HasValue() {
		e.poster = newPoster(config.HTTP.Get())
	} else {
		e.sender = socket.NewSender(config.Address)
	}
	return e, nil
}

// start makes the client, or tells what can be lost. An input that is away is waited for, where that shows.
func (e *gelfExporter) start(ctx context.Context, host component.Host) error {
	e.health.Start(host, e.set.Logger)
	if e.sender != nil {
		return e.sender.Start(ctx, e.config.TLS.Get(), e.set.Logger)
	}
	client, err := batchhttp.NewClient(ctx, &e.poster.config.Client, host, e.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("start the tykgelf exporter: http: %w", err)
	}
	e.poster.client = client
	return nil
}

// shutdown ends what was begun. The helper calls it after the last push.
func (e *gelfExporter) shutdown(context.Context) error {
	e.health.Stop()
	switch {
	case e.sender != nil:
		e.sender.Close()
	case e.poster.client != nil:
		e.poster.client.CloseIdleConnections()
	}
	return nil
}

// message is what is sent of one record.
type message struct {
	entry  int32
	pieces [][]byte
}

// messages are those of a push, and what is refused of it.
func (e *gelfExporter) messages(logs plog.Logs) (messages []message, requests sink.Requests) {
	p := &packer{encoder: e.encoder, config: e.config}
	switch {
	case e.sender == nil:
		p.as = p.plain
	case e.sender.AsDatagrams():
		p.as = p.datagrams
	default:
		p.as = p.framed
	}
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		pieces, err := p.pack(r, uid)
		if err != nil && e.config.Truncate {
			sink.Shorten(r, func() bool {
				pieces, err = p.pack(r, uid)
				return err == nil
			})
		}
		if err != nil {
			requests.Refuse(entry, batchhttp.ReasonTooLarge, err.Error())
			return
		}
		messages = append(messages, message{entry: entry, pieces: pieces})
	})
	return messages, requests
}

// pushLogs sends records. Its error is either permanent and names the records that are
// refused, everything else being sent, or it asks for another attempt with those that were not accepted.
func (e *gelfExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	messages, requests := e.messages(logs)
	if len(messages) > 0 { // else nothing is learned of the server
		var sent int
		var err error
		if e.sender != nil {
			sent, err = e.send(ctx, messages)
		} else {
			sent, err = e.poster.Push(ctx, logs, &requests, items(messages))
		}
		e.health.Report(err)
		e.telemetry.ExporterTykgelfMessages.Add(ctx, int64(sent))
		if err != nil {
			return err
		}
	}
	requests.CountRefused(ctx, e.telemetry.ExporterTykgelfRefusedRecords)
	return requests.Err(e.set.ID.String())
}

// send sends messages, all of them or as if none of them.
func (e *gelfExporter) send(ctx context.Context, messages []message) (sent int, err error) {
	pieces := make([][]byte, 0, len(messages))
	for i := range messages {
		pieces = append(pieces, messages[i].pieces...)
	}
	if err := e.sender.Send(ctx, pieces...); err != nil {
		return 0, err
	}
	return len(messages), nil
}

// items are messages over HTTP, which has each in one piece.
func items(messages []message) []batchhttp.Item {
	items := make([]batchhttp.Item, len(messages))
	for i := range messages {
		items[i] = batchhttp.Item{Entry: messages[i].entry, Body: messages[i].pieces[0]}
	}
	return items
}
