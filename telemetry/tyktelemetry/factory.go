package tyktelemetry

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
)

// NewFactory makes telemetry that is configured as every collector's, under service::telemetry.
func NewFactory() telemetry.Factory {
	usual := otelconftelemetry.NewFactory()
	return telemetry.NewFactory(
		func() component.Config {
			config := usual.CreateDefaultConfig()
			if own, ok := config.(*otelconftelemetry.Config); ok {
				own.Logs.DisableStacktrace = true
			}
			return config
		},
		telemetry.WithCreateResource(usual.CreateResource),
		telemetry.WithCreateLogger(func(ctx context.Context, set telemetry.LoggerSettings, config component.Config) (*zap.Logger, component.ShutdownFunc, error) {
			logger, shutdown, err := usual.CreateLogger(ctx, set, config)
			if err != nil {
				return nil, nil, err
			}
			return logging.Wrap(logger), shutdown, nil
		}),
		telemetry.WithCreateMeterProvider(usual.CreateMeterProvider),
		telemetry.WithCreateTracerProvider(usual.CreateTracerProvider),
	)
}
