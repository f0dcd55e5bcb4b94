package krakendreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	scraperapi "go.opentelemetry.io/collector/scraper"
	"go.opentelemetry.io/collector/scraper/scraperhelper"

	"github.com/otelcol-tyk/otelcol-tyk/receiver/krakendreceiver/internal/metadata"
)

// NewFactory makes receivers of the type krakend.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithMetrics(createMetrics, metadata.MetricsStability),
	)
}

func createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	config, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("create the krakend receiver: unexpected configuration %T", cfg)
	}
	s, err := newScraper(config, set)
	if err != nil {
		return nil, fmt.Errorf("create the krakend receiver: %w", err)
	}
	return assemble(config, set, s, next)
}

// assemble puts the helper around the scraper, and the receiver around both.
func assemble(config *Config, set receiver.Settings, s *scraper, next consumer.Metrics, options ...scraperhelper.ControllerOption) (receiver.Metrics, error) {
	r := &krakendReceiver{}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.asking, r.stopAsking = context.WithCancel(context.Background())
	consumer, err := r.deliver(next)
	if err != nil {
		return nil, fmt.Errorf("create the krakend receiver: %w", err)
	}
	metrics, err := scraperapi.NewMetrics(r.ask(s.scrape), scraperapi.WithStart(s.start), scraperapi.WithShutdown(s.shutdown))
	if err != nil {
		return nil, fmt.Errorf("create the krakend receiver: %w", err)
	}
	controller := config.Controller
	controller.Timeout = 0 // would bound the delivery too; the client has it
	r.Metrics, err = scraperhelper.NewMetricsController(&controller, set, consumer,
		append(options, scraperhelper.AddMetricsScraper(metadata.Type, metrics))...)
	if err != nil {
		return nil, fmt.Errorf("create the krakend receiver: %w", err)
	}
	return r, nil
}
