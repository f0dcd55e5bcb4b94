package tykopensearchexporter

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

	"github.com/otelcol-tyk/otelcol-tyk/internal/indexname"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Config says where documents are stored, and what they have.
type Config struct {
	// Client says where the server is; its timeout bounds one request.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// Endpoints are several servers of a cluster, in the place of endpoint.
	Endpoints []string `mapstructure:"endpoints"`
	// Username and Password log in, unless they are empty.
	Username string              `mapstructure:"username"`
	Password configopaque.String `mapstructure:"password"`
	// APIKey is Elasticsearch's, in its encoded form.
	APIKey configopaque.String `mapstructure:"api_key"`
	// IndexName is the index, alias or data stream.
	IndexName string `mapstructure:"index_name"`
	// MCPIndexName is the index of MCP requests; empty for the same.
	MCPIndexName string `mapstructure:"mcp_index_name"`
	// RollingIndex gives each day an index: the name, and the day of the request in UTC.
	RollingIndex bool `mapstructure:"rolling_index"`
	// DocumentType is the type that servers before Elasticsearch 7 need; empty for none.
	DocumentType string `mapstructure:"document_type"`
	// ExtendedStats adds recorded requests and responses, and the user agent.
	ExtendedStats bool `mapstructure:"extended_stats"`
	// MaxRequestBytes bounds the documents of one request; a longer one travels alone.
	MaxRequestBytes int `mapstructure:"max_request_bytes"`
	// Retry says how a failed write is tried again; max_elapsed_time 0 retries without end.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue says how many writes go on at once and wait.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

const (
	defaultEndpoint = "http://localhost:9200"
	// defaultRequestBytes are those of Tyk Pump's client.
	defaultRequestBytes = 5 << 20
	// maxRequestBytes are what servers take of a request by default.
	maxRequestBytes = 100 << 20
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Endpoint = defaultEndpoint
	client.Timeout = 30 * time.Second
	sending := sink.Defaults()
	return &Config{
		Client: client, IndexName: "tyk_analytics", MaxRequestBytes: defaultRequestBytes,
		Retry: sending.Retry, Queue: sending.Queue,
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without a server.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry), c.validateServers(), c.validateLogin(), validateIndex("index_name", c.IndexName)}
	if c.MCPIndexName != "" {
		errs = append(errs, validateIndex("mcp_index_name", c.MCPIndexName))
	}
	if c.Client.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %s must be above 0, or a server that does not answer is waited for without end", c.Client.Timeout))
	}
	if c.MaxRequestBytes < 1 || c.MaxRequestBytes > maxRequestBytes {
		errs = append(errs, fmt.Errorf("max_request_bytes: %d must be from 1 to %d, which servers take", c.MaxRequestBytes, maxRequestBytes))
	}
	return errors.Join(errs...)
}

func (c *Config) validateServers() error {
	if len(c.Endpoints) > 0 && c.Client.Endpoint != defaultEndpoint {
		return errors.New("endpoint, endpoints: only one of them can be set: use endpoint for one server, endpoints for several of a cluster")
	}
	_, err := c.addresses()
	return err
}

// addresses are the URLs of bulk requests, of each server. Of the answers only what is read is asked for.
func (c *Config) addresses() ([]string, error) {
	key, endpoints := "endpoints", c.Endpoints
	if len(endpoints) == 0 {
		key, endpoints = "endpoint", []string{c.Client.Endpoint}
	}
	var addresses []string
	for _, endpoint := range endpoints {
		if err := netaddr.CheckHTTP(endpoint, "http://opensearch:9200"); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		address, err := url.Parse(endpoint)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, netaddr.BareError(err))
		}
		address = address.JoinPath("_bulk")
		parameters := address.Query()
		parameters.Set("filter_path", "errors,items.*.status,items.*.error")
		address.RawQuery = parameters.Encode()
		addresses = append(addresses, address.String())
	}
	return addresses, nil
}

func (c *Config) validateLogin() error {
	ways := 0
	for _, used := range []bool{c.Username != "" || c.Password != "", c.APIKey != "", c.Client.Auth.HasValue()} {
		if used {
			ways++
		}
	}
	switch {
	case ways > 1:
		return errors.New("username, api_key, auth: only one of them can be used: leave the others out")
	case c.Username == "" && c.Password != "":
		return errors.New("username: must be set with password")
	}
	return nil
}

// validateIndex names the key of a name that servers refuse.
func validateIndex(key, name string) error {
	if err := indexname.Check(name); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
