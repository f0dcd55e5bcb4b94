package tykhybridexporter

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.OnUnknown.
const (
	unknownRetry      = "retry"
	unknownDeadLetter = "dead_letter"
)

// Config says where MDCB is, and how it is called.
type Config struct {
	// Address is MDCB's host:port, and how long connecting may take.
	Address confignet.TCPAddrConfig `mapstructure:",squash"`
	// TLS is on unless it says insecure.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// APIKey is that of a user of Tyk Dashboard, with which each connection logs in.
	APIKey configopaque.String `mapstructure:"api_key"`
	// Compression deflates both directions of connections.
	Compression bool `mapstructure:"compression"`
	// RPCPoolSize is the most connections. Each has one call at a time.
	RPCPoolSize int `mapstructure:"rpc_pool_size"`
	// MaxRecords is the most records of a call.
	MaxRecords int `mapstructure:"max_records"`
	// MaxBytes is the most bytes of a call's JSON; a longer record is a call of its own.
	MaxBytes int `mapstructure:"max_bytes"`
	// EnableMCPAggregation sends rollups of MCP, too, which an old MDCB does not know.
	EnableMCPAggregation bool `mapstructure:"enable_mcp_aggregation"`
	// OnUnknown says what becomes of a call that was sent and not answered: retry or dead_letter.
	OnUnknown string `mapstructure:"on_unknown"`
	// Sending has a timeout that bounds each call, and making a connection; not a whole push, since calls that were answered are not repeated.
	sink.Sending `mapstructure:",squash"`
}

func createDefaultConfig() component.Config {
	address := confignet.NewDefaultTCPAddrConfig()
	address.Endpoint, address.DialerConfig.Timeout = "localhost:9091", 10*time.Second
	return &Config{
		Address: address, TLS: configtls.NewDefaultClientConfig(), Compression: true, RPCPoolSize: 2,
		MaxRecords: 1000, MaxBytes: 4 << 20, OnUnknown: unknownRetry, Sending: sink.Defaults(),
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without a connection.
func (c *Config) Validate() error {
	errs := []error{
		sink.ValidateQueue(c.Queue, c.Retry),
		socket.ValidateTarget(confignet.AddrConfig{Endpoint: c.Address.Endpoint, DialerConfig: c.Address.DialerConfig, Transport: confignet.TransportTypeTCP}, socket.Transports{confignet.TransportTypeTCP}),
	}
	if c.APIKey == "" {
		errs = append(errs, errors.New("api_key: must be set: MDCB takes records only of users of Tyk Dashboard"))
	}
	for _, bound := range []struct {
		key string
		n   int
	}{{"rpc_pool_size", c.RPCPoolSize}, {"max_records", c.MaxRecords}, {"max_bytes", c.MaxBytes}} {
		if bound.n < 1 {
			errs = append(errs, fmt.Errorf("%s: %d must be at least 1", bound.key, bound.n))
		}
	}
	if c.Timeout.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v must be above 0: a call that is never answered would wait for ever", c.Timeout.Timeout))
	}
	switch c.OnUnknown {
	case unknownRetry:
	case unknownDeadLetter:
		if c.Queue.HasValue() && c.Queue.Get().StorageID != nil {
			errs = append(errs, errors.New("on_unknown: dead_letter does not reach the receiver from a queue on disk: use retry, or a sending_queue without storage"))
		}
	default:
		errs = append(errs, fmt.Errorf("on_unknown: %q is unknown: use %s or %s", c.OnUnknown, unknownRetry, unknownDeadLetter))
	}
	return errors.Join(errs...)
}
