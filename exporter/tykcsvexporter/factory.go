package tykcsvexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykcsvexporter/internal/metadata"
)

// NewFactory makes exporters of the type tykcsv.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig, exporter.WithLogs(createLogs, metadata.LogsStability))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykcsv exporter: unexpected configuration %T", cfg)
	}
	e, err := newCSVExporter(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the tykcsv exporter: %w", err)
	}
	return e.logs(ctx, set, e.pushLogs)
}

// logs wraps pushes into what bounds, repeats and queues them.
func (e *csvExporter) logs(ctx context.Context, set exporter.Settings, push consumer.ConsumeLogsFunc) (exporter.Logs, error) {
	return e.config.NewLogs(ctx, set, e.config, push, e.start, e.shutdown)
}
