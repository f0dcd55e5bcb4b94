package tyklogzioexporter

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Config says where lines are sent.
type Config struct {
	// Client says where the listener is; its timeout bounds one request.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// Token is that of the account's data shipping.
	Token configopaque.String `mapstructure:"token"`
	// Type says how Logz.io parses lines; empty is its own default.
	Type string `mapstructure:"type"`
	// MaxRequestBytes bounds the lines of one request.
	MaxRequestBytes int `mapstructure:"max_request_bytes"`
	// Truncate cuts recorded requests and responses of lines that are too long.
	Truncate bool `mapstructure:"truncate"`
	// Retry says how a failed request is tried again; max_elapsed_time 0 retries without end.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue says how many pushes go on at once and wait.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

// What Logz.io takes of a line and of a request, and Tyk Pump's requests.
const (
	maxLineBytes        = 500_000
	maxRequestBytes     = 10 << 20
	defaultRequestBytes = 3 << 20
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Endpoint = "https://listener.logz.io:8071"
	client.Timeout = 30 * time.Second
	sending := sink.Defaults()
	return &Config{Client: client, MaxRequestBytes: defaultRequestBytes, Retry: sending.Retry, Queue: sending.Queue}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without Logz.io.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry)}
	if c.Token == "" {
		errs = append(errs, errors.New("token: must be set: it is the account's token of data shipping"))
	}
	if err := netaddr.CheckHTTP(c.Client.Endpoint, "https://listener-eu.logz.io:8071"); err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	} else if address, err := url.Parse(c.Client.Endpoint); err == nil && address.Query().Has("token") {
		errs = append(errs, errors.New("endpoint: has a token: move it to token, which is never shown"))
	}
	if c.Client.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %s must be above 0, or a server that does not answer is waited for without end", c.Client.Timeout))
	}
	if c.MaxRequestBytes < maxLineBytes || c.MaxRequestBytes > maxRequestBytes {
		errs = append(errs, fmt.Errorf("max_request_bytes: %d must be from %d, a line, to %d, which Logz.io takes", c.MaxRequestBytes, maxLineBytes, maxRequestBytes))
	}
	return errors.Join(errs...)
}

// address is where lines are posted. It has the token in it, for which Logz.io has no other place.
func (c *Config) address() (string, error) {
	address, err := url.Parse(c.Client.Endpoint)
	if err != nil {
		return "", errors.New("endpoint: is no address") // without the value, which may hold a token
	}
	if address.Path == "" {
		address.Path = "/"
	}
	parameters := address.Query()
	parameters.Set("token", string(c.Token))
	if c.Type != "" {
		parameters.Set("type", c.Type)
	}
	address.RawQuery = parameters.Encode()
	return address.String(), nil
}
