package tykkinesisexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykkinesisexporter/internal/metadata"
)

// NewFactory makes exporters of the type tykkinesis.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig, exporter.WithLogs(createLogs, metadata.LogsStability))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykkinesis exporter: unexpected configuration %T", cfg)
	}
	e, err := newKinesisExporter(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the tykkinesis exporter: %w", err)
	}
	sending := config.Sending
	sending.Timeout.Timeout = 0 // each request has one
	return sending.NewLogs(ctx, set, config, e.pushLogs, e.start, e.shutdown)
}
