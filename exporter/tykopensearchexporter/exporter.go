package tykopensearchexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykopensearchexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// searchExporter stores documents in one cluster.
type searchExporter struct {
	config    *Config
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	encoder   *encoder
	poster    *poster
	health    sink.Health
	firsts    sink.Firsts
}

func newSearchExporter(config *Config, set exporter.Settings) (*searchExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	e := &searchExporter{config: config, set: set, telemetry: builder}
	if e.encoder, err = newEncoder(config); err != nil {
		return nil, err
	}
	if e.poster, err = newPoster(config); err != nil {
		return nil, err
	}
	return e, nil
}

// start makes the client. A server that is away is waited for.
func (e *searchExporter) start(ctx context.Context, host component.Host) error {
	client, err := batchhttp.NewClient(ctx, &e.config.Client, host, e.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("start the tykopensearch exporter: %w", err)
	}
	e.poster.client = client
	e.health.Start(host, e.set.Logger)
	e.firsts.Start(e.set.Logger)
	return nil
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *searchExporter) shutdown(context.Context) error {
	e.health.Stop()
	if e.poster.client != nil {
		e.poster.client.CloseIdleConnections()
	}
	return nil
}

// items are the documents of a push, and what is refused of it.
func (e *searchExporter) items(logs plog.Logs) (items []batchhttp.Item, requests sink.Requests) {
	var memory []byte
	var ends []int
	requests.Each(logs, func(entry int32, r *analytics.Record, uid string) {
		index := e.encoder.index(r)
		var err error
		if memory, err = e.encoder.append(memory, index, r, uid); err != nil {
			requests.Refuse(entry, sink.ReasonRange, err.Error())
			return
		}
		items, ends = append(items, batchhttp.Item{Entry: entry, Place: index}), append(ends, len(memory))
	})
	from := 0
	for i, end := range ends {
		items[i].Body, from = memory[from:end], end
	}
	return items, requests
}

// pushLogs stores records. Its error is either permanent and names the records that are refused, everything else
// being stored, or it asks for another attempt with those that are not stored.
func (e *searchExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	items, requests := e.items(logs)
	if len(items) > 0 { // else nothing is learned of the server
		stored, err := e.poster.Push(ctx, logs, &requests, items)
		e.health.Report(err)
		e.telemetry.ExporterTykopensearchDocuments.Add(ctx, int64(stored))
		e.firsts.Stored(e.config.IndexName, int64(stored))
		if err != nil {
			return err
		}
	}
	requests.CountRefused(ctx, e.telemetry.ExporterTykopensearchRefusedRecords)
	return requests.Err(e.set.ID.String())
}
