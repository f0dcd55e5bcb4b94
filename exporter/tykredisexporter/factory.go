package tykredisexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykredisexporter/internal/metadata"
)

// NewFactory makes exporters of the type tykredis.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig, exporter.WithLogs(createLogs, metadata.LogsStability))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykredis exporter: unexpected configuration %T", cfg)
	}
	e, err := newRedisExporter(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the tykredis exporter: %w", err)
	}
	return e.logs(ctx, set)
}

// logs puts retries before the exporter.
func (e *redisExporter) logs(ctx context.Context, set exporter.Settings) (exporter.Logs, error) {
	return exporterhelper.NewLogs(ctx, set, e.config, e.pushLogs,
		exporterhelper.WithStart(e.start),
		exporterhelper.WithShutdown(e.shutdown),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}), // the client bounds each command
		exporterhelper.WithRetry(e.config.Retry),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
	)
}
