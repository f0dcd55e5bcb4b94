package tykopentracingreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykopentracingreceiver/internal/metadata"
)

// NewFactory makes receivers of the type tykopentracing.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithTraces(createTraces, metadata.TracesStability),
	)
}

func createTraces(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykopentracing receiver: unexpected configuration %T", cfg)
	}
	r, err := newReceiver(config, set, next)
	if err != nil {
		return nil, fmt.Errorf("create the tykopentracing receiver: %w", err)
	}
	return r, nil
}
