package tykgelfexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

func TestConfigIsRead(t *testing.T) {
	t.Parallel()
	tcp := configured(func(c *Config) {
		c.Address.Endpoint = "graylog.example:12201"
		settings := configtls.NewDefaultClientConfig()
		settings.CAFile = "/etc/ssl/graylog.pem"
		c.TLS = configoptional.Some(settings)
		c.Source, c.Tags = "gateways-eu", []string{"method", "path", "response_code", "latency", "raw_request"}
		c.MaxMessageBytes, c.Truncate, c.Timeout.Timeout = 100_000, true, 5*time.Second
	})
	http := configured(func(c *Config) {
		settings := *c.HTTP.GetOrInsertDefault()
		settings.Client.Endpoint, settings.Client.Compression = "https://graylog.example:12202/gelf", "gzip"
		settings.Bulk, settings.MaxRequestBytes = true, 1_000_000
		c.HTTP = configoptional.Some(settings)
	})
	pump := configured(func(c *Config) {
		c.Address.Endpoint, c.Address.Transport = "graylog.example:1000", confignet.TransportTypeUDP
		c.Format, c.Tags = formatTyk, []string{"method", "api_id"}
		c.Compression, c.MaxDatagramBytes = compressionGzip, 8192
	})
	for name, want := range map[string]*Config{"": configured(func(*Config) {}), "tcp": tcp, "http": http, "pump": pump} {
		assert.Equal(t, want, sinktest.ReadConfig(t, NewFactory(), name), name)
	}
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		`format: "json" is unknown: use gelf or tyk`:                          func(c *Config) { c.Format = "json" },
		"source: must not be empty":                                           func(c *Config) { c.Source = "" },
		`compression: "zstd" is unknown: use zlib, gzip or none`:              func(c *Config) { c.Compression = "zstd" },
		`tags: "tracked" is unknown: use alias, api_id`:                       func(c *Config) { c.Tags = []string{"tracked"} },
		`tags: "latency" is unknown: use api_id, api_key`:                     func(c *Config) { c.Format, c.Tags = formatTyk, []string{"latency"} },
		"max_datagram_bytes: 111 must be from 112 to 65507":                   func(c *Config) { c.MaxDatagramBytes = 111 },
		"max_message_bytes: 511 must be from 512":                             func(c *Config) { c.MaxMessageBytes = 511 },
		"dialer::timeout: -1s is over before":                                 func(c *Config) { c.Address.DialerConfig.Timeout = -time.Second },
		`transport: "unix" is not known here: use tcp, tcp4, tcp6, udp`:       func(c *Config) { c.Address.Transport = "unix" },
		"tls: there is none over udp: use transport: tcp":                     func(c *Config) { c.TLS.GetOrInsertDefault(); c.Address.Transport = "udp" },
		"endpoint, transport, dialer, tls: are not used with http: move":      func(c *Config) { c.HTTP.GetOrInsertDefault(); c.Address.Endpoint = "g:1" },
		`http::endpoint: "graylog:12201" is no address: use one like http://`: func(c *Config) { c.HTTP.GetOrInsertDefault().Client.Endpoint = "graylog:12201" },
		`http::endpoint: "ftp://h" is no address: use one like http://`:       func(c *Config) { c.HTTP.GetOrInsertDefault().Client.Endpoint = "ftp://u:s3cret@h" },
		"endpoint: the value (not shown, it may hold credentials) is no":      func(c *Config) { c.Address.Endpoint = "u:s3cret@h:1" },
		"http::max_request_bytes: 0 must be above 0":                          func(c *Config) { c.HTTP.GetOrInsertDefault().MaxRequestBytes = 0 },
		"sending_queue::wait_for_result: false loses":                         func(c *Config) { c.Queue.GetOrInsertDefault().WaitForResult = false },
		`endpoint: "graylog" is no address: use one like host:port`:           func(c *Config) { c.Address.Endpoint = "graylog" },
	} {
		assert.ErrorContains(t, configured(change).Validate(), want)
	}
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	sinktest.RequireSchema(t, NewFactory())
}
