package tykresurfaceexporter

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The schemes of URLs.
const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
)

// Config says where messages are sent, and what they tell.
type Config struct {
	// Client says where messages are captured; its timeout bounds one request.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// Rules are those of Resurface's loggers, one a line, or file:// and a path.
	Rules string `mapstructure:"rules"`
	// Scheme is that of requests that do not tell theirs in X-Forwarded-Proto.
	Scheme string `mapstructure:"scheme"`
	// Host names the machine that sends; empty is its own name.
	Host string `mapstructure:"host"`
	// MaxBodyBytes is the most bytes of a body.
	MaxBodyBytes int64 `mapstructure:"max_body_bytes"`
	// MaxRequestBytes bounds one request before compression; a longer message travels alone.
	MaxRequestBytes int `mapstructure:"max_request_bytes"`
	// Retry says how a failed request is tried again; max_elapsed_time 0 retries without end.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue says how many pushes are worked on at once and wait.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

// Sizes of Resurface's loggers.
const (
	loggerBodyBytes    = 1 << 20
	loggerRequestBytes = 5 << 20
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = 30 * time.Second
	sending := sink.Defaults()
	return &Config{
		Client: client, Rules: "include strict", Scheme: schemeHTTP, MaxBodyBytes: loggerBodyBytes, MaxRequestBytes: loggerRequestBytes,
		Retry: sending.Retry, Queue: sending.Queue,
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without Resurface.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry)}
	rules, err := parseRules(c.Rules)
	if err != nil {
		errs = append(errs, fmt.Errorf("rules: %w", err))
	}
	address, err := url.Parse(c.Client.Endpoint)
	switch {
	case err != nil || address.Host == "" || address.Scheme != schemeHTTP && address.Scheme != schemeHTTPS:
		errs = append(errs, errors.New("endpoint: must be the capture URL (not shown, it may hold credentials), such as https://resurface:7701/message"))
	case address.Scheme == schemeHTTP && !rules.has(verbAllowHTTP):
		errs = append(errs, errors.New("endpoint: http is not encrypted: use https, or add the rule allow_http_url to rules"))
	}
	if c.Scheme != schemeHTTP && c.Scheme != schemeHTTPS {
		errs = append(errs, fmt.Errorf("scheme: %q is unknown: use http or https", c.Scheme))
	}
	if c.Client.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %s must be above 0, or a server that does not answer is waited for without end", c.Client.Timeout))
	}
	if c.MaxBodyBytes < 0 {
		errs = append(errs, fmt.Errorf("max_body_bytes: %d must not be below 0", c.MaxBodyBytes))
	}
	if c.MaxRequestBytes < 1 {
		errs = append(errs, fmt.Errorf("max_request_bytes: %d must be above 0", c.MaxRequestBytes))
	}
	return errors.Join(errs...)
}
