package tykcsvexporter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykcsvexporter/internal/folder"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykcsvexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

const (
	// checkTimeout is how long the start may wait for another process.
	checkTimeout = 5 * time.Second
	// quiet is how long nothing is written to a file before it is compressed: its hour is over by then.
	quiet = time.Hour
	// compressPause is the time between two looks for files to compress.
	compressPause = time.Minute
)

// csvExporter writes rows into one directory.
type csvExporter struct {
	config    *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	id        string
	encoder   *encoder
	folder    *folder.Folder
	health    sink.Health
	replays   sink.Replays

	background sync.WaitGroup
	stop       context.CancelFunc
}

func newCSVExporter(config *Config, set exporter.Settings) (*csvExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	encoder, err := newEncoder(config)
	if err != nil {
		return nil, err
	}
	mode, err := config.fileMode()
	if err != nil {
		return nil, err
	}
	id := set.ID.String()
	return &csvExporter{
		config: config, logger: set.Logger, telemetry: builder, id: id, encoder: encoder,
		folder: folder.New(folder.Settings{
			Dir: config.Dir, Header: encoder.header(), Mode: mode, MaxBytes: config.MaxFileBytes,
			Quiet: quiet, Retention: config.Retention, Logger: set.Logger,
		}),
		replays: sink.Replays{Retention: config.Retention, Key: "retention", Destination: id},
	}, nil
}

// start looks whether rows can be written. A directory that cannot be written to is waited for.
func (e *csvExporter) start(ctx context.Context, host component.Host) error {
	e.health.Start(host, e.logger)
	check, done := context.WithTimeout(ctx, checkTimeout)
	defer done()
	e.health.Report(e.folder.Check(check))
	if e.config.Compression == compressionGzip {
		alive, stop := context.WithCancel(context.WithoutCancel(ctx))
		e.stop = stop
		e.background.Go(func() { e.keepCompressing(alive) })
	}
	return nil
}

// shutdown ends what was begun. The helper calls it after the last push.
func (e *csvExporter) shutdown(context.Context) error {
	e.health.Stop()
	if e.stop != nil {
		e.stop()
	}
	e.background.Wait()
	e.folder.Close()
	return nil
}

// keepCompressing compresses finished files until ctx ends.
func (e *csvExporter) keepCompressing(ctx context.Context) {
	ticker := time.NewTicker(compressPause)
	defer ticker.Stop()
	for {
		if err := e.folder.Compress(ctx); err != nil && ctx.Err() == nil {
			e.logger.Warn("finished files stay as they are until they can be compressed", zap.Error(err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// pushLogs writes records. Its error is either permanent and names the records that are refused,
// everything else being written, or it asks for another attempt with all of them.
func (e *csvExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	return e.replays.Push(logs, func(logs plog.Logs) error { return e.store(ctx, logs) }, func(records int) {
		e.refused(ctx, sink.ReasonForgotten, int64(records))
	})
}

func (e *csvExporter) store(ctx context.Context, logs plog.Logs) error {
	var requests sink.Requests
	sheets := e.encode(&requests, logs)
	if len(sheets) > 0 {
		begun := time.Now()
		stored, known, err := e.folder.Append(ctx, sheets)
		e.telemetry.ExporterTykcsvWriteDuration.Record(ctx, time.Since(begun).Seconds())
		e.health.Report(err)
		if err != nil {
			return err
		}
		e.count(ctx, "stored", stored)
		e.count(ctx, "already_stored", known)
	}
	for reason, n := range requests.Refused() {
		e.refused(ctx, reason, n)
	}
	return requests.Err(e.id)
}

// encode makes rows of records, by the hour.
func (e *csvExporter) encode(requests *sink.Requests, logs plog.Logs) []*folder.Sheet {
	byHour := map[hour]*folder.Sheet{}
	var sheets []*folder.Sheet
	requests.Each(logs, func(_ int32, r *analytics.Record, uid string) {
		at := r.TimeStamp
		if at.IsZero() {
			at = time.Now()
		}
		of := e.encoder.hour(at)
		sheet := byHour[of]
		if sheet == nil {
			sheet = &folder.Sheet{Name: of.String()}
			byHour[of], sheets = sheet, append(sheets, sheet)
		}
		id, err := analytics.ParseUID(uid)
		if err != nil {
			id = analytics.UID{} // of another receiver
		}
		sheet.Rows = e.encoder.append(sheet.Rows, r, uid)
		sheet.End(id)
	})
	return sheets
}

func (e *csvExporter) count(ctx context.Context, outcome string, n int) {
	e.telemetry.ExporterTykcsvRecords.Add(ctx, int64(n), metric.WithAttributes(attribute.String("outcome", outcome)))
}

func (e *csvExporter) refused(ctx context.Context, reason sink.Reason, n int64) {
	e.telemetry.ExporterTykcsvRefusedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
}
