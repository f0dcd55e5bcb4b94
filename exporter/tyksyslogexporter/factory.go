package tyksyslogexporter

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksyslogexporter/internal/metadata"
)

// NewFactory makes exporters of the type tyksyslog.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig, exporter.WithLogs(createLogs, metadata.LogsStability))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tyksyslog exporter: unexpected configuration %T", cfg)
	}
	e, err := newSyslogExporter(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the tyksyslog exporter: %w", err)
	}
	return e.logs(ctx)
}

// logs wraps the exporter into what bounds, repeats and queues its pushes.
func (e *syslogExporter) logs(ctx context.Context) (exporter.Logs, error) {
	return e.config.NewLogs(ctx, e.set, e.config, e.pushLogs, e.start, e.shutdown)
}
