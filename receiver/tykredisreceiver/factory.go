package tykredisreceiver

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/receiver"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
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

// defaultKeyPrefix is the gateway's own.
const defaultKeyPrefix = "analytics-"

func createDefaultConfig() component.Config {
	return &Config{
		Addresses:       []string{"localhost:6379"},
		TLS:             configtls.ClientConfig{Insecure: true},
		Timeout:         5 * time.Second,
		WaitForReplicas: 1,
		KeyPrefix:       defaultKeyPrefix,
		Group:           "default",
		GroupExpiry:     7 * 24 * time.Hour,
		ChunkSize:       4000,
		ChunkBytes:      8 << 20,
		MaxInFlight:     2,
		PollInterval:    250 * time.Millisecond,
		Lease:           30 * time.Second,
		ShutdownTimeout: 10 * time.Second,
		Redelivery:      RedeliveryConfig{InitialInterval: 100 * time.Millisecond, MaxInterval: 10 * time.Second},
		Requests:        RequestsConfig{Enabled: true},
		Uptime:          UptimeConfig{KeyPrefix: analytics.UptimePrefix},
		Backlog:         BacklogConfig{MaxMemoryShare: 0.5, Shed: []string{shedBodies, shedOldest}},
		DeadLetters:     DeadLettersConfig{MaxEntries: 100_000, MaxBytes: 64 << 20},
		Metrics: MetricsConfig{
			Presets: []string{gatewayPreset}, Histograms: explicitHistograms, Exemplars: true,
			Interval: 10 * time.Second, SeriesLimit: 2000, Expiry: 24 * time.Hour,
		},
	}
}
