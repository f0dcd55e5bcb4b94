package tykinfluxexporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykinfluxexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// influxExporter stores what it is pushed.
type influxExporter struct {
	id        string // as the configuration names it
	config    *Config
	schema    string // the signal's
	set       exporter.Settings
	telemetry *metadata.TelemetryBuilder
	writer    *writer
	health    sink.Health
	firsts    sink.Firsts
}

func newInfluxExporter(config *Config, schema string, set exporter.Settings) (*influxExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	address, err := config.writeURL()
	if err != nil {
		return nil, err
	}
	return &influxExporter{
		id: set.ID.String(), config: config, schema: schema, set: set, telemetry: builder,
		writer: newWriter(config, address),
	}, nil
}

// start makes the client. An InfluxDB that is away is waited for.
func (e *influxExporter) start(ctx context.Context, host component.Host) error {
	if e.config.Schema != e.schema {
		return fmt.Errorf("start the tykinflux exporter: schema: %q is not for this pipeline: tyk is for logs, krakend for metrics; use another tykinflux/<name>", e.config.Schema)
	}
	client, err := batchhttp.NewClient(ctx, &e.config.Client, host, e.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("start the tykinflux exporter: %w", err)
	}
	e.writer.client = client
	e.health.Start(host, e.set.Logger)
	e.firsts.Start(e.set.Logger)
	return nil
}

// shutdown ends what start began. The helper calls it after the last push.
func (e *influxExporter) shutdown(context.Context) error {
	e.health.Stop()
	if e.writer.client != nil {
		e.writer.client.CloseIdleConnections()
	}
	return nil
}

// tell tells how a write of lines went, of which some were stored.
func (e *influxExporter) tell(ctx context.Context, began time.Time, lines, stored int, err error) error {
	if lines == 0 { // nothing is learned of InfluxDB
		return err
	}
	e.telemetry.ExporterTykinfluxWriteDuration.Record(ctx, time.Since(began).Seconds())
	e.health.Report(err)
	e.telemetry.ExporterTykinfluxPoints.Add(ctx, int64(stored))
	e.firsts.Stored(e.config.DatabaseName+e.config.Bucket, int64(stored)) // one of them is set
	if err != nil {
		return fmt.Errorf("store %d points: %w", lines-stored, err)
	}
	return nil
}

// pushLogs stores records. Its error is either permanent and names the records that are
// refused, everything else being stored, or it asks for another attempt.
func (e *influxExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	encoder, err := newRecordEncoder(e.config)
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	lines, requests := encoder.recordLines(logs)
	began := time.Now()
	stored, err := e.writer.Push(ctx, logs, requests, lines)
	if err := e.tell(ctx, began, len(lines), stored, err); err != nil {
		return err
	}
	for reason, n := range requests.Refused() {
		e.refused(ctx, reason, n)
	}
	return requests.Err(e.id)
}

func (e *influxExporter) refused(ctx context.Context, reason sink.Reason, n int64) {
	e.telemetry.ExporterTykinfluxRefusedPoints.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
}

// pushMetrics stores a KrakenD's statistics. Its error is either permanent and names the
// lines that are refused, everything else being stored, or it asks for another attempt.
func (e *influxExporter) pushMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	lines, foreign := krakendLines(metrics)
	began := time.Now()
	sent, err := e.writer.Send(ctx, lines)
	if err := e.tell(ctx, began, len(lines), sent.Accepted, err); err != nil {
		return err
	}
	if foreign > 0 {
		e.refused(ctx, sink.ReasonForeign, foreign)
		e.set.Logger.Debug("points of other metrics than a KrakenD's were left out", zap.Int64("points", foreign))
	}
	if len(sent.Refused) == 0 {
		return nil
	}
	const shown = 3
	errs := []error{fmt.Errorf("InfluxDB refused %d of %d points for good", len(sent.Refused), len(lines))}
	for i, r := range sent.Refused {
		e.refused(ctx, r.Reason, 1)
		if i < shown {
			errs = append(errs, fmt.Errorf("%s: %s", lines[r.Entry].Body, r.Text))
		}
	}
	return consumererror.NewPermanent(errors.Join(errs...))
}
