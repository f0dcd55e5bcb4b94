package tykopensearchexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykopensearchexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// NewFactory makes exporters of the type tykopensearch.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig, exporter.WithLogs(createLogs, metadata.LogsStability))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykopensearch exporter: unexpected configuration %T", cfg)
	}
	e, err := newSearchExporter(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the tykopensearch exporter: %w", err)
	}
	sending := sink.Sending{Retry: config.Retry, Queue: config.Queue} // the client bounds a request
	return sending.NewLogs(ctx, set, config, e.pushLogs, e.start, e.shutdown)
}
