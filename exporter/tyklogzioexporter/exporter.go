package tyklogzioexporter

import (
	"context"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyklogzioexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// logzioExporter sends lines to one account.
type logzioExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	document  *analytics.Document
	poster    *poster
	health    sink.Health
	firsts    sink.Firsts
}

func newLogzioExporter(config *Config, set exporter.Settings) (*logzioExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	e := &logzioExporter{config: config, set: set, telemetry: builder}
	if e.document, err = analytics.NewDocument("logzio", nil); err != nil {
		return nil, err
	}
	if e.poster, err = newPoster(config); err != nil {
		return nil, err
	}
	return e, nil
}

// start makes the client. A listener that is away is waited for. Requests have no spans, which would show the token.
func (e *logzioExporter) start(ctx context.Context, host component.Host) error {
	settings := e.set.TelemetrySettings
	settings.TracerProvider = noop.NewTracerProvider()
	client, err := e.config.Client.ToClient(ctx, host.GetExtensions(), settings)
	if err != nil {
		return fmt.Errorf("start the tyklogzio exporter: %w", err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // since the next server would get the token
	}
	e.poster.client = client
	e.health.Start(host, e.set.Logger)
	e.firsts.Start(e.set.Logger)
	return nil
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *logzioExporter) shutdown(context.Context) error {
	e.health.Stop()
	if e.poster.client != nil {
		e.poster.client.CloseIdleConnections()
	}
	return nil
}

// items are the lines of a push, and what is refused of it.
func (e *logzioExporter) items(logs plog.Logs) (items []batchhttp.Item, requests sink.Requests) {
	var memory []byte
	var ends []int
	requests.Each(logs, func(entry int32, r *analytics.Record, _ string) {
		before, err := len(memory), error(nil)
		encode := func() bool {
			memory, err = appendLine(memory[:before], e.document, r)
			return len(memory)-before <= maxLineBytes
		}
		fits := encode() || e.config.Truncate && sink.Shorten(r, encode)
		switch n := len(memory) - before; {
		case err != nil:
			requests.Refuse(entry, sink.ReasonRange, err.Error())
		case !fits:
			memory = memory[:before]
			requests.Refuse(entry, batchhttp.ReasonTooLarge, fmt.Sprintf("a line of %d bytes is longer than the %d that Logz.io takes: set truncate, or max_record_size of tykfilter", n, maxLineBytes))
		default:
			items, ends = append(items, batchhttp.Item{Entry: entry}), append(ends, len(memory))
		}
	})
	from := 0
	for i, end := range ends {
		items[i].Body, from = memory[from:end], end
	}
	return items, requests
}

// appendLine appends a record's line. It fails for a time that JSON has no form for, and gives dst as it was.
func appendLine(dst []byte, document *analytics.Document, r *analytics.Record) ([]byte, error) {
	r.TimeStamp = r.TimeStamp.UTC()
	dst, err := document.AppendJSON(dst, r)
	if err != nil {
		return dst, err
	}
	return append(dst, '\n'), nil
}

// pushLogs sends records. Its error is either permanent and names the records that are refused, everything else
// being sent, or it asks for another attempt with those that were not accepted.
func (e *logzioExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	items, requests := e.items(logs)
	if len(items) > 0 { // else nothing is learned of Logz.io
		accepted, err := e.poster.Push(ctx, logs, &requests, items)
		e.health.Report(err)
		e.telemetry.ExporterTyklogzioLines.Add(ctx, int64(accepted))
		e.firsts.Stored("Logz.io", int64(accepted))
		if err != nil {
			return err
		}
	}
	requests.CountRefused(ctx, e.telemetry.ExporterTyklogzioRefusedRecords)
	return requests.Err(e.set.ID.String())
}
