package tykhybridexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykhybridexporter/internal/metadata"
)

// NewFactory makes exporters of the type tykhybrid.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig, exporter.WithLogs(createLogs, metadata.LogsStability))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykhybrid exporter: unexpected configuration %T", cfg)
	}
	e, err := newHybridExporter(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the tykhybrid exporter: %w", err)
	}
	return e.logs(ctx, set)
}

// logs wraps the exporter into what bounds, repeats and queues its pushes.
func (e *hybridExporter) logs(ctx context.Context, set exporter.Settings) (exporter.Logs, error) {
	sending := e.config.Sending
	sending.Timeout.Timeout = 0 // each call has one
	return sending.NewLogs(ctx, set, e.config, e.pushLogs, e.start, e.shutdown)
}
