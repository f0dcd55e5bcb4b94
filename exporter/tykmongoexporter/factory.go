package tykmongoexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmongoexporter/internal/metadata"
)

// NewFactory makes exporters of the type tykmongo.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithLogs(createLogs, metadata.LogsStability),
	)
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykmongo exporter: unexpected configuration %T", cfg)
	}
	e, err := newMongoExporter(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the tykmongo exporter: %w", err)
	}
	return wire(ctx, set, config, e)
}

// wire puts queue, retries and timeout before the exporter, in this order.
func wire(ctx context.Context, set exporter.Settings, config *Config, e *mongoExporter) (exporter.Logs, error) {
	return config.NewLogs(ctx, set, config, e.push, e.start, e.shutdown)
}
