package tykstatsdexporter

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.Dialect.
const (
	dialectStatsD    = "statsd"
	dialectDogStatsD = "dogstatsd"
)

// The values of Config.Sanitize.
const (
	// sanitizeTyk keeps Tyk Pump's bytes.
	sanitizeTyk = "tyk"
	// sanitizeGraphite makes parts of names and tags that separate nothing.
	sanitizeGraphite = "graphite"
	// sanitizeNone takes values as they are, but for ends of lines.
	sanitizeNone = "none"
)

// Config says where lines are sent, and what they tell.
type Config struct {
	// Address is where StatsD listens. For DogStatsD an empty endpoint is that of the variables
	// DD_AGENT_HOST and DD_DOGSTATSD_PORT.
	Address confignet.AddrConfig `mapstructure:",squash"`
	// Dialect is statsd or dogstatsd.
	Dialect string `mapstructure:"dialect"`
	// Prefix stands before each name, with a dot behind it; empty for none.
	Prefix string `mapstructure:"prefix"`
	// Fields are the values that are sent, as one line each.
	Fields []string `mapstructure:"fields"`
	// Tags are parts of a name in StatsD, and tags in DogStatsD, which has a set of its own if there are none.
	Tags []string `mapstructure:"tags"`
	// GlobalTags are those of each line, in DogStatsD only.
	GlobalTags []string `mapstructure:"global_tags"`
	// SeparatedMethod keeps the method out of StatsD's path.
	SeparatedMethod bool `mapstructure:"separated_method"`
	// TrimTrailingSlash takes slashes off the end of a path in DogStatsD; StatsD has none.
	TrimTrailingSlash bool `mapstructure:"trim_trailing_slash"`
	// Sanitize is what becomes of characters with a meaning in a line: graphite, tyk or none.
	Sanitize string `mapstructure:"sanitize"`
	// SampleRate is the share of records that are sent, above 0 and up to 1.
	SampleRate float64 `mapstructure:"sample_rate"`
	// MaxDatagramBytes is the most bytes of several lines in one datagram; 0 is 1432 over UDP, and 8192
	// over a Unix socket.
	MaxDatagramBytes int `mapstructure:"max_datagram_bytes"`
	// MaxDatagramLines is the most lines in one datagram; 0 is as many as fit.
	MaxDatagramLines int `mapstructure:"max_datagram_lines"`
	// Sending bounds, repeats and queues pushes.
	sink.Sending `mapstructure:",squash"`
}

// Bytes of a datagram that cross common networks in one packet, and that agents take from a Unix socket.
const (
	udpBytes  = 1432
	unixBytes = 8192
)

func createDefaultConfig() component.Config {
	address := confignet.NewDefaultAddrConfig()
	address.Endpoint, address.Transport = "localhost:8125", confignet.TransportTypeUDP
	address.DialerConfig.Timeout = 10 * time.Second
	return &Config{
		Address: address, Dialect: dialectStatsD, Fields: []string{"request_time"},
		GlobalTags: []string{"tyk-pump"}, TrimTrailingSlash: true, Sanitize: sanitizeGraphite, SampleRate: 1,
		Sending: sink.Defaults(),
	}
}

// transports are those that lines are sent over.
var transports = socket.Transports{
	confignet.TransportTypeUDP, confignet.TransportTypeUDP4, confignet.TransportTypeUDP6,
	confignet.TransportTypeTCP, confignet.TransportTypeTCP4, confignet.TransportTypeTCP6, confignet.TransportTypeUnixgram,
}

// Unmarshal says which key, or which transport, is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	return spelling.Keys(transports.Explain(conf.Unmarshal(c)), c)
}

// Validate checks everything that can be checked without a socket.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry), c.validateNames()}
	address := c.Address
	address.Endpoint = c.endpoint()
	errs = append(errs, socket.ValidateTarget(address, transports))
	if !slices.Contains([]string{sanitizeTyk, sanitizeGraphite, sanitizeNone}, c.Sanitize) {
		errs = append(errs, fmt.Errorf("sanitize: %q is unknown: use graphite, tyk or none", c.Sanitize))
	}
	if strings.ContainsAny(c.Prefix, ":|@#") || strings.ContainsFunc(c.Prefix, isBlank) {
		errs = append(errs, fmt.Errorf("prefix: %q must not contain any of `:|@#`, spaces and control characters", c.Prefix))
	}
	for _, tag := range c.GlobalTags {
		if tag == "" || strings.ContainsAny(tag, ",|") || strings.ContainsFunc(tag, unicode.IsControl) {
			errs = append(errs, fmt.Errorf("global_tags: %q must not be empty, nor contain commas, `|` or control characters", tag))
		}
	}
	if !(c.SampleRate > 0 && c.SampleRate <= 1) {
		errs = append(errs, fmt.Errorf("sample_rate: %v must be above 0 and at most 1", c.SampleRate))
	}
	if c.MaxDatagramBytes < 0 || c.MaxDatagramBytes > socket.MaxDatagram {
		errs = append(errs, fmt.Errorf("max_datagram_bytes: %d must be from 0 to %d", c.MaxDatagramBytes, socket.MaxDatagram))
	}
	if c.MaxDatagramLines < 0 {
		errs = append(errs, fmt.Errorf("max_datagram_lines: %d must not be negative", c.MaxDatagramLines))
	}
	return errors.Join(errs...)
}

// validateNames wants a known dialect, and of it known fields and tags.
func (c *Config) validateNames() error {
	if c.Dialect != dialectStatsD && c.Dialect != dialectDogStatsD {
		return fmt.Errorf("dialect: %q is unknown: use statsd or dogstatsd", c.Dialect)
	}
	var errs []error
	if len(c.Fields) == 0 {
		errs = append(errs, errors.New("fields: must not be empty: without a field nothing is sent"))
	}
	for _, field := range c.Fields {
		if _, ok := fields[field]; !ok {
			errs = append(errs, fmt.Errorf("fields: %q is unknown: use %s", field, namesOf(fields)))
		}
	}
	known := statsdTags
	if c.Dialect == dialectDogStatsD {
		known = dogstatsdTags
	}
	for _, tag := range c.Tags {
		if tag == "method" && c.Dialect == dialectStatsD && !c.SeparatedMethod {
			errs = append(errs, errors.New(`tags: "method" is part of the path: set separated_method`))
		} else if _, ok := known[tag]; !ok {
			errs = append(errs, fmt.Errorf("tags: %q is unknown: use %s", tag, namesOf(known)))
		}
	}
	return errors.Join(errs...)
}

// endpoint is where lines are sent to.
func (c *Config) endpoint() string {
	if c.Address.Endpoint != "" || c.Dialect != dialectDogStatsD {
		return c.Address.Endpoint
	}
	host, port := os.Getenv("DD_AGENT_HOST"), os.Getenv("DD_DOGSTATSD_PORT")
	if host == "" {
		return ""
	}
	if port == "" {
		port = "8125"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// datagramBytes is the most bytes of several lines in one datagram.
func (c *Config) datagramBytes() int {
	switch {
	case c.MaxDatagramBytes > 0:
		return c.MaxDatagramBytes
	case c.Address.Transport == confignet.TransportTypeUnixgram:
		return unixBytes
	}
	return udpBytes
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
