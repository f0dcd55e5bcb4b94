package tykredisreceiver

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/backlog"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/delivery"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metrics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// NewFactory makes tykredis receivers.
func NewFactory() receiver.Factory {
	all := newInstances()
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithLogs(all.logs, metadata.LogsStability),
		receiver.WithMetrics(all.metrics, metadata.MetricsStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		Config: connection.Config{
			Addresses: []string{"localhost:6379"}, TLS: configtls.ClientConfig{Insecure: true}, Timeout: 5 * time.Second,
		},
		WaitForReplicas: 1,
		KeyPrefix:       source.KeyPrefix,
		Group:           "default",
		GroupExpiry:     7 * 24 * time.Hour,
		ChunkSize:       4000,
		ChunkBytes:      8 << 20,
		MaxInFlight:     2,
		PollInterval:    250 * time.Millisecond,
		Lease:           30 * time.Second,
		ShutdownTimeout: 10 * time.Second,
		Redelivery:      delivery.RedeliveryConfig{InitialInterval: 100 * time.Millisecond, MaxInterval: 10 * time.Second},
		Requests:        RequestsConfig{Enabled: true},
		Undecodable:     undecodableKept,
		Uptime:          UptimeConfig{KeyPrefix: analytics.UptimePrefix},
		Backlog:         backlog.Config{MaxMemoryShare: 0.5, Shed: []string{backlog.Bodies, backlog.Oldest}},
		DeadLetters:     DeadLettersConfig{MaxEntries: 100_000, MaxBytes: 64 << 20},
		Metrics: metrics.Config{
			Presets: []string{metrics.GatewayPreset}, Histograms: metrics.ExplicitHistograms, Exemplars: true,
			Interval: 10 * time.Second, SeriesLimit: 2000, Expiry: 24 * time.Hour,
		},
	}
}
