package tykgelfexporter

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.Format.
const (
	formatGELF = "gelf"
	// formatTyk is Tyk Pump's, which has all of a record in the text of one field.
	formatTyk = "tyk"
)

// The values of Config.Compression.
const (
	compressionZlib = "zlib"
	compressionGzip = "gzip"
	compressionNone = "none"
)

// Config says where messages are sent, and what they tell.
type Config struct {
	// Address is a GELF input over UDP or TCP.
	Address confignet.AddrConfig `mapstructure:",squash"`
	// TLS encrypts TCP; it is off unless set.
	TLS configoptional.Optional[configtls.ClientConfig] `mapstructure:"tls"`
	// HTTP is a GELF input over HTTP, in the place of Address.
	HTTP configoptional.Optional[HTTPConfig] `mapstructure:"http"`
	// Format is gelf or tyk.
	Format string `mapstructure:"format"`
	// Source is the host of messages of the format gelf, which Graylog shows as their source.
	Source string `mapstructure:"source"`
	// Tags are what a message tells, by the names of Tyk's fields; none are all but raw_request and raw_response.
	Tags []string `mapstructure:"tags"`
	// Compression is that of datagrams: zlib, gzip or none.
	Compression string `mapstructure:"compression"`
	// MaxDatagramBytes is the most bytes of a datagram; a longer message is sent in up to 128 chunks.
	MaxDatagramBytes int `mapstructure:"max_datagram_bytes"`
	// MaxMessageBytes is the most bytes of a message before compression.
	MaxMessageBytes int `mapstructure:"max_message_bytes"`
	// Truncate cuts recorded requests and responses of messages that are too large.
	Truncate bool `mapstructure:"truncate"`
	// Sending bounds, repeats and queues pushes.
	sink.Sending `mapstructure:",squash"`
}

// HTTPConfig says how messages are posted.
type HTTPConfig struct {
	// Client says where the input is, with its path.
	Client confighttp.ClientConfig `mapstructure:",squash"`
	// Bulk posts many messages in a request, with line feeds between, which the input must allow.
	Bulk bool `mapstructure:"bulk"`
	// MaxRequestBytes bounds the messages of one request before compression; a longer one travels alone.
	MaxRequestBytes int `mapstructure:"max_request_bytes"`
}

const (
	// chunkHeader is what stands before each chunk of a message.
	chunkHeader = 12
	// maxChunks is the most chunks that a message may have.
	maxChunks = 128
	// wideAreaBytes are a chunk of Tyk Pump's, which crosses common networks in one packet.
	wideAreaBytes = 1420 + chunkHeader
	// graylogBytes are what Graylog's inputs take by default of a message over TCP.
	graylogBytes = 2 << 20
	// graylogBodyBytes are what its input over HTTP takes of a request.
	graylogBodyBytes = 64 << 10
)

func defaultAddress() confignet.AddrConfig {
	address := confignet.NewDefaultAddrConfig()
	address.Endpoint, address.Transport = "localhost:12201", confignet.TransportTypeTCP
	address.DialerConfig.Timeout = 10 * time.Second
	return address
}

// The least sizes that have room for a record; one of more than a datagram has 128 of them.
const (
	leastDatagramBytes = chunkHeader + 100
	leastMessageBytes  = 512
)

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Endpoint = "http://localhost:12201/gelf"
	return &Config{
		Address: defaultAddress(), TLS: configoptional.Default(configtls.NewDefaultClientConfig()),
		HTTP:   configoptional.Default(HTTPConfig{Client: client, MaxRequestBytes: graylogBodyBytes}),
		Format: formatGELF, Source: "tyk-gateway", Compression: compressionZlib,
		MaxDatagramBytes: wideAreaBytes, MaxMessageBytes: graylogBytes,
		Sending: sink.Defaults(),
	}
}

// transports are those that messages are sent over.
var transports = socket.Transports{
	confignet.TransportTypeTCP, confignet.TransportTypeTCP4, confignet.TransportTypeTCP6,
	confignet.TransportTypeUDP, confignet.TransportTypeUDP4, confignet.TransportTypeUDP6,
}

// Unmarshal says which key, or which transport, is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	err := spelling.Keys(transports.Explain(conf.Unmarshal(c)), c)
	if err != nil && conf.Get("transport") == "http" {
		return fmt.Errorf("%w, or http::endpoint in the place of transport", err)
	}
	return err
}

// Validate checks everything that can be checked without a socket.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry), c.validateTarget(), c.validateTags()}
	if c.Source == "" {
		errs = append(errs, errors.New("source: must not be empty: GELF wants a host"))
	}
	if !slices.Contains([]string{compressionZlib, compressionGzip, compressionNone}, c.Compression) {
		errs = append(errs, fmt.Errorf("compression: %q is unknown: use zlib, gzip or none", c.Compression))
	}
	if c.MaxDatagramBytes < leastDatagramBytes || c.MaxDatagramBytes > socket.MaxDatagram {
		errs = append(errs, fmt.Errorf("max_datagram_bytes: %d must be from %d to %d", c.MaxDatagramBytes, leastDatagramBytes, socket.MaxDatagram))
	}
	if c.MaxMessageBytes < leastMessageBytes {
		errs = append(errs, fmt.Errorf("max_message_bytes: %d must be from %d", c.MaxMessageBytes, leastMessageBytes))
	}
	return errors.Join(errs...)
}

// validateTarget wants either a socket or an input over HTTP.
func (c *Config) validateTarget() error {
	if !c.HTTP.HasValue() {
		if c.TLS.HasValue() && socket.IsDatagram(c.Address.Transport) {
			return fmt.Errorf("tls: there is none over %s: use transport: tcp", c.Address.Transport)
		}
		return socket.ValidateTarget(c.Address, transports)
	}
	var errs []error
	if c.Address != defaultAddress() || c.TLS.HasValue() {
		errs = append(errs, errors.New("endpoint, transport, dialer, tls: are not used with http: move them below http, or leave http out"))
	}
	http := c.HTTP.Get()
	if err := netaddr.CheckHTTP(http.Client.Endpoint, "http://graylog:12201/gelf"); err != nil {
		errs = append(errs, fmt.Errorf("http::endpoint: %w", err))
	}
	if http.MaxRequestBytes < 1 {
		errs = append(errs, fmt.Errorf("http::max_request_bytes: %d must be above 0", http.MaxRequestBytes))
	}
	return errors.Join(errs...)
}

// validateTags wants a known format, and names that it has.
func (c *Config) validateTags() error {
	if c.Format != formatGELF && c.Format != formatTyk {
		return fmt.Errorf("format: %q is unknown: use gelf or tyk", c.Format)
	}
	known := knownTags(c.Format)
	var errs []error
	for _, tag := range c.Tags {
		if !slices.Contains(known, tag) {
			errs = append(errs, fmt.Errorf("tags: %q is unknown: use %s", tag, joined(known)))
		}
	}
	return errors.Join(errs...)
}
