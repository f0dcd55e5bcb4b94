package tyksyslogexporter

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksyslogexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestConsumeContract(t *testing.T) {
	t.Parallel()
	var network sinktest.Network
	config := configured(func(c *Config) { c.Retry.InitialInterval, c.Retry.MaxInterval = time.Millisecond, 5*time.Millisecond })
	sinktest.CheckContract(t, config, metadata.Type, func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
		e, err := newSyslogExporter(cfg.(*Config), set)
		if err != nil {
			return nil, err
		}
		e.sender.Dial = network.Dial
		return e.logs(ctx)
	}, network.Decides)
}
