package tyksyslogexporter

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.Protocol.
const (
	protocolRFC5424 = "rfc5424"
	protocolRFC3164 = "rfc3164"
	// protocolTyk is Tyk Pump's header, which is that of RFC 3164 with another form of times.
	protocolTyk = "tyk"
)

// The values of Config.Message.
const (
	messageJSON = "json"
	// messageMap is Tyk Pump's, a map as Go prints it.
	messageMap = "tyk_map"
)

// auto is a value of Config.Framing and of Config.Severity.
const auto = "auto"

// The names of facilities and severities, by their numbers (RFC 5424, section 6.2.1).
var (
	facilities = []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

// Config says where messages are sent, and what they tell.
type Config struct {
	// Address is where a syslog server listens.
	Address confignet.AddrConfig `mapstructure:",squash"`
	// TLS encrypts TCP; it is off unless set.
	TLS configoptional.Optional[configtls.ClientConfig] `mapstructure:"tls"`
	// Protocol is the header's form: rfc5424, rfc3164 or tyk.
	Protocol string `mapstructure:"protocol"`
	// Message is the form of what follows: json or tyk_map.
	Message string `mapstructure:"message"`
	// Fields are the keys of a message of JSON; none are all but raw_request and raw_response.
	Fields []string `mapstructure:"fields"`
	// Framing tells where a message ends in a stream: newline, octet_counting, or auto for octet_counting over TLS and
	// newline without.
	Framing string `mapstructure:"framing"`
	// Facility is the name of one of syslog's, such as local0.
	Facility string `mapstructure:"facility"`
	// Severity is the name of one of syslog's, or auto for that of the response's status.
	Severity string `mapstructure:"severity"`
	// Hostname is who sends; empty is this machine's name.
	Hostname string `mapstructure:"hostname"`
	// Tag is the program's name.
	Tag string `mapstructure:"tag"`
	// StructuredDataID is the name of the element with API, organisation and identity in rfc5424; empty for no element.
	StructuredDataID string `mapstructure:"structured_data_id"`
	// MaxMessageBytes is the most bytes of a message with its header; 0 is what the transport takes.
	MaxMessageBytes int `mapstructure:"max_message_bytes"`
	// Truncate cuts recorded requests and responses of messages that are too large.
	Truncate bool `mapstructure:"truncate"`
	// Sending bounds, repeats and queues pushes.
	sink.Sending `mapstructure:",squash"`
}

// rsyslogBytes is what rsyslog takes by default of a message, cutting what is longer.
const rsyslogBytes = 8 << 10

// leastBytes is the message that RFC 5424 has every receiver take; less has no room for a record.
const leastBytes = 480

func createDefaultConfig() component.Config {
	address := confignet.NewDefaultAddrConfig()
	address.Endpoint, address.Transport = "localhost:514", confignet.TransportTypeTCP
	address.DialerConfig.Timeout = 10 * time.Second
	return &Config{
		Address: address, TLS: configoptional.Default(configtls.NewDefaultClientConfig()),
		Protocol: protocolRFC5424, Message: messageJSON, Framing: auto, Facility: "local0", Severity: auto,
		Tag: "tyk-gateway", StructuredDataID: "tyk@32473", MaxMessageBytes: rsyslogBytes,
		Sending: sink.Defaults(),
	}
}

// transports are those that messages are sent over.
var transports = socket.Transports{
	confignet.TransportTypeTCP, confignet.TransportTypeTCP4, confignet.TransportTypeTCP6,
	confignet.TransportTypeUDP, confignet.TransportTypeUDP4, confignet.TransportTypeUDP6,
	confignet.TransportTypeUnix, confignet.TransportTypeUnixgram,
}

// Unmarshal says which key, or which transport, is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	return spelling.Keys(transports.Explain(conf.Unmarshal(c)), c)
}

// Validate checks everything that can be checked without a socket.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry), c.validateHeader(), c.validateFields(), socket.ValidateTarget(c.Address, transports)}
	if c.TLS.HasValue() && !strings.HasPrefix(string(c.Address.Transport), "tcp") {
		errs = append(errs, fmt.Errorf("tls: there is none over %s: use transport: tcp", c.Address.Transport))
	}
	errs = append(errs, oneOf("protocol", c.Protocol, protocolRFC5424, protocolRFC3164, protocolTyk),
		oneOf("message", c.Message, messageJSON, messageMap),
		oneOf("framing", c.Framing, auto, string(socket.Newline), string(socket.OctetCounting)),
		oneOf("facility", c.Facility, facilities...), oneOf("severity", c.Severity, append([]string{auto}, severities...)...))
	if c.MaxMessageBytes != 0 && c.MaxMessageBytes < leastBytes {
		errs = append(errs, fmt.Errorf("max_message_bytes: %d must be from %d, which every receiver takes, or 0 for no bound", c.MaxMessageBytes, leastBytes))
	}
	return errors.Join(errs...)
}

func oneOf(key, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is unknown: use %s", key, value, strings.Join(known, ", "))
}

// What RFC 5424 has room for.
const (
	maxHostname = 255
	maxTag      = 48
	maxDataID   = 32
)

// validateHeader wants names that do not end the header's fields.
func (c *Config) validateHeader() error {
	errs := []error{nameOf("hostname", c.Hostname, maxHostname, "", true), nameOf("structured_data_id", c.StructuredDataID, maxDataID, `="]`, true)}
	switch c.Protocol {
	case protocolTyk: // in which Tyk Pump takes any tag
		if c.Tag == "" || strings.ContainsFunc(c.Tag, unicode.IsControl) {
			errs = append(errs, fmt.Errorf("tag: %q must not be empty, nor have control characters", c.Tag))
		}
	case protocolRFC3164:
		errs = append(errs, nameOf("tag", c.Tag, maxTag, ":[", false))
	default:
		errs = append(errs, nameOf("tag", c.Tag, maxTag, "", false))
	}
	return errors.Join(errs...)
}

// nameOf refuses a name that is too long, or has a character that ends it.
func nameOf(key, value string, most int, ends string, optional bool) error {
	outside := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(ends, r) }
	if value == "" && optional || value != "" && len(value) <= most && !strings.ContainsFunc(value, outside) {
		return nil
	}
	return fmt.Errorf("%s: %q must have from 1 to %d characters of ASCII, no space and none of `%s`", key, value, most, ends)
}

// validateFields wants names of keys.
func (c *Config) validateFields() error {
	if len(c.Fields) > 0 && c.Message == messageMap {
		return errors.New("fields: are of message: json; tyk_map has those of Tyk Pump")
	}
	var errs []error
	for _, name := range c.Fields {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.key == name }) {
			errs = append(errs, fmt.Errorf("fields: %q is unknown: use %s", name, strings.Join(keys(), ", ")))
		}
	}
	return errors.Join(errs...)
}

// framing is how a stream has messages.
func (c *Config) framing() socket.Framing {
	switch {
	case c.Framing != auto:
		return socket.Framing(c.Framing)
	case c.TLS.HasValue() && !c.TLS.Get().Insecure:
		return socket.OctetCounting
	}
	return socket.Newline
}

// mostBytes is the most of a message.
func (c *Config) mostBytes() int {
	if socket.IsDatagram(c.Address.Transport) && (c.MaxMessageBytes == 0 || c.MaxMessageBytes > socket.MaxDatagram) {
		return socket.MaxDatagram
	}
	return c.MaxMessageBytes
}

// hostname is who sends.
func (c *Config) hostname() (string, error) {
	if c.Hostname != "" {
		return c.Hostname, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("hostname: must be set, since this machine's is not known: %w", err)
	}
	return name, nil
}
