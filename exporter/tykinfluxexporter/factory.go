package tykinfluxexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykinfluxexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// NewFactory makes exporters of the type tykinflux.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithLogs(createLogs, metadata.LogsStability),
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
	)
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	e, err := create(set, cfg, schemaTyk)
	if err != nil {
		return nil, err
	}
	return exporterhelper.NewLogs(ctx, set, cfg, e.pushLogs, e.options()...)
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	e, err := create(set, cfg, schemaKrakenD)
	if err != nil {
		return nil, err
	}
	metrics, err := exporterhelper.NewMetrics(ctx, set, cfg, e.pushMetrics, e.options()...)
	if err != nil {
		return nil, err
	}
	return newCounting(metrics), nil
}

// create makes an exporter for a signal, which has one schema.
func create(set exporter.Settings, cfg component.Config, schema string) (*influxExporter, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykinflux exporter: unexpected configuration %T", cfg)
	}
	e, err := newInfluxExporter(config, schema, set)
	if err != nil {
		return nil, fmt.Errorf("create the tykinflux exporter: %w", err)
	}
	return e, nil
}

// options put queue and retries before the exporter; the client bounds an attempt.
func (e *influxExporter) options() []exporterhelper.Option {
	return sink.Sending{Retry: e.config.Retry, Queue: e.config.Queue}.Options(e.start, e.shutdown)
}
