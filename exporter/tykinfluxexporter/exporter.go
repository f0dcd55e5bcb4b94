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
	writer    writer
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
		writer: writer{
			address: address, maxBytes: config.MaxRequestBytes,
			user: config.Username, password: config.Password, token: config.Token,
		},
	}, nil
}

// start makes the client. An InfluxDB that is away is waited for.
func (e *influxExporter) start(ctx context.Context, host component.Host) error {
	if e.config.Schema != e.schema {
		return fmt.Errorf("start the tykinflux exporter: schema: %q is not for this pipeline: tyk is for logs, krakend for metrics; use another tykinflux/<name>", e.config.Schema)
	}
	client, err := e.config.Client.ToClient(ctx, host.GetExtensions(), e.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("start the tykinflux exporter: %w", err)
	}
	client.CheckRedirect = batchhttp.OnlyPosts
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

// write stores lines, and tells how that went.
func (e *influxExporter) write(ctx context.Context, lines []line) ([]refusedLine, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	began := time.Now()
	refused, err := e.writer.write(ctx, lines)
	e.telemetry.ExporterTykinfluxWriteDuration.Record(ctx, time.Since(began).Seconds())
	e.health.Report(err)
	if err != nil {
		return nil, fmt.Errorf("store %d points: %w", len(lines), err)
	}
	stored := int64(len(lines) - len(refused))
	e.telemetry.ExporterTykinfluxPoints.Add(ctx, stored)
	e.firsts.Stored(e.config.DatabaseName+e.config.Bucket, stored) // one of them is set
	return refused, nil
}

// pushLogs stores records. Its error is either permanent and names the records that are
// refused, everything else being stored, or it asks for another attempt.
func (e *influxExporter) pushLogs(ctx context.Context, logs plog.Logs) error {
	encoder, err := newRecordEncoder(e.config)
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	lines, requests := encoder.recordLines(logs)
	refused, err := e.write(ctx, lines)
	if err != nil {
		return err
	}
	for i := range refused {
		requests.Refuse(refused[i].entry, reasonOf(&refused[i]), refused[i].text)
	}
	for reason, n := range requests.Refused() {
		e.refused(ctx, reason, n)
	}
	return requests.Err(e.id)
}

func reasonOf(r *refusedLine) sink.Reason {
	if r.tooLarge {
		return reasonTooLarge
	}
	return reasonInvalid
}

func (e *influxExporter) refused(ctx context.Context, reason sink.Reason, n int64) {
	e.telemetry.ExporterTykinfluxRefusedPoints.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(reason))))
}

// pushMetrics stores a KrakenD's statistics. Its error is either permanent and names the
// lines that are refused, everything else being stored, or it asks for another attempt.
func (e *influxExporter) pushMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	lines, foreign := krakendLines(metrics)
	refused, err := e.write(ctx, lines)
	if err != nil {
		return err
	}
	if foreign > 0 {
		e.refused(ctx, sink.ReasonForeign, foreign)
		e.set.Logger.Debug("points of other metrics than a KrakenD's were left out", zap.Int64("points", foreign))
	}
	if len(refused) == 0 {
		return nil
	}
	const shown = 3
	errs := []error{fmt.Errorf("InfluxDB refused %d of %d points for good", len(refused), len(lines))}
	for i := range refused {
		e.refused(ctx, reasonOf(&refused[i]), 1)
		if i < shown {
			errs = append(errs, fmt.Errorf("%s: %s", refused[i].line.text, refused[i].text))
		}
	}
	return consumererror.NewPermanent(errors.Join(errs...))
}
