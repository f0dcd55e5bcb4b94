package tykgelfexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykgelfexporter/internal/metadata"
)

// NewFactory makes exporters of the type tykgelf.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig, exporter.WithLogs(createLogs, metadata.LogsStability))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykgelf exporter: unexpected configuration %T", cfg)
	}
	e, err := newGELFExporter(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the tykgelf exporter: %w", err)
	}
	return config.NewLogs(ctx, set, config, e.pushLogs, e.start, e.shutdown)
}
