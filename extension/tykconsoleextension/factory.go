package tykconsoleextension

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykconsoleextension/internal/metadata"
)

// NewFactory makes extensions of the type tykconsole.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the tykconsole extension: unexpected configuration %T", cfg)
	}
	return newExtension(config, set), nil
}
