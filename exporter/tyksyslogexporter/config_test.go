package tyksyslogexporter

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/socket"
)

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	encrypted := configured(func(c *Config) {
		c.Address.Endpoint = "logs.example:6514"
		settings := configtls.NewDefaultClientConfig()
		settings.CAFile = "/etc/ssl/logs.pem"
		c.TLS = configoptional.Some(settings)
		c.Fields = []string{"method", "path", "response_code", "raw_request"}
		c.Facility, c.Severity, c.Hostname, c.Tag, c.StructuredDataID = "local3", "notice", "gateway-1", "tyk", ""
		c.MaxMessageBytes, c.Truncate, c.Timeout.Timeout = 65536, true, 5*time.Second
	})
	local := configured(func(c *Config) {
		c.Address.Endpoint, c.Address.Transport, c.Protocol = "/dev/log", confignet.TransportTypeUnixgram, protocolRFC3164
	})
	pump := configured(func(c *Config) {
		asPump(c)
		c.Address.Endpoint, c.Address.Transport = "fluentd.example:5140", confignet.TransportTypeUDP
		c.Framing, c.Severity, c.Tag = "octet_counting", "info", "syslog pump"
	})
	for name, want := range map[string]*Config{"": configured(func(*Config) {}), "tls": encrypted, "local": local, "pump": pump} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name), name)
	}
	assert.Equal(t, socket.OctetCounting, encrypted.framing(), "as RFC 5425 wants")
	assert.Equal(t, socket.Newline, local.framing())
	assert.Equal(t, socket.Newline, configured(func(c *Config) { c.TLS.GetOrInsertDefault().Insecure = true }).framing(), "there is no TLS")
	assert.Equal(t, socket.OctetCounting, pump.framing())
	assert.Equal(t, 65536, encrypted.mostBytes())
	assert.Equal(t, socket.MaxDatagram, pump.mostBytes())
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		`protocol: "json" is unknown: use rfc5424, rfc3164, tyk`:           func(c *Config) { c.Protocol = "json" },
		`message: "xml" is unknown: use json, tyk_map`:                     func(c *Config) { c.Message = "xml" },
		`framing: "null" is unknown: use auto, newline, octet_counting`:    func(c *Config) { c.Framing = "null" },
		`facility: "local8" is unknown: use kern, user`:                    func(c *Config) { c.Facility = "local8" },
		`severity: "error" is unknown: use auto, emerg`:                    func(c *Config) { c.Severity = "error" },
		"hostname: \"a b\" must have from 1 to 255 characters":             func(c *Config) { c.Hostname = "a b" },
		`tag: "" must have from 1 to 48 characters of ASCII`:               func(c *Config) { c.Tag = "" },
		"no space and none of `:[`":                                        func(c *Config) { c.Protocol, c.Tag = protocolRFC3164, "a[1]" },
		`tag: "a\nb" must not be empty, nor have control characters`:       func(c *Config) { c.Protocol, c.Tag = protocolTyk, "a\nb" },
		"structured_data_id: \"" + strings.Repeat("x", 33):                 func(c *Config) { c.StructuredDataID = strings.Repeat("x", 33) },
		"max_message_bytes: -1 must be from 480":                           func(c *Config) { c.MaxMessageBytes = -1 },
		"max_message_bytes: 479 must be from 480":                          func(c *Config) { c.MaxMessageBytes = 479 },
		"dialer::timeout: -1s is over before":                              func(c *Config) { c.Address.DialerConfig.Timeout = -time.Second },
		`fields: "latency" is unknown: use alias, api_id`:                  func(c *Config) { c.Fields = []string{"latency"} },
		"fields: are of message: json; tyk_map has those of Tyk Pump":      func(c *Config) { c.Message, c.Fields = messageMap, []string{"path"} },
		"tls: there is none over unix: use transport: tcp":                 func(c *Config) { c.TLS.GetOrInsertDefault(); c.Address.Transport = "unix" },
		`endpoint: "localhost:514" is no path of a Unix socket`:            func(c *Config) { c.Address.Transport = "unixgram" },
		`transport: "ip" is not known here: use tcp, tcp4, tcp6, udp, udp`: func(c *Config) { c.Address.Transport = "ip" },
		"sending_queue::wait_for_result: false loses":                      func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
	} {
		require.ErrorContains(t, configured(change).Validate(), want)
	}
	require.NoError(t, configured(func(c *Config) { c.Protocol, c.Tag = protocolTyk, "my tag: ü" }).Validate())
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireSchema(t, NewFactory())
}
