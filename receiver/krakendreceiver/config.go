package krakendreceiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/scraper/scraperhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.Window.
const (
	windowTick   = "tick"
	windowScrape = "scrape"
)

// Config says which KrakenD is read, and how often.
type Config struct {
	// Client says where the statistics are and how they are asked for; its timeout bounds
	// one request.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// Controller says when.
	Controller scraperhelper.ControllerConfig `mapstructure:",squash"`
	// ServiceName is the resource's service.name.
	ServiceName string `mapstructure:"service_name"`
	// HostName is the resource's host.name; empty takes the endpoint's host.
	HostName string `mapstructure:"host_name"`
	// Window is when metrics of a window are told: tick, each window once it has ended, or
	// scrape, the running window with each request.
	Window string `mapstructure:"window"`
	// AsGauges makes gauges instead of summaries, for stores that have no summaries.
	AsGauges bool `mapstructure:"as_gauges"`
	// MaxBodyBytes bounds the answer; a larger one is an error.
	MaxBodyBytes int64 `mapstructure:"max_body_bytes"`
}

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Endpoint = "http://localhost:8090/__stats"
	client.Timeout = 4 * time.Second
	controller := scraperhelper.NewDefaultControllerConfig()
	controller.CollectionInterval = 5 * time.Second
	controller.Timeout = client.Timeout
	return &Config{
		Client: client, Controller: controller,
		ServiceName: "krakend", Window: windowTick, MaxBodyBytes: 32 << 20,
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks what the parts of the configuration do not check themselves.
func (c *Config) Validate() error {
	var errs []error
	if err := netaddr.CheckHTTP(c.Client.Endpoint, "http://krakend:8090/__stats"); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	if c.ServiceName == "" {
		errs = append(errs, errors.New("service_name: must not be empty: leave it out for krakend"))
	}
	if c.Window != windowTick && c.Window != windowScrape {
		errs = append(errs, fmt.Errorf("window: %q is unknown: use tick or scrape", c.Window))
	}
	if c.MaxBodyBytes < 1 {
		errs = append(errs, fmt.Errorf("max_body_bytes: %d must be 1 or more", c.MaxBodyBytes))
	}
	return errors.Join(errs...)
}
