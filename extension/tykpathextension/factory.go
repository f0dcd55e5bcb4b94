package tykpathextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykpathextension/internal/metadata"
)

// NewFactory makes the factory of the tykpath extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, _ extension.Settings, cfg component.Config) (extension.Extension, error) {
	return &middleware{config: *cfg.(*Config)}, nil
}
