package tyktelemetry

import (
	"context"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
	"github.com/otelcol-tyk/otelcol-tyk/internal/resident"
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
			logger = logging.Wrap(logger)
			warnOfDefaults(logger)
			stop := resident.ReleaseWhileStarting(logger)
			return logger, func(ctx context.Context) error {
				stop()
				return shutdown(ctx)
			}, nil
		}),
		telemetry.WithCreateMeterProvider(usual.CreateMeterProvider),
		telemetry.WithCreateTracerProvider(usual.CreateTracerProvider),
	)
}

// warnOfDefaults tells who starts the collector by hand what all shipped ways of starting it set: Go's own
// defaults collect garbage several times as often as a stream of records needs, and know no bound.
func warnOfDefaults(logger *zap.Logger) {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		logger.Warn("Neither GOMEMLIMIT nor GOGC is set in the environment, so that collecting garbage takes more of the processor than it needs to",
			zap.String("remedy", "set both, such as GOMEMLIMIT=400MiB GOGC=400; GOMEMLIMIT is to be below what the process may take"))
	}
}
